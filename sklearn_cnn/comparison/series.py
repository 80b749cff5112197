"""What aeon makes of series, as a step of scikit-learn's kind."""

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted


class SeriesFeatures(TransformerMixin, BaseEstimator):
    """Features of series, (n_samples, length[, channels]), that aeon computes.

    It is imported at the first fit, so that pipelines can be made without it.

    Parameters
    ----------
    method : {"MiniRocket", "QUANT"}
    random_state : int or None, default=None
        Draws the biases of MiniRocket; QUANT draws nothing.
    """

    def __init__(self, method, *, random_state=None):
        self.method = method
        self.random_state = random_state

    def fit(self, X, y=None):
        """Learn from series what aeon's transformer learns."""
        make = _transformers(self.method)[self.method]
        seed = self.random_state
        seed = np.random.RandomState().randint(2**31) if seed is None else seed
        before = np.random.get_state()
        try:  # MiniRocket seeds numpy's global generator (aeon 1.6)
            self.transformer_ = make(seed).fit(_channels_first(X))
        finally:
            np.random.set_state(before)
        return self

    def transform(self, X):
        """Compute an array of shape (n_samples, n_features)."""
        check_is_fitted(self)
        return np.asarray(self.transformer_.transform(_channels_first(X)))


def _transformers(method):
    try:
        from aeon.transformations.collection.convolution_based import MiniRocket
        from aeon.transformations.collection.interval_based import QUANTTransformer
    except ImportError as error:
        raise ImportError(
            f"{method!r} of classical_baselines needs aeon: pip install "
            "'sklearn_cnn[series]'. Or delete it from the dict of baselines."
        ) from error
    return {
        "MiniRocket": lambda seed: MiniRocket(random_state=seed),
        "QUANT": lambda _: QUANTTransformer(),
    }


def _channels_first(X):
    series = np.asarray(X, dtype=np.float64)
    series = series[:, np.newaxis] if series.ndim == 2 else series.swapaxes(1, 2)
    return np.ascontiguousarray(series)
