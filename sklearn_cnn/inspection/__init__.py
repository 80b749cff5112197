"""Seeing inside: what a network consists of, what it learned and where it looks."""

from sklearn_cnn.inspection.augmentation import AugmentationDisplay
from sklearn_cnn.inspection.feature_maps import FeatureMapDisplay
from sklearn_cnn.inspection.filters import FilterDisplay
from sklearn_cnn.inspection.fit_estimate import FitEstimate, estimate_fit
from sklearn_cnn.inspection.learning_rate import LearningRateDisplay
from sklearn_cnn.inspection.network_summary import summary
from sklearn_cnn.inspection.predictions import PredictionDisplay
from sklearn_cnn.inspection.saliency import SaliencyDisplay
from sklearn_cnn.inspection.training_curve import TrainingCurveDisplay

__all__ = [
    "AugmentationDisplay",
    "FeatureMapDisplay",
    "FilterDisplay",
    "FitEstimate",
    "LearningRateDisplay",
    "PredictionDisplay",
    "SaliencyDisplay",
    "TrainingCurveDisplay",
    "estimate_fit",
    "summary",
]
