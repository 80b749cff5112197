"""ImageReader."""

import os
import warnings
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from numbers import Integral, Real
from typing import ClassVar

import numpy as np
from PIL import Image
from sklearn.base import TransformerMixin

from sklearn_cnn.images import (
    ImageFiles,
    Reading,
    as_list,
    as_values,
    decode,
    from_row,
    in_threads,
    keep_index,
    name_of,
    shortened,
    threads_of,
)
from sklearn_cnn.utils._fitting import BaseEstimator, as_task
from sklearn_cnn.utils._framing import RESIZES
from sklearn_cnn.utils._messages import frames_to_user
from sklearn_cnn.utils._progress import counted, progress, showing_progress
from sklearn_cnn.utils._sklearn import Interval, StrOptions, fit_context


class ImageReader(
    TransformerMixin,
    BaseEstimator,
    auto_wrap_output_keys=None,  # type: ignore[call-arg]
):
    """Read image files into one array.

    As the first step of a Pipeline. For a column of paths in a
    :class:`~sklearn.compose.ColumnTransformer`, which joins flat rows alone, a step
    that gives rows must follow, as in ``make_pipeline(ImageReader(), Flatten())``.
    Images are turned upright as their EXIF orientation says.

    Parameters
    ----------
    size : int, (int, int) or None, default=None
        Height and width that every image is resized to (bilinear, with antialiasing);
        one number is both. None keeps the images as they are, and they must be of one
        size.
    mode : {"L", "RGB", "RGBA", "I;16"} or None, default=None
        What every image is converted to: grey, colours, colours with alpha, or grey of
        16 bits, which gives uint16 and becomes 8 bits by its high byte. Transparent
        pixels become white where alpha is dropped, as on paper. None keeps what images
        hold: grey stays grey, palettes and CMYK become "RGB", or "RGBA" if some pixel
        is transparent. All channels of TIFF are kept, and 16 bits of colours, if
        tifffile is installed (``pip install 'sklearn_cnn[tiff]'``); without it such
        files are an error.
    pages : {"channels", "depth"}, int or None, default=None
        What is read of files of several pages (TIFF stacks, animations): all of them as
        channels, as of a fluorescence microscope; all as the depth of a volume; or the
        page of this number, counted from 0. None is for files of one page, and an error
        where there are more. Thumbnails, overviews and masks of TIFF are not counted.
    n_jobs : int or None, default=None
        Number of threads that decode, as everywhere in scikit-learn: None means 1, and
        -1 one for each core. Below about 128x128 pixels one is the fastest.
    on_error : {"raise", "zeros"}, default="raise"
        What happens to images that cannot be read: an error that counts them and lists
        ten with their reasons, or pixels of zero and a warning that does so. They
        cannot be left out, as ``y`` would keep their rows. If none of them can be
        read, zeros need ``size`` and ``mode``, which say their shape. ImageFiles can
        leave them out.
    resize : {"stretch", "pad", "crop"}, default="stretch"
        What ``size`` does where it has another ratio of sides: "stretch" changes that
        of the image, "pad" keeps it and surrounds the image by ``fill``, and "crop"
        keeps it and drops what is beyond the middle.
    fill : number or "auto", default="auto"
        What ``resize="pad"`` surrounds an image by: a value of its pixels, or the
        median of its border, channel by channel.
    max_pixels : int or None, default=None
        Images of more pixels cannot be read, here and in other processes. None is
        ``PIL.Image.MAX_IMAGE_PIXELS``, 89 million unless it was changed.
    verbose : int, default=0
        Whether to show a bar over the images, if they take more than a second.

    See Also
    --------
    Flatten : Makes rows of a table of images.
    sklearn_cnn.images.ImageFiles : Images that stay on disk, for more than memory
        holds.

    Notes
    -----
    The transformer is stateless: nothing is learned by ``fit``.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from PIL import Image
    >>> from sklearn_cnn.transforms import ImageReader
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     paths = [Path(folder) / f"{i}.png" for i in range(3)]
    ...     for path in paths:
    ...         Image.new("L", (40, 30)).save(path)
    ...     images = ImageReader(size=(16, 20), mode="RGB").fit_transform(paths)
    >>> images.shape, images.dtype
    ((3, 16, 20, 3), dtype('uint8'))
    """

    _parameter_constraints: ClassVar[dict] = {
        "size": [Integral, tuple, list, None],
        "mode": [str, None],
        "pages": [str, Integral, None],
        "n_jobs": [Integral, None],
        "on_error": [StrOptions({"raise", "zeros"})],
        "resize": [StrOptions(set(RESIZES))],
        "fill": [Real, StrOptions({"auto"})],
        "max_pixels": [Interval(Integral, 1, None, closed="left"), None],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        *,
        size=None,
        mode=None,
        pages=None,
        n_jobs=None,
        on_error="raise",
        resize="stretch",
        fill="auto",
        max_pixels=None,
        verbose=0,
    ):
        self.size = size
        self.mode = mode
        self.pages = pages
        self.n_jobs = n_jobs
        self.on_error = on_error
        self.resize = resize
        self.fill = fill
        self.max_pixels = max_pixels
        self.verbose = verbose

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Check parameters and X; no image is read.

        Parameters
        ----------
        X : array-like of shape (n_samples,) or (n_samples, 1)
            Images, as :meth:`transform` takes them.
        y : object, default=None
            Ignored.

        Returns
        -------
        self : ImageReader
            The transformer.
        """
        with as_task(self, X, y):
            self._reading()
            _sources(X)
        return self

    def transform(self, X):
        """Read images.

        Parameters
        ----------
        X : array-like of shape (n_samples,) or (n_samples, 1)
            A list, array, Series or DataFrame of one column. Each of its items is a
            path, the bytes of a file, a :class:`PIL.Image.Image`, or a dict of
            "bytes" and "path", as in the data sets of Hugging Face.

        Returns
        -------
        images : ndarray of shape (n_samples, [depth,] height, width[, n_channels])
            Of uint8, or of uint16 if they are of 16 bits; of float32 or int32 if they
            hold floats or larger integers, and ``mode`` is None.

        Raises
        ------
        ValueError
            If images cannot be read, with ``on_error="raise"``, or none of them, and
            ``size`` or ``mode`` is None; or if they differ in size or in the number of
            channels.

        Warns
        -----
        UserWarning
            If images cannot be read, with ``on_error="zeros"``.
        """
        self._validate_params()
        reading = self._reading()
        sources = _sources(X)
        read = partial(_try_decode, reading=reading)
        shown = showing_progress(type(self).__name__, self.verbose)
        with shown, progress("images read", len(sources)) as count:
            read = counted(read, count)
            found = in_threads(read, sources, threads_of(self.n_jobs))
        bad = {i: error for i, error in enumerate(found) if isinstance(error, str)}
        if bad:
            self._tell(bad, len(sources))
        if len(bad) < len(sources):
            return keep_index(_stacked(found, sources, bad), X, self)
        if None in (reading.size, reading.mode) or isinstance(self.pages, str):
            raise ValueError(
                f"None of the {len(sources)} images can be read, so that their shape "
                "is not known. Pass size and mode, which say it, to get blank ones. "
                f"The first: {bad[0]}"
            )
        # of whatever image: those of one size and mode have one shape and type
        blank = decode(Image.new("L", (1, 1)), replace(reading, resize="stretch"))
        return keep_index(np.zeros((len(sources), *blank.shape), blank.dtype), X, self)

    def get_feature_names_out(self, input_features=None):
        """Give the names of the columns of paths, from which later steps make theirs.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Names of the columns; None is "image".

        Returns
        -------
        feature_names_out : ndarray of str objects
            The same names.
        """
        names = ["image"] if input_features is None else input_features
        return np.asarray(names, dtype=object)

    def set_output(self, *, transform=None):
        """Choose what transformers of a Pipeline give: of images, always arrays.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"} or None, default=None
            With "pandas", the array remembers the index of ``X`` for the next step, so
            that what that makes of it is joined to the right rows. None changes
            nothing.

        Returns
        -------
        self : ImageReader
            The transformer.
        """
        if transform is not None:
            self._sklearn_output_config = {"transform": transform}
        return self

    def _reading(self):
        return Reading.checked(
            size=self.size,
            mode=self.mode,
            pages=self.pages,
            max_pixels=self.max_pixels,
            resize=self.resize,
            fill=self.fill,
        )

    def _tell(self, bad, n_sources):
        reasons = as_list([f"row {i}: {error}" for i, error in bad.items()])
        message = f"{len(bad)} of {n_sources} images cannot be read"
        if self.on_error == "raise":
            raise ValueError(
                f"{message}. Mend or remove them, or pass on_error='zeros' to go on "
                f"with blank ones.\n{reasons}"
            )
        level = frames_to_user()
        warnings.warn(f"{message} and are blank:\n{reasons}", stacklevel=level)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.requires_fit = False
        tags.transformer_tags.preserves_dtype = []
        return tags


def _sources(X):
    _require_list(X)
    X = as_values(X, "X")
    column = np.asarray(X).ravel() if hasattr(X, "shape") else X
    sources = list(column)
    if not sources:
        raise ValueError(
            "Found array with 0 sample(s) while a minimum of 1 is required by "
            "ImageReader."
        )
    return [str(s) if isinstance(s, np.str_) else from_row(s) for s in sources]


def _require_list(X):
    """Refuse what is not one column of images, and tell what to pass in its place."""
    if isinstance(X, ImageFiles):
        raise ValueError(
            "X is ImageFiles, which read their files themselves. Leave ImageReader "
            "out, or pass it X.paths."
        )
    if isinstance(X, str | os.PathLike) and os.path.isdir(X):
        raise ValueError(
            f"X={name_of(X)} is a folder, but ImageReader needs a list of files. List "
            "them, as by sorted(pathlib.Path(X).iterdir()), or read one folder for "
            "each class with sklearn_cnn.images.image_folder."
        )
    if isinstance(X, str | bytes | os.PathLike | Image.Image):
        raise ValueError(
            f"X is a single image, {name_of(X)}, but ImageReader needs a list of them. "
            "Pass [X]."
        )
    if not isinstance(X, Iterable):
        raise ValueError(
            f"X={shortened(X)} is no list of images: ImageReader needs paths, bytes or "
            "PIL images, one for each sample."
        )
    shape = getattr(X, "shape", ())
    if len(shape) > 2 or (len(shape) == 2 and shape[1] != 1):
        raise ValueError(
            f"X has shape {shape}, but ImageReader needs one column of paths, bytes or "
            "PIL images."
        )


def _try_decode(source, reading):
    try:
        return decode(source, reading)
    except ValueError as error:
        return str(error)


def _stacked(found, sources, bad):
    kinds = {}
    for i, pixels in enumerate(found):
        if i not in bad:
            kinds.setdefault((pixels.shape, pixels.dtype.name), i)
    if len(kinds) > 1:
        examples = "; ".join(
            f"{shape}, {dtype}: row {i}, {name_of(sources[i])}"
            for (shape, dtype), i in list(kinds.items())[:5]
        )
        raise ValueError(
            f"X has images of {len(kinds)} different shapes or types. Pass "
            "size=(height, width) to resize all to one size, and mode, such as "
            f"mode='RGB', to convert all to one kind. {examples}"
        )
    ((shape, dtype),) = kinds
    images = np.zeros((len(found), *shape), dtype)
    for i in range(len(found)):
        if i not in bad:
            images[i] = found[i]
        found[i] = None  # not all of them twice in memory
    return images
