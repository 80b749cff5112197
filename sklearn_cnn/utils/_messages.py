"""Messages of errors, which print what a user gave, and where warnings point to."""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager

_MOST_LETTERS = 1000
#: What may lie between a user's code and a warning.
_LIBRARIES = {"sklearn_cnn", "sklearn", "joblib"}


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


def frames_to_user() -> int:
    """Count the frames from this function's caller to code that is the user's.

    Between them are as many of scikit-learn as there are pipelines and wrappers. It is
    the ``stacklevel`` of a warning.
    """
    level, frame = 0, inspect.currentframe()
    while frame and frame.f_globals.get("__name__", "").split(".")[0] in _LIBRARIES:
        level, frame = level + 1, frame.f_back
    return level
