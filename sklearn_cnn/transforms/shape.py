"""Flatten and Unflatten: from images to flat rows, and back."""

from math import prod
from numbers import Integral
from typing import ClassVar

import numpy as np
from sklearn.base import OneToOneFeatureMixin, TransformerMixin, clone
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from sklearn_cnn.images import (
    as_array,
    check_image_array,
    checked_table,
    keep_index,
    take_rows,
)
from sklearn_cnn.transforms._base import _ImageTransformer
from sklearn_cnn.transforms._documentation import documented
from sklearn_cnn.utils._fitting import (
    BaseEstimator,
    as_task,
    naming,
    unchanged_on_error,
)
from sklearn_cnn.utils._sklearn import fit_context


@documented
class Flatten(OneToOneFeatureMixin, _ImageTransformer):
    """Make one flat row of every image, as classical estimators want it.

    Values come in the order of :meth:`numpy.ndarray.ravel`, whichever axis holds the
    channels.

    Attributes
    ----------
    {attributes}

    See Also
    --------
    Unflatten : The opposite.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.linear_model import RidgeClassifier
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_cnn.transforms import Flatten
    >>> digits = load_digits()
    >>> pipeline = make_pipeline(Flatten(), RidgeClassifier())
    >>> pipeline = pipeline.fit(digits.images, digits.target)

    What the classifier has learned about the zero, as an image:

    >>> pipeline[0].inverse_transform(pipeline[-1].coef_)[0].shape
    (8, 8)
    """

    #: No axis plays a part of its own.
    spatial_dims = "auto"
    data_format = "channels_last"
    _parameter_constraints: ClassVar[dict] = {}

    def get_feature_names_out(self, input_features=None):
        """Name the values of a row: as the columns were, or by number.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Names of the values; or that of the one column that the images were in,
            which is then followed by the number of the value. None stands for those
            that were fitted on.

        Returns
        -------
        feature_names_out : ndarray of str objects
            One for each value.
        """
        check_is_fitted(self, "n_features_in_")
        n_values = prod(self._sample_shape)
        if input_features is None:
            input_features = getattr(self, "feature_names_in_", None)
        if input_features is not None and len(input_features) == 1 != n_values:
            (name,) = input_features
            return np.asarray([f"{name}_{i}" for i in range(n_values)], dtype=object)
        if input_features is None and self.n_features_in_ != n_values:
            return np.asarray([f"x{i}" for i in range(n_values)], dtype=object)
        return super().get_feature_names_out(input_features)

    def inverse_transform(self, X):
        """Give flat rows the shape of the images that were fitted on.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Flat rows.

        Returns
        -------
        X_original : ndarray of shape (n_samples, ...)
            Of the same dtype.

        Raises
        ------
        ValueError
            If the rows have another length than those of :meth:`transform`.
        """
        check_is_fitted(self)
        with naming("X"):
            array = check_array(as_array(X), dtype="numeric", estimator=self)
        return _reshaped(array, self._sample_shape, (prod(self._sample_shape),))

    def _learn(self, array, layout):
        self._sample_shape = array.shape[1:]

    def _transform(self, array, layout):
        return take_rows(array, slice(None)).reshape(len(array), -1)

    def _warn_if_flat_images(self, width):
        """Flat rows stay flat, whatever they hold."""


class Unflatten(TransformerMixin, BaseEstimator):
    """Give flat rows the shape of images.

    Tables, and many of scikit-learn's data sets, hold images this way.

    Parameters
    ----------
    shape : int or sequence of int
        Shape of one sample, such as (28, 28) or (32, 32, 3). One entry may be -1 and is
        then worked out, as in :func:`numpy.reshape`.

    Attributes
    ----------
    n_features_in_ : int
        Number of values in a row.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, if ``X`` was a DataFrame with string column names.

    See Also
    --------
    Flatten : The opposite.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_cnn.transforms import Unflatten
    >>> X, _ = load_digits(return_X_y=True)
    >>> Unflatten((8, 8, 1)).fit_transform(X).shape
    (1797, 8, 8, 1)
    """

    _parameter_constraints: ClassVar[dict] = {"shape": [Integral, "array-like"]}

    def __init__(self, shape):
        self.shape = shape

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Remember the length of the rows, and see whether it fits the shape.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Flat rows, also a DataFrame.
        y : None
            Ignored.

        Returns
        -------
        self : Unflatten
            Fitted.

        Raises
        ------
        ValueError
            If the rows do not hold as many values as the shape, or ``X`` is not 2-D;
            the step is then left as it was.
        """
        with unchanged_on_error(self), as_task(self, X, y):
            array = checked_table(as_array(X), self, reset=True)
            _resolve(self.shape, array.shape[1])
        return self

    def transform(self, X):
        """Reshape rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Flat rows.

        Returns
        -------
        X_new : ndarray of shape (n_samples, ...)
            Of the same dtype, in new memory.

        Raises
        ------
        ValueError
            If the rows do not hold as many values as the shape.
        """
        if not hasattr(self, "n_features_in_"):
            return clone(self).fit(X).transform(X)
        self._validate_params()
        array = checked_table(as_array(X), self, reset=False)
        shape = _resolve(self.shape, array.shape[1])
        return keep_index(_reshaped(array, shape, array.shape[1:]), X, self)

    def inverse_transform(self, X):
        """Make flat rows of images.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Images.

        Returns
        -------
        X_original : ndarray of shape (n_samples, n_features)
            Of the same dtype, in new memory.

        Raises
        ------
        ValueError
            If the images have another shape than those of :meth:`transform`.
        """
        check_is_fitted(self)
        array = check_image_array(as_array(X), estimator=self)
        shape = _resolve(self.shape, self.n_features_in_)
        return _reshaped(array, (self.n_features_in_,), shape)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _resolve(shape, n_features):
    given = tuple(np.atleast_1d(shape).tolist())
    try:
        return np.broadcast_to(0, n_features).reshape(given).shape
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"shape={shape!r} does not fit rows of {n_features} values. Give the shape "
            "of one sample, such as (height, width) or (height, width, channels); one "
            "entry may be -1."
        ) from error


def _reshaped(array, shape, expected):
    if array.shape[1:] != expected:
        raise ValueError(
            f"X has samples of shape {array.shape[1:]}, but {expected} is expected. "
            "Pass what transform returned."
        )
    return take_rows(array, slice(None)).reshape(len(array), *shape)
