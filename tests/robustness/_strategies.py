"""Strategies of generated input: programs, as text that anybody can paste and run."""

import inspect

from _values import (
    CONTAINERS,
    DTYPES,
    FILLS,
    JUNK,
    LABELS,
    LAYOUTS,
    NOT_IMAGES,
    OWN_ALONE,
    SHAPES,
    TORCH_DTYPES,
    VALUES,
    WEIGHTS,
)
from hypothesis import strategies as st

import sklearn_cnn
from sklearn_cnn import augmentation, transforms

#: Run before every program, in a folder of its own.
PRELUDE = """
import collections, datetime, decimal, fractions, pathlib
import numpy as np, pandas as pd, scipy.sparse as sp, torch, torchvision
from PIL import Image
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn_cnn import CNNClassifier, CNNFeatures, CNNRegressor
from sklearn_cnn.augmentation import *
from sklearn_cnn.images import ImageFiles, image_folder
from sklearn_cnn.transforms import *

rng = np.random.default_rng(0)

def objects(values):
    found = np.empty(len(values), object)
    found[:] = list(values)
    return found

def read_only(array):
    array.flags.writeable = False
    return array

def with_one(array, value):
    array = np.array(array)
    array.flat[array.size // 2 : array.size // 2 + 1] = value
    return array

def mapped(array):
    array = np.asarray(array)
    found = np.memmap("mapped", array.dtype, "w+", shape=array.shape)
    found[...] = array
    return found

def files(array):
    paths = [f"{i}.png" for i in range(len(array))]
    for path, image in zip(paths, np.asarray(array)):
        Image.fromarray((image % 200).astype("uint8")).save(path)
    return paths
"""

GOOD_X, GOOD_Y = "rng.normal(size=(8, 6, 6))", "np.arange(8) % 2"


def _text(*parts):
    return st.sampled_from([text for part in parts for text in part])


def _value(name):
    own = VALUES.get(name, "None").split("|")
    return _text(own) if name in OWN_ALONE else _text(own) | _text(own) | _text(JUNK)


@st.composite
def arguments(draw, function, most=2, leave_out=()):
    """Keywords of a call, some with other values than their defaults."""
    names = [
        parameter.name
        for parameter in inspect.signature(function).parameters.values()
        if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
        and parameter.name not in ("self", *leave_out)
    ]
    needed = [
        name
        for name, parameter in inspect.signature(function).parameters.items()
        if name in names and parameter.default is parameter.empty
    ]
    others = (
        st.lists(_text(names), max_size=most, unique=True) if names else st.just([])
    )
    chosen = dict.fromkeys([*needed, *draw(others)])
    return {name: draw(_value(name)) for name in chosen}


def call(name, keywords):
    """Write a call."""
    return f"{name}({', '.join(f'{k}={v}' for k, v in keywords.items())})"


@st.composite
def _arrays(draw):
    shape = draw(
        _text(SHAPES)
        | _text(SHAPES)
        | st.lists(_integers, max_size=6).map(lambda sizes: f"({sizes})")
    )
    text = draw(_text(FILLS[:4]) | _text(FILLS)).format(shape)
    kind = draw(st.integers(0, 3))
    if kind == 1:
        text = f"{text}.astype({draw(_text(DTYPES))!r})"
    if kind == 2:
        dtype = draw(_text(TORCH_DTYPES))
        return f"torch.as_tensor({text}).to(torch.{dtype})"
    if kind == 3:
        text = draw(_text(LAYOUTS)).format(text)
    container = draw(st.just("{}") | _text(CONTAINERS))
    return container.format(*[text] * container.count("{}"))


_integers = _text([0, 1, 2, 3, 8, 8])
images = st.just(GOOD_X) | _arrays() | _arrays() | _text(NOT_IMAGES)
labels = st.just(GOOD_Y) | st.just(GOOD_Y) | _text(LABELS)
weights = _text(WEIGHTS)
NETWORKS = ("CNNClassifier", "CNNRegressor")


@st.composite
def estimators(draw, most=2):
    """An estimator that is small, but for what is drawn."""
    name = draw(_text(NETWORKS))
    base = {"filters": "(2,)", "max_iter": "1", "random_state": "0", "device": "'cpu'"}
    drawn = draw(arguments(getattr(sklearn_cnn, name), most))
    if not {"architecture"}.isdisjoint(drawn):
        base.pop("filters")
    return call(name, {**base, **drawn})


@st.composite
def fits(draw):
    """Parameters, or data, that are drawn, in one fit."""
    of_data = draw(st.booleans())
    est = draw(estimators(most=1 if of_data else 3))
    X, y = (draw(images), draw(labels)) if of_data else (GOOD_X, GOOD_Y)
    if not of_data and "input_shape" in est:
        X = "rng.normal(size=(8, 36))"
    keywords = {"sample_weight": draw(weights)}
    if draw(st.integers(0, 3)) == 0:
        keywords |= {"X_val": draw(images), "y_val": draw(labels)}
        keywords |= {"sample_weight_val": draw(weights)}
    given = {k: v for k, v in keywords.items() if v != "None"}
    partial = draw(st.integers(0, 4)) == 0 and "X_val" not in given
    if partial and "Classifier" in est:
        given["classes"] = draw(st.just("[0, 1]") | labels)
    return [
        f"est = {est}",
        f"X, y = {X}, {y}",
        *(f"{name} = {value}" for name, value in given.items()),
        call(
            "est.partial_fit" if partial else "est.fit",
            {name: name for name in ("X", "y", *given)},
        ),
    ]


@st.composite
def predictions(draw):
    """Images of any kind, to one that was fitted."""
    shape = draw(_text(SHAPES))
    name = draw(_text(NETWORKS))
    methods = ["predict", "predict_proba"] if name == "CNNClassifier" else ["predict"]
    X = draw(images) if draw(st.booleans()) else f"rng.normal(size={shape})"
    return [
        f"est = {name}(filters=(2,), max_iter=1, random_state=0)",
        f"est.fit(rng.normal(size={shape}), np.arange(8) % 2)",
        f"X = {X}",
        f"est.{draw(_text(methods))}(X)",
    ]


@st.composite
def continuations(draw):
    """A second fit, after parameters have changed, or a clone."""
    name = draw(_text(NETWORKS))
    changed = draw(arguments(getattr(sklearn_cnn, name), 2, ("max_iter",)))
    of_data = draw(st.booleans())
    X, y = (draw(images), draw(labels)) if of_data else (GOOD_X, GOOD_Y)
    act = draw(
        _text(["est.fit(X, y)", "est.partial_fit(X, y)", "clone(est).fit(X, y)"])
    )
    sets = draw(
        st.just(call("est.set_params", changed))
        | _text(["a", "filters__a", "augmentation__p", "architecture__n", ""]).map(
            lambda key: f"est.set_params(**{{{key!r}: 1}})"
        )
    )
    return [
        f"est = {name}(filters=(2,), max_iter=1, random_state=0, warm_start=True)",
        f"est.fit({GOOD_X}, {GOOD_Y})",
        f"X, y = {X}, {y}",
        sets,
        act,
    ]


@st.composite
def features(draw):
    """CNNFeatures, fitted or not."""
    keywords = draw(arguments(sklearn_cnn.CNNFeatures, 2))
    base = {} if "estimator" in keywords else {"filters": "(2,)", "random_state": "0"}
    return [
        f"X, y = {draw(images)}, {GOOD_Y}",
        f"fitted = CNNClassifier(filters=(2,), max_iter=1).fit({GOOD_X}, {GOOD_Y})",
        f"est = {call('CNNFeatures', {**base, **keywords})}",
        "est.fit(X, y)",
        *draw(st.just([]) | images.map(lambda other: [f"X = {other}"])),
        "est.transform(X)",
    ]


@st.composite
def steps(draw):
    """A transform: fitted, applied, undone."""
    name = draw(_text(transforms.__all__))
    keywords = draw(arguments(getattr(transforms, name), 2, ("args", "kwargs")))
    X = draw(images)
    if name == "ImageReader":
        reads = f"files(rng.integers(0, 255, size={draw(_text(SHAPES[:5]))}))"
        X = draw(st.just(reads) | images)
    if name == "HOGDescriptor" and "pixels_per_cell" not in keywords:
        keywords |= {"pixels_per_cell": "1", "cells_per_block": "2"}
    if name == "PatchKMeans" and "n_clusters" not in keywords:
        keywords |= {"n_clusters": "3"}
    acts = [
        ["est.fit_transform(X)"],
        ["est.transform(X)"],
        [f"est.fit({GOOD_X})", "est.transform(X)"],
        ["est.fit(X)", f"X = {draw(images)}", "est.transform(X)"],
    ]
    if hasattr(getattr(transforms, name), "inverse_transform"):
        acts.append(["est.fit(X)", "est.inverse_transform(est.transform(X))"])
        other = f"X = {draw(images)}"
        acts.append(["est.fit(X)", other, "est.inverse_transform(X)"])
    if name == "ChannelScaler":
        fit = "est.partial_fit(X, sample_weight=weight)"
        acts.append([f"weight = {draw(weights)}", fit, "est.transform(X)"])
    return [f"est = {call(name, keywords)}", f"X = {X}", *draw(st.sampled_from(acts))]


@st.composite
def augmentations(draw):
    """An augmentation, called on a batch or used in a training."""
    names = [n for n in augmentation.__all__ if n not in ("Augmentation", "Mixing")]
    name = draw(_text(names))
    made = call(name, draw(arguments(getattr(augmentation, name), 2)))
    if draw(st.integers(0, 2)) == 0:
        est = f"CNNClassifier(filters=(2,), max_iter=1, augmentation={made})"
        return [f"est = {est}", f"X, y = {draw(images)}, {GOOD_Y}", "est.fit(X, y)"]
    shape = draw(
        _text(
            [
                "(8, 1, 6, 6)",
                "(8, 3, 6, 6)",
                "(8, 2, 9)",
                "(8, 1, 4, 4, 4)",
                "(1, 1, 1, 1)",
            ]
        )
        | st.lists(_integers, max_size=6).map(lambda sizes: f"({sizes})")
    )
    fill = draw(_text(FILLS[:6])).format(shape)
    X = f"torch.as_tensor({fill}).to(torch.{draw(_text(TORCH_DTYPES))})"
    X = draw(st.just(X) | st.just(X) | st.just(X) | images)
    return [f"est = {made}", f"X = {X}", "est(X, torch.Generator().manual_seed(0))"]


@st.composite
def image_files(draw):
    """Files, or a folder, read."""
    array = f"rng.integers(0, 255, size={draw(_text(SHAPES[:5]))})"
    if draw(st.booleans()):
        keywords = draw(arguments(sklearn_cnn.images.ImageFiles, 2, ("paths",)))
        paths = draw(st.just(f"files({array})") | images)
        rows = draw(st.just("[:]") | _text(JUNK).map("[{}]".format))
        return [
            f"X = {paths}",
            f"np.asarray({call('ImageFiles', {'paths': 'X', **keywords})}{rows})",
        ]
    keywords = draw(
        arguments(sklearn_cnn.images.image_folder, 2, ("path", "follow_links"))
    )
    path = draw(
        _text(["'.'", "'classes'", "pathlib.Path('classes')", "'missing'"]) | _value("")
    )
    return [
        "pathlib.Path('classes/a').mkdir(parents=True)",
        f"pathlib.Path(files({array})[0]).rename('classes/a/0.png')",
        f"X = {path}",
        call("image_folder", {"path": "X", **keywords}) + "[0][:]",
    ]


KINDS = {
    "fit": fits(),
    "predict": predictions(),
    "go on": continuations(),
    "features": features(),
    "transform": steps(),
    "augment": augmentations(),
    "files": image_files(),
}
#: How often each kind is drawn.
_SHARES = {"fit": 5, "predict": 2, "go on": 2, "transform": 3, "augment": 2}
programs = st.sampled_from(
    [kind for kind in KINDS for _ in range(_SHARES.get(kind, 1))]
).flatmap(lambda kind: KINDS[kind].map(lambda lines: (kind, tuple(lines))))
