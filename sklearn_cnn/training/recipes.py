"""What "auto" stands for: how every network is trained, unless the user says so."""

from dataclasses import dataclass
from math import ceil
from typing import Any

from sklearn_cnn.training.batches import batch_sizes

#: Number of optimizer steps that the default recipe aims at.
_STEPS = 800
_MIN_EPOCHS, _MAX_EPOCHS = 4, 60
#: Steps, and samples of each, of networks made for series.
_STEPS_OF_SERIES = {"lite": 500, "inception_time": 250, "h_inception_time": 250}
_BATCH_OF_SERIES = 64
#: The architecture that is trained step by step, where the user leaves the choice.
STEPWISE = "simple"
#: Shortest series, and most of them, that have another one by default.
_SHORTEST, _MOST_SERIES = 10, 4_000

#: Parameters that a network with a solved head cannot obey ...
WITHOUT_STEPS = (
    "augmentation",
    "backbone_learning_rate",
    "batch_size",
    "callbacks",
    "checkpoint_dir",
    "early_stopping",
    "freeze",
    "freeze_epochs",
    "label_smoothing",
    "learning_rate",
    "loss",
    "lr_schedule",
    "momentum",
    "optimizer",
    "weight_decay",
)
#: ... and those that ask for one which is trained by steps.
BY_STEPS = (*WITHOUT_STEPS, "max_iter", "warm_start", "weights")


@dataclass(frozen=True)
class Setting:
    """What a recipe may depend on.

    ``architecture`` is the name, or whatever else, that the network was built by; the
    task is "classification", "multilabel" or "regression".
    """

    architecture: Any
    task: str
    n_samples: int
    n_channels: int
    spatial_shape: tuple[int, ...]


@dataclass(frozen=True)
class Recipe:
    """The values of the parameters that are "auto", by their names."""

    batch_size: int
    max_iter: int
    learning_rate: float = 0.01
    weight_decay: float = 0.01

    def resolve(self, name, given):
        """Give a parameter as the user has it, or its value here."""
        return getattr(self, name) if isinstance(given, str) else given


def recipe(setting):
    """Choose how a network is trained.

    ==================  =============  ================  =============  ============
    architecture        batch_size     max_iter          learning_rate  weight_decay
    ==================  =============  ================  =============  ============
    "lite"              64             500 steps         0.01           0.01
    "inception_time",   64             250 steps         0.01           0.01
    "h_inception_time"
    any other           32, 64 or 128  800 steps in 4    0.01           0.01
                                       to 60 epochs
    ==================  =============  ================  =============  ============

    The authors of those for series take 1,500 steps or more, of 64 series: few epochs
    of a short training set are too few steps.
    """
    n, name = setting.n_samples, setting.architecture
    steps = _STEPS_OF_SERIES.get(name) if isinstance(name, str) else None
    if steps is None:
        return Recipe(default_batch_size(n), default_max_iter(n))
    n_batches = len(batch_sizes(n, _BATCH_OF_SERIES))
    return Recipe(_BATCH_OF_SERIES, max(_MIN_EPOCHS, ceil(steps / n_batches)))


def default_batch_size(n_samples):
    """32 for up to 1,000 samples, 64 for up to 10,000, otherwise 128."""
    if n_samples <= 1_000:
        return 32
    return 64 if n_samples <= 10_000 else 128


def default_max_iter(n_samples):
    """As many epochs as make about 800 steps, at least 4 and at most 60."""
    n_batches = len(batch_sizes(n_samples, default_batch_size(n_samples)))
    return min(_MAX_EPOCHS, max(_MIN_EPOCHS, ceil(_STEPS / n_batches)))


def default_architecture(spatial_shape, n_samples, by_steps):
    """Choose the network of ``architecture="auto"``.

    ``by_steps`` tells whether any parameter is set that shapes convolutions or their
    training. Otherwise "multirocket" is for signals of at least 10 values, up to 4,000
    of them; all else has "simple".
    """
    is_series = len(spatial_shape) == 1 and spatial_shape[0] >= _SHORTEST
    if is_series and n_samples <= _MOST_SERIES and not by_steps:
        return "multirocket"
    return STEPWISE
