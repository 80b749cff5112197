"""Bars over what takes long besides epochs, where somebody has asked for them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock
from typing import Any

#: Work that is over before has no bar.
_SECONDS = 1.0

#: Whose bars are shown; None where they are not.
_whose: ContextVar[str | None] = ContextVar("whose", default=None)


@contextmanager
def showing_progress(name: str, verbose: Any) -> Iterator[None]:
    """Show bars over what is done inside, if somebody wants them."""
    token = _whose.set(name if verbose else None)
    try:
        yield
    finally:
        _whose.reset(token)


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Give what is told, on any thread, how many images more are done."""
    name, lock = _whose.get(), Lock()
    if name is None:
        yield lambda n: None
        return
    from tqdm.auto import tqdm

    bar = tqdm(
        total=total,
        desc=f"{name}, {what}",
        unit="image",
        delay=_SECONDS,
        smoothing=0,  # the time left by the mean speed
    )

    def count(n: int) -> None:
        with lock:
            bar.update(n)

    with bar:
        yield count


def counted(function: Callable[[Any], Any], count: Callable[[int], None]) -> Any:
    """Let each call of a function count as one image."""

    def call(item: Any) -> Any:
        result = function(item)
        count(1)
        return result

    return call
