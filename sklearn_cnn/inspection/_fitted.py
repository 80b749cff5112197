"""From what users pass to a fitted network and the images that it sees."""

import reprlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from sklearn_cnn import images
from sklearn_cnn.estimators import CNNClassifier, CNNRegressor
from sklearn_cnn.utils._parameters import is_integer


def unwrap(estimator):
    """Give the network at the end of a pipeline, and the pipelines before it."""
    last, before = estimator, []
    while isinstance(last, Pipeline):
        if len(last) > 1:
            before.append(last[:-1])
        last = last[-1]
    if not isinstance(last, CNNClassifier | CNNRegressor):
        what = type(last).__name__
        hint = ", such as its best_estimator_" if hasattr(last, "estimator") else ""
        raise TypeError(
            f"estimator must be a CNNClassifier, a CNNRegressor or a Pipeline that "
            f"ends in one, but this is or ends in {what}. Pass the network{hint}."
        )
    return last, before


def fitted_cnn(estimator):
    """Give the network at the end of a pipeline, which must be fitted."""
    cnn, _ = unwrap(estimator)
    check_is_fitted(cnn)
    return cnn


@dataclass(frozen=True)
class Seen:
    """Images as a fitted network sees them, after the steps of a pipeline.

    The array has one row for each sample, as the network takes them; images on disk are
    not read yet.
    """

    cnn: Any
    array: np.ndarray
    layout: images.ImageLayout

    @classmethod
    def by(cls, estimator, X):
        """Apply the earlier steps of a pipeline, and check what they give."""
        cnn, before = unwrap(estimator)
        check_is_fitted(cnn)
        for steps in before:
            X = steps.transform(X)
        array = images.check_image_array(images.as_array(X), estimator=cnn)
        layout = cnn._read_layout(array.shape)
        if layout.shape != cnn.input_shape_:
            raise ValueError(
                f"X has {layout.kind} of shape {layout.shape}, but "
                f"{type(cnn).__name__} was fitted on shape {cnn.input_shape_}. Bring "
                "them to that shape first; an array of one sample is X[None]."
            )
        return cls(cnn, array, layout)

    def rows(self, samples, name, default=None):
        """Check indices of samples, and count them from 0.

        ``samples`` is what the user passed for the parameter ``name``. None stands for
        the first ``default`` samples, or for all.
        """
        n = len(self.array)
        if samples is None:
            return np.arange(n)[:default]
        rows = np.atleast_1d(np.asarray(samples))
        if rows.dtype.kind not in "iu" or rows.ndim != 1 or not len(rows):
            raise ValueError(
                f"{name}={reprlib.repr(samples)} must be an index of a row of X, or "
                "several; numpy.flatnonzero makes them of a mask."
            )
        outside = rows[(rows < -n) | (rows >= n)]
        if len(outside):
            raise ValueError(
                f"{name}={outside[0]} is out of range: X has {n} samples, numbered "
                f"from 0 to {n - 1}."
            )
        return rows % n

    def row(self, sample):
        """Check the index of one sample, and give it as an array."""
        if not is_integer(sample):
            raise ValueError(f"sample={sample!r} must be an index of a row of X.")
        return self.rows(sample, "sample")

    def prepared(self, rows):
        """Give samples as the network's module takes them, on its device."""
        return self.cnn._predictor.prepare(images.take_rows(self.array, rows))

    def pictures(self, rows):
        """Give samples as they came, but with channels last, to be shown."""
        return self.layout.channels_last(images.take_rows(self.array, rows))
