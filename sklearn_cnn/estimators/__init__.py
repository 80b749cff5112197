"""What users fit."""

from sklearn_cnn.estimators._assembly import unfitted_predictor
from sklearn_cnn.estimators.classifier import CNNClassifier
from sklearn_cnn.estimators.features import CNNFeatures
from sklearn_cnn.estimators.regressor import CNNRegressor

__all__ = ["CNNClassifier", "CNNFeatures", "CNNRegressor", "unfitted_predictor"]
