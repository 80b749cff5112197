"""torch's global random generators, which all threads of a process share."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
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


@contextmanager
def seeded(seed: int, device: str) -> Iterator[None]:
    """Seed torch's global generators, and restore them on exit.

    Everything draws from them: initialisation, dropout, user code. One thread at a
    time: the generators are those of the whole process.
    """
    kind = torch.device(device).type
    accelerator = torch.get_device_module(kind) if kind != "cpu" else None
    # of several GPUs the current one is meant by the calls below
    current = torch.cuda.device(device) if kind == "cuda" else nullcontext()
    with GENERATORS, current:
        cpu_state = torch.get_rng_state()
        accelerator_state = accelerator and accelerator.get_rng_state()
        try:
            torch.default_generator.manual_seed(seed)
            if accelerator:
                accelerator.manual_seed(seed)
            with torch.backends.cudnn.flags(
                enabled=True, deterministic=True, benchmark=False
            ):
                yield
        finally:
            torch.set_rng_state(cpu_state)
            if accelerator:
                accelerator.set_rng_state(accelerator_state)
