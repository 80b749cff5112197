"""Where and in what number format a network is computed, and with how many threads."""

from contextlib import contextmanager

import torch

#: Multiply-adds of a training step below which bfloat16 and threads do not pay.
_SMALL_STEP = 1 << 28


def resolve_device(device):
    """Choose where to compute.

    Parameters
    ----------
    device : str
        "auto" takes CUDA, else Apple's MPS, else the CPU; otherwise any name that
        :class:`torch.device` knows.

    Returns
    -------
    device : str

    Raises
    ------
    ValueError
        If the name is unknown or there is no such device here.
    """
    if device == "auto":
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ValueError(
            f"device={device!r} cannot be used here: {str(error).splitlines()[0]} "
            "Pass device='auto' to use what there is."
        ) from error
    return device


def resolve_precision(precision, device, step_cost):
    """Choose the number format of the training.

    Parameters
    ----------
    precision : {"auto", "float32", "bfloat16", "float64"}
        "auto" is bfloat16 where the hardware multiplies it natively and a step is
        large enough to gain, otherwise float32.
    device : str
        Where it is computed.
    step_cost : int
        Multiply-adds of one forward pass over a batch.

    Returns
    -------
    precision : {"float32", "bfloat16", "float64"}

    Raises
    ------
    ValueError
        If the device cannot compute in it.
    """
    if precision == "float64" and torch.device(device).type == "mps":
        raise ValueError(
            "precision='float64' is not available on device='mps'. Use device='cpu'."
        )
    if precision != "auto":
        return precision
    pays = step_cost >= _SMALL_STEP and _multiplies_bfloat16(torch.device(device))
    return "bfloat16" if pays else "float32"


def _multiplies_bfloat16(device):
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type != "cpu":
        return False
    if hasattr(torch.cpu, "get_capabilities"):
        found = torch.cpu.get_capabilities()
        return bool(found.get("amx_bf16") or found.get("avx512_bf16"))
    return torch.cpu._is_avx512_bf16_supported()


def dtype_of(precision):
    """Give the dtype of weights and inputs.

    Parameters
    ----------
    precision : {"float32", "bfloat16", "float64"}
        "bfloat16" is mixed: weights and inputs stay float32, products are bfloat16.

    Returns
    -------
    dtype : torch.dtype
    """
    return torch.float64 if precision == "float64" else torch.float32


def autocast(precision, device):
    """Compute products in bfloat16, if that is the precision.

    Parameters
    ----------
    precision : {"float32", "bfloat16", "float64"}
        Resolved precision.
    device : str
        Where it is computed.

    Returns
    -------
    context : context manager
    """
    return torch.autocast(
        torch.device(device).type, torch.bfloat16, enabled=precision == "bfloat16"
    )


@contextmanager
def reproducible(seed, device, step_cost=0):
    """Seed torch's generators and restore them, and the threads, on exit.

    On a CPU a small step runs on one thread: splitting it gains little, and sums that
    are split over threads round differently, so that a search with ``n_jobs=2`` (whose
    workers have one thread each) would not reproduce one with ``n_jobs=1``.

    Parameters
    ----------
    seed : int
        For torch's global generators, which dropout and initialisation draw from.
    device : str
        Where the network is computed.
    step_cost : int
        Multiply-adds of one forward pass over a batch.
    """
    kind = torch.device(device).type
    module = torch.get_device_module(kind) if kind != "cpu" else None
    states = torch.get_rng_state(), module and module.get_rng_state()
    n_threads = torch.get_num_threads()
    try:
        torch.random.default_generator.manual_seed(seed)
        if module:
            module.manual_seed(seed)
        if step_cost < _SMALL_STEP and kind == "cpu":
            torch.set_num_threads(1)
        with torch.backends.cudnn.flags(
            enabled=True, deterministic=True, benchmark=False
        ):
            yield
    finally:
        torch.set_num_threads(n_threads)
        torch.set_rng_state(states[0])
        if module:
            module.set_rng_state(states[1])
