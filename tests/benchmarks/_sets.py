"""The data sets that defaults are chosen on (meta-train), and reported on (meta-test).

Every set is made from a seed: other rows, and for some other images, each time. What
meta-test holds is official splits, other sizes, and rows that no set of meta-train has.
"""

from collections.abc import Callable
from functools import cache, partial
from typing import NamedTuple

import numpy as np
from _data import mnist
from scipy.ndimage import gaussian_filter, rotate
from sklearn.datasets import load_digits, load_sample_images
from sklearn.model_selection import StratifiedKFold, train_test_split

#: Rows that the training part of MNIST gives to meta-train; the rest is for others.
_MNIST_ROWS = 40_000


class Split(NamedTuple):
    """A data set, divided."""

    X_train: np.ndarray
    X_test: np.ndarray
    y_train: np.ndarray
    y_test: np.ndarray


class DataSet(NamedTuple):
    """How a data set is made, and what it is: a task on images, volumes or series."""

    split: Callable[[int], Split]
    kind: str = "images"
    task: str = "classification"


def divided(X, y, n_train, n_test, seed):
    """Draw rows to train and to test on, stratified."""
    return Split(
        *train_test_split(
            X, y, train_size=n_train, test_size=n_test, stratify=y, random_state=seed
        )
    )


# --- images ---------------------------------------------------------------------------


def digits(n_train, seed):
    """The 8x8 digits, all the other rows to test."""
    X, y = load_digits(return_X_y=True)
    return divided(X.reshape(-1, 8, 8), y, n_train, None, seed)


def digits_of_others(start, seed):
    """450 rows to train, the next 150, of other writers, to test."""
    X, y = load_digits(return_X_y=True)
    start, X = start + 100 * seed, X.reshape(-1, 8, 8)
    train, test = slice(start, start + 450), slice(start + 450, start + 600)
    return Split(X[train], X[test], y[train], y[test])


def digits_first(seed):
    """Rows 0 to 449 to train, the next 150 to test, whatever the seed."""
    return digits_of_others(-100 * seed, seed)


def digits_fold(seed):
    """One of five folds."""
    X, y = load_digits(return_X_y=True)
    folds = StratifiedKFold(5, shuffle=True, random_state=0).split(X, y)
    train, test = list(folds)[seed % 5]
    X = X.reshape(-1, 8, 8)
    return Split(X[train], X[test], y[train], y[test])


def mnist_rows(file, n_train, seed):
    """Rows of MNIST's training part, and 5,000 others of it to test."""
    X, _, y, _ = mnist(file)
    return divided(X[:_MNIST_ROWS], y[:_MNIST_ROWS], n_train, 5_000, seed)


def mnist_official(file, n_train, seed):
    """Rows of the end of MNIST's training part, and its test part."""
    X, X_test, y, y_test = mnist(file)
    if n_train == len(X):
        return Split(X, X_test, y, y_test)
    rest = slice(_MNIST_ROWS, None)
    X, _, y, _ = divided(X[rest], y[rest], n_train, 5_000, seed)
    return Split(X, X_test, y, y_test)


@cache
def _pictures(file):
    data = np.load(file)
    return tuple(data[name] for name in ("X_train", "X_test", "y_train", "y_test"))


def clip_art(file, n_train, seed):
    """Pictures of the training part, and 315 others of it to test."""
    X, _, y, _ = _pictures(file)
    return divided(X, y, n_train, 315, seed)


def clip_art_official(file, seed):
    """The training part and the test part, whatever the seed."""
    return Split(*_pictures(file))


def textures(size, n_train, colour, seed):
    """Squares from the left halves of two photographs; from the right ones to test.

    Of grey squares neither the brightness nor the contrast tells anything.
    """
    rng = np.random.default_rng(seed)
    parts = []
    for right, n in ((False, n_train // 2), (True, 250)):
        images, labels = [], []
        for label, photo in enumerate(load_sample_images().images):
            half = photo.shape[1] // 2
            side = photo[:, half:] if right else photo[:, :half]
            for _ in range(n):
                top = rng.integers(side.shape[0] - size + 1)
                left = rng.integers(side.shape[1] - size + 1)
                images.append(side[top : top + size, left : left + size])
                labels.append(label)
        parts.append((np.array(images), np.array(labels)))
    (X, y), (X_test, y_test) = parts
    if not colour:
        X, X_test = map(_standardized, (X, X_test))
    return Split(X, X_test, y, y_test)


def _standardized(images):
    grey = images.mean(axis=-1)
    grey -= grey.mean(axis=(1, 2), keepdims=True)
    return grey / grey.std(axis=(1, 2), keepdims=True)


def volumes(n_train, seed):
    """Digits as solid bodies of 12x12x12: of random thickness, at a random depth."""
    X, _, y, _ = digits(n_train + 600, seed)
    rng = np.random.default_rng(seed)
    bodies = np.zeros((len(X), 12, 12, 12), dtype=np.float32)
    for body, image in zip(bodies, X, strict=True):
        top, left, depth = rng.integers(5, size=3)
        thickness = rng.integers(3, 8)
        body[depth : depth + thickness, top : top + 8, left : left + 8] = image
    bodies += rng.normal(scale=4, size=bodies.shape)
    return divided(bodies, y, n_train, 600, seed)


# --- images to numbers ----------------------------------------------------------------


def changed(make, low, high, change, seed):
    """Change each image by a random number, which is the target."""
    X, X_test, _, _ = make(seed)
    rng = np.random.default_rng(seed)
    parts = []
    for images in (X, X_test[:1_000]):
        y = rng.uniform(low, high, size=len(images))
        pairs = zip(images.astype(float), y, strict=True)
        parts.append((np.array([change(*p) for p in pairs], dtype=np.float32), y))
    (X, y), (X_test, y_test) = parts
    return Split(X, X_test, y, y_test)


def angles(make, seed):
    """By how many degrees, from -45 to 45, each image is turned."""
    turn = partial(rotate, reshape=False, order=1)
    return changed(make, -45, 45, turn, seed)


def blurs(make, seed):
    """By how many pixels, from 0 to 2, each grey image is blurred."""
    return changed(make, 0, 2, gaussian_filter, seed)


# --- series ---------------------------------------------------------------------------


@cache
def _problem(file, name):
    data = np.load(file)
    parts = ("X_train", "X_test", "y_train", "y_test")
    return tuple(data[f"{name}_{part}"] for part in parts)


def series_official(file, name, seed):
    """The official split, whatever the seed."""
    X, X_test, y, y_test = _problem(file, name)
    return Split(X[..., 0], X_test[..., 0], y, y_test)


def series_half(file, name, length, seed):
    """One half of the official training rows to train, resampled, the other to test."""
    X, _, y, _ = _problem(file, name)
    return divided(resampled(X[..., 0], length), y, 0.5, None, seed)


def resampled(X, length):
    """Read each series at so many equally distant places."""
    old, new = np.linspace(0, 1, X.shape[1]), np.linspace(0, 1, length)
    return np.stack([np.interp(new, old, x) for x in X]).astype(np.float32)


def stretches(file, name, seed):
    """By which factor, from 0.5 to 1, each series was stretched; its end is noise."""
    X, X_test, _, _ = _problem(file, name)
    rng = np.random.default_rng(seed)
    parts = []
    for rows in (X, X_test):
        y = rng.uniform(0.5, 1, size=len(rows))
        n = rows.shape[1]
        made = rng.normal(scale=0.1, size=(len(rows), n)).astype(np.float32)
        for row, source, factor in zip(made, rows[..., 0], y, strict=True):
            part = resampled(source[None], int(factor * n))[0]
            row[: len(part)] += part
        parts.append((made, y))
    (X, y), (X_test, y_test) = parts
    return Split(X, X_test, y, y_test)


# --- all of them ----------------------------------------------------------------------


def meta_train(mnist_file, clip_art_file, ucr_file):
    """The sets that defaults are chosen on, by their names."""
    some = partial(mnist_rows, mnist_file)
    regression = {"task": "regression"}
    sets = {
        "digits, 200": DataSet(partial(digits, 200)),
        "digits, 900": DataSet(partial(digits, 900)),
        "digits, 450, other writers": DataSet(partial(digits_of_others, 600)),
        "MNIST, 300": DataSet(partial(some, 300)),
        "MNIST, 1,000": DataSet(partial(some, 1_000)),
        "MNIST, 5,000": DataSet(partial(some, 5_000)),
        "textures, 24x24, 200": DataSet(partial(textures, 24, 200, False)),
        "textures, 32x32x3, 600": DataSet(partial(textures, 32, 600, True)),
        "volumes, 12x12x12, 600": DataSet(partial(volumes, 600), "volumes"),
        "angle of digits, 900": DataSet(
            partial(angles, partial(digits, 900)), **regression
        ),
        "angle of MNIST, 1,000": DataSet(
            partial(angles, partial(some, 1_000)), **regression
        ),
        "blur of textures, 400": DataSet(
            partial(blurs, partial(textures, 24, 400, False)), **regression
        ),
    }
    if clip_art_file:
        pictures = partial(clip_art, clip_art_file)
        sets["clip art, 300"] = DataSet(partial(pictures, 300))
        sets["clip art, 945"] = DataSet(partial(pictures, 945))
    if ucr_file:
        half = partial(series_half, ucr_file)
        for name, length in (
            ("OSULeaf", 200),
            ("OSULeaf", 427),
            ("Trace", 100),
            ("ItalyPowerDemand", 96),
            ("GunPoint", 300),
        ):
            key = f"half of {name}, {length} steps"
            sets[key] = DataSet(partial(half, name, length), "series")
        sets["stretch of OSULeaf"] = DataSet(
            partial(stretches, ucr_file, "OSULeaf"), "series", "regression"
        )
    return sets


def meta_test(mnist_file, clip_art_file, ucr_file):
    """The sets that defaults are reported on, by their names."""
    official = partial(mnist_official, mnist_file)
    regression = {"task": "regression"}
    sets = {
        "digits, rows 0-449 -> 450-599": DataSet(digits_first),
        "digits, 5 folds": DataSet(digits_fold),
        "digits, 100": DataSet(partial(digits, 100)),
        "MNIST, 500": DataSet(partial(official, 500)),
        "MNIST, 1,000, official test": DataSet(partial(official, 1_000)),
        "MNIST, 10,000": DataSet(partial(official, 10_000)),
        "textures, 16x16, 400": DataSet(partial(textures, 16, 400, False)),
        "textures, 48x48x3, 200": DataSet(partial(textures, 48, 200, True)),
        "volumes, 12x12x12, 1,000": DataSet(partial(volumes, 1_000), "volumes"),
        "angle of digits, 300": DataSet(
            partial(angles, partial(digits, 300)), **regression
        ),
        "angle of MNIST, 3,000": DataSet(
            partial(angles, partial(official, 3_000)), **regression
        ),
        "blur of MNIST, 1,000": DataSet(
            partial(blurs, partial(official, 1_000)), **regression
        ),
    }
    if clip_art_file:
        sets["clip art"] = DataSet(partial(clip_art_official, clip_art_file))
    if ucr_file:
        for name in (
            "GunPoint",
            "ArrowHead",
            "ItalyPowerDemand",
            "OSULeaf",
            "Coffee",
            "Trace",
        ):
            sets[name] = DataSet(partial(series_official, ucr_file, name), "series")
        sets["stretch of Trace"] = DataSet(
            partial(stretches, ucr_file, "Trace"), "series", "regression"
        )
    return sets
