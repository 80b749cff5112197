"""The ground floor: what every folder needs, and checks for image estimators."""

from sklearn_cnn.utils._lazy import lazy

__getattr__, __dir__ = lazy(__name__, {}, ["estimator_checks", "joblib_backends"])
