"""Warnings of X and y that fit, but hardly mean what they are read as."""

import warnings

import numpy as np
import scipy.sparse

from sklearn_cnn.utils._messages import frames_to_user

#: Numbers of channels of nearly all images, and what has more is seldom one of them.
_CHANNELS, _SIDE = (1, 3, 4), 8
#: So many sets of labels may well have one label each.
_FEW = 5


def warn_of_misread_axes(shape, layout, input_shape):
    """Warn where channels seem to come first, or an axis of space has one pixel.

    ``shape`` is that of X. Flat rows say nothing, and who has passed ``input_shape``
    has said what they hold.
    """
    sample, spatial = tuple(shape[1:]), layout.spatial_shape
    if len(sample) < 2 or input_shape is not None:
        return
    kind = f"X has samples of shape {sample}, which are read as {layout.kind}"
    sure = f"if it is right, pass input_shape={sample} to silence this."
    has_channels = len(sample) > len(spatial) and not layout.channels_first
    if has_channels and sample[0] in _CHANNELS and min(sample[1:]) >= _SIDE:
        _warn(
            f"{kind} of shape {spatial} with {layout.n_channels} channels. If the "
            'channels come first, pass data_format="channels_first", or '
            f"numpy.moveaxis(X, 1, -1); {sure}"
        )
    elif 1 in spatial:
        start = 1 + (len(sample) > len(spatial) and layout.channels_first)
        axis = start + spatial.index(1)
        _warn(
            f"{kind} of shape {spatial}, of which an axis has one pixel. If it is no "
            f"axis of the image, pass numpy.squeeze(X, axis={axis}); {sure}"
        )


def warn_of_one_hot(y, given):
    """Warn of a table of 0 and 1 with one 1 in each row, unless it was sparse."""
    if scipy.sparse.issparse(given) or len(y) < _FEW:
        return
    if (np.count_nonzero(y, axis=1) == 1).all():
        _warn(
            f"y has {y.shape[1]} columns and exactly one 1 in each row, and is read as "
            "a multi-label problem. If it is one class a sample, one-hot encoded, pass "
            "y.argmax(axis=1); if it is sets of labels, pass scipy.sparse.csr_array(y) "
            "to silence this."
        )


def _warn(message):
    warnings.warn(message, UserWarning, stacklevel=frames_to_user())
