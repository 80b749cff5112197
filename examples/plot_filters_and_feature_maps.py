"""
Filters and feature maps
========================

The filters of a first layer are small images, and can be looked at. What deeper layers
respond to is seen in the feature maps that they make of an image.
"""

# %%
# Filters that learn orientations
# -------------------------------
#
# Noisy stripes run in four directions, which are the classes. Nothing else tells these
# apart, so that a network of a single layer has to learn filters for them.

import matplotlib.pyplot as plt
import numpy as np

from sklearn_cnn import CNNClassifier
from sklearn_cnn.inspection import FeatureMapDisplay, FilterDisplay

rng = np.random.default_rng(0)
ANGLES = np.array([0, 45, 90, 135])
SIDE, PERIOD = 20, 4

angles = ANGLES[np.arange(400) % 4]
phases = rng.uniform(0, 2 * np.pi, size=(400, 1, 1))
rows, columns = np.indices((SIDE, SIDE))
along = [columns * np.cos(angle) + rows * np.sin(angle) for angle in np.deg2rad(angles)]
waves = np.cos(2 * np.pi / PERIOD * np.array(along) + phases)
stripes = waves + 0.5 * rng.normal(size=waves.shape)

single_layer = CNNClassifier(filters=(8,), kernel_size=9, max_iter=8, random_state=0)
single_layer.fit(stripes, angles)

figure, axes = plt.subplots(1, 4, figsize=(6, 1.9), layout="constrained")
for ax, image, angle in zip(axes, stripes, angles, strict=False):
    ax.imshow(image, cmap="gray")
    ax.set(title=f"class {angle}", xticks=[], yticks=[])
plt.show()

# %%
# The spectrum of each filter has its peak at the wave that it responds to most.

display = FilterDisplay.from_estimator(single_layer)
filters = display.filters[:, 0]
size = 64
centred = filters - filters.mean(axis=(1, 2), keepdims=True)
spectra = abs(np.fft.fft2(centred, (size, size)))
peaks = spectra.reshape(len(filters), -1).argmax(axis=1)
frequencies = np.fft.fftfreq(size)
directions = np.arctan2(frequencies[peaks // size], frequencies[peaks % size])
for i, direction in enumerate(np.rad2deg(directions) % 180):
    nearest = ANGLES[abs((direction - ANGLES + 90) % 180 - 90).argmin()]
    print(f"filter {i}: {direction:5.1f} degrees, nearest class {nearest}")
plt.show()

# %%
# What the stages of a network make of a digit
# --------------------------------------------
#
# The images are scikit-learn's digits, of 8x8 pixels. If the environment variable
# SKLEARN_CNN_MNIST holds the path of a file ``mnist.npz`` with the arrays ``X_train``
# and ``y_train``, they are the first of MNIST's, of 28x28 pixels.

import os

from sklearn.datasets import load_digits

mnist = os.environ.get("SKLEARN_CNN_MNIST")
if mnist:
    with np.load(mnist) as data:
        X, y = data["X_train"][:2000], data["y_train"][:2000]
    pooling = "max"
else:
    X, y = load_digits(return_X_y=True)
    X = X.reshape(-1, 8, 8)
    pooling = None  # so that the maps stay as large as these small images
n_train = len(X) // 2

cnn = CNNClassifier(filters=(8, 16, 32), pooling=pooling, max_iter=10, random_state=0)
cnn.fit(X[:n_train], y[:n_train])
print(f"Test accuracy: {cnn.score(X[n_train:], y[n_train:]):.3f}")

display = FeatureMapDisplay.from_estimator(cnn, X, sample=len(X) - 1)
for name, maps in display.feature_maps.items():
    print(f"{name}: {maps.shape}, {(maps == 0).mean():.0%} of the units are silent")
plt.show()

# %%
# Light is a strong response. The maps of the first stage follow edges and strokes of
# some direction. A unit of the last sees 7x7 pixels, and its map says where a larger
# pattern is.
