"""image_folder."""

import os
import warnings
from collections import Counter
from pathlib import Path

import numpy as np

from sklearn_cnn.images.files import ImageFiles
from sklearn_cnn.images.formats import (
    HEIF_REMEDY,
    HEIF_SUFFIXES,
    looks_like_an_image,
    suffixes,
)
from sklearn_cnn.images.naming import shortened

#: Made by storage devices and systems beside the images of users.
_NOT_THE_USERS = {"@eadir", "#recycle", "__macosx", "thumbs.db", "desktop.ini"}
_MOST_LISTED = 8
_DEEPEST = 100
_PARTS = {"train", "training", "valid", "validation", "val", "test", "testing"}


def image_folder(
    path,
    *,
    follow_links=False,
    size=None,
    mode=None,
    pages=None,
    n_workers=None,
    cache_bytes=0,
):
    """Find the images of a folder that has one folder for each class.

    Images are the files whose name ends as Pillow knows it (.jpg, .png, .tiff, .webp,
    .avif and others, in any case), and those of other names that it can open, at any
    depth below the folder of their class. Formats that are registered with Pillow, as
    HEIF by pillow-heif, are among them. A warning tells what other files are left out;
    files and folders whose name begins with a dot are left out silently, and so are
    thumbnails and deleted files of storage devices ("@eaDir", "#recycle"). An image
    that cannot be read is not left out: it is an error before a training starts.

    Parameters
    ----------
    path : str or path
        The folder. It may be a link itself.
    follow_links : bool, default=False
        Whether links to images and folders are followed, which may lead anywhere. By
        default a link is an error, so that nothing is read from outside of ``path``.
    size : int, (int, int) or None, default=None
        As for :class:`ImageFiles`.
    mode : {"L", "RGB", "RGBA", "I;16"} or None, default=None
        As for :class:`ImageFiles`.
    pages : {"channels", "depth"}, int or None, default=None
        As for :class:`ImageFiles`.
    n_workers : int or None, default=None
        As for :class:`ImageFiles`.
    cache_bytes : int, default=0
        As for :class:`ImageFiles`.

    Returns
    -------
    images : ImageFiles
        Sorted by class and then by path, on every system alike.
    labels : ndarray of shape (n_images,)
        Names of the folders.

    Raises
    ------
    ValueError
        If there is no such folder, if it has no folders, if there are images beside
        these or none in one of them, if there is a link and ``follow_links`` is False
        or it leads in a circle, if the folders are parts of a data set ("train",
        "valid") and not classes, or if the first image cannot be read.

    Warns
    -----
    UserWarning
        If files are left out, as they are no images that Pillow opens.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from PIL import Image
    >>> from sklearn_cnn.images import image_folder
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("cat", "dog"):
    ...         (Path(folder) / name).mkdir()
    ...         Image.new("RGB", (8, 6)).save(Path(folder) / name / "1.png")
    ...     image_folder(folder)
    (ImageFiles: 2 images of shape (6, 8, 3), uint8, array(['cat', 'dog'], dtype='<U3'))
    """
    listing = _Listing(follow_links)
    found = _images_by_class(path, listing)
    listing.warn(path)
    images = ImageFiles(
        [path for paths in found.values() for path in paths],
        size=size,
        mode=mode,
        pages=pages,
        n_workers=n_workers,
        cache_bytes=cache_bytes,
    )
    return images, np.repeat(list(found), [len(paths) for paths in found.values()])


def _images_by_class(path, listing):
    if not isinstance(path, str | os.PathLike):
        raise ValueError(
            f"path={shortened(path)} is a {type(path).__name__}, but it must be the "
            "path of a folder, as a str or a pathlib.Path."
        )
    root = Path(path)
    if not os.path.isdir(path):
        raise ValueError(f"path={shortened(path)} is not a folder.")
    beside, classes = listing.inside(root)
    if beside and not classes:
        raise ValueError(
            f"path={os.fspath(path)!r} has images in it, such as {beside[0].name!r}, "
            "but no folders of classes. Move the images of each class into a folder of "
            "its own; for images without labels, pass their paths to "
            "sklearn_cnn.images.ImageFiles."
        )
    if beside:
        raise ValueError(
            f"{str(beside[0])!r} is an image beside the folders of the classes. Move "
            "it into one of them."
        )
    if not classes:
        raise ValueError(
            f"path={os.fspath(path)!r} has no folders in it, but one is needed for "
            "each class."
        )
    _refuse_parts(path, [c.name for c in classes])
    found = {c.name: list(_walk(c, listing, {root.resolve()})) for c in classes}
    for name, paths in found.items():
        if not paths:
            raise ValueError(
                f"{str(root / name)!r} holds no images. Remove it, or add images that "
                f"Pillow opens. {listing.left_out_of(root / name)}".rstrip()
            )
    return found


def _refuse_parts(path, names):
    if {name.lower() for name in names} <= _PARTS:
        raise ValueError(
            f"path={os.fspath(path)!r} has the folders {', '.join(map(repr, names))}, "
            "which are parts of a data set and not classes. Read each by itself, as in "
            f"image_folder({str(Path(path) / names[0])!r}), and pass the one to "
            "validate on as X_val and y_val. If they are classes, pass paths to "
            "sklearn_cnn.images.ImageFiles with labels of your own."
        )


def _walk(folder, listing, above):
    if len(above) > _DEEPEST:
        raise ValueError(
            f"path has folders within folders, {_DEEPEST} deep and more, such as "
            f"{str(folder)[:200]!r}. Move the images up."
        )
    place = folder.resolve()
    if place in above:
        raise ValueError(f"The link {str(folder)!r} leads to a folder that it is in.")
    paths, folders = listing.inside(folder)
    yield from paths
    for inner in folders:
        yield from _walk(inner, listing, above | {place})


class _Listing:
    """What is found in folders, and what is left out of it."""

    def __init__(self, follow_links):
        self.follow_links = follow_links
        self._suffixes = suffixes()
        self._left_out = []

    def inside(self, folder):
        """Give the images and the folders right in a folder, each sorted by name."""
        images, folders = [], []
        for path in sorted(folder.iterdir(), key=lambda path: path.name):
            if path.name.startswith(".") or path.name.lower() in _NOT_THE_USERS:
                continue
            is_folder = path.is_dir()
            if not is_folder and not self._is_image(path):
                self._left_out.append(path)
                continue
            if path.is_symlink() and not self.follow_links:
                raise ValueError(
                    f"{str(path)!r} is a link. Pass follow_links=True to follow links, "
                    "also to outside of the folder."
                )
            (folders if is_folder else images).append(path)
        return images, folders

    def _is_image(self, path):
        if path.suffix.lower() in self._suffixes:
            return True
        may_open = self.follow_links or not path.is_symlink()
        return may_open and looks_like_an_image(path)

    def left_out_of(self, folder):
        """Count what was left out of a folder, by suffix, in a sentence."""
        paths = [path for path in self._left_out if path.is_relative_to(folder)]
        if not paths:
            return ""
        counts = Counter(path.suffix.lower() or "without suffix" for path in paths)
        listed = [f"{n} {suffix}" for suffix, n in counts.most_common(_MOST_LISTED)]
        if len(counts) > _MOST_LISTED:
            listed.append("...")
        remedy = f" {HEIF_REMEDY}." if any(map(counts.get, HEIF_SUFFIXES)) else ""
        return (
            f"{len(paths)} file(s) are left out, as Pillow does not open them as "
            f"images: {', '.join(listed)}.{remedy}"
        )

    def warn(self, path):
        """Warn of what was left out."""
        message = self.left_out_of(Path(path))
        if message:
            warnings.warn(
                f"path={os.fspath(path)!r}: {message} Move them away to silence this.",
                stacklevel=3,
            )
