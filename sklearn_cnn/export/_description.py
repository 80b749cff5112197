"""What a model is, in words and numbers: for the metadata of files and model cards."""

import platform
from importlib import metadata

import numpy as np
from sklearn.base import BaseEstimator

from sklearn_cnn.estimators import CNNClassifier, CNNFeatures, CNNRegressor

_PACKAGES = (
    "sklearn_cnn",
    "torch",
    "torchvision",
    "scikit-learn",
    "skorch",
    "skops",
    "safetensors",
    "numpy",
)
_MOST_CLASSES = 1000


def described(model):
    """Describe a fitted model by values that JSON knows."""
    return {
        "model": type(model).__name__,
        "versions": versions(),
        "networks": [network(found) for found in networks_of(model)],
    }


def versions():
    """Give the versions of Python and of what a model needs."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:  # a clone that is not installed
            found[package] = "unknown"
    return found


def networks_of(model):
    """Find the fitted estimators of this library inside of a model, in its order."""
    found, seen, waiting = [], set(), [model]
    while waiting:
        part = waiting.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, CNNClassifier | CNNRegressor | CNNFeatures):
            if hasattr(part, "module_"):
                found.append(part)
        if isinstance(part, dict):
            waiting.extend(reversed(part.values()))
        elif isinstance(part, list | tuple):
            waiting.extend(reversed(part))
        elif isinstance(part, BaseEstimator) or _holds_estimators(part):
            waiting.extend(reversed(vars(part).values()))
    return found


def network(estimator):
    """Describe an estimator of this library."""
    predictor = estimator._predictor
    text = {
        "estimator": type(estimator).__name__,
        "architecture": _readable(predictor.blueprint.architecture),
        "input_shape": list(estimator.input_shape_),
        "dtype": str(predictor.prepare.dtype).removeprefix("torch."),
        "n_parameters": sum(p.numel() for p in predictor.module.parameters()),
        "parameters": parameters_of(estimator),
    }
    if hasattr(estimator, "classes_"):
        text["classes"] = _readable(estimator.classes_[:_MOST_CLASSES])
    if hasattr(estimator, "history_"):
        text["training"] = training(estimator)
    return text


def parameters_of(estimator):
    """Give the parameters that differ from their defaults."""
    given = estimator.get_params(deep=False)
    defaults = type(estimator)().get_params(deep=False)
    return {k: _readable(v) for k, v in given.items() if repr(v) != repr(defaults[k])}


def training(estimator):
    """Give the end values of the training curve, where there are any."""
    history = estimator.history_
    last = history.iloc[-1].dropna()
    return {
        "epochs": estimator.n_iter_,
        "best_epoch": estimator.best_iter_,
        "device": estimator.device_,
        "precision": estimator.precision_,
        **{name: float(last[name]) for name in last.index if name != "seconds"},
        "seconds": float(history["seconds"].sum()),
    }


def _holds_estimators(part):
    return type(part).__module__.startswith("sklearn.") and hasattr(part, "__dict__")


def _readable(value):
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_readable(entry) for entry in value]
    if isinstance(value, dict):
        return {str(key): _readable(entry) for key, entry in value.items()}
    return getattr(value, "__qualname__", None) or repr(value)[:200]
