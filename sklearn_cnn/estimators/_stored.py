"""What of an estimator is stored: its parameters too have to be plain."""

import warnings
from os import PathLike, fspath

from sklearn_cnn.utils._plain_state import PlainState


class StoredEstimator(PlainState):
    """An estimator whose parameters are stored as far as that needs no code."""

    def _plain_state(self):
        state = dict(vars(self))
        if isinstance(self.weights, PathLike):
            state["weights"] = fspath(self.weights)
        if state.get("callbacks"):
            warnings.warn(
                "callbacks are objects of other code, and are not saved. Set them "
                "again, by set_params(callbacks=...), before training goes on.",
                UserWarning,
                stacklevel=2,
            )
            state["callbacks"] = None
        return state

    def _set_plain_state(self, state):
        vars(self).update(state)
