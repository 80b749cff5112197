"""The networks that can be trained: plain :mod:`torch.nn` modules."""

from sklearn_cnn.architectures import simple  # noqa: F401  (registers itself)
from sklearn_cnn.architectures.blocks import ACTIVATIONS
from sklearn_cnn.architectures.probe import probe, probe_training_on_one
from sklearn_cnn.architectures.registry import available_architectures, build, register

__all__ = [
    "ACTIVATIONS",
    "available_architectures",
    "build",
    "probe",
    "probe_training_on_one",
    "register",
]
