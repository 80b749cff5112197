"""What a network computes before its head, remembered where it is asked for again.

The candidates of a search that differ in the head alone have one backbone, and its
output on a fold is the same for all of them.
"""

import hashlib
import threading
from collections import OrderedDict
from dataclasses import dataclass, is_dataclass
from functools import partial
from types import BuiltinFunctionType, FunctionType

import numpy as np
import torch

from sklearn_cnn.images import add_pixels, row_digests
from sklearn_cnn.inference.folding import has_hooks
from sklearn_cnn.inference.layers import layer_outputs

#: Most bytes of features that a process remembers.
MAX_BYTES = 1 << 29
#: Bytes that an array takes besides its values, with its key.
_ENTRY = 300
#: Multiply-adds that are worth hashing the images, and so many more for each weight.
_WORTH, _WORTH_PER_WEIGHT = 1 << 30, 1 << 10
_SETTING_TYPES = (
    bool,
    int,
    float,
    str,
    bytes,
    type(None),
    torch.dtype,
    torch.device,
    torch.memory_format,
)
#: Packages whose code does not change while a process runs.
_KNOWN_PACKAGES = {"builtins", "math", "sklearn_cnn", "timm", "torch", "torchvision"}
#: Attributes of every layer that say nothing of what it computes.
_OF_TORCH = {*vars(torch.nn.Module()), "training"}


def before_head(network, images):
    """Compute the input of the head for a batch."""
    return network.features(images)


@dataclass(frozen=True)
class FeatureMaps:
    """What a layer of a network gives, as one vector for each sample.

    Parameters
    ----------
    layer : str or None
        Path of a layer, as in ``module.get_submodule``; None takes what goes to the
        global pooling.
    pooling : {"avg", "max", "flatten"}
        How the spatial axes of feature maps become one number, or are kept.
    """

    layer: str | None
    pooling: str

    def __call__(self, network, images):
        """Compute the features of a batch, of shape (n_samples, n_features)."""
        if self.layer is None:
            maps = network.feature_maps(images)
        else:
            maps = layer_outputs(network, [self.layer], images)[self.layer]
        if not isinstance(maps, torch.Tensor) or maps.ndim not in (2, images.ndim):
            shape = tuple(maps.shape) if isinstance(maps, torch.Tensor) else type(maps)
            raise ValueError(
                f"layer={self.layer!r} gives {shape}, neither feature maps nor "
                "vectors. Choose another layer."
            )
        if maps.ndim == 2 or self.pooling == "flatten":
            return maps.flatten(1)
        maps = maps.flatten(2)
        return maps.mean(dim=2) if self.pooling == "avg" else maps.amax(dim=2)


def remembered(predictor, images, rows, compute, run):
    """Look features up, or run their computation and remember them.

    The key is a hash of the pixels, of how these are prepared, and of all weights and
    settings of the layers before the head; so nothing has to be told when any of them
    changes. Networks with code of the user's own, which may change unseen, are computed
    anew. At most ``MAX_BYTES`` are kept in a process, those longest unused being
    dropped first. Small amounts of work are done anew. ``repr(compute)`` tells one kind
    of features from another. ``run`` takes the rows.

    Images that are computed one by one are remembered one by one, so that those of one
    fold serve the next. Others are remembered with all that they are asked for with: in
    another batch they would be rounded otherwise.
    """
    n_rows = len(images if rows is None else rows)
    n_weights = sum(p.numel() for p in predictor.module.parameters())
    worth = max(_WORTH, _WORTH_PER_WEIGHT * n_weights)
    if predictor.sample_cost * n_rows < worth or has_hooks(predictor.module):
        return run(rows)
    try:
        key = _key(predictor, compute)
    except _CannotTell:
        return run(rows)
    # a single one takes another way
    if predictor.computes_one_by_one and n_rows > 1:
        return _row_by_row(key, images, rows, run)
    add_pixels(key, images, rows)
    return _remembered.get(key.digest(), lambda: run(rows))


def _row_by_row(key, images, rows, run):
    """Look the features of each row up, and compute those that are not there."""
    rows = np.arange(len(images)) if rows is None else rows
    keys = [key.digest() + own for own in row_digests(images, rows)]
    found = {own: _remembered.look_up(own) for own in keys}
    row_of = dict(zip(keys, rows, strict=True))
    missing = [own for own, features in found.items() if features is None]
    if missing:
        left = [row_of[own] for own in missing]
        # alone it would take another way
        computed = run(np.array(left * 2 if len(left) == 1 else left))
        for own, features in zip(missing, computed, strict=False):
            found[own] = features
            _remembered.keep(own, features.copy())  # which keeps no others alive
        if len(left) == len(keys):
            return computed
    together = np.stack([found[own] for own in keys])
    together.flags.writeable = False
    return together


class _Memory:
    """The most recently used arrays, up to a number of bytes."""

    def __init__(self, max_bytes):
        self.max_bytes = max_bytes
        self.arrays = OrderedDict()
        self.n_bytes = 0
        self._lock = threading.Lock()

    def look_up(self, key):
        """Give an array that is there; otherwise None."""
        with self._lock:
            if key in self.arrays:
                self.arrays.move_to_end(key)
            return self.arrays.get(key)

    def keep(self, key, array):
        """Keep an array, if it is not too large, in place of those longest unused."""
        with self._lock:
            if key in self.arrays or array.nbytes > self.max_bytes:
                return
            self.arrays[key] = array
            self.n_bytes += array.nbytes + _ENTRY
            while self.n_bytes > self.max_bytes and len(self.arrays) > 1:
                _, dropped = self.arrays.popitem(last=False)
                self.n_bytes -= dropped.nbytes + _ENTRY

    def get(self, key, compute):
        """Look an array up; compute and keep it if it is not there."""
        array = self.look_up(key)
        if array is None:
            array = compute()
            self.keep(key, array)
        return array

    def clear(self):
        """Forget all of them."""
        with self._lock:
            self.arrays.clear()
            self.n_bytes = 0


_remembered = _Memory(MAX_BYTES)


def _key(predictor, compute):
    prepare = predictor.prepare
    # without hardware support too, it hashes a gigabyte in a few seconds
    key = hashlib.sha256()
    for fact in (
        compute,
        prepare.layout,
        prepare.dtype,
        prepare.device,
        predictor.precision,
        predictor.compile,
    ):
        key.update(repr(fact).encode())
    for statistics in (prepare.mean, prepare.scale):
        if statistics is not None:
            key.update(np.asarray(statistics).tobytes())
    _add_layers(key, predictor.module)
    return key


class _CannotTell(Exception):
    """A network holds something whose changes would not be seen."""


def _add_layers(key, module):
    """Add what comes before the head: classes, settings and tensors of all layers."""
    for name, layer in module.named_modules():
        if name == "head" or name.startswith("head."):
            continue
        settings = {k: v for k, v in vars(layer).items() if k not in _OF_TORCH}
        key.update(f"{name}{_described(type(layer))}{_described(settings)}".encode())
        own = {**layer._parameters, **layer._buffers}
        for path, tensor in own.items():
            key.update(f"{path}{None if tensor is None else tensor.dtype}".encode())
            if tensor is not None:
                key.update(_bytes(tensor))


def _described(value):
    """Describe a setting, so that another one is described otherwise."""
    if isinstance(value, _SETTING_TYPES):
        return repr(value)
    if isinstance(value, torch.Tensor):
        return f"{value.dtype}{value.shape}{hashlib.sha256(_bytes(value)).hexdigest()}"
    if isinstance(value, list | tuple):
        return f"{type(value).__name__}[{','.join(map(_described, value))}]"
    if isinstance(value, dict):
        items = (f"{_described(k)}:{_described(v)}" for k, v in value.items())
        return f"{{{','.join(items)}}}"
    if is_dataclass(value) and not isinstance(value, type):
        return _described(type(value)) + _described(vars(value))
    if isinstance(value, partial):
        return _described((value.func, value.args, value.keywords))
    if isinstance(value, type | FunctionType | BuiltinFunctionType):
        package, name = (value.__module__ or "").split(".")[0], value.__qualname__
        if package in _KNOWN_PACKAGES and "<" not in name:  # as in <lambda>
            return f"{value.__module__}.{name}"
    raise _CannotTell


def _bytes(tensor):
    # in the order of memory: weights with channels last need no copy then
    axes = sorted(range(tensor.ndim), key=tensor.stride, reverse=True)
    values = tensor.detach().cpu().permute(axes).contiguous()
    return values.view(torch.uint8).numpy() if values.ndim else values.numpy()
