"""What of an estimator is stored: its parameters too have to be plain."""

from datetime import timedelta

from torch import nn

from sklearn_cnn.architectures import StoredModule, is_state, state_in_memory
from sklearn_cnn.utils._plain_estimator import PlainEstimator
from sklearn_cnn.utils._tensors import as_bytes, from_bytes

#: Stands for the very module that the network was made of.
_AS_BUILT = "<as built>"
_INTERVAL = "checkpoint_interval"
_TENSORS = "tensors"


class StoredEstimator(PlainEstimator):
    """An estimator whose parameters are stored as far as that needs no code."""

    def _plain_state(self):
        state = super()._plain_state()
        interval = state.get(_INTERVAL)
        if isinstance(interval, timedelta):
            state[_INTERVAL] = {"seconds": interval.total_seconds()}
        if isinstance(self.architecture, nn.Module):
            state["architecture"] = self._stored_architecture()
        if is_state(self.weights):  # a module is stored as its state dict
            tensors = state_in_memory(self.weights)
            state["weights"] = {_TENSORS: as_bytes(tensors, holds="weights")}
        return state

    def _stored_architecture(self):
        if hasattr(self, "module_"):
            if self._predictor.blueprint.architecture is self.architecture:
                return _AS_BUILT
        return StoredModule.of(self.architecture)

    def _set_plain_state(self, state):
        if isinstance(state.get(_INTERVAL), dict):
            state = {**state, _INTERVAL: timedelta(**state[_INTERVAL])}
        if isinstance(state.get("weights"), dict):
            state = {**state, "weights": from_bytes(state["weights"][_TENSORS])}
        super()._set_plain_state(state)
        if isinstance(self.architecture, StoredModule):
            self.architecture = self.architecture.module()
        elif self.architecture == _AS_BUILT:
            self.architecture = self._predictor.blueprint.architecture
