"""load_onnx: estimators that predict from a file, without torch."""

import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.inspection import permutation_importance
from sklearn.metrics import ConfusionMatrixDisplay, RocCurveDisplay
from sklearn.pipeline import make_pipeline

from sklearn_cnn import CNNClassifier, CNNRegressor
from sklearn_cnn.export import OnnxClassifier, OnnxRegressor, load_onnx, to_onnx
from sklearn_cnn.export._onnx_file import sealed
from sklearn_cnn.images import ImageFiles
from sklearn_cnn.transforms import Rescale


@pytest.fixture(scope="module")
def cnn(digits):
    return CNNClassifier(filters=(8, 16), max_iter=10, random_state=0).fit(*digits)


@pytest.fixture(scope="module")
def path(cnn, tmp_path_factory):
    path = tmp_path_factory.mktemp("onnx") / "digits.onnx"
    to_onnx(cnn, path)
    return path


@pytest.fixture(scope="module")
def binary_path(digits, tmp_path_factory):
    X, y = digits
    cnn = CNNClassifier(filters=(8, 16), max_iter=10, random_state=0)
    path = tmp_path_factory.mktemp("onnx") / "binary.onnx"
    to_onnx(cnn.fit(X, np.where(y < 5, "low", "high")), path)
    return path


@pytest.fixture(scope="module")
def regressor_path(digits, tmp_path_factory):
    X, _ = digits
    cnn = CNNRegressor(filters=(8, 16), max_iter=10, random_state=0)
    path = tmp_path_factory.mktemp("onnx") / "regressor.onnx"
    to_onnx(cnn.fit(X, X.mean(axis=(1, 2, 3))), path)
    return path


# --- without torch --------------------------------------------------------------------


def test_neither_torch_nor_skorch_is_loaded(path, regressor_path):
    code = """
import pickle, sys
import numpy as np
from sklearn_cnn.export import load_onnx
X = np.zeros((70, 8, 8, 1))
for path in sys.argv[1:]:
    model = pickle.loads(pickle.dumps(load_onnx(path)))
    model.predict(X), model.score(X, model.predict(X) + np.arange(70) % 2)
    model.predict([X[0].tolist()] * 2)
loaded = {"torch", "skorch", "torchvision", "onnx", "onnxscript"} & set(sys.modules)
sys.exit(f"loaded: {loaded}" if loaded else 0)
"""
    command = [sys.executable, "-c", code, str(path), str(regressor_path)]
    subprocess.run(command, check=True)


def test_what_is_missing_is_named(path):
    code = """
import sys
sys.modules["onnxruntime"] = sys.modules["onnxscript"] = None
from sklearn_cnn.export import load_onnx, to_onnx
for function, arguments in ((load_onnx, ()), (to_onnx, (None,))):
    try:
        function(*arguments, sys.argv[1])
    except ImportError as error:
        assert "pip install 'sklearn_cnn[onnx]'" in str(error), error
    else:
        sys.exit("no error")
"""
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)


# --- a scikit-learn estimator ---------------------------------------------------------


def test_it_is_frozen(path, digits):
    X, y = digits
    model = load_onnx(path)
    assert is_classifier(model) and not is_regressor(model)
    assert clone(model) is model
    before = model.predict_proba(X)
    assert model.fit(X[:10], y[:10] + 1, sample_weight=y[:10]) is model
    np.testing.assert_array_equal(model.predict_proba(X), before)
    assert model.get_params() == {"n_threads": None}
    assert (model.input_shape_, model.n_features_in_) == ((8, 8, 1), 64)
    for kind in (OnnxClassifier, OnnxRegressor):
        assert not hasattr(kind(), "classes_")
        assert not hasattr(kind(), "n_features_in_")
        for use in (kind().predict, lambda X, kind=kind: kind().fit(X, y)):
            with pytest.raises(NotFittedError, match=r"cannot be fitted\. Make"):
                use(X)


def test_it_is_pickled_with_its_file(path, digits, tmp_path):
    X, _ = digits
    copy = tmp_path / "copy.onnx"
    copy.write_bytes(path.read_bytes())
    model = load_onnx(copy)
    copy.unlink()
    for again in (pickle.loads(pickle.dumps(model)), clone(FrozenEstimator(model))):
        np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


def test_probabilities_are_probabilities(path, cnn, digits):
    X, _ = digits
    model = load_onnx(path)
    probabilities = model.predict_proba(X)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=0, atol=1e-15)
    assert (probabilities >= 0).all()
    np.testing.assert_allclose(
        model.predict_log_proba(X), cnn.predict_log_proba(X), rtol=1e-3, atol=1e-3
    )


def test_it_works_in_tools(binary_path, regressor_path, digits):
    X, y = digits
    y = np.where(y < 5, "low", "high")
    model = load_onnx(binary_path)
    pytest.importorskip("matplotlib").use("agg")
    assert RocCurveDisplay.from_estimator(model, X, y).roc_auc > 0.7
    ConfusionMatrixDisplay.from_estimator(model, X, y)
    calibrated = CalibratedClassifierCV(FrozenEstimator(model)).fit(X, y)
    assert calibrated.score(X, y) > 0.7
    regressor = load_onnx(regressor_path)
    target = X.mean(axis=(1, 2, 3))
    assert regressor.score(X, target) > 0.2
    pipeline = make_pipeline(Rescale(1.0), model)
    assert pipeline.fit(X, y).score(X, y) == model.score(X, y)


def test_permutation_importance(tmp_path, digits):
    X, y = digits
    cnn = CNNClassifier(filters=(8, 16), max_iter=10, random_state=0)
    cnn = cnn.set_params(input_shape=(8, 8))
    to_onnx(cnn.fit(X.reshape(300, 64), y), tmp_path / "flat.onnx")
    result = permutation_importance(
        load_onnx(tmp_path / "flat.onnx"), X.reshape(300, 64), y, n_repeats=2
    )
    assert result.importances_mean.shape == (64,)
    assert result.importances_mean.max() > 0


# --- X --------------------------------------------------------------------------------


def test_x_is_checked_as_by_the_estimators(path, digits):
    X, _ = digits
    model, expected = load_onnx(path), load_onnx(path).predict(X)
    for same in (X[..., 0], X.astype(np.uint8), X.astype(np.float32), list(X)):
        np.testing.assert_array_equal(model.predict(same), expected)
    for wrong, message in (
        (X[:, :4], "OnnxClassifier was fitted on shape"),
        (X[0], "X has the shape of one sample"),
        (np.full_like(X, np.nan), "X contains NaN"),
        (np.ma.masked_equal(X, 0), "X is masked"),
        (X.astype(complex), "Complex data not supported"),
        (X[:0], "holds no pixels"),
        ("digits", "X is 'digits'"),
    ):
        with pytest.raises(ValueError, match=message):
            model.predict(wrong)


def test_numbers_that_the_graph_cannot_hold_are_refused(tmp_path, digits):
    X, y = digits
    X = X.astype(np.uint8)
    cnn = CNNClassifier(filters=(4,), max_iter=2, random_state=0).fit(X, y)
    to_onnx(cnn, tmp_path / "m.onnx")
    model = load_onnx(tmp_path / "m.onnx")
    np.testing.assert_array_equal(model.predict(X.astype(np.float64)), model.predict(X))
    for wrong in (X + 0.5, X - 300.0, X.astype(np.int64) + 256):
        with pytest.raises(ValueError, match=r"values that uint8.*input_dtype="):
            model.predict(wrong)


def test_images_on_disk_are_read_in_pieces(path, digits, tmp_path):
    X, _ = digits
    np.save(tmp_path / "X.npy", X)
    files = ImageFiles.from_array(np.load(tmp_path / "X.npy", mmap_mode="r"))
    model = load_onnx(path)
    np.testing.assert_array_equal(model.predict_proba(files), model.predict_proba(X))


# --- threads --------------------------------------------------------------------------


def test_threads_agree_with_serial(path, digits):
    X, _ = digits
    model = load_onnx(path)
    parts = [X[i : i + 1 + i % 7] for i in range(40)]
    expected = [model.predict_proba(part) for part in parts]
    with ThreadPoolExecutor(8) as pool:
        found = [*pool.map(model.predict_proba, parts * 25)]  # 1,000 of them
    for i, probabilities in enumerate(found):
        np.testing.assert_array_equal(probabilities, expected[i % 40])


def test_neither_threads_nor_batches_change_bits(path, digits):
    X = np.concatenate([digits[0]] * 9)
    alone = load_onnx(path, n_threads=1).predict_proba(X)
    np.testing.assert_array_equal(load_onnx(path, n_threads=3).predict_proba(X), alone)
    order = np.random.default_rng(0).permutation(len(X))
    model = load_onnx(path)
    np.testing.assert_allclose(
        model.predict_proba(X[order]), alone[order], rtol=0, atol=1e-6
    )
    np.testing.assert_allclose(model.predict_proba(X[:1]), alone[:1], rtol=0, atol=1e-6)
    with pytest.raises(ValueError, match="n_threads=0 must be an integer of at least"):
        load_onnx(path, n_threads=0).predict(X)


# --- files that are not ours ----------------------------------------------------------


def refused(tmp_path, content, message):
    bad = tmp_path / "bad.onnx"
    bad.write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        load_onnx(bad)
    assert "to_onnx" in str(caught.value)
    assert os.listdir(tmp_path) == ["bad.onnx"]


def test_files_of_other_formats_are_refused(tmp_path, path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "evil"),)

    for content in (
        b"",
        b"\0" * 1000,
        pickle.dumps(Evil()),
        b"PK\3\4" + bytes(100),
        b"\x08\x00\x00\x00ORTM" + bytes(100),
        np.random.default_rng(0).bytes(10_000),
    ):
        refused(tmp_path, content, "cannot be loaded: it (is no|does not)")
    refused(tmp_path, onnx.load(path).SerializeToString()[:-100], "cannot be loaded")


def test_files_that_were_cut_off_or_changed_are_refused(tmp_path, path):
    content = path.read_bytes()
    for length in np.linspace(0, len(content) - 1, 50).astype(int):
        refused(tmp_path, content[:length], "cannot be loaded")
    rng = np.random.default_rng(0)
    for place in rng.integers(0, len(content), 200):
        changed = bytearray(content)
        changed[place] ^= 1 << int(rng.integers(8))
        refused(tmp_path, bytes(changed), "cannot be loaded")
    refused(tmp_path, content + b"\x72\x00", "cannot be loaded")


def external(path, location, as_attribute):
    """Let a weight be in another file, and make the checksum fit."""
    model = onnx.load(path)
    del model.metadata_props[-1:]
    tensor = TensorProto(name="stolen", dims=[4], data_type=TensorProto.FLOAT)
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    if as_attribute:
        node = helper.make_node("Constant", [], ["stolen"], value=tensor)
        model.graph.node.insert(0, node)
    else:
        model.graph.initializer.append(tensor)
    return sealed(model.SerializeToString())


@pytest.mark.parametrize("as_attribute", [False, True])
@pytest.mark.parametrize("location", ["../secret", "secret", "/etc/passwd"])
def test_external_data_are_refused(tmp_path, path, location, as_attribute, monkeypatch):
    folder = tmp_path / "inner"
    folder.mkdir()
    for place in (tmp_path, folder):
        np.arange(4, dtype=np.float32).tofile(place / "secret")
    monkeypatch.chdir(folder)
    (folder / "bad.onnx").write_bytes(external(path, location, as_attribute))
    with pytest.raises(ValueError, match="keeps values in another file"):
        load_onnx("bad.onnx")


def changed(path, change):
    model = onnx.load(path)
    del model.metadata_props[-1:]
    change(model, {entry.key: entry for entry in model.metadata_props})
    return sealed(model.SerializeToString())


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("format", "2", "written by a newer sklearn_cnn"),
        ("format", '"one"', "description is damaged"),
        ("classes", "3", "description is damaged"),
        ("label_type", '"O8,O8"', "description is damaged"),
        ("label_type", '"<U999999999"', "description is damaged"),
        ("task", '"regressor"', "description is damaged"),
        ("task", '"__reduce__"', "description is damaged"),
        ("input", "{}", "description is damaged"),
        ("input", "[" * 100_000, "description is damaged"),
    ],
)
def test_descriptions_that_lie_are_refused(tmp_path, path, key, value, message):
    def change(model, entries):
        entries[f"sklearn_cnn.{key}"].value = value

    refused(tmp_path, changed(path, change), message)


def test_graphs_that_lie_are_refused(tmp_path, path):
    def huge(model, entries):
        model.graph.initializer[0].dims[:] = [1 << 40, 1 << 20]

    def unknown(model, entries):
        model.graph.node[-1].op_type = "Shell"

    def no_description(model, entries):
        del model.metadata_props[:]

    for change in (huge, unknown, no_description):
        refused(tmp_path, changed(path, change), "cannot be loaded")


def test_paths_that_cannot_be_read(tmp_path):
    with pytest.raises(IsADirectoryError, match="is a directory"):
        load_onnx(tmp_path)
    with pytest.raises(FileNotFoundError):
        load_onnx(tmp_path / "missing.onnx")
    with pytest.raises(TypeError, match="must be the path of a file"):
        load_onnx(3)
