"""Every augmentation works on batches that are on the GPU."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from torchvision.transforms import v2

from sklearn_cnn import CNNClassifier
from sklearn_cnn.augmentation import (
    ColorJitter,
    Compose,
    CutMix,
    GaussianNoise,
    MixUp,
    RandomAffine,
    RandomCrop,
    RandomErasing,
    RandomFlip,
    RandomRotation,
)
from sklearn_cnn.inspection import AugmentationDisplay

FOR_IMAGES = {
    "flip": RandomFlip(),
    "crop": RandomCrop(2),
    "crop_symmetric": RandomCrop(2, padding_mode="symmetric"),
    "affine": RandomAffine(shear=5),
    "affine_nearest": RandomAffine(interpolation="nearest", padding_mode="edge"),
    "rotation": RandomRotation(20, padding_mode="symmetric"),
    "jitter": ColorJitter(brightness=0.2, contrast=0.2, saturation=0.2, hue=0.1),
    "noise": GaussianNoise(2.0),
    "erasing": RandomErasing(),
    "mixup": MixUp(),
    "cutmix": CutMix(),
    "compose": Compose([RandomFlip(), RandomAffine(), RandomErasing(), CutMix()]),
    "torchvision": v2.RandomHorizontalFlip(),
}
FOR_SIGNALS = {
    "flip": RandomFlip(),
    "crop": RandomCrop(2),
    "affine": RandomAffine(degrees=0),
    "noise": GaussianNoise(0.1),
    "erasing": RandomErasing(),
    "mixup": MixUp(),
    "cutmix": CutMix(),
}


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
@pytest.mark.parametrize("name", FOR_IMAGES)
def test_images(name, dtype, device, photos):
    X, y = photos
    cnn = CNNClassifier(
        filters=(4, 8), max_iter=1, random_state=0, device=device,
        augmentation=FOR_IMAGES[name],
    )  # fmt: skip
    first = cnn.fit(X.astype(dtype), y).predict_proba(X)
    assert np.isfinite(first).all()
    if name != "torchvision":
        again = clone(cnn).fit(X.astype(dtype), y).predict_proba(X)
        np.testing.assert_array_equal(again, first)


@pytest.mark.parametrize("name", FOR_SIGNALS)
def test_signals(name, device, signals):
    cnn = CNNClassifier(
        filters=(4, 8), max_iter=1, random_state=0, device=device,
        augmentation=FOR_SIGNALS[name],
    )  # fmt: skip
    assert np.isfinite(cnn.fit(*signals).predict_proba(signals[0])).all()


@pytest.mark.parametrize("name", [n for n in FOR_SIGNALS if n != "affine"])
def test_volumes(name, device, volumes):
    X, y = volumes
    cnn = CNNClassifier(
        filters=(4, 8), max_iter=1, random_state=0, device=device, spatial_dims=3,
        augmentation=FOR_SIGNALS[name],
    )  # fmt: skip
    assert np.isfinite(cnn.fit(X, y).predict_proba(X)).all()


@pytest.mark.parametrize("name", [n for n in FOR_IMAGES if n != "torchvision"])
def test_a_batch_there_gives_the_same_as_one_here(name, device, photos):
    X, _ = photos
    batch = torch.from_numpy(X).movedim(-1, 1).contiguous()
    here, there = (
        FOR_IMAGES[name](batch.to(where), torch.Generator().manual_seed(0)).cpu()
        for where in ("cpu", device)
    )
    # a rounded value may fall to either side
    difference = (here.int() - there.int()).abs()
    assert (difference > 1).float().mean() < 1e-3


def test_a_display_of_it(device, photos):
    X, y = photos
    cnn = CNNClassifier(
        filters=(4,), max_iter=1, device=device, augmentation=RandomAffine()
    ).fit(X, y)
    display = AugmentationDisplay.from_estimator(cnn, X[:3], n_variants=4)
    assert display.variants.shape[:2] == (3, 5)
