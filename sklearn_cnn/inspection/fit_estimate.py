"""What a fit will cost, seen in a short one."""

import reprlib
from time import perf_counter
from typing import NamedTuple

import numpy as np
from sklearn.base import clone, is_classifier

from sklearn_cnn.architectures import solves_head
from sklearn_cnn.estimators import planned, unfitted_predictor
from sklearn_cnn.inspection._fitted import unwrap
from sklearn_cnn.utils._parameters import is_integer
from sklearn_cnn.utils._peak_memory import PeakMemory

#: Seconds that the epochs of a trial take, if there is as much to do.
_SECONDS = 0.5
#: Rows of the first trial, how many times as many later ones have, and most epochs.
_FEWEST, _GROWTH, _MOST_EPOCHS = 64, 4, 8
#: The gradients take twice the products of the outputs.
_PASSES = 3


class FitEstimate(NamedTuple):
    """What :func:`estimate_fit` expects of a fit.

    Parameters
    ----------
    seconds : float
        By the clock on the wall, on this machine as busy as it was.
    memory : int
        Bytes at the peak, beside X.
    multiply_adds : int
        Of all epochs.
    epochs : int
        That is, ``max_iter`` if it is "auto".
    """

    seconds: float
    memory: int
    multiply_adds: int
    epochs: int


def estimate_fit(estimator, shape, n_classes=None, *, dtype="float32"):
    """Estimate seconds, memory and arithmetic of a fit, from a trial of a few seconds.

    Clones of the estimator are fitted to noise, where the fit is to run: no table tells
    what steps cost on another machine, or beside other work.

    Parameters
    ----------
    estimator : CNNClassifier or CNNRegressor
        With the parameters of the fit; it is left as it was. ``X_val``, ``callbacks``
        and ``checkpoint_dir`` are not part of the estimate, and ``early_stopping``
        is as if it did not end the fit.
    shape : tuple of int
        Of X, as ``X.shape``: all samples of the fit come first.
    n_classes : int, default=None
        Number of classes, at least 2; for a regressor None.
    dtype : str or numpy dtype, default="float32"
        Of X.

    Returns
    -------
    estimate : FitEstimate
        A named tuple: seconds, memory in bytes, multiply-adds and epochs.

    Raises
    ------
    ValueError
        If the parameters do not fit the shape, the head is solved and not trained in
        epochs, or ``max_time`` says already how long the fit takes.
    TypeError
        If it is another estimator.

    Notes
    -----
    The time of an epoch grows with the number of samples, and so it is enough to see
    some of them. A fit in a search, on the training part of a fold, has fewer samples
    than X. On a GPU the memory is that of the host.

    Examples
    --------
    >>> from sklearn_cnn import CNNClassifier
    >>> from sklearn_cnn.inspection import estimate_fit
    >>> estimate = estimate_fit(CNNClassifier(max_iter=9), (100, 8, 8), n_classes=10)
    >>> estimate.epochs, f"{estimate.multiply_adds:.1e}"
    (9, '1.6e+09')
    """
    cnn = _checked(estimator, shape, n_classes)
    n_samples = shape[0]
    given = planned(cnn, shape)
    epochs, batch_size = given["max_iter"], given["batch_size"]
    quiet = {"callbacks": None, "checkpoint_dir": None, "verbose": 0}
    _refuse_solved(cnn, given["architecture"], shape)
    cnn = clone(cnn).set_params(**given, **quiet, n_iter_no_change=1 + _MOST_EPOCHS)

    def trial(n_rows, n_epochs):
        X, y = _noise((n_rows, *shape[1:]), n_classes, dtype)
        fitted = clone(cnn).set_params(max_iter=n_epochs)
        with PeakMemory() as peak:
            start = perf_counter()
            fitted.fit(X, y)
            seconds = perf_counter() - start
        return seconds, peak.bytes, fitted

    trial(min(n_samples, _FEWEST), 1)  # which loads what the others find
    n_rows, per_epoch = max(batch_size, 20 * (n_classes or 1)), 0.0
    while per_epoch < _SECONDS / _GROWTH and n_rows < n_samples:
        # several times as many rows, until an epoch takes long enough to be timed
        n_rows = min(n_samples, _GROWTH * n_rows)
        per_epoch = trial(n_rows, 2)[0] - trial(n_rows, 1)[0]
    n_rows = min(n_samples, n_rows)
    n_epochs = int(min(max(1, _SECONDS / max(per_epoch, 1e-9)), _MOST_EPOCHS))
    shorter = min(trial(n_rows, 1)[0] for _ in range(2))
    longer, memory, fitted = trial(n_rows, 1 + n_epochs)
    per_epoch = max(0.0, longer - shorter) / n_epochs
    before = max(0.0, shorter - per_epoch)
    cost = sum(each.predictor.sample_cost for each in fitted._learners)
    return FitEstimate(
        seconds=before + epochs * per_epoch * n_samples / n_rows,
        memory=memory,
        multiply_adds=_PASSES * cost * n_samples * epochs,
        epochs=epochs,
    )


def _checked(estimator, shape, n_classes):
    cnn, before = unwrap(estimator)
    if before:
        raise TypeError(
            "estimator is a Pipeline, whose steps change the shape. Pass the network "
            "at its end, and the shape that it sees."
        )
    if is_classifier(cnn):
        proper = is_integer(n_classes) and n_classes >= 2
        wanted = "a number of classes of at least 2"
    else:
        proper, wanted = n_classes is None, "None for a regressor"
    if not proper:
        given = reprlib.repr(n_classes)
        raise ValueError(f"n_classes={given} must be {wanted}, not the labels.")
    sizes = shape if isinstance(shape, tuple) else ()
    if len(sizes) < 2 or not all(is_integer(n) and n > 0 for n in sizes):
        raise ValueError(
            f"shape={shape!r} must be that of X, a tuple such as (60_000, 28, 28)."
        )
    fewest = 2 * (n_classes or 1)
    if shape[0] < fewest:
        raise ValueError(
            f"shape={shape} has n_samples={shape[0]}, but a fit of n_classes="
            f"{n_classes} is tried on {fewest} at least. Give more samples."
        )
    if cnn.max_time is not None:
        raise ValueError(
            f"max_time={cnn.max_time!r} says already how long the fit takes. Set it to "
            "None to see how long it would take with max_iter."
        )
    return cnn


def _refuse_solved(cnn, architecture, shape):
    built = clone(cnn).set_params(architecture=architecture)
    if built.input_shape is None:
        built.set_params(input_shape=shape[1:])
    if solves_head(unfitted_predictor(built).module):
        raise ValueError(
            f"architecture={architecture!r} is solved in one pass over X, and not "
            "trained in epochs. Time a fit of a tenth of the rows."
        )


def _noise(shape, n_classes, dtype):
    rng, dtype = np.random.default_rng(0), np.dtype(dtype)
    if dtype.kind == "f":
        X = rng.standard_normal(shape, dtype=np.float32).astype(dtype, copy=False)
    else:
        X = rng.integers(256, size=shape).astype(dtype)
    rows = np.arange(shape[0])
    return X, rows % n_classes if n_classes else rng.normal(size=len(rows))
