"""What every estimator and transformer does with X: check it, see what its rows are."""

import os
import reprlib
from typing import ClassVar

import numpy as np
from sklearn.utils.validation import validate_data

from sklearn_cnn.images.arrays import as_array, check_image_array
from sklearn_cnn.images.columns import column_name
from sklearn_cnn.images.files import ImageFiles
from sklearn_cnn.images.layout import ImageLayout, read_layout, warn_if_flat_images
from sklearn_cnn.images.refusals import refuse_huge_samples, refuse_other_numbers
from sklearn_cnn.images.series import as_padded, require_length, require_padding
from sklearn_cnn.utils._fitting import naming


class ImageInput:
    """Checks of X by ``input_shape``, ``spatial_dims`` and ``data_format``."""

    #: Attributes that a fit sets besides those that end in an underscore.
    _learned: ClassVar[tuple[str, ...]] = ("_input_form",)

    #: Whether samples are series that may end before others; a parameter of some.
    unequal_length = False

    def _check_images(self, X, *, reset, min_samples=1):
        name = column_name(X)
        X = self._padded(X, reset) if self.unequal_length else X
        X = as_array(X)
        if not hasattr(X, "ndim"):
            X = _nested_lists(X)
        if not reset:
            self._require_several(X)
            self._require_column(name)
        is_column = name is not False or (not reset and self._is_fitted_on_a_column)
        is_table = X.ndim <= 2 and not isinstance(X, ImageFiles) and not is_column
        if is_table:
            _refuse_paths(X)
            array = checked_table(X, self, reset, min_samples)
        else:
            array = check_image_array(X, estimator=self, min_samples=min_samples)
        layout = self._read_layout(array.shape)
        if self.unequal_length:
            require_padding(array, layout)
        if not reset:
            self._require_fitted_layout(layout)
            return array, layout
        if isinstance(array, ImageFiles):
            array.check_files()
        self.input_shape_ = layout.shape
        # a file for another runtime takes what this took
        self._input_form = tuple(array.shape[1:]), array.dtype.name
        if not is_table:
            # what scikit-learn counts are the columns of a table
            self.n_features_in_ = 1 if is_column else layout.n_features
            vars(self).pop("feature_names_in_", None)
        if name:
            self.feature_names_in_ = np.array([name], dtype=object)
        flat = array.ndim == 2 and self.input_shape is None
        if flat and self.spatial_dims == "auto":
            self._warn_if_flat_images(array.shape[1])
        return array, layout

    def _padded(self, X, reset):
        first = self.data_format == "channels_first"
        if reset:
            return as_padded(X, None, channels_first=first)
        fitted, *others = self._fitted_layout.spatial_shape
        if others:
            raise ValueError(
                f"unequal_length=True is for series, but {type(self).__name__} was "
                f"fitted on samples of shape {self.input_shape_}. Set it back to False."
            )
        padded = as_padded(X, fitted, channels_first=first)
        if hasattr(padded, "shape") and len(padded.shape) > 1:
            require_length(padded.shape[-1 if first else 1], fitted)
        return padded

    def _read_layout(self, shape):
        return read_layout(shape, self.input_shape, self.spatial_dims, self.data_format)

    @property
    def _fitted_layout(self):
        return ImageLayout.of(self.input_shape_, self.data_format)

    @property
    def _is_fitted_on_a_column(self):
        if None in self.input_shape_:
            return True
        return self.n_features_in_ != self._fitted_layout.n_features

    def _require_column(self, name):
        (fitted, *others) = getattr(self, "feature_names_in_", [None])
        if name and fitted is not None and (name != fitted or others):
            raise ValueError(
                "The feature names should match those that were passed during fit: X "
                f"has the column {name!r}, but {type(self).__name__} was fitted on "
                f"{fitted!r}{' and others' if others else ''}."
            )

    def _warn_if_flat_images(self, width):
        warn_if_flat_images(width, "pass input_shape={shape} (or reshape X)")

    def _require_several(self, X):
        fitted = self._fitted_layout
        is_row = X.ndim == 2 and X.shape[1] == fitted.n_features  # of one value
        is_one = X.shape in (fitted.shape, fitted.spatial_shape) and X.ndim > 1
        if is_one and not is_row:
            raise ValueError(
                f"X has the shape of one sample, {X.shape}, but it must hold several. "
                "Use X[None] for an array of one sample."
            )

    def _require_fitted_layout(self, layout):
        if not _fits(layout.shape, self.input_shape_):
            raise ValueError(
                f"X has {layout.kind} of shape {layout.shape}, but "
                f"{type(self).__name__} was fitted on shape {self.input_shape_}. "
                f"{_remedy(layout, self._fitted_layout)} or fit again."
            )


def checked_table(X, estimator, reset, min_samples=1):
    """Check flat rows as scikit-learn does; whatever it says names X."""
    if not hasattr(X, "ndim"):
        X = _nested_lists(X)
    refuse_other_numbers(X)
    refuse_huge_samples(X)
    with naming("X", "feature"):
        return validate_data(
            estimator,
            X,
            dtype="numeric",
            reset=reset,
            ensure_all_finite=not getattr(estimator, "unequal_length", False),
            ensure_min_samples=min_samples,
        )


def _fits(shape, fitted):
    """Compare shapes; None is any size, of an axis that images differed in."""
    if len(shape) != len(fitted):
        return False
    return all(other in (None, size) for size, other in zip(shape, fitted, strict=True))


def _remedy(layout, fitted):
    """Name the transformer that brings samples to the fitted shape."""
    if len(layout.shape) != len(fitted.shape):
        return "Reshape them"
    steps, first = "sklearn_cnn.transforms", fitted.channels_first
    order = 'data_format="channels_first"' * first
    if _has_channels_elsewhere(layout.shape, fitted):
        axes = (-1, 1) if first else (1, -1)
        return f"Move the channels with numpy.moveaxis(X, {axes[0]}, {axes[1]})"
    if layout.n_channels == fitted.n_channels:
        size = fitted.spatial_shape
        arguments = f"{size}, {order}" if first else size
        return f"Bring them to that size with {steps}.Resize({arguments})"
    if (layout.n_channels, fitted.n_channels) == (3, 1):
        return f"Convert them with {steps}.Grayscale({order})"
    return f"Bring them to {fitted.n_channels} channel(s) with {steps}.SelectChannels"


def _has_channels_elsewhere(shape, fitted):
    """See whether the channels of X are at the other end of its axes."""
    if len(shape) < 3 or fitted.n_channels == 1:
        return False
    here, there = (0, -1) if fitted.channels_first else (-1, 0)
    return shape[there] == fitted.n_channels != shape[here]


def _refuse_paths(X):
    """Tell what to do with one string a row, which is seldom anything but a path."""
    first = np.asarray(X[:1] if X.ndim else X)
    if first.size != 1 or not isinstance(first.item(), str | os.PathLike):
        return
    path = reprlib.repr(str(first.item()))
    if X.ndim == 0:
        raise ValueError(
            f"X is {path}, but must hold pixels of several images. A folder with one "
            "folder for each class is read by X, y = "
            "sklearn_cnn.images.image_folder(path), some files by "
            "sklearn_cnn.images.ImageFiles(paths)."
        )
    raise ValueError(
        f"X holds {path} and the like, but must hold pixels. Of image files make "
        "sklearn_cnn.images.ImageFiles(X), or read them by "
        "sklearn_cnn.transforms.ImageReader() as an earlier step of a Pipeline."
    )


def _nested_lists(X):
    try:
        return np.asarray(X)
    except ValueError as error:
        raise ValueError(
            "X is a list whose items differ in shape. Bring all images to one shape "
            "first, with sklearn_cnn.transforms.Resize, CenterCrop or Pad."
        ) from error
