"""What users fit."""

# torch before scikit-learn: in the other order of so many modules Python happens to
# collect garbage once more, which takes 0.2 s
from sklearn_cnn import architectures
from sklearn_cnn.estimators._assembly import unfitted_predictor
from sklearn_cnn.estimators._auto import planned
from sklearn_cnn.estimators.classifier import CNNClassifier
from sklearn_cnn.estimators.features import CNNFeatures
from sklearn_cnn.estimators.regressor import CNNRegressor

__all__ = [
    "CNNClassifier",
    "CNNFeatures",
    "CNNRegressor",
    "planned",
    "unfitted_predictor",
]
