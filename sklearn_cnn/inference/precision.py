"""Where, and in what number format, a network is computed."""

from contextlib import contextmanager, nullcontext
from multiprocessing import current_process

import torch

from sklearn_cnn.architectures import EverythingWritten
from sklearn_cnn.utils._float32 import full_float32

PRECISIONS = ("float32", "bfloat16", "float16", "float64")
#: In which products are computed, and what they give is stored; weights stay float32.
_REDUCED = {"bfloat16": torch.bfloat16, "float16": torch.float16}
#: Multiply-adds of a step below which neither bfloat16 nor a second thread pays much.
SMALL_STEP = 1 << 28


def resolve_device(device):
    """Check the name of a device; "auto" takes CUDA, else Apple's MPS, else the CPU."""
    if device == "auto":
        if torch.cuda.is_available():
            return _gpu_of_this_process()
        return "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        torch.empty(1, device=device).cpu()  # "meta" has no values
        if torch.device(device).type != "cpu":
            torch.get_device_module(device)
    except (
        RuntimeError,
        AssertionError,
        NotImplementedError,
        ModuleNotFoundError,
    ) as error:
        raise ValueError(
            f"device={device!r} cannot be used here. Pass device='auto' to use what "
            f"there is. PyTorch says: {str(error).splitlines()[0]}"
        ) from error
    return device


def _gpu_of_this_process():
    """Give the current GPU, or of several one to each process of a pool in turn.

    Whoever has made another one than the first the current one, means it.
    """
    number = current_process()._identity  # (), if no other process started this one
    chosen = torch.cuda.is_initialized() and torch.cuda.current_device() > 0
    if not number or chosen or torch.cuda.device_count() < 2:
        return "cuda"
    return f"cuda:{(number[-1] - 1) % torch.cuda.device_count()}"


def device_here(device, dtype):
    """Give the device that a network was trained on, or another if it isn't here."""
    try:
        return resolve_device(device)
    except ValueError:
        here = resolve_device("auto")
        # Apple's has no float64
        return "cpu" if here == "mps" and dtype == "float64" else here


def resolve_precision(precision, device, step_cost):
    """Choose the number format of a training.

    "auto" is bfloat16 where the hardware multiplies it natively, or else float16 where
    it does that, if a step, of ``step_cost`` multiply-adds forward, is large enough to
    gain; otherwise float32.
    """
    if precision == "float16" and torch.device(device).type == "cpu":
        raise ValueError(
            "precision='float16' is not available on device='cpu'. Use "
            "precision='bfloat16', or 'auto', which takes what is fastest here."
        )
    if precision == "float64" and torch.device(device).type == "mps":
        raise ValueError(
            "precision='float64' is not available on device='mps'. Use device='cpu'."
        )
    if precision != "auto":
        return precision
    pays = step_cost >= SMALL_STEP
    return _fastest(torch.device(device)) if pays else "float32"


def _fastest(device):
    if device.type == "cuda":
        capability = torch.cuda.get_device_capability(device)
        if capability < (7, 0):
            return "float32"
        return "bfloat16" if capability >= (8, 0) else "float16"
    return "bfloat16" if _multiplies_bfloat16(device) else "float32"


def _multiplies_bfloat16(device):
    if device.type != "cpu":
        return False
    if hasattr(torch.cpu, "get_capabilities"):
        found = torch.cpu.get_capabilities()
        return bool(found.get("amx_bf16") or found.get("avx512_bf16"))
    return torch.cpu._is_avx512_bf16_supported()


def dtype_of(precision):
    """Give the dtype of weights and inputs.

    "bfloat16" and "float16" are mixed: these stay float32, only products are not.
    """
    return torch.float64 if precision == "float64" else torch.float32


def autocast(precision, device, *, guarded=True):
    """Compute products in bfloat16 or float16, if so is the precision.

    A network that was trained in float16 on a GPU is computed in float32 on a CPU.

    ``guarded`` where a convolution on a CPU might leave something unwritten, which
    costs 7 % of a training step of the reference CNN.
    """
    kind = torch.device(device).type
    if precision not in _REDUCED or (precision == "float16" and kind == "cpu"):
        # entering a disabled autocast costs 0.1 ms
        return full_float32() if kind == "cuda" else nullcontext()
    if guarded and kind == "cpu":
        return _guarded()
    return torch.autocast(kind, _REDUCED[precision])


@contextmanager
def _guarded():
    with torch.autocast("cpu", torch.bfloat16), EverythingWritten():
        yield


def as_float32_or_wider(outputs):
    """Lift outputs of reduced precision to float32."""
    half = outputs.dtype in (torch.bfloat16, torch.float16)
    return outputs.float() if half else outputs
