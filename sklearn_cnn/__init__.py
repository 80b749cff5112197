"""Convolutional neural networks as scikit-learn estimators."""

from sklearn_cnn.architectures import available_architectures
from sklearn_cnn.estimators import CNNClassifier, CNNFeatures, CNNRegressor

__all__ = ["CNNClassifier", "CNNFeatures", "CNNRegressor", "available_architectures"]
