"""What "auto" stands for: how every network is trained, unless the user says so."""

from dataclasses import dataclass
from math import ceil
from typing import Any

from sklearn_cnn.augmentation import RandomAffine, RandomCrop
from sklearn_cnn.training.batches import batch_sizes

#: Number of optimizer steps that the default recipe aims at.
_STEPS = 800
_MIN_EPOCHS, _MAX_EPOCHS = 4, 60
#: The architecture that is trained step by step, where the user leaves the choice.
STEPWISE = "simple"
#: Shortest series, and most of them, that have another one by default.
_SHORTEST, _MOST_SERIES = 10, 4_000

#: Shortest side that is moved at all, and how far: a share of each axis.
_SMALLEST_SIDE, _MOVE = 8, 1 / 16

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
BY_STEPS = (*WITHOUT_STEPS, "max_iter", "max_time", "warm_start", "weights")


@dataclass(frozen=True)
class Setting:
    """What a recipe may depend on.

    ``architecture`` is the name, or whatever else, that the network was built by; the
    task is "classification", "multilabel" or "regression". ``from_scratch`` tells
    whether all of the network learns, from random weights, in a whole training.
    """

    architecture: Any
    task: str
    n_samples: int
    n_channels: int
    spatial_shape: tuple[int, ...]
    from_scratch: bool = True

    @property
    def n_axes(self):
        """Number of spatial axes."""
        return len(self.spatial_shape)

    @property
    def is_grey(self):
        """Whether it is about images of one channel."""
        return self.n_axes == 2 and self.n_channels == 1

    @property
    def learns_to_see(self):
        """Whether images, or volumes, are told apart by a network that knows none."""
        return self.n_axes > 1 and self.task != "regression" and self.from_scratch


@dataclass(frozen=True)
class Recipe:
    """The values of the parameters that are "auto", by their names."""

    batch_size: int
    max_iter: int
    learning_rate: float = 0.01
    weight_decay: float = 0.01
    conv_dropout: float = 0.0
    augmentation: Any = None
    smooths_labels: bool = False

    def resolve(self, name, given):
        """Give a parameter as the user has it, or its value here."""
        return getattr(self, name) if isinstance(given, str) else given


def recipe(setting):
    """Choose how a network is trained.

    ============== =========================================================
    batch_size     32 for up to 1,000 samples, 64 for up to 10,000, then 128
    max_iter       800 steps, in 4 to 60 epochs
    learning_rate  0.01
    weight_decay   0.05 for colour images, 0.01 for all else
    conv_dropout   0.1 for grey images, where "simple" learns classes, or 0
    augmentation   for classes of images, where all of the network learns
                   from random weights: small turns, zooms and moves of grey
                   ones, small moves of all others; None for all else
    smooths_labels for classes that exclude each other, of images
    ============== =========================================================
    """
    n = setting.n_samples
    sees = setting.learns_to_see
    colour = sees and setting.n_axes == 2 and not setting.is_grey
    return Recipe(
        default_batch_size(n),
        default_max_iter(n),
        weight_decay=0.05 if colour else 0.01,
        conv_dropout=default_conv_dropout(setting),
        augmentation=default_augmentation(setting),
        smooths_labels=setting.task == "classification" and setting.n_axes > 1,
    )


def default_augmentation(setting):
    """Choose changes so small that they leave the class of an image alone."""
    if not setting.learns_to_see or min(setting.spatial_shape) < _SMALLEST_SIDE:
        return None
    if setting.is_grey:
        return RandomAffine(10, translate=_MOVE, scale=0.1, padding_mode="edge")
    return RandomCrop(_MOVE, padding_mode="edge")


def default_conv_dropout(setting):
    """Choose how often the feature maps of "simple" are left out."""
    simple = setting.architecture == STEPWISE
    return 0.1 if simple and setting.is_grey and setting.learns_to_see else 0.0


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
