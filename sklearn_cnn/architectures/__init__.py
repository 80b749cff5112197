"""The networks that can be trained: plain :mod:`torch.nn` modules."""

from sklearn_cnn.architectures import (  # noqa: F401  (they register themselves)
    alexnet,
    inception_time,
    lenet,
    mobilenet_v2,
    resnet,
    simple,
    vgg,
)
from sklearn_cnn.architectures.blocks import ACTIVATIONS
from sklearn_cnn.architectures.network import Network
from sklearn_cnn.architectures.probe import probe, probe_training_on_one
from sklearn_cnn.architectures.registry import available_architectures, build, register

__all__ = [
    "ACTIVATIONS",
    "Network",
    "available_architectures",
    "build",
    "probe",
    "probe_training_on_one",
    "register",
]
