"""What of an estimator is stored: its parameters too have to be plain."""

import warnings
from os import PathLike, fspath

from torch import nn

from sklearn_cnn.architectures import StoredModule
from sklearn_cnn.utils._plain_state import PlainState

#: Stands for the very module that the network was made of.
_AS_BUILT = "<as built>"


class StoredEstimator(PlainState):
    """An estimator whose parameters are stored as far as that needs no code."""

    def _plain_state(self):
        state = dict(vars(self))
        if isinstance(self.weights, PathLike):
            state["weights"] = fspath(self.weights)
        if isinstance(self.architecture, nn.Module):
            state["architecture"] = self._stored_architecture()
        if state.get("callbacks"):
            warnings.warn(
                "callbacks are objects of other code, and are not saved. Set them "
                "again, by set_params(callbacks=...), before training goes on.",
                UserWarning,
                stacklevel=2,
            )
            state["callbacks"] = None
        return state

    def _stored_architecture(self):
        if hasattr(self, "module_"):
            if self._predictor.blueprint.architecture is self.architecture:
                return _AS_BUILT
        return StoredModule.of(self.architecture)

    def _set_plain_state(self, state):
        vars(self).update(state)
        if isinstance(self.architecture, StoredModule):
            self.architecture = self.architecture.module()
        elif self.architecture == _AS_BUILT:
            self.architecture = self._predictor.blueprint.architecture
