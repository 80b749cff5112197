"""Products of float32 on a GPU, which torch rounds to TF32 in convolutions."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

import torch

# torch puts an object in the place of the module that mypy reads
_cudnn: Any = torch.backends.cudnn
_OPERATIONS: tuple[Any, ...] = (_cudnn.conv, _cudnn.rnn, torch.backends.cuda.matmul)


class _FullFloat32:
    """Settings of the whole process, as the first of several threads found them."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.n_inside = 0
        self.before: list[str] = []

    def enter(self) -> None:
        with self.lock:
            self.n_inside += 1
            if self.n_inside > 1:
                return
            # a value that stands for all of CUDA is not to become one of the operation
            for_all = _cudnn.fp32_precision
            found = [operation.fp32_precision for operation in _OPERATIONS]
            self.before = ["none" if value == for_all else value for value in found]
            for operation in _OPERATIONS:
                operation.fp32_precision = "ieee"

    def leave(self) -> None:
        with self.lock:
            self.n_inside -= 1
            if self.n_inside:
                return
            for operation, value in zip(_OPERATIONS, self.before, strict=True):
                operation.fp32_precision = value


_full_float32 = _FullFloat32()


def _forget_the_parent() -> None:
    global _full_float32
    _full_float32 = _FullFloat32()


if hasattr(os, "register_at_fork"):
    # threads that were inside in the parent are not there in the child
    os.register_at_fork(after_in_child=_forget_the_parent)


@contextmanager
def full_float32() -> Iterator[None]:
    """Multiply on a GPU in float32 as it is; TF32 keeps 3 of its 7 digits."""
    settings = _full_float32
    settings.enter()
    try:
        yield
    finally:
        settings.leave()
