"""What all steps on images share: parameters, checks, and the way through an array."""

from numbers import Integral
from typing import ClassVar

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, clone

from sklearn_cnn.images import (
    ImageInput,
    as_array,
    check_image_array,
    keep_index,
    take_rows,
    warn_if_flat_images,
)
from sklearn_cnn.utils._fitting import unchanged_on_error
from sklearn_cnn.utils._sklearn import Options, StrOptions, fit_context

#: How many values are worked on at a time: what fits into the caches, about.
_CHUNK = 1 << 20


class _ImageTransformer(ImageInput, TransformerMixin, BaseEstimator):
    """A step that treats every sample by itself.

    Subclasses say by ``_apply(images)`` what it does to an array of shape (n_samples,
    n_channels, *spatial).
    """

    _parameter_constraints: ClassVar[dict] = {
        "spatial_dims": [StrOptions({"auto"}), Options(Integral, {1, 2, 3})],
        "data_format": [StrOptions({"channels_last", "channels_first"})],
    }

    #: Flat rows are signals; Unflatten gives them another shape.
    input_shape = None

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Remember the shape of the images, and try the step on the first of them.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Images (n, height, width[, channels]), signals (n, length) or volumes
            (n, depth, height, width, channels), of any real dtype.
        y : None
            Ignored.

        Returns
        -------
        self : estimator instance
            Fitted.

        Raises
        ------
        ValueError
            If data and parameters do not fit; the step is then left as it was.
        """
        with unchanged_on_error(self):
            array, layout = self._check_images(X, reset=True)
            self._learn(array, layout)
        return self

    def transform(self, X):
        """Apply the step to images.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Images; after a fit, of the shape that was fitted on.

        Returns
        -------
        X_new : ndarray of shape (n_samples, ...)
            New memory, with the axes of ``X`` in their order.

        Raises
        ------
        ValueError
            If data and parameters do not fit.
        """
        if not hasattr(self, "input_shape_"):
            return clone(self).fit(X).transform(X)
        self._validate_params()
        result = self._transform(*self._check_images(X, reset=False))
        return keep_index(result, X, self)

    def _learn(self, array, layout):
        """See from one sample whether the parameters fit the images."""
        self._transform(array[:1], layout)

    def _transform(self, array, layout):
        return self._map(self._apply, array, layout)

    def _map(self, function, array, layout):
        """Apply a function to pieces of the array, whose size the result limits too."""
        has_channels = array.ndim > 1 + len(layout.spatial_shape)

        def apply(rows):
            images = layout.as_samples(take_rows(array, rows))
            if not layout.channels_first:
                images = np.moveaxis(images, -1, 1)
            result = function(images)
            return self._in_layout(result, has_channels, layout.channels_first)

        first = apply(slice(0, 1))
        result = np.empty((len(array), *first.shape[1:]), first.dtype)
        step = max(1, _CHUNK // max(layout.n_features, first.size))
        for start in range(0, len(array), step):
            rows = slice(start, start + step)
            result[rows] = apply(rows)
        return result

    @staticmethod
    def _in_layout(images, has_channels, channels_first):
        if not has_channels and images.shape[1] == 1:
            return images[:, 0]
        return images if channels_first else np.moveaxis(images, 1, -1)

    def _inverse_transform(self, X):
        """Undo the step by ``_invert``, which has the arguments of ``_apply``.

        What is given has the shape of the input.
        """
        array = check_image_array(as_array(X), estimator=self)
        layout = self._read_layout(array.shape)
        if hasattr(self, "input_shape_"):
            self._require_fitted_layout(layout)
        return self._map(self._invert, array, layout)

    def _warn_if_flat_images(self, width):
        step = "put sklearn_cnn.transforms.Unflatten({shape}) before this step"
        warn_if_flat_images(width, step)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
