"""States of plain values, for what stores objects without storing code."""

import copyreg
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_PLAIN = "plain"

#: Whether plain states hold what training goes on with, besides what predicts.
with_optimizer: ContextVar[bool] = ContextVar("with_optimizer", default=False)


class PlainState:
    """Base of what skops stores as well as pickle does.

    skops knows numbers, strings, containers and arrays, and asks every other object for
    ``__getstate__``. That is made of nothing else here, so that nothing has to be
    registered with skops, which may not even be installed, and that a process which
    loads needs to know nothing before. pickle and copy ask for ``__reduce_ex__`` first,
    and get all that the object holds.
    """

    def _whole_state(self) -> dict[str, Any]:
        return dict(vars(self))

    def _plain_state(self) -> dict[str, Any]:
        raise NotImplementedError

    def _set_plain_state(self, state: dict[str, Any]) -> None:
        raise NotImplementedError

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        of_subclass = type(self).__getstate__ is not PlainState.__getstate__
        state = self.__getstate__() if of_subclass else self._whole_state()
        return copyreg.__newobj__, (type(self),), state  # type: ignore[attr-defined]

    def __reduce__(self) -> tuple[Any, ...]:
        return self.__reduce_ex__(4)

    def __getstate__(self) -> Any:
        return {_PLAIN: self._plain_state()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        if state.keys() == {_PLAIN}:
            self._set_plain_state(state[_PLAIN])
        else:
            vars(self).update(state)


@contextmanager
def including_optimizer(included: bool) -> Iterator[None]:
    """Say whether plain states that are made inside hold optimizers."""
    token = with_optimizer.set(included)
    try:
        yield
    finally:
        with_optimizer.reset(token)
