"""Estimators of scikit-learn as plain values: what it puts on them points back."""

import warnings
from os import PathLike, fspath
from typing import Any

from sklearn.utils.metadata_routing import MetadataRequest

from sklearn_cnn.utils._parameters import defaults_of
from sklearn_cnn.utils._plain_state import PlainState

_REQUESTS = "_metadata_request"
_CALLBACKS: dict[str, Any] = {
    "callbacks": None,
    "_skl_callbacks": [],
    "_parent_callback_ctx": None,
}


class PlainEstimator(PlainState):
    """An estimator without its callbacks, and with its requests of metadata as dicts.

    Callbacks are objects of other code. Requests, of ``set_fit_request`` and the like,
    hold the estimator that they belong to, and skops knows no circles.
    """

    def _plain_state(self):
        state = {k: _plain(v) for k, v in vars(self).items()}
        if any(state.get(name) for name in _CALLBACKS):
            warnings.warn(
                "callbacks are objects of other code, and are not saved. Set them "
                "again before training goes on.",
                UserWarning,
                stacklevel=2,
            )
        for name in _CALLBACKS.keys() & state.keys():
            state[name] = _CALLBACKS[name]
        if _REQUESTS in state:
            by_method = vars(state[_REQUESTS]).items()
            state[_REQUESTS] = {
                method: dict(found.requests)
                for method, found in by_method
                if hasattr(found, "requests")
            }
        return state

    def _set_plain_state(self, state):
        # one that an earlier version has saved has fewer parameters
        vars(self).update({**defaults_of(type(self)), **state})
        if _REQUESTS in state:
            request = MetadataRequest(owner=self)
            for method, found in state[_REQUESTS].items():
                for parameter, alias in found.items():
                    of_method = getattr(request, method)
                    of_method.add_request(param=parameter, alias=alias)
            self._metadata_request = request


def _plain(value):
    if isinstance(value, range):
        return tuple(value)
    return fspath(value) if isinstance(value, PathLike) else value
