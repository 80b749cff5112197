"""Deterministic image steps of a Pipeline."""

from sklearn_cnn.transforms.reader import ImageReader

__all__ = ["ImageReader"]
