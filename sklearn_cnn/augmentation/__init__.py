"""Random changes of training images, whole batches at a time: plain torch."""

from sklearn_cnn.augmentation._base import Augmentation, Mixing
from sklearn_cnn.augmentation.compose import Compose
from sklearn_cnn.augmentation.geometry import (
    RandomAffine,
    RandomCrop,
    RandomFlip,
    RandomRotation,
)
from sklearn_cnn.augmentation.intensity import ColorJitter, GaussianNoise, RandomErasing
from sklearn_cnn.augmentation.mixing import CutMix, MixUp

__all__ = [
    "Augmentation",
    "ColorJitter",
    "Compose",
    "CutMix",
    "GaussianNoise",
    "MixUp",
    "Mixing",
    "RandomAffine",
    "RandomCrop",
    "RandomErasing",
    "RandomFlip",
    "RandomRotation",
]
