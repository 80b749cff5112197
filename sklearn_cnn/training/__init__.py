"""How a network is trained: the only place that imports skorch."""

from sklearn_cnn.training.batches import Batches, Preparation
from sklearn_cnn.training.losses import (
    REGRESSION_LOSSES,
    BinaryCrossEntropy,
    CrossEntropy,
    RegressionLoss,
)
from sklearn_cnn.training.net import CNNNet
from sklearn_cnn.training.optimizers import OPTIMIZERS, optimizer_factory
from sklearn_cnn.training.precision import (
    dtype_of,
    resolve_device,
    resolve_precision,
)
from sklearn_cnn.training.reproducibility import seeded
from sklearn_cnn.training.schedules import SCHEDULES
from sklearn_cnn.training.stopping import EarlyStopping, HeldOut, Monitor, ProgressBar

__all__ = [
    "OPTIMIZERS",
    "REGRESSION_LOSSES",
    "SCHEDULES",
    "Batches",
    "BinaryCrossEntropy",
    "CNNNet",
    "CrossEntropy",
    "EarlyStopping",
    "HeldOut",
    "Monitor",
    "Preparation",
    "ProgressBar",
    "RegressionLoss",
    "dtype_of",
    "optimizer_factory",
    "resolve_device",
    "resolve_precision",
    "seeded",
]
