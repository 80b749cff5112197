from dataclasses import replace

import pytest

from sklearn_cnn.augmentation import RandomAffine, RandomCrop
from sklearn_cnn.training import (
    Setting,
    default_augmentation,
    default_batch_size,
    default_conv_dropout,
    default_max_iter,
    recipe,
)
from sklearn_cnn.training.batches import batch_sizes

GREY = Setting("simple", "classification", 500, 1, (28, 28))
COLOUR = replace(GREY, n_channels=3)
VOLUMES = replace(GREY, spatial_shape=(12, 12, 12))
SIGNALS = replace(GREY, spatial_shape=(100,))


@pytest.mark.parametrize(
    "steps, fewest, most", [((), 800, 60), ((1_200, 100), 1_200, 100)]
)
def test_epochs_make_so_many_steps(steps, fewest, most):
    for n in (50, 900, 1_500, 20_000, 60_000, 10**6):
        n_batches = len(batch_sizes(n, default_batch_size(n)))
        epochs = default_max_iter(n, *steps)
        assert epochs in (4, most) or fewest <= epochs * n_batches < fewest + n_batches


def test_grey_images_are_turned_and_train_longer():
    chosen = recipe(GREY)
    assert isinstance(chosen.augmentation, RandomAffine)
    assert chosen.weight_decay == 0.01 and default_conv_dropout(GREY) == 0.1
    assert chosen.max_iter == 75 and chosen.smooths_labels


def test_colour_images_are_moved_and_decayed():
    chosen = recipe(COLOUR)
    assert isinstance(chosen.augmentation, RandomCrop)
    assert chosen.weight_decay == 0.05 and default_conv_dropout(COLOUR) is None
    assert chosen.max_iter == 60 and chosen.batch_size == 64
    assert chosen.smooths_labels


def test_volumes_are_moved():
    chosen = recipe(VOLUMES)
    assert isinstance(chosen.augmentation, RandomCrop)
    assert chosen.weight_decay == 0.01 and chosen.max_iter == 50


@pytest.mark.parametrize(
    "setting",
    [
        SIGNALS,
        replace(GREY, task="regression"),
        replace(GREY, from_scratch=False),
    ],
    ids=["signals", "numbers", "transfer"],
)
def test_others_are_left_alone(setting):
    chosen = recipe(setting)
    assert chosen.augmentation is None
    assert chosen.weight_decay == 0.01 and default_conv_dropout(setting) is None
    assert chosen.max_iter == 50


def test_tiny_images_are_not_moved():
    assert default_augmentation(replace(GREY, spatial_shape=(7, 40))) is None


def test_only_classes_that_exclude_each_other_are_smoothed():
    assert not recipe(replace(GREY, task="multilabel")).smooths_labels
    assert not recipe(SIGNALS).smooths_labels
    assert recipe(replace(GREY, from_scratch=False)).smooths_labels


def test_only_simple_drops_maps_out():
    assert default_conv_dropout(replace(GREY, architecture="resnet18")) is None


def test_so_many_grey_images_are_moved_alone():
    fewer, many = (replace(GREY, n_samples=n) for n in (39_999, 40_000))
    assert isinstance(default_augmentation(fewer), RandomAffine)
    assert isinstance(default_augmentation(many), RandomCrop)
    assert (default_conv_dropout(fewer), default_conv_dropout(many)) == (0.1, 0.0)
