"""Bad input gets an error before training, and changes nothing."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from skorch.callbacks import PassthroughScoring
from torch import nn

from sklearn_cnn import CNNClassifier, CNNRegressor
from sklearn_cnn.augmentation import GaussianNoise, RandomCrop, RandomFlip

SMALL = {"filters": (4, 8), "max_iter": 2, "random_state": 0}


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    return rng.normal(size=(24, 8, 8, 3)), np.arange(24) % 2


def with_value(X, value):
    X = X.copy()
    X[3, 2, 1, 0] = value
    return X


@pytest.mark.parametrize(
    "spoil, message",
    [
        (lambda X: with_value(X, np.nan), "NaN"),
        (lambda X: with_value(X, np.inf), "infinity"),
        (lambda X: X.astype(complex), "Complex data not supported"),
        (lambda X: X.astype(object), "dtype object"),
        (lambda X: scipy.sparse.csr_array(X.reshape(24, -1)), "[Ss]parse"),
        (lambda X: [[pd.NA]] * 24, r"X is not .*NAType"),
        (lambda X: [[10**400]] * 24, r"X is not .*int too large"),
        (lambda X: object(), r"X is not .*'object'"),
        (lambda X: np.full((24, 3), None).view(np.matrix), "np.matrix is not"),
        (lambda X: X.astype("T"), r"X has dtype StringDType"),
        (
            lambda X: np.broadcast_to(X[:, :1, :1], (24, 10**6, 10**6, 3)),
            "more than the",
        ),
        (lambda X: "x" * 5000, r"X is 'xx.{0,50}\.\.\.x*', but must hold"),
        (lambda X: None, "X is None"),
        (lambda X: pd.DataFrame(X.reshape(24, -1)).astype(str), "X has dtype str"),
        (lambda X: [np.zeros((9 + i, 1)) for i in range(24)], "unequal_length=True"),
        (lambda X: X[:0], r"shape=\(0, 8, 8, 3\)"),
        (lambda X: X[:, :0], r"shape=\(24, 0, 8, 3\)"),
        (lambda X: [*X[:23], X[0, :4]], "different shapes"),
        (
            lambda X: [x.tolist() for x in X[:23]] + [X[0, :4].tolist()],
            "differ in shape",
        ),
        (lambda X: X[..., None, None], "1 to 4 axes"),
        (lambda X: X[0, 0, 0], "Expected 2D array|1D array"),
        (lambda X: "images", r"X is 'images', .*image_folder\(path\)"),
        (lambda X: ["a.png"] * len(X), r"X holds 'a.png' .* must hold pixels"),
        (lambda X: [Path("a.png")] * len(X), r"ImageFiles\(X\).*ImageReader\(\)"),
        (lambda X: pd.Series(["a.png"] * len(X)), "X holds 'a.png'"),
        (lambda X: pd.DataFrame({"path": ["a.png"] * len(X)}), "X holds 'a.png'"),
    ],
)
def test_bad_X(data, spoil, message):
    X, y = data
    cnn = CNNClassifier(**SMALL)
    with pytest.raises((ValueError, TypeError), match=message):
        cnn.fit(spoil(X), y)
    assert not [name for name in vars(cnn) if name.endswith("_")]


@pytest.mark.parametrize(
    "shape, message",
    [
        (
            (5, 8, 8, 1),
            r"\(8, 8, 1\), but CNNClassifier was fitted on shape \(8, 8, 3\)",
        ),
        ((5, 8, 8), r"\(8, 8, 1\)"),
        ((5, 16, 4, 3), r"\(16, 4, 3\)"),
        ((5, 8, 24), r"\(8, 24, 1\)"),
        ((5, 192), r"signals of shape \(192, 1\)"),
        ((5, 8, 8, 3, 1), r"volumes of shape \(8, 8, 3, 1\)"),
        ((0, 8, 8, 3), "at least one sample"),
    ],
)
def test_other_shapes_at_predict(data, shape, message):
    cnn = CNNClassifier(**SMALL).fit(*data)
    with pytest.raises(ValueError, match=message):
        cnn.predict(np.zeros(shape))


@pytest.mark.parametrize(
    "parameters, message",
    [
        ({"input_shape": (8, 9)}, r"input_shape=\(8, 9\) asks for 72 values.*192"),
        ({"input_shape": (-1, -1)}, "at most one of them -1"),
        ({"input_shape": (0, 5)}, "must hold positive sizes"),
        ({"input_shape": (-1, 7)}, "192"),
        ({"spatial_dims": 2}, "spatial_dims=2 needs .*height, width.*Pass input_shape"),
        ({"input_shape": (8, 24), "spatial_dims": 3}, "spatial_dims=3 needs"),
    ],
)
def test_bad_shapes_of_flat_rows(data, parameters, message):
    X, y = data
    with pytest.raises(ValueError, match=message):
        CNNClassifier(**SMALL, **parameters).fit(X.reshape(24, -1), y)


def test_input_shape_that_contradicts_the_images(data):
    with pytest.raises(ValueError, match="Drop input_shape"):
        CNNClassifier(**SMALL, input_shape=(8, 24)).fit(*data)


@pytest.mark.parametrize(
    "weights, message",
    [
        (np.r_[-1.0, np.ones(23)], "Negative values"),
        (np.zeros(24), "zero"),
        (np.ones(23), "sample_weight"),
        (np.ones((24, 2)), "1D"),
        (np.full(24, np.nan), "NaN"),
        (np.r_[1.0, np.zeros(23)], "minimum of 2"),
        (np.arange(24) % 2, "one class"),
    ],
)
def test_bad_weights(data, weights, message):
    with pytest.raises(ValueError, match=message):
        CNNClassifier(**SMALL).fit(*data, sample_weight=weights)


@pytest.mark.parametrize(
    "parameters, message",
    [
        ({"architecture": "simpel"}, "Did you mean 'simple'"),
        ({"architecture": "resnet"}, r"Did you mean 'resnet\d+'.*Available: \["),
        (
            {"optimizer": "adamax"},
            "'optimizer'.*'adam', 'adamw', 'rmsprop', 'sgd'|adamw",
        ),
        ({"lr_schedule": "linear"}, "'lr_schedule'.*'one_cycle'"),
        ({"activation": "swish"}, "'activation'.*'silu'"),
        ({"pooling": "min"}, "'pooling'"),
        ({"filters": ()}, r"filters=\(\) must be a sequence of positive integers"),
        ({"filters": (8, 0)}, r"filters=\(8, 0\)"),
        ({"filters": (8.5,)}, r"filters=\(8.5,\)"),
        ({"hidden_layer_sizes": (-3,)}, "hidden_layer_sizes"),
        ({"kernel_size": 10**9}, r"kernel_size=1000000000 must .* none above 65,536"),
        ({"stride": (10**30, 1)}, r"stride=\(10+, 1\) must .* none above 65,536"),
        ({"weights": "x" * 5000}, r"weights='x{400,600} \.\.\. .*Pass the path"),
        ({"optimizer": "x" * 5000}, r"'optimizer'.* \.\.\. x{400,600}"),
        ({"kernel_size": (3, 3, 3)}, r"kernel_size=\(3, 3, 3\).*sequence of 2"),
        ({"filters": (4,) * 5}, "at stage 4 .*fewer stages"),
        ({"weight_decay": (0.1,) * 4}, "weight_decay=.*3 parts"),
        ({"augmentation": [RandomFlip(), RandomCrop()]}, r"Compose\(\[\.\.\.\]\)"),
        ({"device": "quantum"}, "device='quantum' cannot be used here"),
        ({"learning_rate": 0}, "'learning_rate'"),
        ({"dropout": 1.0}, "'dropout'"),
        ({"freeze": True}, "freeze=True does not say .*'backbone'"),
        ({"class_weight": {0: 1e308}}, "class_weight has absolute values up to 1e"),
        ({"augmentation": lambda batch: batch * np.nan}, "augmentation=.*makes NaN"),
        ({"augmentation": GaussianNoise(1e300)}, "GaussianNoise.*makes NaN or inf"),
        ({"callbacks": [PassthroughScoring]}, r"PassthroughScoring\(\.\.\.\)"),
    ],
)
def test_bad_parameters(data, parameters, message):
    cnn = CNNClassifier(**{**SMALL, **parameters})
    with pytest.raises(ValueError, match=message):
        cnn.fit(*data)
    assert not [name for name in vars(cnn) if name.endswith("_")]


def wrong_width(n_channels, spatial_shape, n_outputs):
    return nn.Sequential(nn.Flatten(), nn.Linear(n_channels * 64, n_outputs + 1))


def test_a_callable_with_the_wrong_number_of_outputs(data):
    with pytest.raises(ValueError, match=r"n_outputs=2 .*returns \(1, 3\)"):
        CNNClassifier(wrong_width).fit(*data)


class Own(nn.Module):
    """A network that a user might write."""

    def __init__(self, change):
        super().__init__()
        self.dense, self.change = nn.Linear(192, 2), change

    def forward(self, x):
        return self.change(self.dense(x.flatten(1)))


def with_weight(network, value):
    network.dense.weight.data.fill_(value)
    return network


@pytest.mark.parametrize(
    "network, message",
    [
        (Own(torch.Tensor.detach), "without a gradient"),
        (Own(lambda x: x[:-1] if len(x) > 2 else x), "returns 23 rows .* 24 samples"),
        (Own(nn.Identity()).requires_grad_(False), "No weight of Own"),
        (Own(nn.Identity()).to("meta"), "dense.weight on the device 'meta'"),
        (with_weight(Own(nn.Identity()), np.nan), "NaN or infinity in dense.weight"),
    ],
)
def test_networks_of_ones_own_that_cannot_learn(data, network, message):
    cnn = CNNClassifier(network, max_iter=1)
    with pytest.raises(ValueError, match=f"architecture.*{message}|{message}.*arch"):
        cnn.fit(*data)
    assert not hasattr(cnn, "module_")


def test_weights_of_a_fit_that_diverged_are_refused(data):
    state = CNNClassifier(**SMALL).fit(*data).module_.state_dict()
    first = next(iter(state))
    state[first] = state[first] * np.nan
    with pytest.raises(ValueError, match=f"weights has NaN .* {first}"):
        CNNClassifier(**SMALL, weights=state).fit(*data)


@pytest.mark.parametrize(
    "classes", [[0.0, 1.0, np.nan], np.array([0, "a"], dtype=object)]
)
def test_what_classes_cannot_be_is_said_of_classes(data, classes):
    with pytest.raises((ValueError, TypeError), match=r"^classes is not"):
        CNNClassifier(**SMALL).partial_fit(*data, classes)


@pytest.mark.parametrize("missing", [None, pd.NA, np.nan])
def test_missing_labels_are_named(data, missing):
    X, y = data
    labels = np.array(["a", "b"], dtype=object)[y]
    labels[3] = missing
    with pytest.raises(ValueError, match="y contains NaN"):
        CNNClassifier(**SMALL).fit(X, labels)


def test_labels_that_no_file_can_hold(data):
    X, y = data
    with pytest.raises(ValueError, match=r"no valid Unicode.*rename the folder"):
        CNNClassifier(**SMALL).fit(X, np.array(["caf\udce9", "b"])[y])


def test_classes_that_are_known_are_not_taken_for_numbers(data):
    X, _ = data
    names = np.array([f"k{i}" for i in range(20)])
    cnn = CNNClassifier(filters=(4,), max_iter=1)
    cnn.partial_fit(X, names[np.arange(24) % 20], names)
    assert cnn.classes_.tolist() == sorted(names)


def test_a_parameter_that_a_callable_does_not_obey(data):
    with pytest.raises(ValueError, match=r"filters=\(4,\) has no effect on"):
        CNNClassifier(wrong_width, filters=(4,)).fit(*data)


@pytest.mark.parametrize("y", [np.zeros(24, int), ["one"] * 24])
def test_a_single_class_is_refused_as_by_SVC(data, y):
    with pytest.raises(ValueError, match=r"at least 2 classes.*only one class"):
        CNNClassifier(**SMALL).fit(data[0], y)


def test_continuous_labels(data):
    with pytest.raises(ValueError, match="Unknown label type"):
        CNNClassifier(**SMALL).fit(data[0], np.linspace(0, 1, 24))


def test_early_stopping_with_too_few_rows_of_a_class(data):
    X, _ = data
    y = np.array(["many"] * 23 + ["single"])
    message = r"early_stopping=True.*validation_fraction.*\['single'\]"
    with pytest.raises(ValueError, match=message):
        CNNClassifier(**SMALL, early_stopping=True).fit(X, y)


@pytest.mark.parametrize(
    "validation, message",
    [
        ({"X_val": np.zeros((4, 8, 8, 3))}, "y_val is None"),
        ({"y_val": [0, 1]}, "X_val is None"),
        ({"X_val": np.zeros((4, 8, 8, 1)), "y_val": [0, 1] * 2}, r"X_val.*\(8, 8, 1\)"),
        ({"X_val": np.zeros((4, 8, 8, 3)), "y_val": [0, 7] * 2}, r"X_val.*\[7\]"),
        ({"X_val": np.zeros((4, 8, 8, 3)), "y_val": [0, 1]}, "X_val.*inconsistent"),
    ],
)
def test_bad_validation_data(data, validation, message):
    with pytest.raises(ValueError, match=message):
        CNNClassifier(**SMALL).fit(*data, **validation)


@pytest.mark.parametrize("Estimator", [CNNClassifier, CNNRegressor])
def test_unfitted(Estimator):
    with pytest.raises(NotFittedError):
        Estimator().predict(np.zeros((2, 8, 8)))
    for name in ("history_", "module_", "n_iter_", "loss_curve_"):
        assert not hasattr(Estimator(), name)


def test_a_failed_fit_leaves_the_fitted_estimator_as_it_was(data):
    X, y = data
    cnn = CNNClassifier(**SMALL).fit(X, y)
    expected, before = cnn.predict_proba(X), dict(vars(cnn))
    for bad in (
        lambda: cnn.fit(with_value(X, np.nan), y),
        lambda: cnn.fit(X[:, :4], np.zeros(24)),
        lambda: cnn.set_params(filters=(1,) * 9).fit(X[:, :4], y * 3),
        lambda: cnn.partial_fit(X, y + 1),
    ):
        with pytest.raises(ValueError):
            bad()
        cnn.set_params(filters=SMALL["filters"])
        assert vars(cnn) == {**before, "filters": SMALL["filters"]}
    np.testing.assert_array_equal(cnn.predict_proba(X), expected)


def test_a_batch_of_one_sample_that_cannot_be_normalised(data):
    parameters = {**SMALL, "batch_size": 1, "pooling": "stride"}
    X, y = data
    with pytest.raises(ValueError, match=r"batch_size=1 leaves a batch of a single"):
        CNNClassifier(**{**parameters, "filters": (4,) * 4}).fit(X, y)
    CNNClassifier(**{**parameters, "filters": (4,) * 3}).fit(X, y)


def test_one_row_of_one_value_is_a_row():
    X, y = np.arange(8.0).reshape(8, 1), np.arange(8) % 2
    cnn = CNNClassifier("simple", max_iter=1, random_state=0).fit(X, y)
    assert cnn.predict(X[:1]).shape == (1,)


def test_one_image_is_not_an_array_of_images(data):
    X, y = data
    cnn = CNNClassifier(**SMALL).fit(X[..., 0], y)
    with pytest.raises(ValueError, match=r"shape of one sample, \(8, 8\).*X\[None\]"):
        cnn.predict(X[0, ..., 0])
    assert cnn.predict(X[:1, ..., 0]).shape == (1,)


def test_keywords_only():
    with pytest.raises(TypeError, match="positional"):
        CNNClassifier("simple", 0.1)
    with pytest.raises(TypeError, match="positional"):
        CNNRegressor("simple", "huber")


@pytest.mark.parametrize("Estimator", [CNNClassifier, CNNRegressor])
def test_divergence_stops_with_a_warning_and_finite_weights(data, Estimator):
    X, y = data
    cnn = Estimator(
        **{**SMALL, "max_iter": 8},
        learning_rate=1e25,
        normalization=None,
        optimizer="sgd",
        lr_schedule="constant",
    )
    with pytest.warns(ConvergenceWarning, match=r"learning_rate \(it is 1e\+25\)"):
        cnn.fit(X, y)
    assert cnn.n_iter_ < 8
    assert all(torch.isfinite(p).all() for p in cnn.module_.parameters())
    assert np.isfinite(cnn.predict(X)).all()


def test_predictions_are_never_silently_nan(data):
    X, y = data
    cnn = CNNClassifier(**SMALL).fit(X, y)
    with torch.no_grad():
        cnn.module_.head.output.bias[0] = np.nan
    with pytest.raises(ValueError, match="NaN or infinity for 24 of 24"):
        cnn.predict_proba(X)


def test_partial_fit_needs_classes_and_keeps_them(data):
    X, y = data
    cnn = CNNClassifier(**SMALL)
    with pytest.raises(ValueError, match="classes must be passed"):
        cnn.partial_fit(X, y)
    cnn.partial_fit(X, y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="not the same as on last call"):
        cnn.partial_fit(X, y, classes=[0, 1])
    with pytest.raises(ValueError, match=r"labels.*not in classes_"):
        cnn.partial_fit(X, y + 5)
    with pytest.raises(ValueError, match="class_weight='balanced'"):
        cnn.set_params(class_weight="balanced").partial_fit(X, y)


def test_an_unknown_argument_of_fit_names_no_class_of_ours(digits):
    with pytest.raises(TypeError, match=r"^fit\(\) got an unexpected keyword"):
        CNNClassifier().fit(*digits, sample_wieght=None)


@pytest.mark.parametrize("Estimator", [CNNClassifier, CNNRegressor])
@pytest.mark.parametrize(
    "y",
    [
        "abc",
        {"a": 1},
        {1, 2},
        [[1], [1, 2]] * 12,
        [pd.NaT] * 24,
        [1, "a", None] * 8,
        np.arange(24) * 1j,
        [10**400] * 24,
        np.zeros((24, 2, 2)),
        3,
    ],
    ids=lambda y: str(y)[:12],
)
def test_what_y_cannot_be_is_said_of_y(Estimator, y):
    X = np.random.default_rng(0).normal(size=(24, 6, 6))
    with pytest.raises(
        (ValueError, TypeError), match=r"\b(y|labels|Labels)\b"
    ) as caught:
        Estimator(**SMALL).fit(X, y)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    "weight",
    [
        "a",
        ["1"] * 24,
        np.arange(24).astype("M8[s]"),
        {"a": 1},
        -1,
        np.ones(24) * 1j,
        [1.0],
        np.ones((24, 2)),
    ],
)
def test_what_weights_cannot_be_is_said_of_sample_weight(weight):
    X = np.random.default_rng(0).normal(size=(24, 6, 6))
    with pytest.raises((ValueError, TypeError), match="sample_weight") as caught:
        CNNClassifier(**SMALL).fit(X, np.arange(24) % 3, sample_weight=weight)
    assert len(str(caught.value)) < 1000


def test_targets_and_weights_may_be_tensors():
    X = np.random.default_rng(0).normal(size=(24, 6, 6))
    y, weight = np.arange(24) % 3, np.arange(1.0, 25)
    given = torch.from_numpy(y), torch.from_numpy(weight)
    expected = CNNClassifier(**SMALL).fit(X, y, weight).predict_proba(X)
    cnn = CNNClassifier(**SMALL).fit(X, given[0], given[1].requires_grad_())
    np.testing.assert_array_equal(cnn.predict_proba(X), expected)
    regressor = CNNRegressor(**SMALL).fit(X, given[0].to(torch.bfloat16), given[1])
    assert np.isfinite(regressor.predict(X)).all()


@pytest.mark.parametrize("device", ["junk", "meta", "privateuseone", ""])
def test_devices_that_do_not_compute_are_named(device):
    X = np.random.default_rng(0).normal(size=(24, 6, 6))
    with pytest.raises(ValueError, match=f"device='{device}' cannot be used here"):
        CNNClassifier(**SMALL, device=device).fit(X, np.arange(24) % 3)


def test_masks_of_targets_and_weights_are_not_lost():
    X = np.random.default_rng(0).normal(size=(24, 6, 6))
    y = np.ma.array(np.arange(24) % 3, mask=np.arange(24) == 5)
    with pytest.raises(ValueError, match="y is masked, and a mask would be lost"):
        CNNClassifier(**SMALL).fit(X, y)
    weight = np.ma.array(np.ones(24), mask=np.arange(24) == 5)
    with pytest.raises(ValueError, match="sample_weight is masked"):
        CNNClassifier(**SMALL).fit(X, y.data, sample_weight=weight)
    CNNClassifier(**SMALL).fit(X, np.ma.array(y.data), np.ma.array(weight.data))


@pytest.mark.parametrize("spoil", [lambda t: t.to("meta"), lambda t: t.to_sparse()])
def test_tensors_without_values_are_said_of_what_they_are(spoil):
    X = np.random.default_rng(0).normal(size=(24, 6, 6))
    tensor = spoil(torch.ones(24))
    with pytest.raises(ValueError, match=r"^y is a .*tensor"):
        CNNRegressor(**SMALL).fit(X, tensor)
    with pytest.raises(ValueError, match=r"^sample_weight is a .*tensor"):
        CNNRegressor(**SMALL).fit(X, np.arange(24), sample_weight=tensor)


def test_a_number_of_axes_that_is_none_is_refused_at_predict_too(data):
    cnn = CNNClassifier(**SMALL).fit(*data).set_params(spatial_dims=4)
    with pytest.raises(ValueError, match="spatial_dims=4 must be 'auto', 1, 2 or 3"):
        cnn.predict(data[0])
