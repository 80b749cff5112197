"""What a training depends on, described so that the same one is known again."""

from hashlib import sha256

import numpy as np

from sklearn_cnn.architectures import fingerprint
from sklearn_cnn.estimators._described import described
from sklearn_cnn.images import digest

#: Parameters that change no bit of the result, or are seen by their effect.
_OF_NO_EFFECT = {
    "callbacks",
    "checkpoint_dir",
    "checkpoint_interval",
    "n_networks",
    "random_state",
    "test_time_augmentation",
    "verbose",
    "warm_start",
}


def identity_of(estimator, samples, held_out, seeds, number=0):
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
    number : int
        Of the network, from 0. The first one is trained as if it were the only one.

    Returns
    -------
    identity : dict of dict of str
        "parameters" and "data".
    """
    parameters = {
        name: described(fingerprint(value) if name == "weights" else value)
        for name, value in estimator.get_params(deep=False).items()
        if name not in _OF_NO_EFFECT
    }
    parameters["random_state"] = str(seeds and list(seeds))
    if number:
        parameters["network"] = str(number)
    data = {}
    for suffix, given in (("", samples), ("_val", held_out)):
        if given is not None:
            data[f"X{suffix}"] = digest(given.images)
            data[f"y{suffix}"] = _hash(given.codes, vars(estimator._targets))
            data[f"sample_weight{suffix}"] = _hash(given.sample_weight)
    return {"parameters": parameters, "data": data}


def _hash(*values):
    key = sha256()
    for value in values:
        if isinstance(value, np.ndarray):
            key.update(f"{value.dtype}{value.shape}".encode())
            key.update(np.ascontiguousarray(value))
        else:
            key.update(described(value).encode())
    return key.hexdigest()
