"""to_onnx: the graph takes what predict takes, and gives what it gives."""

import json
import logging
import os
import random
import signal
import warnings

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.ensemble import BaggingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklearn_cnn import CNNClassifier, CNNFeatures, CNNRegressor
from sklearn_cnn.export import load_onnx, to_onnx
from sklearn_cnn.transforms import (
    CenterCrop,
    ChannelScaler,
    Flatten,
    Grayscale,
    HOGDescriptor,
    ImageReader,
    Pad,
    Rescale,
    Resize,
    SelectChannels,
    Unflatten,
)

N = 40
#: Of each class of networks one, as it can be small.
SMALL = {
    "simple": {"filters": (4, 8)},
    "lenet": {"filters": (4, 8), "hidden_layer_sizes": (16,), "kernel_size": 3},
    "alexnet": {"filters": (4, 8, 8, 8, 8)},
    "vgg11": {"filters": (4, 8), "blocks_per_stage": 1},
    "resnet18": {"filters": (4, 8), "blocks_per_stage": 1},
    "resnet50": {"filters": (4, 8), "blocks_per_stage": 1},
    "mobilenet_v2": {"filters": (2, 4, 4, 4, 4, 4, 4), "blocks_per_stage": 1},
    "inception_time": {"filters": (4, 4), "kernel_size": 8},
    "h_inception_time": {"filters": (4, 4), "kernel_size": 8},
    "lite": {"filters": (4, 4, 4), "kernel_size": 8},
    "minirocket": {"filters": (168,)},
    "multirocket": {"filters": (252,)},
}
SERIES = {"inception_time", "h_inception_time", "lite", "minirocket", "multirocket"}
CASES = [
    *((name, 1 if name in SERIES else 2) for name in SMALL),
    *((name, n_dims) for name in ("simple", "resnet18") for n_dims in (1, 3)),
]


def images(n_dims=2, n=N, seed=0):
    rng = np.random.default_rng(seed)
    if n_dims == 1:
        return rng.normal(5, 3, size=(n, 32, 2)).astype(np.float32)
    if n_dims == 2:
        return rng.integers(0, 256, size=(n, 16, 20, 3), dtype=np.uint8)
    return rng.normal(-100, 9, size=(n, 6, 8, 8, 1))


def labels(n=N):
    return np.arange(n) % 3


def small(**parameters):
    parameters = {"filters": (4, 8), "max_iter": 1, "random_state": 0, **parameters}
    return CNNClassifier(**parameters)


def exported(model, path, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        to_onnx(model, path, **options)
    return load_onnx(path)


def assert_alike(loaded, model, X, tolerance=1e-4):
    """Labels and probabilities, or targets, are those of the model."""
    if hasattr(model, "predict_proba"):
        probabilities = loaded.predict_proba(X)
        np.testing.assert_allclose(
            probabilities, model.predict_proba(X), rtol=0, atol=tolerance
        )
        assert probabilities.dtype == np.float64
        predicted = model.predict(X)
        np.testing.assert_array_equal(loaded.predict(X), predicted)
        assert loaded.predict(X).dtype == predicted.dtype
        np.testing.assert_array_equal(loaded.classes_, model.classes_)
        assert loaded.classes_.dtype == model.classes_.dtype
    else:
        expected = model.predict(X)
        given = loaded.predict(X)
        assert (given.shape, given.dtype) == (expected.shape, np.float64)
        spread = expected.std(axis=0) + 1e-9 * np.abs(expected)
        assert (np.abs(given - expected) <= tolerance * np.maximum(spread, 1e-3)).all()


# --- networks -------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "n_dims"), CASES)
def test_architectures_and_dimensions_and_numbers_of_rows(tmp_path, name, n_dims):
    X = images(n_dims)
    cnn = CNNClassifier(name, **SMALL[name], max_iter=2, random_state=0)
    cnn = cnn.set_params(spatial_dims=n_dims).fit(X, labels())
    loaded = exported(cnn, tmp_path / "model.onnx")
    for n in (1, 257):
        assert_alike(loaded, cnn, images(n_dims, n, seed=1))


@pytest.mark.parametrize(
    "parameters",
    [
        {"activation": "gelu", "normalization": "layer", "pooling": "avg"},
        {"activation": "silu", "global_pooling": "max", "kernel_size": 4},
        {
            "activation": "relu6",
            "global_pooling": "flatten",
            "hidden_layer_sizes": (9,),
        },
        {"precision": "float64", "padding": "valid", "hidden_layer_sizes": (9,)},
        {"input_scaling": None, "stride": (2, 1), "pooling": "stride"},
    ],
    ids=lambda p: "-".join(map(str, p.values())),
)
def test_parameters_of_networks(tmp_path, parameters):
    cnn = small(**parameters).fit(images(), labels())
    assert_alike(exported(cnn, tmp_path / "m.onnx"), cnn, images(n=50, seed=1))


def test_a_network_of_ones_own(tmp_path):
    net = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3), torch.nn.PReLU(), torch.nn.Flatten(),
        torch.nn.Linear(4 * 14 * 18, 3),
    )  # fmt: skip
    cnn = CNNClassifier(net, max_iter=1, random_state=0).fit(images(), labels())
    assert_alike(exported(cnn, tmp_path / "m.onnx"), cnn, images(n=9, seed=1))


class Choosy(torch.nn.Module):
    """What it does depends on what it sees."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(16 * 20 * 3, 3)

    def forward(self, x):
        x = self.layer(x.flatten(1))
        return x if x.sum() > 0 else -x


def test_a_network_that_onnx_cannot_express_is_named(tmp_path, capfd):
    cnn = CNNClassifier(Choosy(), max_iter=1, random_state=0).fit(images(), labels())
    with pytest.raises(ValueError, match=r"ONNX cannot express Choosy: .*data-depend"):
        to_onnx(cnn, tmp_path / "m.onnx")
    assert capfd.readouterr() == ("", "")
    assert not [*tmp_path.iterdir()]


class Counting(torch.nn.Module):
    """It changes with what it has seen, which no graph does."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(16 * 20 * 3, 3)
        self.register_buffer("n", torch.zeros(()))

    def forward(self, x):
        # a copy that is exported does not know of what came later
        self.n = self.n + 1
        return self.layer(x.flatten(1)) * (1 + self.n % 5)


def test_a_graph_that_disagrees_is_not_written(tmp_path):
    cnn = CNNClassifier(Counting(), max_iter=1, random_state=0).fit(images(), labels())
    path = tmp_path / "m.onnx"
    path.write_bytes(b"before")
    with pytest.raises(ValueError, match=r"ONNX"):
        to_onnx(cnn, path)
    assert path.read_bytes() == b"before"
    assert [*tmp_path.iterdir()] == [path]


def test_bfloat16_is_exported_in_float32(tmp_path):
    cnn = small(precision="bfloat16").fit(images(), labels())
    loaded = exported(cnn, tmp_path / "m.onnx")
    assert_alike(loaded, cnn.set_params(precision="bfloat16"), images(), 0.02)
    kinds = {c.data_type for c in onnx.load(tmp_path / "m.onnx").graph.initializer}
    assert onnx.TensorProto.BFLOAT16 not in kinds


# --- targets --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "y",
    [
        np.where(labels() == 1, "yes", "no").astype(object),
        labels() == 1,
        labels().astype(np.uint8) + 7,
        labels() - 2.0**40,
        np.c_[labels() == 1, labels() > 0].astype(int),
    ],
    ids=["object", "bool", "uint8", "float", "multilabel"],
)
def test_labels(tmp_path, y):
    cnn = small().fit(images(), y)
    loaded = exported(cnn, tmp_path / "m.onnx")
    assert_alike(loaded, cnn, images(n=30, seed=1))
    assert loaded.multilabel_ == (y.ndim == 2)
    assert loaded.score(images(), y) == cnn.score(images(), y)


@pytest.mark.parametrize("y", [labels() * 1e4 + 1e9, np.c_[labels(), -labels() * 50.0]])
def test_targets_are_in_the_users_units(tmp_path, y):
    cnn = CNNRegressor(filters=(4,), max_iter=2, random_state=0).fit(images(), y)
    loaded = exported(cnn, tmp_path / "m.onnx")
    assert_alike(loaded, cnn, images(n=30, seed=1))
    assert loaded.score(images(), y) == pytest.approx(cnn.score(images(), y))


# --- what the graph takes -------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["uint8", "int64", "bool", "float16", "float32"])
def test_the_graph_takes_the_type_of_the_fit(tmp_path, dtype):
    X = (images() // 2).astype(dtype)
    cnn = small().fit(X, labels())
    assert_alike(exported(cnn, tmp_path / "m.onnx"), cnn, X)
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
    (entry,) = session.get_inputs()
    kind = {"float32": "float", "float64": "double"}.get(dtype, dtype)
    assert (entry.name, entry.type) == ("X", f"tensor({kind})")
    assert entry.shape == ["n_samples", 16, 20, 3]
    label, probabilities = session.run(None, {"X": X})
    np.testing.assert_array_equal(label, cnn.predict(X))
    np.testing.assert_allclose(probabilities, cnn.predict_proba(X), atol=1e-4)


def test_wide_numbers_are_standardised_before_they_are_rounded(tmp_path):
    X = 1e9 + images().astype(np.float64)
    cnn = small().fit(X, labels())
    assert_alike(exported(cnn, tmp_path / "m.onnx"), cnn, X)


def test_flat_rows_and_channels_first(tmp_path):
    flat = images().reshape(N, -1)
    cnn = small(input_shape=(16, 20, 3)).fit(flat, labels())
    loaded = exported(cnn, tmp_path / "flat.onnx")
    assert_alike(loaded, cnn, flat)
    assert_alike(loaded, cnn, images())

    first = np.moveaxis(images(), -1, 1)
    cnn = small(data_format="channels_first").fit(first, labels())
    assert_alike(exported(cnn, tmp_path / "first.onnx"), cnn, first)


def test_another_input_type(tmp_path):
    cnn = small().fit(images(), labels())
    loaded = exported(cnn, tmp_path / "m.onnx", input_dtype="float32")
    assert_alike(loaded, cnn, images())
    np.testing.assert_array_equal(
        loaded.predict(images() + np.float32(0.25)),
        cnn.predict(images() + np.float32(0.25)),
    )
    with pytest.raises(ValueError, match="input_dtype='complex64' must be a type"):
        to_onnx(cnn, tmp_path / "m.onnx", input_dtype="complex64")


# --- pipelines ------------------------------------------------------------------------

STEPS = {
    "Resize": [Resize((11, 9))],
    "Resize bicubic": [Resize((24, 9), interpolation="bicubic", antialias=False)],
    "Resize nearest": [Resize((11, 30), interpolation="nearest")],
    "Resize and crop": [Resize((11, 9), resize="crop")],
    "Resize and pad": [Resize((11, 9), resize="pad", fill=7)],
    "Resize in ratio": [Resize((12, 15), resize="pad")],
    "CenterCrop": [CenterCrop((9, 12))],
    "Pad": [Pad([(1, 2), (3, 0)], fill=7)],
    "Pad reflect": [Pad(3, padding_mode="reflect")],
    "Pad symmetric": [Pad(3, padding_mode="symmetric")],
    "Grayscale": [Grayscale()],
    "SelectChannels": [SelectChannels([2, 0])],
    "Rescale": [Rescale(1 / 127.5, -1)],
    "ChannelScaler": [ChannelScaler()],
    "Flatten": [Flatten(), StandardScaler(), Unflatten((16, 20, 3))],
    "many": [
        Grayscale(), Resize(14), Pad(1), Rescale(), ChannelScaler(), "passthrough",
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", STEPS)
def test_steps_of_pipelines(tmp_path, name):
    steps = [s if s == "passthrough" else clone(s) for s in STEPS[name]]
    # a network is written in a second, and once with all steps in front of it
    last = [Flatten(), StandardScaler(), LogisticRegression(C=1e-3)]
    if name in ("Flatten", "many"):
        last = [small()]
    pipeline = make_pipeline(*steps, *last).fit(images(), labels())
    loaded = exported(pipeline, tmp_path / "m.onnx")
    assert_alike(loaded, pipeline, images(n=60, seed=1))
    assert loaded.input_shape_ == (16, 20, 3)


def test_a_median_of_the_border_is_refused(tmp_path):
    pipeline = make_pipeline(Resize(11, resize="pad"), small()).fit(images(), labels())
    with pytest.raises(ValueError, match=r"median of its border.*number for fill"):
        to_onnx(pipeline, tmp_path / "m.onnx")


@pytest.mark.parametrize("dtype", ["float32", "uint16", "bool"])
def test_resizing_other_types(tmp_path, dtype):
    X = images().astype(dtype)
    pipeline = make_pipeline(Resize((11, 9)), small()).fit(X, labels())
    assert_alike(exported(pipeline, tmp_path / "m.onnx"), pipeline, X)


def test_flat_tables_and_their_names(tmp_path):
    import pandas as pd

    X = pd.DataFrame(images().reshape(N, -1)).add_prefix("pixel")
    pipeline = make_pipeline(StandardScaler(), Unflatten((16, 20, 3)), small())
    loaded = exported(pipeline.fit(X, labels()), tmp_path / "m.onnx")
    assert_alike(loaded, pipeline, X)
    with pytest.raises(ValueError, match="feature names should match"):
        loaded.predict(X.add_prefix("other"))


def test_classical_predictors_behind_our_steps(tmp_path):
    features = CNNFeatures(estimator=FrozenEstimator(small().fit(images(), labels())))
    pipeline = make_pipeline(features, StandardScaler(), LogisticRegression())
    pipeline.fit(images(), labels())
    assert_alike(exported(pipeline, tmp_path / "m.onnx"), pipeline, images(n=9))

    for y in (labels() * 10.0, np.c_[labels(), -labels()]):
        pipeline = make_pipeline(Flatten(), PCA(3), LinearRegression())
        pipeline.fit(images(), y)
        assert_alike(exported(pipeline, tmp_path / "m.onnx"), pipeline, images(n=9))


def test_the_best_of_a_search_and_a_frozen_one(tmp_path):
    search = GridSearchCV(
        make_pipeline(Rescale(), small()),
        {"cnnclassifier__filters": [(4,), (8,)]},
        cv=2,
    ).fit(images(), labels())
    assert_alike(exported(search, tmp_path / "m.onnx"), search, images())
    frozen = FrozenEstimator(search.best_estimator_)
    assert_alike(exported(frozen, tmp_path / "m.onnx"), search, images())


@pytest.mark.parametrize(
    ("pipeline", "message"),
    [
        (
            make_pipeline(HOGDescriptor(pixels_per_cell=4), LogisticRegression()),
            r"step 'hogdescriptor', HOGDescriptor, cannot be expressed in ONNX",
        ),
        (
            make_pipeline(
                Flatten(), FunctionTransformer(np.sqrt), LogisticRegression()
            ),
            r"step 'functiontransformer', FunctionTransformer, cannot .* skl2onnx",
        ),
        (
            make_pipeline(Flatten(), MultiOutputClassifier(LogisticRegression())),
            r"MultiOutputClassifier predicts several labels",
        ),
    ],
)
def test_steps_that_onnx_cannot_express_are_named(tmp_path, pipeline, message):
    y = labels() == 1
    pipeline.fit(images(), np.c_[y, ~y] if "MultiO" in message else y)
    with pytest.raises(ValueError, match=message):
        to_onnx(pipeline, tmp_path / "m.onnx")
    assert not [*tmp_path.iterdir()]


def test_images_of_several_sizes_are_refused(tmp_path):
    several = [image[: 10 + i % 3] for i, image in enumerate(images())]
    pipeline = make_pipeline(Resize(8), small()).fit(several, labels())
    with pytest.raises(ValueError, match="Resize, was fitted on images of several"):
        to_onnx(pipeline, tmp_path / "m.onnx")


def test_files_are_read_before(tmp_path):
    from PIL import Image

    paths = []
    for i, image in enumerate(images()):
        paths.append(str(tmp_path / f"{i}.png"))
        Image.fromarray(image).save(paths[-1])
    pipeline = make_pipeline(ImageReader(), small()).fit(paths, labels())
    with pytest.raises(ValueError, match=r"ImageReader, cannot .* pipeline\[1:\]"):
        to_onnx(pipeline, tmp_path / "m.onnx")
    assert_alike(exported(pipeline[1:], tmp_path / "m.onnx"), pipeline[1:], images())


# --- the file -------------------------------------------------------------------------


def test_the_metadata_tell_what_is_in_the_file(tmp_path):
    y = np.array(["ape", "bee", "cow"])[labels()]
    pipeline = make_pipeline(Resize(8), small()).fit(images(), y)
    to_onnx(pipeline, tmp_path / "m.onnx")
    model = onnx.load(tmp_path / "m.onnx")
    onnx.checker.check_model(model, full_check=True)
    about = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(about["sklearn_cnn.classes"]) == ["ape", "bee", "cow"]
    assert json.loads(about["sklearn_cnn.preprocessing"]) == ["resize: Resize(size=8)"]
    assert "torch" in json.loads(about["sklearn_cnn.versions"])
    loaded = load_onnx(tmp_path / "m.onnx")
    assert loaded.metadata_["classes"] == ["ape", "bee", "cow"]
    assert loaded.metadata_["quantized"] is False


def test_nothing_else_is_touched(tmp_path, capfd):
    cnn = small().fit(images(), labels())
    proba = cnn.predict_proba(images())
    torch.manual_seed(3), np.random.seed(3), random.seed(3)
    states = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    filters, handlers = [*warnings.filters], [*logging.getLogger().handlers]
    settings = os.getcwd(), torch.get_num_threads(), torch.is_grad_enabled()
    os.chdir(tmp_path)
    try:
        to_onnx(cnn, "m.onnx", quantize=images())
    finally:
        os.chdir(settings[0])
    assert settings == (os.getcwd(), torch.get_num_threads(), torch.is_grad_enabled())
    assert torch.equal(states[0], torch.get_rng_state())
    np.testing.assert_array_equal(states[1], np.random.get_state()[1])
    assert states[2] == random.getstate()
    assert filters == warnings.filters
    assert handlers == logging.getLogger().handlers
    assert [p.name for p in tmp_path.iterdir()] == ["m.onnx"]
    assert capfd.readouterr() == ("", "")
    np.testing.assert_array_equal(cnn.predict_proba(images()), proba)
    assert cnn.module_.training is False


def test_integers_of_eight_bits(tmp_path, digits):
    X, y = digits
    cnn = CNNClassifier(filters=(16, 32), max_iter=15, random_state=0).fit(X, y)
    loaded = exported(cnn, tmp_path / "int8.onnx", quantize=X[:100])
    to_onnx(cnn, tmp_path / "float.onnx")
    assert loaded.score(X, y) >= cnn.score(X, y) - 0.01
    assert loaded.metadata_["quantized"] is True
    names = {n.op_type for n in onnx.load(tmp_path / "int8.onnx").graph.node}
    assert "QuantizeLinear" in names
    differences = np.abs(loaded.predict_proba(X) - cnn.predict_proba(X))
    assert 0 < differences.max() < 0.2
    with pytest.raises(ValueError, match="quantize must hold images as predict takes"):
        to_onnx(cnn, tmp_path / "int8.onnx", quantize=X[:, :4])


def test_a_regressor_of_eight_bits(tmp_path, digits):
    X, _ = digits
    y = X.mean(axis=(1, 2, 3))
    cnn = CNNRegressor(filters=(16,), max_iter=15, random_state=0).fit(X, y)
    loaded = exported(cnn, tmp_path / "int8.onnx", quantize=X[:100])
    assert loaded.score(X, y) > cnn.score(X, y) - 0.02


# --- bad input ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [BaggingClassifier, OneVsRestClassifier])
def test_networks_inside_of_another_estimator_are_refused(kind, tmp_path):
    X, y = np.random.default_rng(0).random((12, 36)), np.arange(12) % 2
    cnn = CNNClassifier(filters=(4,), max_iter=1, input_shape=(6, 6))
    model = kind(cnn).fit(X, y)
    with pytest.raises(ValueError, match=rf"{kind.__name__}, has networks.*by sk"):
        to_onnx(model, tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_what_is_no_fitted_predictor_is_refused(tmp_path):
    path = tmp_path / "m.onnx"
    with pytest.raises(NotFittedError, match="CNNClassifier instance is not fitted"):
        to_onnx(CNNClassifier(), path)
    with pytest.raises(NotFittedError):
        to_onnx(make_pipeline(Resize(8), CNNClassifier()), path)
    with pytest.raises(TypeError, match=r"model=3 is no fitted estimator. Pass"):
        to_onnx(3, path)
    with pytest.raises(TypeError, match=r"model=<class .* is no fitted estimator"):
        to_onnx(CNNClassifier, path)
    with pytest.raises(TypeError, match="ends in Resize, which does not predict"):
        to_onnx(make_pipeline(Resize(8)).fit(images()), path)
    assert not [*tmp_path.iterdir()]


def test_paths_that_cannot_be_written(tmp_path):
    cnn = small().fit(images(), labels())
    with pytest.raises(IsADirectoryError, match="is a directory"):
        to_onnx(cnn, tmp_path)
    with pytest.raises(OSError, match="could not be written"):
        to_onnx(cnn, tmp_path / "missing" / "m.onnx")
    assert_alike(exported(cnn, tmp_path / "m.onnx"), cnn, images())


def test_a_full_disk_leaves_the_estimator_and_the_old_file(tmp_path):
    resource = pytest.importorskip("resource")
    cnn = small().fit(images(), labels())
    path = tmp_path / "m.onnx"
    path.write_bytes(b"before")
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
        with pytest.raises(OSError, match=r"could not be written \(File too large"):
            to_onnx(cnn, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert path.read_bytes() == b"before"
    assert [*tmp_path.iterdir()] == [path]
    assert_alike(exported(cnn, path), cnn, images())


@pytest.mark.parametrize("architecture", ["minirocket", "multirocket"])
def test_values_that_are_biases_themselves_are_on_the_same_side(architecture, tmp_path):
    X = load_digits().data[:200]
    cnn = CNNRegressor(architecture, spatial_dims=1, filters=(504,), random_state=0)
    cnn.fit(X[:60], load_digits().target[:60])
    to_onnx(cnn, tmp_path / "model.onnx")
    loaded = load_onnx(tmp_path / "model.onnx")
    np.testing.assert_allclose(loaded.predict(X), cnn.predict(X), atol=1e-4)
