"""What is no array of images, and what to pass in its place."""

from collections.abc import Iterator, Mapping, Set
from math import prod

import numpy as np

from sklearn_cnn.utils._loaded import loaded_torch

#: As many as torch counts in the convolutions of one sample.
_MOST_VALUES = 1 << 31


def refuse_huge_samples(X):
    """Refuse, by its shape alone, what would take hours to be looked at."""
    shape = getattr(X, "shape", ())[1:]
    if prod(shape) > _MOST_VALUES:
        raise ValueError(
            f"X has samples of shape {shape}, more than the {_MOST_VALUES:,} values "
            "that one may have. Cut them into parts, or make them smaller first."
        )


def refuse_other_things(X):
    """Refuse what holds images, or anything, in another way than an array or a list."""
    kind = type(X).__name__
    if X is None:
        raise ValueError("X is None, but must be an array or a list of images.")
    if hasattr(X, "toarray"):
        raise TypeError(
            f"X is a {kind}. Sparse data was passed for X, but dense data is required. "
            "Use '.toarray()' to convert to a dense numpy array."
        )
    if isinstance(X, Mapping):
        keys = ", ".join(str(key)[:30] for key in list(X)[:5])
        raise ValueError(
            f"X is a {kind} with the keys {keys}, but must be an array or a list of "
            "images. Pass one of its values, as X['image']."
        )
    refuse_sets(X, "X")
    if isinstance(X, Iterator):
        raise ValueError(
            f"X is a {kind}, which is used up by one pass, but must be an array or a "
            "list: pass list(X)."
        )
    torch = loaded_torch()
    if torch is not None:
        _refuse_torch_data(X, kind, torch.utils.data)
    if type(X).__module__.startswith("skorch"):
        raise ValueError(
            f"X is a {kind} of skorch, but must be an array: pass "
            "numpy.stack([numpy.asarray(x) for x in X])."
        )


def refuse_sets(values, name):
    """Refuse what would come in another order in every process."""
    if isinstance(values, Set):
        raise ValueError(
            f"{name} is a {type(values).__name__}, which has no order. Pass a list "
            "whose order is that of y."
        )


def _refuse_torch_data(X, kind, data):
    if isinstance(X, data.DataLoader | data.IterableDataset):
        raise ValueError(
            f"X is a {kind}, but must be an array. The estimator makes batches itself: "
            "pass X=torch.cat([x for x, _ in loader]) and y of the same pass, from a "
            "loader that does not shuffle or augment."
        )
    if not isinstance(X, data.Dataset):
        return
    if hasattr(X, "samples") and hasattr(X, "targets"):
        raise ValueError(
            f"X is a {kind}, but must be an array or images on disk: pass "
            "X=sklearn_cnn.images.ImageFiles([path for path, _ in dataset.samples], "
            "size=...) and y=dataset.targets."
        )
    raise ValueError(
        f"X is a {kind}, a torch Dataset, but must be an array or a list: pass "
        "X=[numpy.asarray(x) for x, _ in dataset] and y=[y for _, y in dataset], with "
        'data_format="channels_first" if these are tensors.'
    )


def dense_tensor(tensor, name):
    """Give a tensor that numpy can hold, of the same values; others are refused."""
    if tensor.device.type == "meta":
        raise ValueError(
            f"{name} is a tensor on the device 'meta', which holds no values. Pass one "
            "on the CPU or an accelerator."
        )
    if tensor.is_quantized:
        raise ValueError(
            f"{name} is a tensor of {tensor.dtype}: pass {name}.dequantize()."
        )
    if tensor.is_nested or str(tensor.layout) != "torch.strided":
        kind = "nested" if tensor.is_nested else tensor.layout
        raise ValueError(
            f"{name} is a {kind} tensor, but must be dense: pass {name}.to_dense(), or "
            f"of a nested one {name}.to_padded_tensor(0)."
        )
    torch = loaded_torch()
    tensor = tensor.detach().cpu().resolve_conj().resolve_neg()
    # numpy has no bfloat16 and no float8; float32 holds their values exactly
    wide = (torch.float16, torch.float32, torch.float64)
    is_narrow = tensor.is_floating_point() and tensor.dtype not in wide
    return tensor.float() if is_narrow else tensor


def _is_text(dtype):
    return str(dtype) == "str" or str(dtype).startswith("string")


def refuse_other_numbers(X):
    """Refuse what scikit-learn prints whole, takes for numbers, or cannot hold."""
    is_frame = hasattr(X, "dtypes") and hasattr(X, "columns")
    for dtype in X.dtypes if is_frame else [getattr(X, "dtype", None)]:
        kind = getattr(dtype, "kind", None)
        if kind == "c":
            raise ValueError(
                f"X has dtype {dtype}. Complex data not supported: make channels of "
                "the parts, as by numpy.stack([X.real, X.imag], axis=-1)."
            )
        if kind == "T" or (is_frame and _is_text(dtype)):
            raise ValueError(
                f"X has dtype {dtype}, but must hold numbers. Convert it, as by "
                "X.astype(float)."
            )
        if kind in ("m", "M"):
            raise ValueError(
                f"X has dtype {dtype}, but must hold numbers. Turn times into numbers "
                "of a unit of your choice, as (X - start) / numpy.timedelta64(1, 's')."
            )
    is_long = isinstance(X, np.ndarray) and X.dtype.kind == "f" and X.itemsize > 8
    if is_long and X.size:
        largest = np.finfo(np.float64).max
        if (np.isfinite(X) & (np.abs(X) > largest)).any():
            raise ValueError(
                f"X has dtype {X.dtype} and values beyond those of float64, up to "
                f"{largest:.3g}, in which it is computed. Scale X first."
            )
