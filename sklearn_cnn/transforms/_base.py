"""What all steps on images share: parameters, checks, and the way through an array."""

from numbers import Integral
from typing import ClassVar

import numpy as np
from sklearn.base import TransformerMixin, clone

from sklearn_cnn.images import (
    ImageFeatureNames,
    ImageInput,
    as_array,
    check_image_array,
    in_turn,
    keep_index,
    rows_of_several_sizes,
    take_rows,
    warn_if_flat_images,
)
from sklearn_cnn.utils._axes import per_axis
from sklearn_cnn.utils._fitting import BaseEstimator, as_task, unchanged_on_error
from sklearn_cnn.utils._plain_estimator import PlainEstimator
from sklearn_cnn.utils._sklearn import Options, StrOptions, fit_context

#: How many values are worked on at a time: what fits into the caches, about.
_CHUNK = 1 << 20


class _ImageTransformer(PlainEstimator, ImageInput, TransformerMixin, BaseEstimator):
    """A step that treats every sample by itself.

    Subclasses say by ``_apply(images)`` what it does to an array of shape (n_samples,
    n_channels, *spatial).
    """

    _parameter_constraints: ClassVar[dict] = {
        "spatial_dims": [StrOptions({"auto"}), Options(Integral, {1, 2, 3})],
        "data_format": [StrOptions({"channels_last", "channels_first"})],
    }

    #: Whether sequences of images of several sizes are taken.
    _takes_several_sizes = False

    #: Flat rows are signals; Unflatten gives them another shape.
    input_shape = None

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Remember the shape of the images, and try the step on the first of them.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Images (n, height, width[, channels]), signals (n, length) or volumes
            (n, depth, height, width, channels), of any real dtype. Resize, CenterCrop
            and Pad also take sequences of images of several sizes.
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
        with unchanged_on_error(self), as_task(self, X, y):
            images = self._images_of_several_sizes(X)
            if images is None:
                self._learn(*self._check_images(X, reset=True))
            else:
                self._learn_several(images)
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
        images = self._images_of_several_sizes(X)
        if images is None:
            result = self._transform(*self._check_images(X, reset=False))
        else:
            result = self._transform_several(images)
        return keep_index(result, X, self)

    def _images_of_several_sizes(self, X):
        return rows_of_several_sizes(X) if self._takes_several_sizes else None

    def _learn_several(self, images):
        layouts = [layout for _, layout in self._checked_one_by_one(images)]
        shapes = {layout.shape for layout in layouts}
        _require_one_number_of_channels(layouts)
        self.input_shape_ = tuple(
            sizes[0] if len(set(sizes)) == 1 else None
            for sizes in zip(*shapes, strict=True)
        )
        # scikit-learn counts the columns of tables, and here there is none
        vars(self).pop("n_features_in_", None)
        vars(self).pop("feature_names_in_", None)
        self._transform_several(images)

    def _transform_several(self, images):
        results = []
        for array, layout in self._checked_one_by_one(images):
            self._require_fitted_layout(layout)
            results.append(self._transform(array, layout)[0])
        shapes = sorted({result.shape for result in results})
        if len(shapes) > 1:
            raise ValueError(
                f"X has images of several sizes, and {type(self).__name__} leaves "
                f"them so: {str(shapes[:5])[1:-1]}. Bring them to one size by "
                "sklearn_cnn.transforms.Resize or CenterCrop."
            )
        return np.stack(results)

    def _checked_one_by_one(self, images):
        for image in images:
            array = check_image_array(image[None], estimator=self)
            yield array, self._read_layout(array.shape)

    def _learn(self, array, layout):
        """See from one sample whether the parameters fit the images."""
        self._transform(array[:1], layout)

    def _transform(self, array, layout):
        return self._map(self._apply, array, layout)

    def _map(self, function, array, layout):
        """Apply a function to pieces of the array, whose size the result limits too."""
        has_channels = array.ndim > 1 + len(layout.spatial_shape)

        def apply(rows):
            result = function(self._samples(array, layout, rows))
            return self._in_layout(result, has_channels, layout.channels_first)

        first = apply(slice(0, 1))
        result = np.empty((len(array), *first.shape[1:]), first.dtype)
        step = max(1, _CHUNK // max(layout.n_features, first.size))
        chunks = [slice(i, i + step) for i in range(0, len(array), step)]
        array = in_turn(array, chunks)
        for rows in chunks:
            result[rows] = apply(rows)
        return result

    @staticmethod
    def _samples(array, layout, rows):
        """Take rows as an array of shape (n_samples, n_channels, *spatial)."""
        images = layout.as_samples(take_rows(array, rows))
        return images if layout.channels_first else np.moveaxis(images, -1, 1)

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


class _ImageDescriptor(ImageFeatureNames, _ImageTransformer):
    """From images to vectors, which ``_apply`` computes: they have no layout."""

    def _learn(self, array, layout):
        self._n_features_out = self._transform(array[:1], layout).shape[1]

    @staticmethod
    def _in_layout(images, has_channels, channels_first):
        return images


def as_grid(grid_size, lengths, unit):
    """Check that there is a region for each part of each axis, and give their number.

    ``lengths`` is what there is to divide, of that unit.
    """
    grid = per_axis(grid_size, len(lengths), "grid_size", minimum=1)
    if any(np.greater(grid, lengths)):
        raise ValueError(
            f"grid_size={grid_size!r} divides each sample of X into {grid} regions, "
            f"but it has only {tuple(lengths)} {unit}. Take a smaller grid."
        )
    return grid


def _require_one_number_of_channels(layouts):
    numbers = sorted({layout.n_channels for layout in layouts})
    if len(numbers) > 1:
        raise ValueError(
            f"X has images of {' and '.join(map(str, numbers))} channels. Bring all to "
            "one number of channels first: with sklearn_cnn.transforms.Grayscale, for "
            "those of one number together, or by image[..., :3] where the fourth is "
            "alpha."
        )
