"""Fitted estimators as files: saved and loaded without pickle, and as ONNX graphs."""

from sklearn_cnn.utils._lazy import lazy

__all__ = ["load", "model_card", "save"]

# a service that predicts from an ONNX file must load no torch
__getattr__, __dir__ = lazy(
    __name__, {"files": ["load", "save"], "card": ["model_card"]}
)
