"""What is loaded is what was saved: predictions, history, and how training goes on."""

import copy
import gc
import json
import os
import pickle
import subprocess
import sys
import threading
import warnings
import zipfile

import numpy as np
import pytest
import sklearn
import skops.io
import torch
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.callback import ProgressBar
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.datasets import load_digits
from sklearn.ensemble import (
    BaggingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, TunedThresholdClassifierCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC
from skorch.callbacks import EpochScoring
from torch import nn

import sklearn_cnn
from sklearn_cnn import CNNClassifier, CNNFeatures, CNNRegressor, load, save
from sklearn_cnn import augmentation as aug
from sklearn_cnn import transforms as tf
from sklearn_cnn.export import _archive
from sklearn_cnn.inspection import TrainingCurveDisplay

X, y = load_digits(return_X_y=True)
X, y = X[:60], y[:60]
IMAGES, NUMBERS = X.reshape(-1, 8, 8), X[:, 20] + 0.5
SETS = np.column_stack([y > 4, y % 2]).astype(int)
QUICK = {"filters": (4,), "max_iter": 2, "random_state": 0}
CNN, REGRESSOR = CNNClassifier(**QUICK), CNNRegressor(**QUICK)
FLAT, FLAT_REGRESSOR = (
    clone(e).set_params(input_shape=(8, 8)) for e in (CNN, REGRESSOR)
)
AUGMENTED = aug.Compose([aug.RandomFlip(), ("mix", aug.MixUp(0.3))])


def saved_and_loaded(model, folder, **options):
    path = folder / "model.cnn"
    save(model, path, **options)
    return load(path)


def assert_same_predictions(model, other, images):
    methods = ("predict", "predict_proba", "predict_log_proba", "transform")
    found = [name for name in methods if hasattr(model, name)]
    assert found
    for name in found:
        before, after = (np.asarray(getattr(m, name)(images)) for m in (model, other))
        np.testing.assert_array_equal(before, after)
        assert before.dtype == after.dtype


MODELS = {
    "classifier": (CNN, IMAGES, y),
    "words": (CNN, IMAGES, np.array(list("abcdefghij"), dtype=object)[y]),
    "two classes": (CNN, IMAGES, y % 2 == 0),
    "label sets": (CNN, IMAGES, SETS),
    "regressor": (REGRESSOR, IMAGES, NUMBERS),
    "two targets": (REGRESSOR, IMAGES, SETS * 1.5),
    "augmented": (clone(CNN).set_params(augmentation=AUGMENTED), IMAGES, y),
    "signals": (CNN, np.repeat(X, 2, axis=1), y),
    "volumes": (CNN, X.reshape(-1, 4, 4, 4), y),
    "channels first": (
        clone(CNN).set_params(data_format="channels_first"),
        np.stack([IMAGES, IMAGES**2], axis=1),
        y,
    ),
    "bytes": (clone(CNN).set_params(input_scaling=None), IMAGES.astype(np.uint8), y),
    "early stopping": (clone(CNN).set_params(early_stopping=True), IMAGES, y % 2),
    "bfloat16": (clone(CNN).set_params(precision="bfloat16"), IMAGES, y),
    "float64": (clone(CNN).set_params(precision="float64"), IMAGES, y),
    "head": (clone(CNN).set_params(hidden_layer_sizes=(9,), dropout=0.1), IMAGES, y),
    "pipeline": (make_pipeline(tf.ChannelScaler(), tf.Resize(12), CNN), IMAGES, y),
    "features": (
        make_pipeline(CNNFeatures(estimator=clone(CNN), layer="stages.stage1"), SVC()),
        IMAGES,
        y,
    ),
    "grid": (GridSearchCV(CNN, {"learning_rate": [0.01, 0.02]}, cv=2), IMAGES, y),
    "two scores": (
        GridSearchCV(
            CNN,
            {"augmentation": [None, aug.RandomFlip()]},
            cv=2,
            scoring=["accuracy", "neg_log_loss"],
            refit="accuracy",
        ),
        IMAGES,
        y,
    ),
    "voting": (
        VotingClassifier([("a", FLAT), ("b", LogisticRegression())], voting="soft"),
        X,
        y,
    ),
    "stacking": (StackingClassifier([("a", FLAT), ("b", SVC())], cv=2), X, y % 2),
    "bagging": (BaggingClassifier(FLAT, n_estimators=2, random_state=0), X, y),
    "sigmoid": (CalibratedClassifierCV(CNN, cv=2), IMAGES, y % 2),
    "isotonic": (CalibratedClassifierCV(CNN, cv=2, method="isotonic"), IMAGES, y % 2),
    "temperature": (
        CalibratedClassifierCV(CNN, cv=2, method="temperature"),
        IMAGES,
        y % 2,
    ),
    "threshold": (TunedThresholdClassifierCV(FLAT, cv=2), X, y % 2),
    "one to each": (OneVsRestClassifier(FLAT), X, y),
    "outputs": (MultiOutputClassifier(FLAT), X, SETS),
    "several targets": (MultiOutputRegressor(FLAT_REGRESSOR), X, SETS * 1.5),
    "logarithm": (
        TransformedTargetRegressor(REGRESSOR, func=np.log1p, inverse_func=np.expm1),
        IMAGES,
        NUMBERS,
    ),
    "columns": (
        make_pipeline(
            ColumnTransformer(
                [
                    ("a", StandardScaler(), slice(32)),
                    ("b", "passthrough", slice(32, 64)),
                ]
            ),
            clone(FLAT).set_params(input_shape=None, spatial_dims=1),
        ),
        X,
        y,
    ),
}


@pytest.mark.filterwarnings("ignore:.*ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:The least populated class")
@pytest.mark.parametrize("name", MODELS)
def test_predictions_are_the_same_bits(name, tmp_path):
    model, images, targets = MODELS[name]
    model = clone(model).fit(images, targets)
    loaded = saved_and_loaded(model, tmp_path)
    assert_same_predictions(model, loaded, images)
    assert type(loaded) is type(model)
    assert repr(loaded) == repr(model)


@pytest.mark.parametrize("name", sorted(sklearn_cnn.available_architectures()))
def test_every_architecture(name, tmp_path):
    series = "inception" in name or "rocket" in name or name == "lite"
    images = X.reshape(-1, 64) if series else X.reshape(-1, 8, 8)
    if name in ("alexnet", "lenet") or name.startswith("vgg"):
        images = np.repeat(np.repeat(images, 4, axis=1), 4, axis=2)
    # as many layers as by default, and fewer weights
    widths = sklearn_cnn.available_architectures()[name]["filters"]
    fixed = widths is None or "rocket" in name
    filters = None if fixed else (8,) * len(widths)
    cnn = CNNClassifier(name, filters=filters, max_iter=1, random_state=0)
    cnn.set_params(spatial_dims=images.ndim - 1)
    cnn.fit(images[:8], y[:8])
    assert_same_predictions(cnn, saved_and_loaded(cnn, tmp_path), images[:8])


@pytest.mark.parametrize("name", ["torchvision:resnet18", "timm:resnet10t"])
def test_backbones_need_neither_weights_nor_connection(name, tmp_path, monkeypatch):
    images = np.repeat(IMAGES[:8].repeat(4, 1).repeat(4, 2)[..., None], 3, axis=-1)
    first = CNNClassifier(name, max_iter=1, random_state=0).fit(images, y[:8])
    weights = tmp_path / "start.safetensors"
    from safetensors.torch import save_model

    save_model(first.module_, weights)
    cnn = clone(first).set_params(weights=weights, freeze="backbone")
    cnn.fit(images, y[:8])
    weights.unlink()
    loaded = saved_and_loaded(cnn, tmp_path)
    assert_same_predictions(cnn, loaded, images)
    # what learns is known: the features of a frozen backbone are remembered
    assert [p.requires_grad for p in loaded.module_.parameters()] == [
        p.requires_grad for p in cnn.module_.parameters()
    ]


@pytest.mark.filterwarnings("ignore:CNNFeatures computes features with random")
def test_features_by_themselves(tmp_path):
    cnn = clone(CNN).fit(IMAGES, y)
    frozen = CNNFeatures(estimator=FrozenEstimator(cnn)).fit(IMAGES)
    loaded = saved_and_loaded(frozen, tmp_path)
    assert_same_predictions(frozen, loaded, IMAGES)
    assert loaded.estimator_ is loaded.estimator.estimator
    assert loaded.module_ is loaded.estimator_.module_
    features = CNNFeatures(filters=(4,), random_state=0).fit(IMAGES)
    features.set_params(filters=(7,))  # which the network was not built with
    loaded = saved_and_loaded(features, tmp_path)
    assert_same_predictions(features, loaded, IMAGES)
    assert loaded.filters == (7,)


STEPS = [
    tf.CenterCrop(4),
    tf.ChannelScaler(),
    tf.ColorMoments(),
    tf.Flatten(),
    tf.Grayscale(),
    tf.HOGDescriptor(pixels_per_cell=2, cells_per_block=2),
    tf.Pad(12),
    tf.PatchKMeans(3, random_state=0),
    tf.Rescale(),
    tf.Resize(6),
    tf.SelectChannels([0]),
    tf.Unflatten((8, 24)),
]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: type(step).__name__)
def test_every_transform(step, tmp_path):
    images = np.repeat(IMAGES[..., None], 3, axis=-1)
    images = images.reshape(60, -1) if isinstance(step, tf.Unflatten) else images
    step = clone(step).fit(images)
    assert_same_predictions(step, saved_and_loaded(step, tmp_path), images)


def test_no_transform_is_left_out():
    classes = {getattr(tf, name) for name in tf.__all__}
    assert classes == {*map(type, STEPS), tf.ImageReader}


def test_files_are_read_after_loading(tmp_path):
    from PIL import Image

    paths = [str(tmp_path / f"{i}.png") for i in range(len(IMAGES))]
    for path, image in zip(paths, IMAGES, strict=True):
        Image.fromarray((image * 15).astype(np.uint8)).save(path)
    model = make_pipeline(tf.ImageReader(size=8), clone(CNN)).fit(paths, y)
    assert_same_predictions(model, saved_and_loaded(model, tmp_path), paths)


AUGMENTATIONS = [
    aug.ColorJitter(brightness=0.1),
    aug.CutMix(),
    aug.GaussianNoise(0.1),
    aug.MixUp(),
    aug.RandomAffine(degrees=5),
    aug.RandomCrop(6),
    aug.RandomErasing(),
    aug.RandomFlip(),
    aug.RandomRotation(10),
]


def test_every_augmentation(tmp_path):
    classes = {getattr(aug, name) for name in aug.__all__}
    bases = {aug.Augmentation, aug.Compose, aug.Mixing}
    assert classes == {*map(type, AUGMENTATIONS)} | bases
    cnn = clone(CNN).fit(IMAGES, y)
    cnn.set_params(augmentation=aug.Compose(AUGMENTATIONS))
    loaded = saved_and_loaded(cnn, tmp_path)
    assert repr(loaded.augmentation) == repr(cnn.augmentation)


def test_fitted_attributes_and_displays(tmp_path):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=[f"pixel{i}" for i in range(64)])
    cnn = clone(FLAT).set_params(max_iter=3).fit(frame, y, X_val=frame, y_val=y)
    loaded = saved_and_loaded(cnn, tmp_path)
    pandas.testing.assert_frame_equal(loaded.history_, cnn.history_)
    for name in ("n_iter_", "loss_curve_", "validation_scores_", "best_loss_"):
        assert getattr(loaded, name) == getattr(cnn, name)
    for name in ("input_shape_", "n_features_in_", "device_", "precision_"):
        assert getattr(loaded, name) == getattr(cnn, name)
    np.testing.assert_array_equal(loaded.classes_, cnn.classes_)
    np.testing.assert_array_equal(loaded.feature_names_in_, cnn.feature_names_in_)
    with pytest.raises(ValueError, match="feature names should match"):
        loaded.predict(frame.rename(columns={"pixel0": "other"}))
    assert len(loaded.net_.history) == 3
    assert list(sklearn_cnn.inspection.summary(loaded)) == list(
        sklearn_cnn.inspection.summary(cnn)
    )
    TrainingCurveDisplay.from_estimator(loaded)


@pytest.mark.parametrize("optimizer", ["adamw", "sgd", "rmsprop"])
def test_training_goes_on_to_the_bit(optimizer, tmp_path):
    cnn = CNNClassifier(
        filters=(4, 6), optimizer=optimizer, random_state=0, augmentation=AUGMENTED
    )
    for _ in range(3):
        cnn.partial_fit(IMAGES, y, classes=range(10))
    loaded = saved_and_loaded(cnn, tmp_path, include_optimizer=True)
    cnn.partial_fit(IMAGES, y), loaded.partial_fit(IMAGES, y)
    assert_same_predictions(cnn, loaded, IMAGES)


def test_warm_start_needs_no_optimizer(tmp_path):
    cnn = clone(CNN).set_params(warm_start=True).fit(IMAGES, y)
    loaded = saved_and_loaded(cnn, tmp_path)
    cnn.fit(IMAGES, y), loaded.fit(IMAGES, y)
    assert_same_predictions(cnn, loaded, IMAGES)
    assert loaded.n_iter_ == 4


def test_a_random_state_goes_on(tmp_path):
    cnn = clone(CNN).set_params(random_state=np.random.RandomState(3)).fit(IMAGES, y)
    loaded = saved_and_loaded(cnn, tmp_path)
    cnn.fit(IMAGES, y), loaded.fit(IMAGES, y)
    assert_same_predictions(cnn, loaded, IMAGES)


def test_size_and_what_is_in_the_file(tmp_path):
    cnn = CNNClassifier(hidden_layer_sizes=(3000,), max_iter=1, random_state=0)
    cnn.set_params(global_pooling="flatten", filters=(16,)).fit(IMAGES, y)
    voting = VotingClassifier(
        [("a", FLAT), ("b", clone(cnn).set_params(input_shape=(8, 8)))]
    )
    n_bytes = sum(t.nbytes for t in cnn.module_.state_dict().values())
    assert n_bytes > 3_000_000
    path = tmp_path / "model.cnn"
    save(cnn, path)
    assert path.stat().st_size < 1.05 * n_bytes
    # scikit-learn holds the estimators of a vote in two attributes
    save(voting.fit(X, y), path)
    assert path.stat().st_size < 1.05 * n_bytes + 50_000
    save(cnn, path, include_optimizer=True)
    assert 2.9 * n_bytes < path.stat().st_size < 3.2 * n_bytes
    with zipfile.ZipFile(path) as archive:
        description = json.loads(archive.read("metadata.json"))
        stored = {i.filename: i.compress_type for i in archive.infolist()}
        assert stored["weights-1.safetensors"] == zipfile.ZIP_STORED
        from safetensors.torch import load as tensors_of

        weights = tensors_of(archive.read("weights-1.safetensors"))
    assert weights.keys() == cnn.module_.state_dict().keys()
    (network,) = description["networks"]
    assert description["versions"]["torch"] == torch.__version__.partition("+")[0]
    assert network["input_shape"] == [8, 8, 1] and network["dtype"] == "float32"
    assert network["classes"] == list(range(10))
    assert network["parameters"]["hidden_layer_sizes"] == [3000]
    assert network["training"]["epochs"] == 1
    assert network["training"]["train_loss"] == cnn.loss_curve_[-1]


def test_the_same_model_makes_the_same_file(tmp_path):
    cnn = clone(CNN).fit(IMAGES, y)
    save(cnn, tmp_path / "a")
    save(load(tmp_path / "a"), tmp_path / "b")
    save(copy.deepcopy(cnn), tmp_path / "c")
    first, *others = (path.read_bytes() for path in sorted(tmp_path.iterdir()))
    assert others == [first, first]


@pytest.mark.parametrize("name", ["classifier", "regressor", "augmented", "label sets"])
def test_skops_asks_for_types_of_this_library_alone(name):
    model, images, targets = MODELS[name]
    model = clone(model).fit(images, targets)
    dumped = skops.io.dumps(model)
    asked = skops.io.get_untrusted_types(data=dumped)
    assert all(name.startswith("sklearn_cnn.") for name in asked)
    assert_same_predictions(model, skops.io.loads(dumped, trusted=asked), images)


def test_skops_reads_the_files_of_save(tmp_path):
    cnn = clone(CNN).fit(IMAGES, y)
    save(cnn, tmp_path / "model.cnn")
    asked = skops.io.get_untrusted_types(file=tmp_path / "model.cnn")
    loaded = skops.io.load(tmp_path / "model.cnn", trusted=asked)
    assert_same_predictions(cnn, loaded, IMAGES)


def test_a_new_process_loads_what_a_file_says(tmp_path):
    """Neither package has been imported before."""
    save(clone(CNN).fit(IMAGES, y), tmp_path / "model.cnn")
    code = """
import sys, skops.io
asked = skops.io.get_untrusted_types(file=sys.argv[1])
assert not any("sklearn_cnn" in name for name in sys.modules)
cnn = skops.io.load(sys.argv[1], trusted=asked)
import numpy as np
cnn.predict(np.zeros((2, 8, 8)))
assert "skorch" not in sys.modules
"""
    command = [sys.executable, "-c", code, tmp_path / "model.cnn"]
    subprocess.run(command, check=True)


def test_fits_do_not_load_skops():
    code = """
import sys, numpy as np, sklearn_cnn
cnn = sklearn_cnn.CNNClassifier(filters=(2,), max_iter=1)
cnn.fit(np.zeros((4, 8, 8)), [0, 1, 0, 1]).predict(np.zeros((2, 8, 8)))
assert "skops" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_skops_the_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "skops.io", None)
    for call in (lambda: save(CNN, tmp_path / "a"), lambda: load(tmp_path / "a")):
        with pytest.raises(ImportError, match=r"pip install 'sklearn_cnn\[skops\]'"):
            call()


def test_random_numbers_stay(tmp_path):
    cnn = clone(CNN).fit(IMAGES, y)
    np.random.seed(1), torch.manual_seed(1)
    before = np.random.get_state()[1].copy(), torch.get_rng_state()
    saved_and_loaded(cnn, tmp_path)
    assert (before[0] == np.random.get_state()[1]).all()
    assert torch.equal(before[1], torch.get_rng_state())


def test_modes_of_the_user_do_not_matter(tmp_path):
    cnn = clone(CNN).fit(IMAGES, y)
    torch.set_default_dtype(torch.float64)
    try:
        with torch.inference_mode():
            loaded = saved_and_loaded(cnn, tmp_path)
    finally:
        torch.set_default_dtype(torch.float32)
    assert_same_predictions(cnn, loaded, IMAGES)
    loaded.partial_fit(IMAGES, y)  # inference tensors could not learn


def test_several_threads_save_and_load(tmp_path):
    models = [clone(CNN).set_params(random_state=i).fit(IMAGES, y) for i in range(4)]
    failed = []

    def work(i):
        try:
            for turn in range(5):
                save(models[i], tmp_path / f"{i}.cnn", include_optimizer=turn % 2)
                save(models[i], tmp_path / "shared.cnn")
                loaded = load(tmp_path / f"{i}.cnn")
                assert_same_predictions(models[i], loaded, IMAGES)
                load(tmp_path / "shared.cnn")
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    [thread.start() for thread in threads], [thread.join() for thread in threads]
    assert not failed
    assert sorted(os.listdir(tmp_path)) == [
        *(f"{i}.cnn" for i in range(4)),
        "shared.cnn",
    ]


def test_requests_of_metadata(tmp_path):
    with sklearn.config_context(enable_metadata_routing=True):
        step = tf.ChannelScaler().set_partial_fit_request(sample_weight=True)
        cnn = clone(CNN).set_fit_request(sample_weight="weights")
        loaded = saved_and_loaded(make_pipeline(step, cnn).fit(IMAGES, y), tmp_path)
        scaler, network = (e.get_metadata_routing() for _, e in loaded.steps)
    assert scaler.partial_fit.requests == {"sample_weight": True}
    assert network.fit.requests["sample_weight"] == "weights"
    assert network.fit.owner is loaded[-1]


def test_callbacks_of_scikit_learn(tmp_path):
    cnn = clone(CNN).set_callbacks(ProgressBar())
    cnn.fit(IMAGES, y)
    with pytest.warns(UserWarning, match="are not saved"):
        loaded = saved_and_loaded(cnn, tmp_path)
    assert_same_predictions(cnn, loaded, IMAGES)
    assert cnn._skl_callbacks and not loaded._skl_callbacks


def test_a_subclass_is_trusted_by_name(networks, tmp_path):
    for kind in (networks.Subclass, networks.OwnState):
        cnn = kind(**QUICK).fit(IMAGES, y)
        copied = pickle.loads(pickle.dumps(copy.deepcopy(cnn)))
        assert_same_predictions(cnn, copied, IMAGES)
        save(cnn, tmp_path / "model.cnn")
        with pytest.raises(ValueError, match=f"users_networks.{kind.__name__}"):
            load(tmp_path / "model.cnn")
        loaded = load(tmp_path / "model.cnn", trusted=[kind])
        assert_same_predictions(cnn, loaded, IMAGES)


def test_callbacks_are_the_users(tmp_path):
    cnn = clone(CNN).set_params(callbacks=[EpochScoring("accuracy", name="accuracy")])
    cnn.fit(IMAGES, y, X_val=IMAGES, y_val=y)
    with pytest.warns(UserWarning, match="callbacks are objects of other code"):
        save(cnn, tmp_path / "model.cnn")
    loaded = load(tmp_path / "model.cnn")
    assert loaded.callbacks is None and cnn.callbacks is not None
    assert_same_predictions(cnn, loaded, IMAGES)
    assert "accuracy" in loaded.net_.history[0]


# --- networks of the user's own -------------------------------------------------

NETWORKS = """
import torch
from torch import nn
from torch.nn import functional as F
from sklearn_cnn import CNNClassifier
from sklearn_cnn.architectures import register

class Subclass(CNNClassifier):
    pass

class OwnState(CNNClassifier):
    def __getstate__(self):
        return {**super().__getstate__()}

class Own(nn.Module):
    def __init__(self, n_channels=1, spatial_shape=(8, 8), n_outputs=10, width=4):
        super().__init__()
        self.convolution = nn.Conv2d(n_channels, width, 3)
        self.activation, self.sizes = F.gelu, {"width": (width, None)}
        self.output = nn.Linear(width, n_outputs)
        self.register_buffer("scale", torch.tensor(2.0), persistent=False)

    def forward(self, x):
        maps = self.activation(self.convolution(x))
        return self.output(maps.mean((2, 3)) * self.scale)

class Tied(nn.Module):
    def __init__(self, n_channels, spatial_shape, n_outputs):
        super().__init__()
        self.a, self.b = nn.Linear(64, 64), nn.Linear(64, 64)
        self.b.weight = self.a.weight
        self.constant = torch.full((64,), 3.0)
        self.c = nn.Linear(64, n_outputs)

    def forward(self, x):
        return self.c(self.b(self.a(x.flatten(1)).relu()) * self.constant)

class Random(Tied):
    def __init__(self, *data):
        super().__init__(*data)
        self.constant = torch.rand(64)

def build(n_channels, spatial_shape, n_outputs):
    return Own(n_channels, spatial_shape, n_outputs)

@register("one_of_the_users")
def registered(n_channels, spatial_shape, n_outputs, *, kernel_size=3):
    return nn.Sequential(
        nn.LazyConv2d(4, kernel_size), nn.BatchNorm2d(4), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, n_outputs),
    )
"""


@pytest.fixture
def networks(tmp_path, monkeypatch):
    (tmp_path / "users_networks.py").write_text(NETWORKS)
    monkeypatch.syspath_prepend(tmp_path)
    import users_networks

    yield users_networks
    del sys.modules["users_networks"]


OWN = {
    "Own": lambda n: n.Own,
    "build": lambda n: n.build,
    "registered": lambda n: "one_of_the_users",
    "Tied": lambda n: n.Tied,
}


@pytest.mark.parametrize("name", OWN)
def test_own_networks_by_import_path(name, networks, tmp_path):
    parameters = {"max_iter": 1, "random_state": 0, "warm_start": True}
    cnn = CNNClassifier(OWN[name](networks), **parameters)
    cnn.fit(IMAGES, y)
    path, trusted = tmp_path / "model.cnn", [f"users_networks.{name}"]
    save(cnn, path, include_optimizer=True)
    with pytest.raises(ValueError, match=rf"trusted=\['users_networks.{name}'\]"):
        load(path)
    loaded = load(path, trusted=trusted)
    assert_same_predictions(cnn, loaded, IMAGES)
    cnn.partial_fit(IMAGES, y), loaded.partial_fit(IMAGES, y)
    assert_same_predictions(cnn, loaded, IMAGES)
    cnn.fit(IMAGES, y), loaded.fit(IMAGES, y)
    assert_same_predictions(cnn, loaded, IMAGES)


def test_modules_with_their_weights(networks, tmp_path):
    module, path = networks.Own(), tmp_path / "model.cnn"
    cnn = CNNClassifier(module, max_iter=1, random_state=0, warm_start=True)
    save(cnn.fit(IMAGES, y), path)
    loaded = load(path, trusted=[networks.Own])
    assert_same_predictions(cnn, loaded, IMAGES)
    cnn.fit(IMAGES, y), loaded.fit(IMAGES, y)
    anew = [clone(m).set_params(warm_start=False).fit(IMAGES, y) for m in (cnn, loaded)]
    assert_same_predictions(*anew, IMAGES)


def test_modules_of_torch_need_no_trust(tmp_path):
    shared = nn.Linear(4, 4)
    layers = [nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    module = nn.Sequential(*layers, shared, nn.GELU(), shared, nn.Linear(4, 10))
    search = GridSearchCV(
        CNNClassifier(module, max_iter=1, random_state=0), {"momentum": [0.9]}, cv=2
    ).fit(IMAGES, y)
    loaded = saved_and_loaded(search, tmp_path)
    assert_same_predictions(search, loaded, IMAGES)
    built = loaded.best_estimator_.module_
    assert built[4] is built[6]


def test_what_no_process_can_import_is_refused_with_the_reason(networks, tmp_path):
    class Local(networks.Own):
        pass

    hooked = networks.Own()
    hooked.register_forward_hook(lambda *args: None)
    settings = networks.Own()
    settings.sizes = object()
    reasons = {
        "a lambda": lambda *data: networks.Own(*data),
        "does not have by this name": Local,
        r"<locals>.Local, which no other": Local(),
        "has hooks": hooked,
        "has sizes=<object": settings,
        "gives other outputs": networks.Random,
    }
    for reason, architecture in reasons.items():
        cnn = CNNClassifier(architecture, max_iter=1, random_state=0).fit(IMAGES, y)
        before = cnn.predict_proba(IMAGES)
        with pytest.raises(ValueError, match=reason):
            save(cnn, tmp_path / "model.cnn")
        np.testing.assert_array_equal(cnn.predict_proba(IMAGES), before)
    assert not (tmp_path / "model.cnn").exists()


def test_functions_of_a_pipeline_are_refused_by_name(tmp_path):
    step = FunctionTransformer(lambda images: images)
    model = make_pipeline(step, clone(CNN)).fit(IMAGES, y)
    with pytest.raises(ValueError, match=r"functiontransformer__func=.* is a lambda"):
        save(model, tmp_path / "model.cnn")


def test_a_script_says_that_its_functions_cannot_be_saved(tmp_path):
    code = """
import sys
import numpy as np
from torch import nn
import sklearn_cnn
class Own(nn.Module):
    def __init__(self, *data):
        super().__init__()
        self.output = nn.Linear(64, 2)
    def forward(self, x):
        return self.output(x.flatten(1))
for architecture in (Own, Own()):
    cnn = sklearn_cnn.CNNClassifier(architecture, max_iter=1)
    cnn.fit(np.random.rand(6, 8, 8), [0, 1] * 3)
    try:
        sklearn_cnn.save(cnn, sys.argv[1])
    except ValueError as error:
        assert "__main__" in str(error) and "module" in str(error), error
    else:
        sys.exit("saved")
"""
    subprocess.run([sys.executable, "-c", code, tmp_path / "model.cnn"], check=True)
    assert os.listdir(tmp_path) == []


def test_a_network_that_was_changed_is_refused(tmp_path):
    def other_activation(cnn):
        cnn.module_.stages.stage1[0].activation = nn.GELU()

    def another_layer(cnn):
        cnn.module_.head.add_module("more", nn.Linear(10, 10))

    for change in (other_activation, another_layer):
        cnn = clone(CNN).fit(IMAGES, y)
        change(cnn)
        with pytest.raises(ValueError, match="is not what its parameters build"):
            save(cnn, tmp_path / "model.cnn")
    cnn = clone(CNN).fit(IMAGES, y)
    cnn.module_.head.output.weight.data *= 2  # other values are no other network
    assert_same_predictions(cnn, saved_and_loaded(cnn, tmp_path), IMAGES)


def test_parameters_set_since_the_fit_do_not_change_the_network(tmp_path):
    cnn = clone(CNN).fit(IMAGES, y).set_params(filters=(9,), architecture="lenet")
    loaded = saved_and_loaded(cnn, tmp_path)
    assert_same_predictions(cnn, loaded, IMAGES)
    assert loaded.filters == (9,)


# --- what cannot be saved, and where --------------------------------------------


def test_models_that_are_not_fitted(tmp_path):
    for model in (CNN, make_pipeline(tf.ChannelScaler(), CNN), CNNFeatures()):
        with pytest.raises(NotFittedError, match="not fitted, and there is nothing"):
            save(clone(model), tmp_path / "model.cnn")
    for model in (CNNClassifier, {"a": CNN}, None):
        with pytest.raises(TypeError, match="model must be a fitted estimator"):
            save(model, tmp_path / "model.cnn")
    assert os.listdir(tmp_path) == []


def test_paths_that_are_none(tmp_path):
    cnn = clone(CNN).fit(IMAGES, y)
    with pytest.raises(IsADirectoryError, match=r"is a directory\. Name a file"):
        save(cnn, tmp_path)
    with pytest.raises(IsADirectoryError, match="is a directory"):
        load(tmp_path)
    with pytest.raises(FileNotFoundError, match="No such file"):
        load(tmp_path / "nothing")
    with pytest.raises(FileNotFoundError, match="directory that exists"):
        save(cnn, tmp_path / "no" / "model.cnn")
    with pytest.raises(TypeError, match="path=None must be the path"):
        load(None)
    with pytest.raises(TypeError, match="must be a list"):
        load(tmp_path / "a", trusted="package.Network")


def test_what_may_crash_is_asked_for(tmp_path):
    """skops distrusts the trees of scikit-learn, which trust their indices."""
    forest = RandomForestClassifier(2, random_state=0)
    voting = VotingClassifier([("a", FLAT), ("b", forest)]).fit(X, y)
    path = tmp_path / "model.cnn"
    save(voting, path)
    with pytest.raises(ValueError, match=r"not trusted.*sklearn.tree._tree.Tree"):
        load(path)
    loaded = load(path, trusted=["sklearn.tree._tree.Tree"])
    np.testing.assert_array_equal(loaded.predict(X), voting.predict(X))


def test_nothing_stays_open(tmp_path):
    cnn = clone(CNN).fit(IMAGES, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        saved_and_loaded(cnn, tmp_path)
        gc.collect()


def test_a_network_of_a_gpu_loads_where_there_is_none(tmp_path, monkeypatch):
    cnn = clone(CNN).set_params(warm_start=True).fit(IMAGES, y)
    path = tmp_path / "model.cnn"
    save(cnn, path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    description = json.loads(members.pop("metadata.json"))
    schema = members["schema.json"]
    assert schema.count(rb'"\"cpu\""') == 2  # of the preparation, and fixed
    members["schema.json"] = schema.replace(rb'"\"cpu\""', rb'"\"cuda:7\""')
    with open(path, "wb") as file:
        _archive.write(file, description, members)
    # whether or not this machine has one
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    loaded = load(path)
    assert loaded.device_ == "cpu"
    assert_same_predictions(cnn, loaded, IMAGES)
    cnn.fit(IMAGES, y), loaded.fit(IMAGES, y)  # with device="auto"
    assert_same_predictions(cnn, loaded, IMAGES)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_a_network_on_a_gpu_stays_there(tmp_path):
    cnn = clone(CNN).set_params(device="cuda").fit(IMAGES, y)
    loaded = saved_and_loaded(cnn, tmp_path, include_optimizer=True)
    assert loaded.device_ == "cuda"
    assert_same_predictions(cnn, loaded, IMAGES)
    cnn.partial_fit(IMAGES, y), loaded.partial_fit(IMAGES, y)
    assert_same_predictions(cnn, loaded, IMAGES)
