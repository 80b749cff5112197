"""Help with misspelt names."""

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Suggest names that are near, after a space; nothing where none is."""
    names = list(known)
    longer = [other for other in names if other.startswith(name)]
    near = [repr(match) for match in longer[:3] or get_close_matches(name, names)]
    return f" Did you mean {' or '.join(near)}?" if near else ""
