"""What "auto" stands for: how every network is trained, unless the user says so."""

from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np

from sklearn_cnn.augmentation import RandomAffine, RandomCrop
from sklearn_cnn.training.batches import batch_sizes

#: Number of optimizer steps that the default recipe aims at.
_STEPS, _MIN_EPOCHS, _MAX_EPOCHS = 800, 4, 60
#: ... where turns and zooms make new images of few, ...
_GREY = (1_200, 100)
#: ... which costs more than it gains where each of so many is seen four times.
_MANY = 40_000
#: ... and for networks made for series.
_STEPS_OF_SERIES = {"lite": 500, "inception_time": 250, "h_inception_time": 250}
_BATCH = 64
#: The architecture that is trained step by step, where the user leaves the choice.
STEPWISE = "simple"
#: Shortest series, and most of them, that have another one by default.
_SHORTEST, _MOST_SERIES = 10, 4_000

#: Shortest side that is moved at all, and how far: a share of each axis.
_SMALLEST_SIDE, _MOVE = 8, 1 / 16

#: A network that a library has trained has more to lose: with 0.01 its head overshoots.
_PRETRAINED = {
    "learning_rate": 0.001,
    "backbone_learning_rate": 0.3,
    "freeze_batch_norm": True,
}

#: Parameters that a network with a solved head cannot obey ...
WITHOUT_STEPS = (
    "augmentation",
    "backbone_learning_rate",
    "batch_size",
    "callbacks",
    "checkpoint_dir",
    "early_stopping",
    "freeze",
    "freeze_batch_norm",
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
    whether all of the network learns, from random weights, in a whole training;
    ``pretrained`` whether it is a library's, and so are its weights.
    """

    architecture: Any
    task: str
    n_samples: int
    n_channels: int
    spatial_shape: tuple[int, ...]
    from_scratch: bool = True
    pretrained: bool = False

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
    backbone_learning_rate: float = 1.0
    freeze_batch_norm: bool = False
    weight_decay: float = 0.01
    augmentation: Any = None
    smooths_labels: bool = False

    def resolve(self, name, given):
        """Give a parameter as the user has it, or its value here.

        Numbers of numpy become Python's: optimizers refuse them, and what is computed
        with them may not fit into their type.
        """
        if isinstance(given, np.generic):
            return given.item()
        auto = isinstance(given, str) and given == "auto"
        return getattr(self, name) if auto else given


def recipe(setting):
    """Choose how a network is trained.

    ================= ================= ==================== =======================
    parameter         classes of images classes of images    all else
                      of one channel    of several
    ================= ================= ==================== =======================
    batch_size        32 for up to      64 for up to 10,000, 32 for up to 1,000
                      1,000 samples, 64 128 beyond           samples, 64 for up to
                      for up to 10,000,                      10,000, 128 beyond
                      128 beyond
    max_iter          1,200 steps, in 4 800 steps, in 4 to   800 steps, in 4 to 60
                      to 100 epochs     60 epochs            epochs
    learning_rate     0.01              0.01                 0.01
    weight_decay      0.01              0.05                 0.01
    conv_dropout      0.1 in "simple"   0                    0
    augmentation      small turns,      small moves          small moves of
                      zooms and moves                        volumes, or None
    label_smoothing   as they are hard  as they are hard     the same for volumes,
                                                             or 0
    ================= ================= ==================== =======================

    From 40,000 grey images on there are small moves alone, and no dropout: in the four
    epochs of MNIST's 60,000 the rest gains 0.0003, at 1.2 times the time.

    All but the label smoothing is for networks that learn as a whole from random
    weights. "lite" takes 500 steps and "inception_time" 250, of 64 series: their
    authors take 1,500 or more, and few epochs of a short training set are too few.
    Networks of torchvision and timm with weights have a ``learning_rate`` of 0.001, of
    which the backbone takes 0.3, and keep the statistics of batch normalisation.
    """
    n, series = setting.n_samples, _series_recipe(setting)
    if series is not None:
        return series
    smooths = setting.task == "classification" and setting.n_axes > 1
    common = {
        "augmentation": default_augmentation(setting),
        "smooths_labels": smooths,
        **(_PRETRAINED if setting.pretrained else {}),
    }
    batch_size = default_batch_size(n)
    if not setting.learns_to_see or setting.n_axes > 2:
        return Recipe(batch_size, default_max_iter(n), **common)
    if setting.is_grey:
        return Recipe(batch_size, default_max_iter(n, *_GREY), **common)
    batch_size = max(_BATCH, batch_size)
    epochs = default_max_iter(n, batch_size=batch_size)
    return Recipe(batch_size, epochs, weight_decay=0.05, **common)


def _series_recipe(setting):
    name = setting.architecture
    steps = _STEPS_OF_SERIES.get(name) if isinstance(name, str) else None
    if steps is None:
        return None
    n_batches = len(batch_sizes(setting.n_samples, _BATCH))
    return Recipe(_BATCH, max(_MIN_EPOCHS, ceil(steps / n_batches)))


def default_augmentation(setting):
    """Choose changes so small that they leave the class of an image alone."""
    if not setting.learns_to_see or min(setting.spatial_shape) < _SMALLEST_SIDE:
        return None
    if setting.is_grey and setting.n_samples < _MANY:
        return RandomAffine(10, translate=_MOVE, scale=0.1, padding_mode="edge")
    return RandomCrop(_MOVE, padding_mode="edge")


def default_conv_dropout(setting):
    """Choose how often feature maps are left out; None leaves it to the network."""
    simple = setting.architecture == STEPWISE
    if not (simple and setting.is_grey and setting.learns_to_see):
        return None
    return 0.1 if setting.n_samples < _MANY else 0.0


def default_batch_size(n_samples):
    """32 for up to 1,000 samples, 64 for up to 10,000, otherwise 128."""
    if n_samples <= 1_000:
        return 32
    return 64 if n_samples <= 10_000 else 128


def default_max_iter(n_samples, n_steps=_STEPS, most=_MAX_EPOCHS, batch_size=None):
    """As many epochs as make about so many steps, at least 4 and at most 60 or so."""
    batch_size = batch_size or default_batch_size(n_samples)
    n_batches = len(batch_sizes(n_samples, batch_size))
    return min(most, max(_MIN_EPOCHS, ceil(n_steps / n_batches)))


def default_architecture(task, spatial_shape, n_samples, by_steps):
    """Choose the network of ``architecture="auto"``.

    ``by_steps`` tells whether any parameter is set that shapes convolutions or their
    training. Otherwise signals of at least 10 values, up to 4,000 of them, have
    "minirocket" for regression, as it says best how long something lasts, and
    "multirocket" for classes; all else has "simple".
    """
    is_series = len(spatial_shape) == 1 and spatial_shape[0] >= _SHORTEST
    if is_series and n_samples <= _MOST_SERIES and not by_steps:
        return "minirocket" if task == "regression" else "multirocket"
    return STEPWISE
