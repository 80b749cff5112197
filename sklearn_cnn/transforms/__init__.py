"""Deterministic steps on images, for pipelines."""

from sklearn_cnn.transforms.channels import Grayscale, SelectChannels
from sklearn_cnn.transforms.geometry import CenterCrop, Pad, Resize
from sklearn_cnn.transforms.hog import HOGDescriptor
from sklearn_cnn.transforms.moments import ColorMoments
from sklearn_cnn.transforms.patches import PatchKMeans
from sklearn_cnn.transforms.reader import ImageReader
from sklearn_cnn.transforms.scaling import ChannelScaler, Rescale
from sklearn_cnn.transforms.shape import Flatten, Unflatten

__all__ = [
    "CenterCrop",
    "ChannelScaler",
    "ColorMoments",
    "Flatten",
    "Grayscale",
    "HOGDescriptor",
    "ImageReader",
    "Pad",
    "PatchKMeans",
    "Rescale",
    "Resize",
    "SelectChannels",
    "Unflatten",
]
