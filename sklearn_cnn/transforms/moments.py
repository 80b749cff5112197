"""ColorMoments: how much of each colour is where."""

from numbers import Integral
from typing import ClassVar

from sklearn_cnn.transforms import _functional
from sklearn_cnn.transforms._base import _ImageDescriptor, as_grid
from sklearn_cnn.transforms._documentation import documented


@documented
class ColorMoments(_ImageDescriptor):
    """Describe images by mean and standard deviation of their channels [1]_.

    The image is divided into regions, and each has two numbers for each channel: red,
    green and blue, or brightness. They complete :class:`HOGDescriptor`, which sees
    shapes alone.

    Parameters
    ----------
    grid_size : int or tuple of int, default=2
        Into how many regions each spatial axis is divided: 2 makes the four quadrants
        of an image, 1 takes it as a whole.
    {spatial_dims}
    {data_format}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    HOGDescriptor : Directions of edges.
    PatchKMeans : Small pieces, compared with those that were found in other images.

    Notes
    -----
    The result has the shape (n_samples, n_features), first all means and then all
    standard deviations. Of [1]_ it leaves out the third moment. Where the regions
    cannot be equal, they differ by one pixel.

    It has the dtype float32 where that holds the values of ``X`` exactly, as those of
    8 and 16 bits, and float64 otherwise.

    References
    ----------
    .. [1] M. Stricker and M. Orengo, "Similarity of color images", SPIE 2420, 1995.

    Examples
    --------
    >>> from sklearn.datasets import load_sample_images
    >>> from sklearn_cnn.transforms import ColorMoments
    >>> photos = load_sample_images().images
    >>> ColorMoments(grid_size=1).fit_transform(photos).round(1)
    array([[144.7, 145.5, 140.9,  78.4,  83.8,  95.8],
           [ 55.1,  73.6,  57. ,  89. ,  45.5,  33.2]], dtype=float32)
    """

    _parameter_constraints: ClassVar[dict] = {
        **_ImageDescriptor._parameter_constraints,
        "grid_size": [Integral, "array-like"],
    }

    def __init__(
        self, grid_size=2, *, spatial_dims="auto", data_format="channels_last"
    ):
        self.grid_size = grid_size
        self.spatial_dims = spatial_dims
        self.data_format = data_format

    def _apply(self, images):
        grid = as_grid(self.grid_size, images.shape[2:], "pixels")
        return _functional.color_moments(images, grid)
