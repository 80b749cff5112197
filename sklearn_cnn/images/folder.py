"""image_folder."""

import os
import warnings
from collections import Counter
from collections.abc import Iterable
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
from sklearn_cnn.utils._messages import frames_to_user
from sklearn_cnn.utils._parameters import require_integer
from sklearn_cnn.utils._spelling import did_you_mean

#: Made by storage devices and systems beside the images of users.
_NOT_THE_USERS = {"@eadir", "#recycle", "__macosx", "thumbs.db", "desktop.ini"}
_MOST_LISTED = 8
_DEEPEST = 100
_PARTS = {"train", "training", "valid", "validation", "val", "test", "testing"}


def image_folder(
    path,
    *,
    classes=None,
    max_per_class=None,
    follow_links=False,
    on_error="raise",
    size=None,
    resize="stretch",
    fill="auto",
    mode=None,
    pages=None,
    max_pixels=None,
    n_workers=None,
    cache_bytes="auto",
    verbose=0,
):
    """Find the images of a folder that has one folder for each class.

    Images are the files whose name ends as Pillow knows it (.jpg, .png, .tiff, .webp,
    .avif and others, in any case), and those of other names that it can open, at any
    depth below the folder of their class. Formats that are registered with Pillow, as
    HEIF by pillow-heif, are among them. A warning tells what other files are left out;
    files and folders whose name begins with a dot are left out silently, and so are
    thumbnails and deleted files of storage devices ("@eaDir", "#recycle"). An image
    that cannot be read is an error before a training starts, unless ``on_error`` is
    "skip".

    Parameters
    ----------
    path : str or path
        The folder. It may be a link itself.
    classes : sequence of str or None, default=None
        Names of the folders to take. None takes all.
    max_per_class : int or None, default=None
        Most images to take of each class, spread evenly over its sorted paths. None
        takes all.
    follow_links : bool, default=False
        Whether links to images and folders are followed, which may lead anywhere. By
        default links are left out with a warning, so that nothing is read from outside
        of ``path``.
    on_error : {"raise", "skip"}, default="raise"
        As for :class:`ImageFiles`: "skip" leaves images out that cannot be read, with
        their labels, and warns of them; ``images.skipped`` has the reasons.
    size : int, (int, int) or None, default=None
        As for :class:`ImageFiles`.
    resize : {"stretch", "pad", "crop"}, default="stretch"
        As for :class:`ImageFiles`.
    fill : number or "auto", default="auto"
        As for :class:`ImageFiles`.
    mode : {"L", "RGB", "RGBA", "I;16"} or None, default=None
        As for :class:`ImageFiles`.
    pages : {"channels", "depth"}, int or None, default=None
        As for :class:`ImageFiles`.
    max_pixels : int or None, default=None
        As for :class:`ImageFiles`.
    n_workers : int or None, default=None
        As for :class:`ImageFiles`.
    cache_bytes : int or "auto", default="auto"
        As for :class:`ImageFiles`.
    verbose : int, default=0
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
        If there is no such folder, if it has no folders or not those of ``classes``, if
        there are images beside these or none in one of them, if a link that is followed
        leads in a circle, if the folders are parts of a data set ("train", "valid") and
        not named as ``classes``, or if the first image cannot be read.

    Warns
    -----
    UserWarning
        If files are left out: links, those that are no images that Pillow opens, and
        with ``on_error="skip"`` those that cannot be read.

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
    if max_per_class is not None:
        require_integer("max_per_class", max_per_class, 1)
    listing = _Listing(follow_links)
    found = _images_by_class(path, classes, listing)
    listing.warn(path)
    found = {name: _spread(paths, max_per_class) for name, paths in found.items()}
    images = ImageFiles(
        [path for paths in found.values() for path in paths],
        size=size,
        resize=resize,
        fill=fill,
        mode=mode,
        pages=pages,
        max_pixels=max_pixels,
        n_workers=n_workers,
        cache_bytes=cache_bytes,
        on_error=on_error,
        verbose=verbose,
    )
    labels = np.repeat(list(found), [len(paths) for paths in found.values()])
    return images, labels[images.kept]


def _spread(paths, most):
    """Choose so many at equal distances: neighbours are often of one series."""
    if most is None or len(paths) <= most:
        return paths
    return [paths[i * len(paths) // most] for i in range(most)]


def _images_by_class(path, names, listing):
    if not isinstance(path, str | os.PathLike):
        raise ValueError(
            f"path={shortened(path)} is a {type(path).__name__}, but it must be the "
            "path of a folder, as a str or a pathlib.Path."
        )
    root = Path(path)
    if not os.path.isdir(path):
        raise ValueError(f"path={shortened(path)} is not a folder.")
    beside, classes = listing.inside(root)
    if beside:
        _refuse_images_beside(path, beside[0], classes)
    if not classes:
        raise ValueError(
            f"path={os.fspath(path)!r} has no folders in it, but one is needed for "
            f"each class. {listing.links_in(root)}".rstrip()
        )
    if names is None:
        _refuse_parts(path, [c.name for c in classes])
    else:
        classes = _named(path, names, classes)
    found = {c.name: list(_walk(c, listing, {root.resolve()})) for c in classes}
    for name, paths in found.items():
        if not paths:
            told = f"{listing.left_out_of(root / name)} {listing.links_in(root / name)}"
            raise ValueError(
                f"{str(root / name)!r} holds no images. Remove it, or add images that "
                f"Pillow opens. {told.strip()}".rstrip()
            )
    return found


def _refuse_images_beside(path, image, classes):
    if classes:
        raise ValueError(
            f"{str(image)!r} is an image beside the folders of the classes. Move "
            "it into one of them."
        )
    raise ValueError(
        f"path={os.fspath(path)!r} has images in it, such as {image.name!r}, "
        "but no folders of classes. Move the images of each class into a folder of "
        "its own; for images without labels, pass their paths to "
        "sklearn_cnn.images.ImageFiles."
    )


def _named(path, names, folders):
    """Choose folders by their names."""
    known = {folder.name: folder for folder in folders}
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise ValueError(
            f"classes={shortened(names)} must be a list of names of folders, such as "
            f"{[folders[0].name]}."
        )
    names = [str(name) for name in names]
    for name in names:
        if name not in known:
            raise ValueError(
                f"classes has {shortened(name)}, but path={os.fspath(path)!r} has no "
                f"such folder.{did_you_mean(name, known)} It has "
                f"{shortened(sorted(known))}."
            )
    if not names:
        raise ValueError("classes is empty. Name folders, or pass None to take all.")
    return [folder for folder in folders if folder.name in names]


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
        self._left_out, self._links = [], []

    def inside(self, folder):
        """Give the images and the folders right in a folder, each sorted by name."""
        images, folders = [], []
        for path in sorted(folder.iterdir(), key=lambda path: path.name):
            if path.name.startswith(".") or path.name.lower() in _NOT_THE_USERS:
                continue
            if path.is_symlink() and not self.follow_links:
                self._links.append(path)
                continue
            is_folder = path.is_dir()
            if not is_folder and not self._is_image(path):
                self._left_out.append(path)
                continue
            (folders if is_folder else images).append(path)
        return images, folders

    def _is_image(self, path):
        return path.suffix.lower() in self._suffixes or looks_like_an_image(path)

    def links_in(self, folder):
        """Count the links that were left out of a folder, in a sentence."""
        links = [path for path in self._links if path.is_relative_to(folder)]
        if not links:
            return ""
        return (
            f"{len(links)} link(s) are left out, such as {str(links[0])!r}: pass "
            "follow_links=True to follow them, also to outside of the folder."
        )

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
        others = self.left_out_of(Path(path))
        remedy = "Move them away to silence this."
        for message in (others and f"{others} {remedy}", self.links_in(Path(path))):
            if message:
                warnings.warn(
                    f"path={os.fspath(path)!r}: {message}", stacklevel=frames_to_user()
                )
