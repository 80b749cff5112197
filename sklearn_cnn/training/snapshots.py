"""States of a network to go back to."""

import torch


class Snapshot:
    """A copy of a module's present weights and buffers, or ``tensors`` of before."""

    def __init__(self, module, tensors=None):
        self.module = module
        if tensors is None:
            tensors = [tensor.detach().clone() for tensor in self._present()]
        else:
            for kept, tensor in zip(tensors, self._present(), strict=True):
                require_like(kept, tensor)
        self.tensors = tensors

    def restore(self):
        """Give the module that state again."""
        with torch.no_grad():
            for tensor, kept in zip(self._present(), self.tensors, strict=True):
                tensor.copy_(kept)

    def _present(self):
        return self.module.state_dict(keep_vars=True).values()


def require_like(kept, tensor):
    """Refuse a tensor of another shape or type: copying it would stretch or round."""
    if kept.shape != tensor.shape or kept.dtype != tensor.dtype:
        raise ValueError(
            f"a tensor is {tuple(kept.shape)} in {kept.dtype}, and was to be "
            f"{tuple(tensor.shape)} in {tensor.dtype}"
        )
