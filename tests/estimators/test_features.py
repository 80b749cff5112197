"""CNNFeatures: images to vectors."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_cnn import CNNClassifier, CNNFeatures, CNNRegressor
from sklearn_cnn.architectures import Network
from sklearn_cnn.inference import features as remembering
from sklearn_cnn.transforms import ImageReader
from sklearn_cnn.utils import estimator_checks as nd

SMALL = {"filters": (4, 8), "max_iter": 2}
OF_ESTIMATOR = CNNFeatures(estimator=CNNClassifier(**SMALL, random_state=0))

random_filters = pytest.mark.filterwarnings("ignore:.*random filters:UserWarning")


@random_filters
@parametrize_with_checks(
    [
        CNNFeatures(filters=(4,)),
        CNNFeatures(estimator=CNNClassifier(filters=(4,), max_iter=2, random_state=0)),
        CNNFeatures(estimator=CNNRegressor(filters=(4,), max_iter=2, random_state=0)),
    ]
)
def test_scikit_learn_contract(estimator, check):
    check(estimator)


@random_filters
@nd.parametrize_with_checks([CNNFeatures(filters=(4, 8)), OF_ESTIMATOR])
def test_contract_of_images(estimator, check):
    check(estimator)


@random_filters
@nd.parametrize_with_checks(
    [CNNFeatures(filters=(4,), spatial_dims=1)], sample_shape=(12, 2)
)
def test_contract_of_signals(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def fitted(digits):
    X, y = digits
    return CNNClassifier(filters=(4, 8), max_iter=20, random_state=0).fit(X, y)


@pytest.fixture
def weights(fitted, tmp_path):
    path = tmp_path / "digits.pt"
    torch.save(fitted.module_.state_dict(), path)
    return path


def test_features_of_a_fitted_estimator_are_the_input_of_its_head(digits, fitted):
    X, _ = digits
    features = CNNFeatures(estimator=FrozenEstimator(fitted)).fit_transform(X)
    assert features.shape == (300, 8)
    assert features.dtype == np.float32
    with torch.no_grad():
        outputs = fitted.module_.head(torch.from_numpy(features))
    np.testing.assert_allclose(outputs, fitted.decision_function(X), atol=1e-5)


def test_an_estimator_is_fitted_inside_on_y(digits):
    X, y = digits
    inside = OF_ESTIMATOR.fit(X, y)
    before = clone(OF_ESTIMATOR.estimator).fit(X, y)
    ready = CNNFeatures(estimator=FrozenEstimator(before)).fit(X)
    np.testing.assert_array_equal(inside.transform(X), ready.transform(X))
    assert not hasattr(OF_ESTIMATOR.estimator, "module_")


def test_weights_of_a_file_give_the_features_of_the_network_they_come_from(
    digits, fitted, weights
):
    X, _ = digits
    loaded = CNNFeatures(filters=(4, 8), weights=weights).fit(X)
    expected = CNNFeatures(estimator=FrozenEstimator(fitted)).fit(X)
    np.testing.assert_allclose(loaded.transform(X), expected.transform(X), atol=1e-5)


@pytest.mark.parametrize(
    "pooling, n_features", [("avg", 4), ("max", 4), ("flatten", 4 * 16)]
)
def test_any_layer_may_be_taken(digits, fitted, pooling, n_features):
    X, _ = digits
    taken = CNNFeatures(
        estimator=FrozenEstimator(fitted), layer="stages.stage1", global_pooling=pooling
    ).fit(X)
    features = taken.transform(X)
    assert features.shape == (300, n_features)
    names = taken.get_feature_names_out()
    assert names[-1] == f"cnnfeatures{n_features - 1}"

    maps = []
    hook = fitted.module_.stages[0].register_forward_hook(
        lambda m, i, o: maps.append(o)
    )
    fitted.predict(X[:5])
    hook.remove()
    (maps,) = maps
    expected = {
        "avg": maps.mean(dim=(2, 3)),
        "max": maps.amax(dim=(2, 3)),
        "flatten": maps.flatten(1),
    }
    np.testing.assert_allclose(features[:5], expected[pooling], atol=1e-5)


def test_a_layer_may_be_one_that_predictions_fold_away(digits, fitted):
    X, _ = digits
    norm = CNNFeatures(estimator=FrozenEstimator(fitted), layer="stages.stage2.0.norm")
    assert norm.fit_transform(np.repeat(X, 20, axis=0)).shape == (6000, 8)


def test_features_in_pipelines_and_grids(digits, fitted):
    X, y = digits
    pipeline = make_pipeline(CNNFeatures(estimator=FrozenEstimator(fitted)), SVC())
    grid = {"svc__C": [1, 10], "cnnfeatures__global_pooling": ["avg", "max"]}
    search = GridSearchCV(pipeline, grid, cv=3).fit(X, y)
    assert search.best_score_ > 0.8


def test_images_and_columns_side_by_side(digits, weights):
    X, y = digits
    frame = pd.DataFrame(X.reshape(300, 64)).add_prefix("pixel")
    frame["weight"] = np.arange(300.0)
    pixels = list(frame.columns[:64])
    cnn = CNNFeatures(filters=(4, 8), weights=weights, input_shape=(8, 8))
    columns = ColumnTransformer(
        [("image", cnn, pixels), ("rest", StandardScaler(), ["weight"])]
    ).set_output(transform="pandas")
    table = columns.fit_transform(frame)
    assert list(table.columns[-2:]) == ["image__cnnfeatures7", "rest__weight"]
    model = make_pipeline(columns, LogisticRegression(max_iter=1000))
    assert model.fit(frame, y).score(frame, y) > 0.8


def test_random_filters_are_warned_of(digits):
    X, _ = digits
    with pytest.warns(UserWarning, match="random filters"):
        CNNFeatures(filters=(4,)).fit(X)


def test_pickled_features_are_the_same(digits, fitted):
    X, _ = digits
    features = CNNFeatures(estimator=FrozenEstimator(fitted)).fit(X)
    again = pickle.loads(pickle.dumps(features))
    np.testing.assert_array_equal(again.transform(X), features.transform(X))


@pytest.mark.parametrize(
    "parameters, message",
    [
        (
            {"layer": "stages.stage8"},
            r"'stages.stage8' .*Did you mean .*'stages.stage1'",
        ),
        ({"estimator": SVC()}, "must be a CNNClassifier"),
        (
            {"estimator": CNNClassifier(), "filters": (4,)},
            r"filters=\(4,\) has no effect beside estimator",
        ),
        ({"weights": "nowhere.pt"}, "nowhere.pt"),
        ({"weights": "DEFAULT"}, r"weights='DEFAULT' is not a file.*torchvision"),
    ],
)
@random_filters
def test_bad_parameters(digits, parameters, message):
    X, _ = digits
    features = CNNFeatures(**parameters)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        features.fit(X)
    assert not [name for name in vars(features) if name.endswith("_")]


def test_an_estimator_of_other_images_is_refused(fitted):
    with pytest.raises(ValueError, match="was fitted on shape"):
        CNNFeatures(estimator=FrozenEstimator(fitted)).fit(np.zeros((5, 9, 9)))


def test_remembered_features_follow_pixels_weights_and_layers(
    digits, fitted, remembered
):
    X, y = digits
    fitted = clone(fitted).fit(X, y)
    features = CNNFeatures(estimator=FrozenEstimator(fitted)).fit(X)
    first = features.transform(X)
    np.testing.assert_array_equal(features.transform(X.copy()), first)
    assert len(remembered.arrays) == 1

    other = X.copy()
    other[7, 3, 3] += 1
    changed = features.transform(other)
    assert not np.array_equal(changed[7], first[7])
    np.testing.assert_allclose(np.delete(changed, 7, 0), np.delete(first, 7, 0))
    features.set_params(layer="stages.stage1").fit(X)
    assert features.transform(X).shape == (300, 4)
    features.set_params(layer=None).fit(X)
    with torch.no_grad():
        next(fitted.module_.parameters()).mul_(2)
    assert not np.array_equal(features.transform(X), first)
    assert len(remembered.arrays) == 4


def test_what_is_remembered_is_bounded():
    memory = remembering._Memory(1000 + 2 * remembering._ENTRY)
    for i in range(10):
        memory.get(i, lambda: np.zeros(50))
        memory.get(0, lambda: np.zeros(50))
    assert list(memory.arrays) == [9, 0]
    assert memory.n_bytes == 2 * (400 + remembering._ENTRY)
    assert memory.get("large", lambda: np.ones(500)).sum() == 500
    assert "large" not in memory.arrays


class Pooling(Network):
    """A network of the user's own, that keeps a setting to itself."""

    def __init__(self, n_channels, spatial_shape, n_outputs, *, pooling="max"):
        stages = torch.nn.Sequential(torch.nn.Conv2d(n_channels, 4, 3))
        super().__init__(stages, 4, (6, 6), n_outputs, global_pooling="avg")
        self.kind = pooling

    def feature_maps(self, x):
        maps = self.stages(x)
        return maps.relu() if self.kind == "max" else maps.tanh()


@pytest.mark.filterwarnings("ignore:.*random filters:UserWarning")
def test_settings_and_code_of_the_users_own_are_obeyed(digits, remembered, monkeypatch):
    X, y = digits

    def outputs(**parameters):
        cnn = CNNClassifier(
            Pooling, freeze="backbone", max_iter=1, random_state=0, **parameters
        )
        return cnn.fit(X, y).decision_function(X)

    first, second = outputs(pooling="max"), outputs(pooling="avg")
    assert not np.allclose(first, second)
    monkeypatch.setattr(Pooling, "feature_maps", lambda self, x: self.stages(x).sin())
    assert not np.allclose(outputs(pooling="max"), first)
    assert not remembered.arrays  # code of others may change unseen


@random_filters
def test_attributes_of_a_network_count(digits, remembered):
    X, _ = digits
    features = CNNFeatures(filters=(4, 8), random_state=0).fit(X)
    before = features.transform(X)
    assert len(remembered.arrays) == 1
    features.module_.factor = 2.0
    features.transform(X)
    assert len(remembered.arrays) == 2
    stage = features.module_.stages[0]
    forward = stage.forward
    stage.forward = lambda x: 2 * forward(x)
    assert not np.allclose(features.transform(X), before)
    assert len(remembered.arrays) == 2


def test_features_behind_a_reader_have_names_and_keep_their_rows(
    digits, fitted, tmp_path
):
    X, _ = digits
    paths = []
    for i, image in enumerate(X[:6, ..., 0]):
        paths.append(str(tmp_path / f"{i}.png"))
        Image.fromarray((image * 15).astype(np.uint8)).save(paths[-1])
    table = pd.DataFrame({"path": paths, "k": range(6)}).iloc[[3, 1, 5, 0, 2, 4]]
    features = make_pipeline(
        ImageReader(), CNNFeatures(estimator=FrozenEstimator(fitted))
    )
    columns = ColumnTransformer(
        [("image", features, "path"), ("k", "passthrough", ["k"])]
    ).set_output(transform="pandas")
    joined = columns.fit_transform(table)
    assert list(joined.columns[:2]) == [f"image__cnnfeatures{i}" for i in range(2)]
    np.testing.assert_array_equal(joined["k__k"], table["k"])
    expected = features.fit_transform(table["path"])
    np.testing.assert_array_equal(joined.iloc[:, :-1].to_numpy(), np.asarray(expected))
    assert list(joined.index) == list(table.index)


@pytest.mark.parametrize("shape", [(None, 8), (8.0, 8.0), ("8", "8"), (np.inf, 8)])
def test_sizes_of_a_sample_are_integers(shape):
    with pytest.raises(ValueError, match=r"input_shape=.* must hold integers"):
        CNNClassifier(input_shape=shape).fit(np.zeros((20, 64)), np.arange(20) % 2)
