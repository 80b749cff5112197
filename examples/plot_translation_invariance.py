"""
Shifted digits: what convolution knows beforehand
=================================================

A convolution finds a stroke wherever it is, and a pooling over the whole image forgets
where that was. A dense network or an SVC on pixels has to learn every position by
itself. Here all of them learn digits in the middle of a larger image, and are tested on
digits that are shifted, up to where none of the training images has any ink.
"""

# %%
# Data
# ----
#
# The 8x8 digits are put into the middle of blank images of 20x20 pixels. Test images
# are shifted by 0 to 6 pixels in the four directions.

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from sklearn_cnn import CNNClassifier
from sklearn_cnn.transforms import Flatten

digits = load_digits()
X = np.pad(digits.images, ((0, 0), (6, 6), (6, 6))) / 16
X_train, X_test, y_train, y_test = train_test_split(
    X, digits.target, test_size=400, stratify=digits.target, random_state=0
)

SHIFTS = range(7)
DIRECTIONS = [(0, 1), (0, -1), (1, 0), (-1, 0)]


def shifted(images, pixels):
    """Copies of the images, shifted in each of the four directions."""
    return [
        np.roll(images, (pixels * down, pixels * right), axis=(1, 2))
        for down, right in DIRECTIONS
    ]


# %%
# Models
# ------
#
# Two networks with the same convolutions differ in one parameter: ``global_pooling`` is
# "avg", which forgets the position, or "flatten", where a dense layer reads all
# positions apart.

models = {
    "CNN, global average": CNNClassifier(
        filters=(16, 32), global_pooling="avg", max_iter=15, random_state=0
    ),
    "CNN, flattened": CNNClassifier(
        filters=(16, 32), global_pooling="flatten", max_iter=15, random_state=0
    ),
    "dense network": make_pipeline(
        Flatten(), MLPClassifier((100,), max_iter=500, random_state=0)
    ),
    "SVC on pixels": make_pipeline(Flatten(), SVC(C=10)),
}

accuracy = {}
for name, model in models.items():
    model.fit(X_train, y_train)
    accuracy[name] = [
        np.mean([model.score(images, y_test) for images in shifted(X_test, pixels)])
        for pixels in SHIFTS
    ]

print(f"{'shift in pixels':20s}", *(f"{pixels:6d}" for pixels in SHIFTS))
for name, values in accuracy.items():
    print(f"{name:20s}", *(f"{value:6.3f}" for value in values))

# %%
import matplotlib.pyplot as plt

STYLES = {
    "CNN, global average": ("#0072B2", "o", "-"),
    "CNN, flattened": ("#56B4E9", "v", "--"),
    "dense network": ("#D55E00", "s", "-"),
    "SVC on pixels": ("#555555", "x", ":"),
}
figure, (pictures, curves) = plt.subplots(
    1, 2, figsize=(9, 3.8), width_ratios=[1, 2.4], layout="constrained"
)
examples = [np.roll(X_test[0], pixels, axis=1) for pixels in (0, 3, 6)]
separator = np.ones((1, 20))
pictures.imshow(
    np.concatenate([examples[0], separator, examples[1], separator, examples[2]]),
    cmap="gray",
)
pictures.set_yticks([10, 31, 52], ["0", "3", "6"])
pictures.set_xticks([])
pictures.set_ylabel("shift (pixels)")
pictures.set_title("One test image")
for name, (color, marker, line) in STYLES.items():
    curves.plot(
        SHIFTS, accuracy[name], label=name, color=color, marker=marker, linestyle=line
    )
curves.axhline(0.1, color="#999999", linewidth=1)
curves.annotate("chance", (0, 0.12), color="#555555")
curves.set_ylim(0, 1.03)
curves.grid(alpha=0.3)
curves.spines[["top", "right"]].set_visible(False)
curves.set_xlabel("shift of the test images (pixels)")
curves.set_ylabel("accuracy")
curves.set_title("Trained on centred digits alone")
curves.legend(frameon=False)
plt.show()

# %%
# - The dense network and the SVC are lost as soon as strokes lie on pixels that were
#   blank in training: two pixels are enough to bring both to chance.
# - Convolution alone does not help much. The network that flattens its feature maps
#   sees the same strokes elsewhere, and its dense layer does not know them there.
# - With the global average the network keeps about 0.9 or more everywhere. Odd shifts
#   cost a little more than even ones, as max pooling with a stride of 2 meets another
#   grid.
# - Nothing is free: on centred digits the position is information, and the average
#   throws it away.
