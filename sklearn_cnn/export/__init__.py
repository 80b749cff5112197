"""Fitted estimators as files: saved and loaded without pickle, and as ONNX graphs."""

from sklearn_cnn.utils._lazy import lazy

__all__ = [
    "OnnxClassifier",
    "OnnxRegressor",
    "load",
    "load_onnx",
    "model_card",
    "save",
    "to_onnx",
]

# a service that predicts from an ONNX file must load no torch
__getattr__, __dir__ = lazy(
    __name__,
    {
        "card": ["model_card"],
        "files": ["load", "save"],
        "onnx_estimators": ["OnnxClassifier", "OnnxRegressor", "load_onnx"],
        "onnx_export": ["to_onnx"],
    },
)
