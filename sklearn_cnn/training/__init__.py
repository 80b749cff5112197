"""How a network is trained: the only place that imports skorch.

The modules that do so, ``net`` and ``range_test``, are imported when they are used:
skorch takes as long to load as all the rest of the package.
"""

from sklearn_cnn.training.augmentation import Augmenter
from sklearn_cnn.training.batches import Batches, Preparation, placed
from sklearn_cnn.training.features import FeatureMaps, compute_features
from sklearn_cnn.training.freezing import frozen_stages
from sklearn_cnn.training.inference import Inference
from sklearn_cnn.training.losses import (
    REGRESSION_LOSSES,
    BinaryCrossEntropy,
    CrossEntropy,
    RegressionLoss,
)
from sklearn_cnn.training.optimizers import OPTIMIZERS, OptimizerFactory
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
    "Augmenter",
    "Batches",
    "BinaryCrossEntropy",
    "CrossEntropy",
    "EarlyStopping",
    "FeatureMaps",
    "HeldOut",
    "Inference",
    "Monitor",
    "OptimizerFactory",
    "Preparation",
    "ProgressBar",
    "RegressionLoss",
    "compute_features",
    "dtype_of",
    "frozen_stages",
    "placed",
    "resolve_device",
    "resolve_precision",
    "seeded",
]
