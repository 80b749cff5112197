"""Rescale and ChannelScaler: images of another range."""

from numbers import Real
from typing import ClassVar

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklearn_cnn.images import ChannelStatistics, as_weights
from sklearn_cnn.transforms import _functional
from sklearn_cnn.transforms._base import _ImageTransformer
from sklearn_cnn.transforms._documentation import documented
from sklearn_cnn.utils._fitting import as_task, unchanged_on_error
from sklearn_cnn.utils._sklearn import Interval, fit_context


@documented
class Rescale(_ImageTransformer):
    """Multiply all values by a factor and add an offset.

    Parameters
    ----------
    scale : float, default=1/255
        The factor, not 0. The default brings images of 8 bits from 0 to 1; take
        1 / 65535 for 16 bits.
    offset : float, default=0.0
        What is added after that. ``Rescale(1 / 127.5, -1)`` gives -1 to 1.
    {spatial_dims}
    {data_format}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    ChannelScaler : Learns scale and offset of each channel.

    Notes
    -----
    The result is always floating point, so that no grey level is lost: float16, float32
    and float64 stay what they are, integers of up to 16 bits and booleans become
    float32, wider ones float64. It is computed in float64 and rounded once. A result
    beyond the range of its dtype is an error.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_cnn.transforms import Rescale
    >>> X = np.array([[[0, 51], [102, 255]]], dtype=np.uint8)
    >>> Rescale().fit_transform(X)
    array([[[0. , 0.2],
            [0.4, 1. ]]], dtype=float32)
    """

    _parameter_constraints: ClassVar[dict] = {
        **_ImageTransformer._parameter_constraints,
        "scale": [Interval(Real, None, None, closed="neither")],
        "offset": [Interval(Real, None, None, closed="neither")],
    }

    def __init__(
        self,
        scale=1 / 255,
        offset=0.0,
        *,
        spatial_dims="auto",
        data_format="channels_last",
    ):
        self.scale = scale
        self.offset = offset
        self.spatial_dims = spatial_dims
        self.data_format = data_format

    def inverse_transform(self, X):
        """Subtract the offset and divide by the factor.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Scaled images.

        Returns
        -------
        X_original : ndarray of the same shape
            In the old range, as floats.
        """
        return self._inverse_transform(X)

    def _apply(self, images):
        return _functional.affine(images, *self._scale_and_offset())

    def _invert(self, images):
        return _functional.inverse_affine(images, *self._scale_and_offset())

    def _scale_and_offset(self):
        if self.scale == 0:
            raise ValueError(
                "scale=0 would make all pixels equal. Give the factor that they are "
                "multiplied by, such as 1 / 255."
            )
        return self.scale, self.offset


@documented
class ChannelScaler(_ImageTransformer):
    """Standardise every channel by its mean and standard deviation.

    The statistics are those of the images given to :meth:`fit`, over all samples and
    pixels: one number for each channel, so that neighbouring pixels stay comparable. A
    :class:`~sklearn.preprocessing.StandardScaler` would scale each pixel by itself.

    Parameters
    ----------
    with_mean : bool, default=True
        Whether to subtract the mean.
    with_std : bool, default=True
        Whether to divide by the standard deviation.
    {spatial_dims}
    {data_format}

    Attributes
    ----------
    mean_ : ndarray of shape (n_channels,)
        Mean of each channel.
    var_ : ndarray of shape (n_channels,)
        Variance of each channel.
    scale_ : ndarray of shape (n_channels,)
        Standard deviation of each channel; 1 where a channel is constant.
    n_samples_seen_ : float
        Number of samples, or the sum of their weights.
    {attributes}

    See Also
    --------
    Rescale : Scales all values alike, by numbers that are given.

    Notes
    -----
    :class:`~sklearn_cnn.CNNClassifier` and :class:`~sklearn_cnn.CNNRegressor` do the
    same inside (``input_scaling="standardize"``) and need no scaler before them.

    Statistics are float64 and come from one pass over the images in pieces, which are
    merged by the pairwise update of Chan, Golub and LeVeque [1]_. The result has the
    dtype that :class:`Rescale` gives.

    References
    ----------
    .. [1] T. F. Chan, G. H. Golub and R. J. LeVeque, "Algorithms for computing the
       sample variance: analysis and recommendations", The American Statistician 37,
       1983.

    Examples
    --------
    >>> from sklearn.datasets import load_sample_images
    >>> from sklearn_cnn.transforms import ChannelScaler
    >>> photos = load_sample_images().images
    >>> scaler = ChannelScaler().fit(photos)
    >>> scaler.mean_.round(1)
    array([ 99.9, 109.5,  99. ])
    >>> scaler.transform(photos).std(axis=(0, 1, 2)).round(3)
    array([1., 1., 1.], dtype=float32)
    """

    _parameter_constraints: ClassVar[dict] = {
        **_ImageTransformer._parameter_constraints,
        "with_mean": ["boolean"],
        "with_std": ["boolean"],
    }

    def __init__(
        self,
        *,
        with_mean=True,
        with_std=True,
        spatial_dims="auto",
        data_format="channels_last",
    ):
        self.with_mean = with_mean
        self.with_std = with_std
        self.spatial_dims = spatial_dims
        self.data_format = data_format

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None):
        """Compute mean and standard deviation of every channel.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Images (n, height, width[, channels]), signals (n, length) or volumes
            (n, depth, height, width, channels), of any real dtype.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each sample counts. A weight of 0 removes it.

        Returns
        -------
        self : ChannelScaler
            Fitted.

        Raises
        ------
        ValueError
            If data, weights and parameters do not fit; the scaler is then left as it
            was.
        """
        with unchanged_on_error(self), as_task(self, X, y):
            return self._add(X, sample_weight, reset=True)

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None, sample_weight=None):
        """Add images to those that the statistics are of.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Images of the shape that was fitted on, if there was a fit before.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each sample counts. A weight of 0 removes it.

        Returns
        -------
        self : ChannelScaler
            Fitted.

        Raises
        ------
        ValueError
            If data, weights and parameters do not fit; the scaler is then left as it
            was.
        """
        with unchanged_on_error(self):
            return self._add(X, sample_weight, reset=not hasattr(self, "mean_"))

    def transform(self, X):
        """Standardise images by what was learned.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Images of the shape that was fitted on.

        Returns
        -------
        X_new : ndarray of the same shape
            Scaled, as floats.
        """
        check_is_fitted(self)
        return super().transform(X)

    def inverse_transform(self, X):
        """Bring scaled images back to the old range.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Scaled images.

        Returns
        -------
        X_original : ndarray of the same shape
            In the old range, as floats.
        """
        check_is_fitted(self)
        return self._inverse_transform(X)

    @property
    def mean_(self):
        """Mean of each channel."""
        return self._statistics.mean

    @property
    def var_(self):
        """Variance of each channel."""
        return self._statistics.variance

    @property
    def scale_(self):
        """Standard deviation of each channel; 1 where a channel is constant."""
        return self._statistics.scale

    @property
    def n_samples_seen_(self):
        """Number of samples, or the sum of their weights."""
        return self._statistics.weight

    def _add(self, X, sample_weight, *, reset):
        array, layout = self._check_images(X, reset=reset)
        rows = np.arange(len(array))
        if sample_weight is not None:
            sample_weight = as_weights(sample_weight, array)
            rows = np.flatnonzero(sample_weight)
        nothing = ChannelStatistics.nothing(layout.n_channels)
        before = nothing if reset else self._statistics
        self._statistics = before.update(array, layout, rows, sample_weight)
        return self

    def _apply(self, images):
        return _functional.inverse_affine(images, *self._scale_and_mean())

    def _invert(self, images):
        return _functional.affine(images, *self._scale_and_mean())

    def _scale_and_mean(self):
        scale = self.scale_ if self.with_std else 1.0
        return scale, self.mean_ if self.with_mean else 0.0

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = True
        return tags
