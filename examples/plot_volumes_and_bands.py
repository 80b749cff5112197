"""
Movement in videos, and bands beyond red, green and blue
========================================================

What a network is shown decides what it can learn. Two small tasks with made-up data:
in the first the answer is in the movement, which no single frame of a video shows; in
the second it is in spectral bands that a colour picture does not have. In both, the
network that sees everything is compared with the same one that sees a part.
"""

# %%
# Movement: convolutions over time, height and width
# --------------------------------------------------
#
# In videos of eight frames of 12x12 pixels a bright square moves left, right, up or
# down, a pixel per frame, and comes in again at the other side. It starts anywhere, so
# that one frame tells where it is, not where it goes.

import matplotlib.pyplot as plt
import numpy as np

from sklearn_cnn import CNNClassifier

rng = np.random.default_rng(0)
STEPS = {"left": (0, -1), "right": (0, 1), "up": (-1, 0), "down": (1, 0)}
N_TRAIN, N_TEST = 600, 400


def make_videos(n_videos, n_frames=8, side=12, square=3):
    """Noise with a moving square: (n_videos, n_frames, side, side), and directions."""
    directions = rng.choice(list(STEPS), size=n_videos)
    videos = rng.normal(size=(n_videos, n_frames, side, side)).astype(np.float32)
    for video, direction in zip(videos, directions, strict=True):
        corner = rng.integers(side, size=2)
        for frame in video:
            rows, columns = (
                np.arange(start, start + square) % side for start in corner
            )
            frame[np.ix_(rows, columns)] += 3
            corner = corner + STEPS[direction]
    return videos, directions


videos, directions = make_videos(N_TRAIN + N_TEST)

# %%
# An ``X`` of four axes is read as images with channels. ``spatial_dims=3`` says that it
# holds volumes of one channel: (n_samples, frames, height, width).

watching = CNNClassifier(spatial_dims=3, filters=(8, 16), max_iter=10, random_state=0)
watching.fit(videos[:N_TRAIN], directions[:N_TRAIN])
print("Shape of a sample:", watching.input_shape_)
all_frames = watching.score(videos[N_TRAIN:], directions[N_TRAIN:])

glancing = CNNClassifier(filters=(8, 16), max_iter=10, random_state=0)
middle = videos[:, 4]
glancing.fit(middle[:N_TRAIN], directions[:N_TRAIN])
one_frame = glancing.score(middle[N_TRAIN:], directions[N_TRAIN:])

print(f"Test accuracy on all frames: {all_frames:.3f}")
print(f"Test accuracy on one frame:  {one_frame:.3f} (guessing: 0.25)")

# %%
# The network that sees all frames makes no mistakes, or hardly any; the one that sees
# a single frame guesses. The figure shows the first frames of a video of each kind.

figure, axes = plt.subplots(4, 6, figsize=(8, 5.6), layout="constrained")
for row, direction in zip(axes, STEPS, strict=True):
    video = videos[np.flatnonzero(directions == direction)[0]]
    for t, (frame, axis) in enumerate(zip(video, row, strict=False)):
        axis.imshow(frame, cmap="gray", vmin=-3, vmax=5)
        axis.set(xticks=[], yticks=[])
        if row is axes[0]:
            axis.set_title(f"frame {t + 1}", fontsize=10)
    row[0].set_ylabel(direction, fontsize=11)
figure.suptitle(
    f"Where does the square go? All frames: {all_frames:.0%} right, "
    f"one frame: {one_frame:.0%}"
)
plt.show()

# %%
# Bands: any number of channels
# -----------------------------
#
# Images of satellites have more bands than red, green and blue. Here are images of 13
# bands, with a field somewhere in each: all fields look alike in the first three bands,
# but a dry one is bright in band 9 and a wet one in band 11.

N_BANDS = 13
BRIGHT = {"dry": 9, "wet": 11}


def make_images(n_images, side=12, field=5):
    """Noise with a field: (n_images, side, side, 13), and what the field is."""
    kinds = rng.choice(list(BRIGHT), size=n_images)
    images = rng.normal(size=(n_images, side, side, N_BANDS)).astype(np.float32)
    for image, kind in zip(images, kinds, strict=True):
        row, column = rng.integers(side - field + 1, size=2)
        bands = [0, 1, 2, BRIGHT[kind]]
        image[row : row + field, column : column + field, bands] += 1.5
    return images, kinds


images, kinds = make_images(N_TRAIN + N_TEST)

# %%
# The last axis counts the channels, however many there are; nothing has to be said.

accuracies = {}
for name, X in [("all 13 bands", images), ("the first 3 bands", images[..., :3])]:
    cnn = CNNClassifier(filters=(8, 16), max_iter=10, random_state=0)
    cnn.fit(X[:N_TRAIN], kinds[:N_TRAIN])
    accuracies[name] = cnn.score(X[N_TRAIN:], kinds[N_TRAIN:])
    print(f"Test accuracy on {name}: {accuracies[name]:.3f} (guessing: 0.5)")

# %%
# What made the difference can be seen in the mean over many images: the bands of the
# two kinds differ at 9 and 11 only.

figure, axes = plt.subplots(figsize=(8, 3.8), layout="constrained")
for kind, color, marker, offset in [
    ("dry", "#D55E00", "s", -0.08),
    ("wet", "#0072B2", "o", 0.08),
]:
    spectrum = images[kinds == kind].mean(axis=(0, 1, 2))
    axes.plot(
        np.arange(N_BANDS) + offset,
        spectrum,
        color=color,
        marker=marker,
        linestyle="",
        label=f"{kind} fields",
    )
axes.axvspan(-0.5, 2.5, color="0.9", zorder=0)
axes.text(1, 0.01, "red, green, blue", ha="center")
axes.set_xticks(range(N_BANDS))
axes.grid(axis="y", alpha=0.3)
axes.spines[["top", "right"]].set_visible(False)
axes.set_xlabel("band")
axes.set_ylabel("mean over pixels and images")
axes.set_title(
    "; ".join(f"{value:.0%} right on {name}" for name, value in accuracies.items())
)
axes.legend(frameon=False, loc="upper center")
plt.show()
