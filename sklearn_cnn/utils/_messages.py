"""Messages of errors, which print what a user gave."""

from collections.abc import Iterator
from contextlib import contextmanager

_MOST_LETTERS = 1000


@contextmanager
def in_few_words() -> Iterator[None]:
    """Cut what an error prints of long values, but not its end, which is the remedy."""
    try:
        yield
    except (ValueError, TypeError) as error:
        message = str(error)
        if len(message) > _MOST_LETTERS and error.args == (message,):
            half = _MOST_LETTERS // 2
            error.args = (f"{message[:half]} ... {message[-half:]}",)
        raise
