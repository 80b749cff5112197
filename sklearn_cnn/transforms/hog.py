"""HOGDescriptor: shapes as histograms of edges."""

from numbers import Integral
from typing import ClassVar

import numpy as np
from joblib import effective_n_jobs
from sklearn.utils import gen_even_slices
from sklearn.utils.parallel import Parallel, delayed

from sklearn_cnn.transforms import _functional
from sklearn_cnn.transforms._base import _ImageDescriptor
from sklearn_cnn.transforms._documentation import documented
from sklearn_cnn.utils._axes import per_axis
from sklearn_cnn.utils._parameters import require_integer
from sklearn_cnn.utils._sklearn import Interval, StrOptions


@documented
class HOGDescriptor(_ImageDescriptor):
    """Describe images by histograms of oriented gradients (HOG) [1]_.

    The image is divided into cells. Each has a histogram of the directions in which
    brightness changes, and neighbouring cells are normalised together, as blocks. This
    was the usual input of a support vector machine before convolutional networks, and
    still is a baseline to beat.

    Parameters
    ----------
    orientations : int, default=9
        Number of bins of a histogram, over 180 degrees.
    pixels_per_cell : int or (int, int), default=(8, 8)
        Height and width of a cell, in pixels. Pixels beyond the last whole cell are
        left out.
    cells_per_block : int or (int, int), default=(3, 3)
        Height and width of a block, in cells. Blocks overlap: there is one at every
        cell where one fits.
    block_norm : {"L1", "L1-sqrt", "L2", "L2-Hys"}, default="L2-Hys"
        How a block is normalised; "L2-Hys" is the Euclidean norm with large values cut
        off, the one that [1]_ found best.
    transform_sqrt : bool, default=False
        Whether to take the square root of all pixels first, against shadows. Pixels
        must then not be negative.
    n_jobs : int or None, default=None
        Number of processes; None is one, -1 all cores.
    {data_format}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    Flatten : The pixels themselves.
    sklearn_cnn.CNNFeatures : What a convolutional network sees.

    Notes
    -----
    :func:`skimage.feature.hog` does the work, image by image. It needs
    ``pip install 'sklearn_cnn[scikit-image]'``. Of several channels, the one with the
    largest change counts at each pixel.

    Defaults are those of scikit-image and want images of at least 24x24 pixels. For the
    digits of 8x8 pixels, ``pixels_per_cell=2, cells_per_block=2`` does.

    References
    ----------
    .. [1] N. Dalal and B. Triggs, "Histograms of oriented gradients for human
       detection", CVPR 2005.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import cross_val_score
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.svm import SVC
    >>> from sklearn_cnn.transforms import HOGDescriptor
    >>> digits = load_digits()
    >>> hog = HOGDescriptor(pixels_per_cell=2, cells_per_block=2)
    >>> scores = cross_val_score(
    ...     make_pipeline(hog, SVC()), digits.images[:500], digits.target[:500]
    ... )
    >>> bool(scores.mean() > 0.9)
    True
    """

    #: Gradients have a direction in the plane alone.
    spatial_dims = 2
    _parameter_constraints: ClassVar[dict] = {
        "data_format": _ImageDescriptor._parameter_constraints["data_format"],
        "orientations": [Interval(Integral, 1, 360, closed="both")],
        "pixels_per_cell": [Integral, "array-like"],
        "cells_per_block": [Integral, "array-like"],
        "block_norm": [StrOptions({"L1", "L1-sqrt", "L2", "L2-Hys"})],
        "transform_sqrt": ["boolean"],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        *,
        orientations=9,
        pixels_per_cell=(8, 8),
        cells_per_block=(3, 3),
        block_norm="L2-Hys",
        transform_sqrt=False,
        n_jobs=None,
        data_format="channels_last",
    ):
        self.orientations = orientations
        self.pixels_per_cell = pixels_per_cell
        self.cells_per_block = cells_per_block
        self.block_norm = block_norm
        self.transform_sqrt = transform_sqrt
        self.n_jobs = n_jobs
        self.data_format = data_format

    def _transform(self, array, layout):
        n_parts = min(len(array), effective_n_jobs(self.n_jobs))
        parts = Parallel(n_jobs=self.n_jobs)(
            delayed(self._map)(self._apply, array[rows], layout)
            for rows in gen_even_slices(len(array), n_parts)
        )
        return np.concatenate(parts)

    def _apply(self, images):
        return _functional.hog(images, **self._options(images))

    def _options(self, images):
        cell = per_axis(self.pixels_per_cell, 2, "pixels_per_cell", minimum=1)
        block = per_axis(self.cells_per_block, 2, "cells_per_block", minimum=1)
        needed = tuple(np.multiply(cell, block).tolist())
        if any(np.less(images.shape[2:], needed)):
            raise ValueError(
                f"X has images of {images.shape[2:]} pixels, but one block of "
                f"cells_per_block={block} of pixels_per_cell={cell} needs {needed}. "
                "Take smaller cells or fewer of them in a block."
            )
        require_integer("orientations", self.orientations, 1)  # no boolean
        if self.transform_sqrt and images.min() < 0:
            raise ValueError(
                f"transform_sqrt=True takes square roots, but X has {images.min():g}. "
                "Shift X to values of at least 0, or leave transform_sqrt=False."
            )
        return {
            "orientations": self.orientations,
            "pixels_per_cell": cell,
            "cells_per_block": block,
            "block_norm": self.block_norm,
            "transform_sqrt": self.transform_sqrt,
        }

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        return tags
