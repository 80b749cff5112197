"""From what users pass to a fitted network and the images that it sees."""

import reprlib
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from sklearn_cnn import images
from sklearn_cnn.estimators import CNNClassifier, CNNRegressor


def unwrap(estimator):
    """Find the network at the end of a pipeline.

    Parameters
    ----------
    estimator : CNNClassifier, CNNRegressor or Pipeline that ends in one
        What the user passed.

    Returns
    -------
    cnn : CNNClassifier or CNNRegressor
        The last step.
    before : list of Pipeline
        The steps before it, to be applied in order.

    Raises
    ------
    TypeError
        If it is something else.
    """
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
    """Find the network at the end of a pipeline, which must be fitted.

    Parameters
    ----------
    estimator : CNNClassifier, CNNRegressor or Pipeline that ends in one
        What the user passed.

    Returns
    -------
    cnn : CNNClassifier or CNNRegressor

    Raises
    ------
    TypeError
        If it is something else.
    sklearn.exceptions.NotFittedError
        If it is not fitted.
    """
    cnn, _ = unwrap(estimator)
    check_is_fitted(cnn)
    return cnn


def spatial_shape_of(cnn):
    """Tell channels and space apart in the shape that a network was fitted on.

    Parameters
    ----------
    cnn : CNNClassifier or CNNRegressor
        Fitted.

    Returns
    -------
    n_channels : int
    spatial_shape : tuple of int
    """
    shape = cnn.input_shape_
    if cnn.data_format == "channels_first":
        return shape[0], shape[1:]
    return shape[-1], shape[:-1]


def check_count(count, name):
    """Check how many things are to be drawn.

    Parameters
    ----------
    count : int
        What the user passed.
    name : str
        Of the parameter, for the error message.

    Raises
    ------
    ValueError
        If it is no integer of at least 1.
    """
    if not isinstance(count, Integral) or count < 1:
        raise ValueError(f"{name}={count!r} must be an integer of at least 1.")


@dataclass(frozen=True)
class Seen:
    """Images as a fitted network sees them, after the steps of a pipeline.

    Parameters
    ----------
    cnn : CNNClassifier or CNNRegressor
        Fitted.
    array : ndarray or ImageFiles of shape (n_samples, ...)
        One row for each sample, as the network takes them; files are not read yet.
    """

    cnn: Any
    array: np.ndarray

    @classmethod
    def by(cls, estimator, X):
        """Apply the earlier steps of a pipeline, and check what they give.

        Parameters
        ----------
        estimator : CNNClassifier, CNNRegressor or Pipeline that ends in one
            Fitted.
        X : array-like of shape (n_samples, ...)
            Images, as ``estimator.predict`` takes them.

        Returns
        -------
        seen : Seen

        Raises
        ------
        ValueError
            If the images do not fit those that the network was fitted on.
        """
        cnn = fitted_cnn(estimator)
        for steps in unwrap(estimator)[1]:
            X = steps.transform(X)
        array = images.check_image_array(images.as_array(X), estimator=cnn)
        layout = images.read_layout(
            array.shape,
            input_shape=cnn.input_shape,
            spatial_dims=cnn.spatial_dims,
            data_format=cnn.data_format,
        )
        if layout.shape != cnn.input_shape_:
            raise ValueError(
                f"X has {layout.kind} of shape {layout.shape}, but "
                f"{type(cnn).__name__} was fitted on shape {cnn.input_shape_}. Bring "
                "them to that shape first; an array of one sample is X[None]."
            )
        return cls(cnn, array)

    def rows(self, samples, name, default=None):
        """Check indices of samples.

        Parameters
        ----------
        samples : int, array-like of int or None
            What the user passed.
        name : str
            Of the parameter, for the error message.
        default : int or None
            How many of the first samples None stands for.

        Returns
        -------
        rows : ndarray of int

        Raises
        ------
        ValueError
            If an index is no integer or out of range.
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
        """Check the index of one sample.

        Parameters
        ----------
        sample : int
            What the user passed.

        Returns
        -------
        rows : ndarray of int, of shape (1,)

        Raises
        ------
        ValueError
            If it is no integer or out of range.
        """
        if not isinstance(sample, Integral):
            raise ValueError(f"sample={sample!r} must be an index of a row of X.")
        return self.rows(sample, "sample")

    def prepared(self, rows):
        """Give samples as the network's module takes them.

        Parameters
        ----------
        rows : ndarray of int
            Which ones.

        Returns
        -------
        batch : torch.Tensor of shape (n_rows, n_channels, *spatial_shape)
            Scaled, on the device of the network.
        """
        return self.cnn.net_.prepare(images.take_rows(self.array, rows))

    def pictures(self, rows):
        """Give samples as they are shown.

        Parameters
        ----------
        rows : ndarray of int
            Which ones.

        Returns
        -------
        pictures : ndarray of shape (n_rows, *spatial_shape, n_channels)
            With channels last and the values that they came with.
        """
        taken = images.take_rows(self.array, rows)
        pictures = taken.reshape(len(rows), *self.cnn.input_shape_)
        if self.cnn.data_format == "channels_first":
            return np.moveaxis(pictures, 1, -1)
        return pictures
