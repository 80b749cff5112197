"""What makes two trainings agree bit for bit, and leaves no trace behind."""

from contextlib import contextmanager, nullcontext

import torch

from sklearn_cnn.utils._generators import GENERATORS


@contextmanager
def seeded(seed, device):
    """Seed torch's global generators, and restore them on exit.

    One thread at a time: the generators are those of the whole process.

    Parameters
    ----------
    seed : int
        For everything that draws from them: initialisation, dropout, user code.
    device : str
        Where the network is computed.
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


@contextmanager
def single_thread():
    """Compute on one thread of the CPU; restore the number of threads on exit.

    Sums that are split over threads round differently. Where every thread computes on
    its own, a search with ``n_jobs=2``, whose workers have one thread each, reproduces
    the one with ``n_jobs=1``.

    Yields
    ------
    n_threads : int
        How many torch may use outside.
    """
    n_threads = torch.get_num_threads()
    if n_threads == 1:
        yield n_threads
        return
    try:
        torch.set_num_threads(1)
        yield n_threads
    finally:
        torch.set_num_threads(n_threads)
