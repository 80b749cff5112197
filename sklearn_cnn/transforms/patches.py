"""PatchKMeans: a dictionary of small pieces, and where images look like them."""

from numbers import Integral
from typing import ClassVar

import numpy as np
from sklearn.cluster import MiniBatchKMeans
from sklearn.utils import check_random_state
from sklearn.utils.random import sample_without_replacement
from sklearn.utils.validation import check_is_fitted

from sklearn_cnn.transforms import _functional
from sklearn_cnn.transforms._base import _ImageDescriptor, as_grid
from sklearn_cnn.transforms._documentation import documented
from sklearn_cnn.utils._axes import per_axis
from sklearn_cnn.utils._sklearn import Interval, StrOptions

#: What is added to the variances that patches of 8 bits are divided by: 10, says [1]_
#: of PatchKMeans, which is about a hundredth of the mean variance of a patch.
_LEAST_CONTRAST = 0.01
_LEAST_EIGENVALUE = 0.1
_ROUNDS_OF_KMEANS = 30


@documented
class PatchKMeans(_ImageDescriptor):
    """Describe images by how much their pieces resemble those of a dictionary [1]_.

    :meth:`fit` cuts small patches out of the images, evens out their brightness and
    contrast, whitens them, and finds the centres of clusters of them by k-means: edges,
    corners, spots of colour. :meth:`transform` compares the patches at all places of an
    image with these centres, and sums up the similarities in each region.

    With a linear model behind, this was the best of what needs no deep network in 2011,
    and it is a baseline to beat.

    Parameters
    ----------
    n_clusters : int, default=400
        Number of centres. More are better and slower, up to some thousand.
    patch_size : "auto", int or tuple of int, default="auto"
        Height and width of a patch, in pixels. "auto" is 6, or three eighths of the
        shortest side where that is less, as for the digits of 8x8 pixels.
    stride : int or tuple of int, default=1
        How many pixels apart the patches of an image are that are compared.
    grid_size : int or tuple of int, default=2
        Into how many regions each spatial axis is divided: 2 makes quadrants.
    n_patches : int, default=30_000
        How many patches the centres are learned from; all, if there are fewer.
    random_state : int, RandomState instance or None, default=None
        Draws patches and the first centres.
    {spatial_dims}
    {data_format}

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_clusters, n_features_in_a_patch)
        The centres, of whitened patches.
    mean_ : ndarray of shape (n_features_in_a_patch,)
        Mean of the normalised patches, with channels first.
    whitening_ : ndarray of shape (n_features_in_a_patch, n_features_in_a_patch)
        What the patches are multiplied by, less their mean.
    offset_ : float
        What is added to the variance that a patch is divided by: a hundredth of the
        mean variance of a patch, so that noise is not made as large as an edge.
    {attributes}

    See Also
    --------
    HOGDescriptor : Directions of edges, without learning.
    sklearn_cnn.CNNFeatures : What a convolutional network sees.

    Notes
    -----
    A centre that is closer than the average of all centres counts by the difference,
    all others count 0: the "triangle" encoding of [1]_. The result has the shape
    (n_samples, n_clusters * n_regions). Scale it before a linear model.

    Memory is for the patches of one image at a time: 77 MB for 224x224 pixels with the
    defaults. Large images are best reduced first, by :class:`Resize` to about 32.

    The dtype is float32 where that holds the values of ``X`` exactly, as those of 8 and
    16 bits, and float64 otherwise.

    References
    ----------
    .. [1] A. Coates, H. Lee and A. Y. Ng, "An analysis of single-layer networks in
       unsupervised feature learning", AISTATS 2011.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.linear_model import RidgeClassifierCV
    >>> from sklearn.model_selection import cross_val_score
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_cnn.transforms import PatchKMeans
    >>> digits = load_digits()
    >>> patches = PatchKMeans(n_clusters=50, random_state=0)
    >>> model = make_pipeline(patches, StandardScaler(), RidgeClassifierCV())
    >>> scores = cross_val_score(model, digits.images[:500], digits.target[:500], cv=3)
    >>> bool(scores.mean() > 0.9)
    True
    """

    _parameter_constraints: ClassVar[dict] = {
        **_ImageDescriptor._parameter_constraints,
        "n_clusters": [Interval(Integral, 1, None, closed="left")],
        "patch_size": [StrOptions({"auto"}), Integral, "array-like"],
        "stride": [Integral, "array-like"],
        "grid_size": [Integral, "array-like"],
        "n_patches": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_clusters=400,
        *,
        patch_size="auto",
        stride=1,
        grid_size=2,
        n_patches=30_000,
        random_state=None,
        spatial_dims="auto",
        data_format="channels_last",
    ):
        self.n_clusters = n_clusters
        self.patch_size = patch_size
        self.stride = stride
        self.grid_size = grid_size
        self.n_patches = n_patches
        self.random_state = random_state
        self.spatial_dims = spatial_dims
        self.data_format = data_format

    def transform(self, X):
        """Describe images by the similarities of their pieces to the centres.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Images of the shape that was fitted on.

        Returns
        -------
        X_new : ndarray of shape (n_samples, n_clusters * n_regions)
            Sums of similarities: of all centres in the first region, then in the next.
        """
        check_is_fitted(self)
        return super().transform(X)

    def _learn(self, array, layout):
        # numpy's global generator is left alone
        own = np.random.RandomState() if self.random_state is None else None
        random_state = own or check_random_state(self.random_state)
        patches = self._draw_patches(array, layout, random_state)
        self.offset_ = float(_LEAST_CONTRAST * patches.var(axis=1).mean()) or 1.0
        patches = normalized(patches, self.offset_)
        self.mean_ = patches.mean(axis=0)
        self.whitening_ = whitening(patches - self.mean_)
        kmeans = MiniBatchKMeans(
            self.n_clusters,
            n_init=1,
            batch_size=2048,
            max_iter=_ROUNDS_OF_KMEANS,
            random_state=random_state,
        )
        kmeans.fit((patches - self.mean_) @ self.whitening_)
        self.cluster_centers_ = kmeans.cluster_centers_
        super()._learn(array, layout)

    def _draw_patches(self, array, layout, random_state):
        """Take patches from anywhere, image by image."""
        windows = self._windows(self._samples(array, layout, slice(0, 1)))
        places = windows.shape[1:-1]
        n_places = int(np.prod(places))
        n_all = len(array) * n_places
        n_drawn = min(self.n_patches, n_all)
        if n_drawn < self.n_clusters:
            raise ValueError(
                f"n_clusters={self.n_clusters}, but there are only {n_drawn} patches "
                "to learn them from. Take fewer clusters, more patches (n_patches) or "
                "more images."
            )
        drawn = sample_without_replacement(n_all, n_drawn, random_state=random_state)
        images, drawn = np.divmod(np.sort(drawn), n_places)
        patches = np.empty((n_drawn, windows.shape[-1]), windows.dtype)
        for row in np.unique(images):
            here = images == row
            windows = self._windows(self._samples(array, layout, slice(row, row + 1)))
            patches[here] = windows[0][np.unravel_index(drawn[here], places)]
        return patches

    def _windows(self, images):
        """View images as all of their patches: (n_samples, *places, values)."""
        axes, n_axes = tuple(range(2, images.ndim)), images.ndim - 2
        size = self.patch_size
        if isinstance(size, str):
            size = max(1, min(6, min(images.shape[2:]) * 3 // 8))
        size = per_axis(size, n_axes, "patch_size", minimum=1)
        stride = per_axis(self.stride, n_axes, "stride", minimum=1)
        if any(np.greater(size, images.shape[2:])):
            raise ValueError(
                f"patch_size={self.patch_size!r} is larger than the samples of X, "
                f"which are {images.shape[2:]}. Take smaller patches."
            )
        images = images.astype(_functional.floats_for(images.dtype), copy=False)
        windows = np.lib.stride_tricks.sliding_window_view(images, size, axes)
        windows = windows[:, :, *(slice(None, None, step) for step in stride)]
        windows = np.moveaxis(windows, 1, n_axes + 1)
        return windows.reshape(*windows.shape[: n_axes + 1], -1)

    def _apply(self, images):
        return np.stack([self._encode(image[None]) for image in images])

    def _encode(self, image):
        windows = self._windows(image)[0]
        places = windows.shape[:-1]
        patches = normalized(windows.reshape(-1, windows.shape[-1]), self.offset_)
        dtype = patches.dtype
        whitened = (patches - self.mean_.astype(dtype)) @ self.whitening_.astype(dtype)
        similarities = triangle(whitened, self.cluster_centers_.astype(dtype))
        sums = similarities.reshape(*places, -1)
        for axis, parts in enumerate(as_grid(self.grid_size, places, "patches")):
            starts = np.arange(parts) * places[axis] // parts
            sums = np.add.reduceat(sums, starts, axis)
        return sums.ravel()

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = True
        return tags


def normalized(patches, offset):
    """Bring patches to a mean of 0 and, where there is contrast, a variance of 1."""
    try:
        with np.errstate(over="raise", invalid="raise"):
            centred = patches - patches.mean(axis=1, keepdims=True)
            variances = np.square(centred).mean(axis=1, keepdims=True)
    except FloatingPointError as error:
        raise ValueError(
            f"The squares of X are beyond the range of {patches.dtype}. Scale X down, "
            "or convert it to a wider dtype first, as in X.astype('float64')."
        ) from error
    return centred / np.sqrt(variances + patches.dtype.type(offset))


def whitening(centred):
    """Find what makes values of patches uncorrelated and changes them least (ZCA)."""
    covariance = np.atleast_2d(np.cov(centred, rowvar=False, bias=True))
    eigenvalues, vectors = np.linalg.eigh(covariance)
    scales = 1 / np.sqrt(eigenvalues.clip(0) + _LEAST_EIGENVALUE)
    return ((vectors * scales) @ vectors.T).astype(centred.dtype)


def triangle(patches, centers):
    """Give how much closer each centre is than the average of them, or 0."""
    squares = (
        np.square(patches).sum(axis=1, keepdims=True)
        - 2 * patches @ centers.T
        + np.square(centers).sum(axis=1)
    )
    distances = np.sqrt(squares.clip(0))
    return (distances.mean(axis=1, keepdims=True) - distances).clip(0)
