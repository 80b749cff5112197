"""torch's global random generators, which all threads of a process share."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock

import torch

#: Held by whoever seeds, draws from and restores the global generators, so that fits in
#: several threads neither take numbers from each other nor restore each other's states.
GENERATORS = RLock()


@contextmanager
def generator_restored() -> Iterator[None]:
    """Restore the generator of the CPU on exit, whatever was drawn from it."""
    with GENERATORS, torch.random.fork_rng(devices=[]):
        yield
