"""Convolutional neural networks as scikit-learn estimators."""

from sklearn_cnn.utils._lazy import lazy

__all__ = [
    "CNNClassifier",
    "CNNFeatures",
    "CNNRegressor",
    "available_architectures",
    "load",
    "save",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "architectures": ["available_architectures"],
        "estimators": ["CNNClassifier", "CNNFeatures", "CNNRegressor"],
        "export": ["load", "save"],
    },
)
