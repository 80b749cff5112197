"""Convolutional neural networks as scikit-learn estimators."""

from sklearn_cnn.utils._lazy import lazy

__all__ = [
    "CNNClassifier",
    "CNNFeatures",
    "CNNRegressor",
    "__version__",
    "available_architectures",
    "load",
    "save",
]

__version__ = "0.1.0.dev0"

__getattr__, __dir__ = lazy(
    __name__,
    {
        "architectures": ["available_architectures"],
        "estimators": ["CNNClassifier", "CNNFeatures", "CNNRegressor"],
        "export": ["load", "save"],
    },
    packages=[
        "architectures",
        "augmentation",
        "comparison",
        "estimators",
        "export",
        "images",
        "inspection",
        "training",
        "transforms",
        "utils",
    ],
)
