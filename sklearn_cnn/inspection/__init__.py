"""Looking at what goes into a network, at what is in it, and at what it does."""

from sklearn_cnn.inspection.augmentation import AugmentationDisplay

__all__ = ["AugmentationDisplay"]
