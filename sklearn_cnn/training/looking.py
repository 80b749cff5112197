"""Whether a computation needs the values of its tensors, for which a GPU is waited for.

What does cannot be recorded as a CUDA graph.
"""

import torch
from torch.utils._python_dispatch import TorchDispatchMode

_aten = torch.ops.aten
_BY_VALUE = {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape}
#: By numbers they give a shape that is known before, by masks they do not.
_INDEXING = {
    _aten.index.Tensor,
    _aten.index_put.default,
    _aten.index_put_.default,
    _aten._index_put_impl_.default,
}


class Looking(TorchDispatchMode):
    """A context that watches which operations of torch are called.

    Attributes
    ----------
    found : str or None
        The first one that needs values.
    """

    found = None

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        """Call it, after a look."""
        if self.found is None and _needs_values(func, args, kwargs or {}):
            self.found = str(func)
        return func(*args, **(kwargs or {}))


def _needs_values(func, args, kwargs):
    if func in _INDEXING:
        return any(
            i is not None and i.dtype in (torch.bool, torch.uint8) for i in args[1]
        )
    if func is _aten._to_copy.default:
        device = kwargs.get("device")
        return device is not None and torch.device(device).type != args[0].device.type
    return not _BY_VALUE.isdisjoint(func.tags)
