"""States of a network to go back to."""

import torch


class Snapshot:
    """A copy of a module's present weights and buffers."""

    def __init__(self, module):
        self.module = module
        self._kept = [tensor.detach().clone() for tensor in self._tensors()]

    def restore(self):
        """Give the module that state again."""
        with torch.no_grad():
            for tensor, kept in zip(self._tensors(), self._kept, strict=True):
                tensor.copy_(kept)

    def _tensors(self):
        return self.module.state_dict(keep_vars=True).values()
