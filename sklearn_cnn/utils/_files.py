"""Files that are there whole or not at all."""

import os
import secrets
import shutil
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def replacing(path):
    """Open a file beside ``path`` that takes its place once it is written.

    Whatever happens meanwhile, a killed process or a full disk, ``path`` holds its old
    content, or none, until it holds the whole of the new one.

    Parameters
    ----------
    path : str or path-like
        The file to write, in a directory that exists. Of a symbolic link it is the
        file behind it.

    Yields
    ------
    file : binary file object
        To be written; ``file.name`` is its own path.

    Raises
    ------
    OSError
        Of the class that fits (``PermissionError``, ``FileNotFoundError``, ...), if it
        cannot be written; ``path`` is as it was.
    """
    target = Path(os.path.realpath(check_path(path)))
    temporary = target.with_name(f".{target.name[:80]}.{secrets.token_hex(6)}.tmp")
    try:
        try:
            with open(temporary, "xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            if target.exists():
                shutil.copymode(target, temporary)
            os.replace(temporary, target)
        except OSError as error:
            raise _refusal(path, error) from error
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    _sync_directory(target.parent)


def check_path(path, name="path"):
    """Give a path as ``Path``; refuse what names no file."""
    try:
        checked = os.fspath(path)
    except TypeError:
        raise TypeError(
            f"{name}={path!r} must be the path of a file: a str or a pathlib.Path."
        ) from None
    if not checked or "\0" in os.fsdecode(checked):
        raise ValueError(f"{name}={path!r} names no file.")
    checked = Path(os.fsdecode(checked))
    if checked.is_dir():
        raise IsADirectoryError(
            f"{name}={str(path)!r} is a directory. Name a file, such as "
            f"{str(checked / 'model.cnn')!r}."
        )
    return checked


def _refusal(path, error):
    reason = error.strerror or str(error) or type(error).__name__
    return OSError(
        error.errno,
        f"{os.fspath(path)} could not be written ({reason}), and is as it was before. "
        "Make room there, or name a path in a directory that exists and may be "
        "written to; nothing in memory is lost",
    )


def _sync_directory(directory):
    """Make the new name as durable as the content, where the system knows how."""
    with suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
