"""ImageFiles."""

import copy
from math import prod

import numpy as np

from sklearn_cnn.images.cache import ImageCache
from sklearn_cnn.images.lookahead import Lookahead, WholeChunks
from sklearn_cnn.images.opening import opened
from sklearn_cnn.images.reading import Reading
from sklearn_cnn.images.shards import ShardSource
from sklearn_cnn.images.skipping import is_skip, readable_rows, warn_of_skipped
from sklearn_cnn.images.sources import ArraySource, FileSource
from sklearn_cnn.utils._parameters import require_integer
from sklearn_cnn.utils._progress import showing_progress

#: Kept of arrays in chunks, and most of all decoded files, unless cache_bytes is given.
_CHUNK_BYTES, _FILE_BYTES = 1 << 28, 1 << 29


class ImageFiles:
    """Images on disk, in the place of an array of them.

    It has the shape, dtype and indexing of an array (n_samples, height, width[,
    n_channels]), so that estimators, cross-validation and searches take it as ``X``,
    but files are read and decoded only when and where their pixels are needed: batch by
    batch, while the last batch trains. An index by an integer gives an image; a slice,
    a list of indices or a mask gives another ImageFiles, which shares paths and cache.
    ``numpy.asarray`` reads all.

    Parameters
    ----------
    paths : sequence of str or path
        One file for each sample: AVIF, BMP, GIF, JPEG, JPEG 2000, PNG, PPM, TIFF, WebP
        or what is registered with Pillow, whatever its name ends in. The first is
        decoded at once, and all others must be like it.
    size : int, (int, int) or None, default=None
        Height and width that every image is resized to (bilinear, with antialiasing);
        one number is both. None takes files as they are, and they must be of one size.
    mode : {"L", "RGB", "RGBA", "I;16"} or None, default=None
        What every image is converted to: grey, colours, colours with alpha, or grey of
        16 bits, which gives uint16. Transparent pixels become white where alpha is
        dropped, as on paper. None keeps what the file holds: grey stays grey, palettes
        and CMYK become "RGB", or "RGBA" if some pixel is transparent; grey of floats
        and of integers beyond 16 bits becomes float32 and int32. All channels of
        TIFF are kept, and 16 bits of colours, if tifffile is installed
        (``pip install 'sklearn_cnn[tiff]'``); without it such files are an error.
    pages : {"channels", "depth"}, int or None, default=None
        What is read of files of several pages (TIFF stacks, animations): all of them as
        channels, as of a fluorescence microscope; all as the depth of a volume; or the
        page of this number, counted from 0. None is for files of one page, and an error
        where there are more. Thumbnails, overviews and masks of TIFF are not counted.
    n_workers : int or None, default=None
        Number of threads that decode. None means one for each core, or as many as the
        environment variable ``OMP_NUM_THREADS`` says, if the first file has at least
        128x128 pixels, and one in all otherwise, as threads do not help with smaller
        images.
    cache_bytes : int or "auto", default="auto"
        Most bytes of decoded images to keep in memory, in each process: later epochs
        find them there. "auto" keeps them if all take at most 512 MiB, and else none,
        so that memory does not grow with the data; so does 0.
    resize : {"stretch", "pad", "crop"}, default="stretch"
        What ``size`` does where it has another ratio of sides: "stretch" changes that
        of the image, "pad" keeps it and surrounds the image by ``fill``, and "crop"
        keeps it and drops what is beyond the middle.
    fill : number or "auto", default="auto"
        What ``resize="pad"`` surrounds an image by: a value of its pixels, or the
        median of its border, channel by channel.
    max_pixels : int or None, default=None
        Images of more pixels are refused, here and in other processes. None is
        ``PIL.Image.MAX_IMAGE_PIXELS``, 89 million unless it was changed.
    on_error : {"raise", "skip"}, default="raise"
        What happens to files that cannot be read. "skip" reads all once, leaves those
        out and warns of them; :attr:`kept` and :attr:`skipped` tell which.
    verbose : int, default=0
        Whether "skip" shows a bar over the files, if they take more than a second.

    Raises
    ------
    ValueError
        If the first file cannot be read; when a fit begins, if others are missing, are
        no images or of another size, which it lists; and at the batch that meets it, if
        one is cut off or not like the first. The message names file and reason. With
        ``on_error="skip"`` at once, if files differ or none can be read; of those that
        are left out a UserWarning tells.

    See Also
    --------
    image_folder : ImageFiles and labels from one folder for each class.
    sklearn_cnn.transforms.ImageReader : Reads images into an array, as a step of a
        Pipeline.

    Notes
    -----
    Nor may a side be longer than 32,768 pixels. Up to the limits an image may take 2 GB
    and several seconds, whatever the size of its file.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from PIL import Image
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import cross_val_score
    >>> from sklearn_cnn import CNNClassifier
    >>> from sklearn_cnn.images import ImageFiles
    >>> digits = load_digits()
    >>> folder = tempfile.TemporaryDirectory()
    >>> paths = [Path(folder.name) / f"{i}.png" for i in range(200)]
    >>> for path, image in zip(paths, digits.images):
    ...     Image.fromarray((image * 15).astype("uint8")).save(path)
    >>> X = ImageFiles(paths)
    >>> X
    ImageFiles: 200 images of shape (8, 8), uint8
    >>> X[0].shape, X[50:].shape
    ((8, 8), (150, 8, 8))
    >>> cnn = CNNClassifier(filters=(4,), max_iter=2, random_state=0)
    >>> cross_val_score(cnn, X, digits.target[:200], cv=3).shape
    (3,)
    >>> folder.cleanup()
    """

    def __init__(
        self,
        paths,
        *,
        size=None,
        mode=None,
        pages=None,
        n_workers=None,
        cache_bytes="auto",
        resize="stretch",
        fill="auto",
        max_pixels=None,
        on_error="raise",
        verbose=0,
    ):
        reading = Reading.checked(
            size=size,
            mode=mode,
            pages=pages,
            max_pixels=max_pixels,
            resize=resize,
            fill=fill,
        )
        skips = is_skip(on_error)
        source = FileSource(paths, reading, n_workers, skips)
        self._begin(source, cache_bytes)
        if skips:
            keep = (lambda *_: None) if self._cache is None else self._cache.keep
            with showing_progress(type(self).__name__, verbose):
                self._rows = readable_rows(source, keep)
            warn_of_skipped(source)

    @classmethod
    def from_array(cls, array, *, cache_bytes=None, storage_options=None):
        """Make the like of an array on disk, or elsewhere.

        Parameters
        ----------
        array : numpy.memmap, h5py.Dataset, zarr.Array, another array, str or path
            Of shape (n_samples, ...): anything with ``shape``, ``dtype`` and indexing;
            or the path of a .npy file, or the path or URL of a zarr array
            (``pip install 'sklearn_cnn[zarr]'``). It is read in slices and lists of
            increasing row numbers, and stays where it is: other processes open the file
            anew, when they first read from it. Keep the file for as long as its images
            are used; open HDF5 with mode "r".
        cache_bytes : int, "auto" or None, default=None
            Most bytes of images to keep in memory. "auto" and None are 256 MiB for what
            is stored in chunks of several rows, as zarr and HDF5 do, else 0.

            A chunk is read whole even for one row. If all images fit, those that were
            read with a row stay, in each process. If not, each pass over images in a
            known order, as an epoch of a fit is, keeps those that it needs soonest. For
            a moment reading takes as much again, and 16 MiB.
        storage_options : dict or None, default=None
            For the file system of a URL, as fsspec takes them: keys, tokens, headers.

        Returns
        -------
        images : ImageFiles
            NaN and infinity in it are an error at the batch that meets them.

        Raises
        ------
        ValueError
            If it is sparse, masked, a tensor, a view of an HDF5 dataset or HDF5 in
            memory, or a path that leads to no array; and later, if a zarr array, or in
            another process its file, is gone, locked or of another size or shape. The
            message says what to pass instead.
        ImportError
            If zarr, or what reads a URL, is not installed.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn_cnn.images import ImageFiles
        >>> ImageFiles.from_array(np.zeros((100, 32, 32, 3), np.uint8))
        ImageFiles: 100 images of shape (32, 32, 3), uint8
        """
        return cls._of(ArraySource(opened(array, storage_options)), cache_bytes)

    @classmethod
    def from_shards(cls, shards, *, cache_bytes=None, storage_options=None):
        """Make the like of several arrays, each of which holds some of the rows.

        Parameters
        ----------
        shards : sequence of arrays, str or paths
            As ``array`` of :meth:`from_array`, all of one dtype, and of one shape but
            for the number of rows. The rows of the first come first. Of .npy files that
            are given by path, at most 128 are open from one batch to the next.
        cache_bytes : int, "auto" or None, default=None
            As for :meth:`from_array`, of all shards together.
        storage_options : dict or None, default=None
            As for :meth:`from_array`; for all shards.

        Returns
        -------
        images : ImageFiles
            With as many images as all shards together.

        Raises
        ------
        ValueError
            If one differs from the first or cannot be opened, as for
            :meth:`from_array`; and when a fit begins, if some are not there any more.
            The message names the shards.
        ImportError
            If zarr, or what reads a URL, is not installed.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> import numpy as np
        >>> from sklearn_cnn.images import ImageFiles
        >>> folder = tempfile.TemporaryDirectory()
        >>> for i in range(3):
        ...     np.save(f"{folder.name}/{i}.npy", np.full((100, 8, 8), i, np.uint8))
        >>> ImageFiles.from_shards(sorted(Path(folder.name).glob("*.npy")))
        ImageFiles: 300 images of shape (8, 8), uint8
        >>> folder.cleanup()
        """
        return cls._of(ShardSource(shards, storage_options), cache_bytes)

    @classmethod
    def _of(cls, source, cache_bytes):
        images = cls.__new__(cls)
        images._begin(source, cache_bytes)
        return images

    def _begin(self, source, cache_bytes):
        self._source = source
        self._rows = np.arange(len(source))
        self._cache_bytes = cache_bytes = self._bytes_to_keep(cache_bytes)
        self._cache = None
        of_images = (len(source), source.image_shape, source.dtype)
        if not source.has_chunks:
            if cache_bytes:
                self._cache = ImageCache(cache_bytes, *of_images)
        elif len(source) * self._image_bytes <= cache_bytes:
            self._cache = WholeChunks(cache_bytes, *of_images, source.neighbours)

    def _bytes_to_keep(self, given):
        if given is None or (isinstance(given, str) and given == "auto"):
            if not isinstance(self._source, FileSource):
                return _CHUNK_BYTES if self._source.has_chunks else 0
            all_bytes = len(self._source) * self._image_bytes
            return all_bytes if all_bytes <= _FILE_BYTES else 0
        require_integer("cache_bytes", given, 0)
        return given

    @property
    def _image_bytes(self):
        return prod(self._source.image_shape) * self.dtype.itemsize

    @property
    def shape(self):
        """Number of images, then the shape of one."""
        return (len(self._rows), *self._source.image_shape)

    @property
    def ndim(self):
        """Number of axes."""
        return len(self.shape)

    @property
    def dtype(self):
        """Type of the pixels."""
        return self._source.dtype

    @property
    def paths(self):
        """Paths of the files, an array of str; an array on disk has none."""
        source = self._files
        return np.array([source.paths[i] for i in self._rows], dtype=object)

    @property
    def kept(self):
        """Whether each of the paths that were given has a row here: bool, by path.

        With ``on_error="skip"`` it brings other arrays in line: ``y[X.kept]``.
        """
        kept = np.zeros(len(self._files), bool)
        kept[self._rows] = True
        return kept

    @property
    def skipped(self):
        """Files that ``on_error="skip"`` left out: a dict from path to reason."""
        return dict(self._files.skipped)

    @property
    def _files(self):
        if not isinstance(self._source, FileSource):
            raise AttributeError(
                "Images from an array have no paths. Only those of ImageFiles(paths) "
                "and image_folder do."
            )
        return self._source

    def __sizeof__(self):
        """Count bytes in memory, paths apart, for those who decide how to send it."""
        return super().__sizeof__() + self._rows.nbytes

    def __len__(self):
        """Count the images."""
        return len(self._rows)

    def __getitem__(self, key):
        """Give one image, or some of them without reading any."""
        if isinstance(key, tuple):
            key, *rest = key
            if not all(_is_whole_axis(other) for other in rest):
                raise IndexError(
                    "ImageFiles are indexed by rows alone. Cut pixels or channels out "
                    "of numpy.asarray(images[rows])."
                )
        rows = self._rows[key]
        if rows.ndim == 0:
            return self._read(rows[None])[0]
        if rows.ndim > 1:
            raise IndexError("ImageFiles are indexed by rows, along one axis.")
        view = copy.copy(self)
        view._rows = rows
        return view

    def __array__(self, dtype=None, copy=None):
        """Read all images."""
        if copy is False:
            raise ValueError("ImageFiles cannot become an array without a copy.")
        images = self._read(self._rows)
        return images if dtype is None else images.astype(dtype, copy=False)

    def __repr__(self):
        """Describe it in one line."""
        return (
            f"{type(self).__name__}: {len(self)} images of shape "
            f"{self._source.image_shape}, {self.dtype}"
        )

    def check_files(self):
        """Open all files without reading their pixels, as a fit does before it trains.

        Raises
        ------
        ValueError
            If some of them are missing, are no images or of another size. All are
            counted, and the first ten listed with their reasons.
        """
        self._source.check(self._rows)

    def _in_turn(self, chunks):
        """Give the like of it, whose chunks of rows will be asked for in this order.

        Where images are stored in chunks, it keeps those that were read and are needed
        soonest.
        """
        room = self._cache_bytes // self._image_bytes
        if self._cache is not None or not (self._source.has_chunks and room):
            return self
        order = np.concatenate([self._rows[chunk] for chunk in chunks])
        source, view = self._source, copy.copy(self)
        view._cache = Lookahead(
            room, len(source), order, source.image_shape, self.dtype, source.neighbours
        )
        return view

    def _read(self, rows):
        if self._cache is None:
            return self._source.read(rows)
        return self._cache.read(rows, self._source.read)


def _is_whole_axis(key):
    return key is Ellipsis or (isinstance(key, slice) and key == slice(None))
