"""Files that were made to do harm: they run nothing, write nothing, and are refused."""

import io
import json
import operator
import pickle
import struct
import subprocess
import sys
import zipfile
import zlib
from functools import partial

import numpy as np
import pytest
import scipy.sparse
import skops.io
import torch
from scipy.stats import loguniform
from sklearn.datasets import load_digits
from sklearn.model_selection import RandomizedSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_cnn import CNNClassifier, load, save
from sklearn_cnn.export import _archive

X, y = load_digits(return_X_y=True)
IMAGES, y = X[:40].reshape(-1, 8, 8), y[:40] % 2


class Bomb:
    """What a pickle runs: it leaves a trace."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return open, (str(self.trace), "w")


@pytest.fixture(scope="module")
def cnn():
    return CNNClassifier(filters=(4,), max_iter=1, random_state=0).fit(IMAGES, y)


@pytest.fixture
def path(cnn, tmp_path):
    save(cnn, tmp_path / "model.cnn")
    return tmp_path / "model.cnn"


@pytest.fixture(autouse=True)
def no_trace(tmp_path):
    trace = tmp_path / "trace"
    yield trace
    assert not trace.exists(), "code of a file was run"
    assert {p.name for p in tmp_path.iterdir()} <= {"model.cnn"}


def members_of(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rewrite(path, change):
    """Change members, and let all sums and sizes be right again."""
    members = members_of(path)
    description = json.loads(members.pop("metadata.json"))
    change(members)
    with open(path, "wb") as file:
        _archive.write(file, description, members)


def rewrite_schema(path, change):
    def changed(members):
        schema = json.loads(members["schema.json"])
        change(schema)
        members["schema.json"] = json.dumps(schema).encode()

    rewrite(path, changed)


def put(path, node):
    """Give the estimator one more attribute."""

    def change(schema):
        state = schema["content"]["content"]["plain"]
        state["content"]["more"] = node
        state["key_types"]["content"].append(state["key_types"]["content"][0])

    rewrite_schema(path, change)


def refused(path, message="", **options):
    with pytest.raises(ValueError) as caught:
        load(path, **options)
    error = str(caught.value)
    assert message in error and str(path) in error
    assert len(error) < 1200


# --- pickles in every place -----------------------------------------------------


def test_a_pickle_in_place_of_the_file(path, no_trace):
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        path.write_bytes(pickle.dumps(Bomb(no_trace), protocol))
        refused(path, "a pickle" if protocol > 1 else "is not a file of sklearn_cnn")


def test_a_file_of_torch_in_place_of_the_file(path, no_trace):
    torch.save({"a": Bomb(no_trace)}, path)
    refused(path, "is a file of torch.save. Pass its path as weights=")


@pytest.mark.parametrize("name", ["schema.json", "metadata.json"])
def test_a_pickle_in_place_of_text(name, path, no_trace):
    members = members_of(path)
    members[name] = pickle.dumps(Bomb(no_trace))
    with zipfile.ZipFile(path, "w") as archive:
        for other, content in members.items():
            archive.writestr(other, content)
    refused(path, "is damaged")


@pytest.mark.parametrize("made", ["pickle", "torch", "array"])
def test_a_pickle_in_place_of_weights_and_arrays(made, path, no_trace):
    bomb, file = Bomb(no_trace), io.BytesIO()
    if made == "array":
        np.save(file, np.array([bomb], dtype=object), allow_pickle=True)
    elif made == "torch":
        torch.save([bomb], file)
    else:
        pickle.dump(bomb, file)
    for name in members_of(path):
        if not name.endswith(".json"):
            rewrite(path, lambda m, name=name: m.update({name: file.getvalue()}))
            refused(path)


def test_a_pickle_in_a_sparse_matrix(path, no_trace, cnn):
    step = FunctionTransformer(kw_args={"matrix": scipy.sparse.eye(3).tocsr()})
    save(make_pipeline(step, cnn), path)
    file = io.BytesIO()
    np.savez(file, data=np.array([Bomb(no_trace)], dtype=object), format=np.array("c"))
    rewrite(path, lambda members: members.update({"sparse-1.npz": file.getvalue()}))
    refused(path, "holds a pickle")


def test_a_bomb_in_a_sparse_matrix(path, cnn):
    step = FunctionTransformer(kw_args={"matrix": scipy.sparse.eye(3).tocsr()})
    save(make_pipeline(step, cnn), path)
    file = io.BytesIO()
    np.savez_compressed(file, data=np.zeros(10_000_000))
    rewrite(path, lambda members: members.update({"sparse-1.npz": file.getvalue()}))
    refused(path, "data.npy is compressed")


def test_bytes_are_never_unpickled(path, no_trace, cnn):
    content = pickle.dumps(Bomb(no_trace))
    save(make_pipeline(FunctionTransformer(kw_args={"b": content}), cnn), path)
    assert load(path)[0].kw_args == {"b": content}


@pytest.mark.parametrize("name", ["more.pkl", "more.bin", "data.pkl", "more.npy"])
def test_members_that_nothing_lists(name, path, no_trace):
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, pickle.dumps(Bomb(no_trace)))
    refused(path)


# --- types that run code when they are made -------------------------------------


def object_of(module, name, loader="ObjectNode", **more):
    return {"__module__": module, "__class__": name, "__loader__": loader, **more}


TEXT = {"__module__": "builtins", "__class__": "str", "__loader__": "JsonNode"}


def arguments(*values):
    content = [{**TEXT, "content": json.dumps(v), "is_json": True} for v in values]
    return object_of("builtins", "tuple", "TupleNode", content=content)


CALLED = "ConstructorFromReduceNode"
NODES = {
    "os.system": object_of("os", "system", "FunctionNode"),
    "builtins.eval": object_of("builtins", "eval", "TypeNode"),
    "subprocess.Popen": object_of(
        "subprocess", "Popen", CALLED, content=arguments("touch trace")
    ),
    # names of this library that are not types of its models
    "import_module": object_of(
        "sklearn_cnn.utils._lazy", "import_module", CALLED, content=arguments("this")
    ),
    "ImageFiles": object_of(
        "sklearn_cnn.images.files", "ImageFiles", CALLED, content=arguments(["/a"])
    ),
    "partial": object_of("sklearn_cnn.training.optimizers", "partial", "TypeNode"),
    # its types, and scikit-learn's, when they are called
    "CNNClassifier": object_of(
        "sklearn_cnn.estimators.classifier",
        "CNNClassifier",
        CALLED,
        content=arguments(),
    ),
    "sklearn.svm._classes.SVC": object_of(
        "sklearn.svm._classes", "SVC", CALLED, content=arguments()
    ),
    "sklearn.utils._bunch.Bunch": object_of(
        "sklearn.utils._bunch", "Bunch", CALLED, content=arguments()
    ),
    "fetch_openml": object_of(
        "sklearn.datasets._openml", "fetch_openml", CALLED, content=arguments("mnist")
    ),
    "accuracy_score": object_of(
        "sklearn.metrics._classification",
        "accuracy_score",
        CALLED,
        content=arguments([1], [1]),
    ),
    "Pipeline.fit": object_of(
        "sklearn.pipeline",
        "Pipeline",
        "MethodNode",
        content={"func": "fit", "obj": object_of("sklearn.pipeline", "Pipeline")},
    ),
    "operator.methodcaller": object_of(
        "operator", "methodcaller", "OperatorFuncNode", attrs=arguments("system", "ls")
    ),
    "numpy.random.seed": object_of(
        "numpy.random._generator",
        "Generator",
        "RandomGeneratorNode",
        content={
            "bit_generator": object_of(
                "builtins",
                "dict",
                "DictNode",
                key_types=object_of("builtins", "list", "ListNode", content=[]),
                content={"bit_generator": {**TEXT, "content": '"seed"'}},
            ),
            "seed_seq": arguments(),
        },
    ),
}


@pytest.mark.parametrize("name", NODES)
def test_types_that_could_run_code(name, path, monkeypatch, no_trace):
    monkeypatch.chdir(path.parent)
    put(path, NODES[name])
    refused(path, name)
    assert "this" not in sys.modules


def test_distributions_of_scipy_execute_their_state(path, no_trace):
    search = RandomizedSearchCV(
        CNNClassifier(max_iter=1), {"tol": loguniform(1e-5, 1e-3)}, n_iter=1, cv=2
    ).fit(IMAGES, y)
    save(search, path)

    def change(schema):
        for node in _archive.nodes(schema):
            content = node.get("content")
            if isinstance(content, str) and "def _parse_args" in content:
                text = json.loads(content)
                node["content"] = json.dumps(f"open({str(no_trace)!r}, 'w')\n{text}")

    rewrite_schema(path, change)
    refused(path, "scipy.stats")
    save(search.best_estimator_, path)
    load(path)


def test_what_is_trusted_is_trusted_by_name_alone(path):
    put(path, NODES["os.system"])
    refused(path, "'os.system'", trusted=["os.popen", "sklearn_cnn"])
    assert load(path, trusted=["os.system"]).more is __import__("os").system


def test_old_protocols_of_skops_are_no_way_round(path, no_trace):
    node = object_of("builtins", "str", "FunctionNode")
    node["content"] = {"module_path": "os", "function": "system"}
    put(path, node)
    for protocol in (0, 1, -1, 99, "2"):
        rewrite_schema(path, lambda schema, p=protocol: schema.update(protocol=p))
        refused(path)


def test_what_is_trusted_as_a_value_is_not_called(path):
    scores = object_of("sklearn.metrics.pairwise", "pairwise_distances", "FunctionNode")
    given = {
        "func": scores,
        "args": arguments([[1]]),
        "kwds": {**TEXT, "content": "{}"},
    }
    given["namespace"] = {**TEXT, "content": "null"}
    for architecture in (
        object_of("numpy", "exp", "FunctionNode"),
        object_of("builtins", "list", "TypeNode"),
        scores,
        object_of("functools", "partial", "PartialNode", content=given),
        object_of("sklearn.svm._classes", "SVC"),
        {**TEXT, "content": "3"},
    ):
        before = path.read_bytes()

        def change(schema, architecture=architecture):
            for node in _archive.nodes(schema):
                if node["__class__"] == "Blueprint":
                    state = node["content"]["content"]["plain"]["content"]
                    state["architecture"] = architecture

        rewrite_schema(path, change)
        refused(path, "builds no network")
        path.write_bytes(before)


def test_a_module_that_is_none_of_torch(path):
    """What a module is made of is named by strings, which skops does not audit."""
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 2))
    save(CNNClassifier(module, max_iter=1).fit(IMAGES, y), path)
    load(path)
    for found, other in (
        ("torch.nn.modules.linear.Linear", "os.system"),
        ("torch.nn.modules.linear.Linear", "torch.nn.modules.linear.math"),
        ("torch.nn.modules.linear.Linear", "torch.nn.modules.this.Linear"),
    ):
        content = members_of(path)["schema.json"].replace(
            found.encode(), other.encode()
        )
        changed = path.with_name("model.cnn")
        before = changed.read_bytes()
        rewrite(changed, lambda m, c=content: m.update({"schema.json": c}))
        refused(changed)
        changed.write_bytes(before)


def test_no_weights_are_downloaded_for_a_file(path, monkeypatch):
    images = np.zeros((4, 32, 32, 3))
    cnn = CNNClassifier("torchvision:resnet18", max_iter=1).fit(images, [0, 1, 0, 1])
    save(cnn, path)

    def download(*args, **kwargs):
        raise AssertionError("a file made us download")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", download)

    def change(schema):
        for node in _archive.nodes(schema):
            if node["__class__"] == "Blueprint":
                state = node["content"]["content"]["plain"]["content"]
                state["weights"] = {**TEXT, "content": '"DEFAULT"', "is_json": True}

    rewrite_schema(path, change)
    np.testing.assert_array_equal(
        load(path).predict_proba(images), cnn.predict_proba(images)
    )


# --- archives that lie ----------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["../evil.npy", "/tmp/evil.npy", "a/b.npy", "..\\evil.npy", "C:evil.npy"]
)
def test_names_that_are_paths(name, path):
    rewrite(path, lambda members: members.update({name: b"evil"}))
    refused(path, "has a member")


def test_the_same_name_twice(path):
    with pytest.warns(UserWarning, match="Duplicate name"):
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("schema.json", "{}")
    refused(path, "occur twice")


def test_a_bomb_of_text(path):
    members = members_of(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("metadata.json", members["metadata.json"])
        archive.writestr("schema.json", b" " * 100_000_000)
    assert path.stat().st_size < 200_000
    refused(path, "schema.json is larger than it can be")


def test_a_bomb_of_weights(path):
    members = members_of(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("metadata.json", members["metadata.json"])
        archive.writestr("schema.json", members["schema.json"])
        archive.writestr("weights-1.safetensors", bytes(100_000_000))
    refused(path, "weights-1.safetensors is compressed")


def test_text_that_is_nested_without_end(path):
    rewrite(path, lambda m: m.update({"schema.json": b"[" * 200_000 + b"]" * 200_000}))
    refused(path)
    deep = {**TEXT, "content": "[" * 100_000 + "]" * 100_000}
    rewrite(path, lambda m: m.update({"schema.json": json.dumps(deep).encode()}))
    refused(path)


def test_sizes_of_the_directory(path):
    content = bytearray(path.read_bytes())
    at = content.index(b"PK\x01\x02", content.index(b"weights-1"))
    while b"weights-1" not in content[at : at + 80]:
        at = content.index(b"PK\x01\x02", at + 1)
    size = struct.unpack_from("<I", content, at + 24)[0]
    for other in (0, 1, size - 1, size + 1, 1 << 30, (1 << 32) - 1):
        struct.pack_into("<I", content, at + 24, other)
        path.write_bytes(content)
        refused(path, "is damaged")


def test_something_before_or_behind_the_archive(path, no_trace):
    content = path.read_bytes()
    path.write_bytes(pickle.dumps(Bomb(no_trace)) + content)
    refused(path, "a pickle")
    path.write_bytes(b"#!/bin/sh\n" + content)
    refused(path, "is not a file of sklearn_cnn.save")
    path.write_bytes(content + b"more")
    refused(path)


# --- weights and arrays that lie ------------------------------------------------


def with_header(path, header, length=None):
    def change(members):
        content = members["weights-1.safetensors"]
        n = struct.unpack("<Q", content[:8])[0]
        text = json.dumps(header(json.loads(content[8 : 8 + n]))).encode()
        size = struct.pack("<Q", len(text) if length is None else length)
        members["weights-1.safetensors"] = size + text + content[8 + n :]

    rewrite(path, change)


@pytest.mark.parametrize("length", [0, 1, 7, 1 << 20, 1 << 40, (1 << 64) - 1])
def test_lengths_of_headers(length, path):
    with_header(path, lambda header: header, length)
    refused(path)


def test_tensors_outside_of_the_file(path):
    for change in (
        {"data_offsets": [0, 1 << 40]},
        {"data_offsets": [1 << 40, (1 << 40) + 4]},
        {"data_offsets": [-8, 0]},
        {"shape": [1 << 40]},
        {"shape": [-1]},
        {"dtype": "F64"},
        {"dtype": "PICKLE"},
    ):
        before = path.read_bytes()
        with_header(
            path,
            lambda h, c=change: {
                **h,
                "head.output.bias": {**h["head.output.bias"], **c},
            },
        )
        refused(path)
        path.write_bytes(before)


def test_weights_of_another_network(path, cnn):
    with_header(path, lambda h: {k.replace("stage1", "other"): h[k] for k in h})
    refused(path, "cannot be loaded")


def test_networks_of_a_size_that_no_file_has(path):
    def change(schema):
        for node in _archive.nodes(schema):
            if node["__class__"] == "Blueprint":
                state = node["content"]["content"]["plain"]["content"]
                state["data"]["content"][2]["content"] = str(10**11)

    rewrite_schema(path, change)
    refused(path)
    text = members_of(path)["schema.json"].replace(
        b'"content": "true"', b'"content": "false"'
    )
    rewrite(path, lambda m: m.update({"schema.json": text}))
    refused(path)


def test_arrays_of_sizes_that_are_not_there(path):
    def array(shape, descr="'<i8'"):
        header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}"
        text = header.encode() + b"\n"
        return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text

    for content in (
        array((1 << 40,)),
        array((1 << 62, 1 << 62)),
        array((-1,)),
        array("(2,", "'<i8'"),
        array((1,), "'|O'"),
        array((1,), "[('a', '|O')]"),
        array((1,), "__import__('os').system('touch trace')"),
        b"",
        b"\x93NUMPY\x09\x00",
    ):
        rewrite(path, lambda m, c=content: m.update({"array-1.npy": c}))
        refused(path)


# --- damage ---------------------------------------------------------------------


def test_every_length_that_a_broken_copy_may_have(path):
    content = path.read_bytes()
    for length in [*range(64), *range(64, len(content), 97), len(content) - 1]:
        path.write_bytes(content[:length])
        refused(path)


def test_every_byte_counts_or_is_noticed(path, cnn):
    content, expected = path.read_bytes(), cnn.predict_proba(IMAGES)
    rng = np.random.default_rng(0)
    noticed = 0
    for at in rng.choice(len(content), 400, replace=False):
        changed = bytearray(content)
        changed[at] ^= 1 << rng.integers(8)
        path.write_bytes(changed)
        try:
            loaded = load(path)
        except ValueError:
            noticed += 1
        else:  # a date, or a flag that nobody reads
            np.testing.assert_array_equal(loaded.predict_proba(IMAGES), expected)
    assert noticed > 350


def test_tampered_weights_with_the_sum_of_zip(path):
    members = members_of(path)
    content = bytearray(members["weights-1.safetensors"])
    content[-1] ^= 1
    members["weights-1.safetensors"] = bytes(content)
    with zipfile.ZipFile(path, "w") as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    refused(path, "the checksum of weights-1.safetensors is another")


# --- other formats and versions -------------------------------------------------


def test_newer_versions_and_other_formats(path, cnn):
    members = members_of(path)
    description = json.loads(members["metadata.json"])

    def changed(**changes):
        with zipfile.ZipFile(path, "w") as archive:
            text = json.dumps({**description, **changes})
            archive.writestr("metadata.json", text)
            for name in members.keys() - {"metadata.json"}:
                archive.writestr(name, members[name])

    changed(format_version=2, versions={"sklearn_cnn": "9.1"})
    refused(path, "Upgrade sklearn_cnn; the file was written by '9.1'")
    changed(format="other")
    refused(path, "is an archive of another kind")
    for version in ("1", None, 0, 1.0, True):
        changed(format_version=version)
        refused(path, "is damaged")
    skops.io.dump(cnn, path)
    refused(path, "is a file of skops.io.dump. Load it by skops.io.load")
    for content in (
        b"",
        b"PK",
        b"PK\x05\x06" + bytes(18),
        b"\x08\x07onnx",
        zlib.compress(b"a"),
    ):
        path.write_bytes(content)
        refused(path, "is not a file of sklearn_cnn.save")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "a")
    refused(path, "is an archive of another kind")


def test_what_a_file_may_hold_besides_networks(path, cnn):
    """Harmless things of the standard library and of NumPy need no trust."""
    held = {
        "partial": partial(np.add, 1),
        "dtype": np.dtype("<f4"),
        "random": np.random.default_rng(0),
        "slice": slice(1, 2),
        "set": {1, 2},
    }
    save(make_pipeline(FunctionTransformer(kw_args=held), cnn), path)
    loaded = load(path)[0].kw_args
    assert loaded["dtype"] == held["dtype"] and loaded["set"] == {1, 2}
    assert loaded["partial"](2) == 3
    getter = FunctionTransformer(kw_args={"get": operator.itemgetter(1)})
    save(make_pipeline(getter, cnn), path)
    refused(path, "operator.itemgetter")


def test_files_are_loaded_in_a_process_that_may_do_nothing(path):
    """Neither does a load write anywhere, nor does it start anything."""
    code = """
import os, socket, subprocess, sys
import numpy as np, sklearn_cnn, skops.io, sklearn_cnn.estimators, torch
sklearn_cnn.load(sys.argv[1]).predict(np.zeros((1, 8, 8)))  # imports what it needs
seen = []
watched = ("subprocess.", "os.system", "os.exec", "os.fork", "socket.", "os.remove",
           "os.rename", "os.mkdir", "shutil.", "pickle.", "exec")
def hook(event, arguments):
    if event == "open" and arguments[1] not in ("r", "rb", None):
        seen.append((event, arguments))
    if event.startswith(watched):
        seen.append((event, arguments))
sys.addaudithook(hook)
sklearn_cnn.load(sys.argv[1]).predict(np.zeros((1, 8, 8)))
sys.exit(f"{seen}" if seen else 0)
"""
    subprocess.run([sys.executable, "-c", code, path], check=True)
