"""image_folder."""

import os
from pathlib import Path

import numpy as np

from sklearn_cnn.images.files import ImageFiles

_SUFFIXES = (
    *(".bmp", ".gif", ".jpg", ".jpeg", ".jp2", ".png"),
    *(".pbm", ".pgm", ".ppm", ".tif", ".tiff", ".webp"),
)


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

    Images are the files whose name ends in .bmp, .gif, .jpg, .jpeg, .jp2, .png, .pbm,
    .pgm, .ppm, .tif, .tiff or .webp, in any case, at any depth below the folder of
    their class. Other files are left out, and so are files and folders whose name
    begins with a dot. An image that cannot be read is not left out: it is an error when
    its turn comes.

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
        or it leads in a circle, or if the first image cannot be read.

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
    found = _images_by_class(path, follow_links)
    images = ImageFiles(
        [path for paths in found.values() for path in paths],
        size=size,
        mode=mode,
        pages=pages,
        n_workers=n_workers,
        cache_bytes=cache_bytes,
    )
    return images, np.repeat(list(found), [len(paths) for paths in found.values()])


def _images_by_class(path, follow_links):
    if not isinstance(path, str | os.PathLike):
        raise ValueError(
            f"path={path!r} is a {type(path).__name__}, but it must be the path of a "
            "folder, as a str or a pathlib.Path."
        )
    root = Path(path)
    if not root.is_dir():
        raise ValueError(f"path={os.fspath(path)!r} is not a folder.")
    beside, classes = _listed(root, follow_links)
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
    found = {c.name: list(_walk(c, follow_links, {root.resolve()})) for c in classes}
    for name, paths in found.items():
        if not paths:
            raise ValueError(
                f"{str(root / name)!r} holds no images. Remove it, or add images whose "
                f"name ends in one of {', '.join(_SUFFIXES)}."
            )
    return found


def _walk(folder, follow_links, above):
    place = folder.resolve()
    if place in above:
        raise ValueError(f"The link {str(folder)!r} leads to a folder that it is in.")
    paths, folders = _listed(folder, follow_links)
    yield from paths
    for inner in folders:
        yield from _walk(inner, follow_links, above | {place})


def _listed(folder, follow_links):
    """Give the images and the folders right in a folder, each sorted by name."""
    images, folders = [], []
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        is_folder = path.is_dir()
        is_image = path.suffix.lower() in _SUFFIXES and not is_folder
        if path.name.startswith(".") or not (is_folder or is_image):
            continue
        if path.is_symlink() and not follow_links:
            raise ValueError(
                f"{str(path)!r} is a link. Pass follow_links=True to follow links, "
                "also to outside of the folder."
            )
        (folders if is_folder else images).append(path)
    return images, folders
