"""What a training depends on, described so that the same one is known again."""

import re
from functools import partial
from hashlib import sha256

import numpy as np

from sklearn_cnn.estimators._assembly import as_builtin
from sklearn_cnn.images import digest
from sklearn_cnn.utils._parameters import has_parameters

#: Parameters that change no bit of the result, or are seen by their effect.
_OF_NO_EFFECT = {
    "callbacks",
    "checkpoint_dir",
    "checkpoint_interval",
    "random_state",
    "verbose",
    "warm_start",
}


def identity_of(estimator, samples, held_out, seeds):
    """Describe a training by its parameters and hashes of its data.

    Parameters
    ----------
    estimator : CNNClassifier or CNNRegressor
        Whose parameters count.
    samples : Samples
        To train on, and perhaps to hold some out of.
    held_out : Samples or None
        To validate on, as the user gave them.
    seeds : Seeds or None
        Of the random numbers; None if any will do.

    Returns
    -------
    identity : dict of dict of str
        "parameters" and "data".
    """
    parameters = {
        name: _described(value)
        for name, value in estimator.get_params(deep=False).items()
        if name not in _OF_NO_EFFECT
    }
    parameters["random_state"] = str(seeds and list(seeds))
    data = {}
    for suffix, given in (("", samples), ("_val", held_out)):
        if given is not None:
            data[f"X{suffix}"] = digest(given.images)
            data[f"y{suffix}"] = _hash(given.codes, vars(estimator._targets))
            data[f"sample_weight{suffix}"] = _hash(given.sample_weight)
    return {"parameters": parameters, "data": data}


def _described(value):
    """Give the ``repr`` of a value, without what differs between processes."""
    if isinstance(value, dict):
        return repr({key: _described(inner) for key, inner in value.items()})
    if isinstance(value, partial):
        inner = (value.func, value.args, value.keywords)
        return f"partial({', '.join(map(_described, inner))})"
    if hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    if has_parameters(value):
        inner = value.get_params().items()
        found = ", ".join(f"{k}={_described(v)}" for k, v in sorted(inner))
        return f"{type(value).__name__}({found})"
    return re.sub(r" at 0x[0-9a-f]+", "", repr(as_builtin(value)))


def _hash(*values):
    key = sha256()
    for value in values:
        if isinstance(value, np.ndarray):
            key.update(f"{value.dtype}{value.shape}".encode())
            key.update(np.ascontiguousarray(value))
        else:
            key.update(_described(value).encode())
    return key.hexdigest()
