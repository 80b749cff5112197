"""
What each preprocessing step does
=================================

The steps of :mod:`sklearn_cnn.transforms` are scikit-learn transformers on arrays of
images. Here two photographs go through a pipeline of them, and the intermediate results
are shown. Then the same steps feed a support vector machine and a network.
"""

# %%
# A pipeline of images
# --------------------
# The photographs are crops of scikit-learn's sample images. A
# :class:`~sklearn.pipeline.Pipeline` applies one step after another; slices of it,
# such as ``pipeline[:2]``, are pipelines too and show what the network would see.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits, load_sample_images
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from sklearn_cnn import CNNClassifier
from sklearn_cnn.transforms import (
    CenterCrop,
    ChannelScaler,
    Flatten,
    Grayscale,
    HOGDescriptor,
    Pad,
    Rescale,
    Resize,
)

photos = np.stack(load_sample_images().images)
pipeline = make_pipeline(
    CenterCrop(384),
    Resize(48),
    Pad(4, padding_mode="reflect"),
    Grayscale(),
    ChannelScaler(),
).fit(photos)

stages = {"original": photos}
for n_steps, (name, _) in enumerate(pipeline.steps, start=1):
    stages[name] = pipeline[:n_steps].transform(photos)
for name, images in stages.items():
    print(
        f"{name:14}{images.shape!s:20}{images.dtype!s:9}"
        f"{images.min():7.2f} to {images.max():.2f}"
    )

# %%
# The crop keeps the scale, resizing keeps what is seen, and padding adds a mirrored
# border. Until here, and in grey, pixels are still integers of 8 bits; the scaler makes
# them numbers around 0.

figure, axes = plt.subplots(2, 6, figsize=(12, 4.2), layout="constrained")
for column, (name, images) in zip(axes.T, stages.items(), strict=True):
    column[0].set_title(f"{name}\n{' x '.join(map(str, images.shape[1:]))}", fontsize=9)
    for ax, image in zip(column, images, strict=True):
        grey = image.shape[-1] == 1
        shown = ax.imshow(image, cmap="gray" if grey else None)
        ax.set_axis_off()
figure.colorbar(shown, ax=axes[:, -1], label="standard deviations", shrink=0.8)
plt.show()

# %%
# The same steps before two models
# --------------------------------
# On the digits, a support vector machine sees the pixels, then histograms of their
# edges; the network sees images. All are scored on the same three folds.

digits = load_digits()
X, y = digits.images, digits.target
models = {
    "SVC on pixels": make_pipeline(Rescale(1 / 16), Flatten(), SVC()),
    "SVC on HOG": make_pipeline(
        HOGDescriptor(pixels_per_cell=2, cells_per_block=4), SVC()
    ),
    "CNN": make_pipeline(ChannelScaler(), CNNClassifier(random_state=0)),
}
for name, model in models.items():
    print(f"{name:14}{cross_val_score(model, X, y, cv=3).mean():.3f}")

# %%
# Parameters of a step are searched like those of the estimator: how small may the
# digits become before they cannot be told apart?

search = GridSearchCV(
    make_pipeline(Resize(8), Rescale(1 / 16), Flatten(), SVC()),
    {"resize__size": [2, 3, 4, 6, 8]},
    cv=3,
).fit(X, y)
for size, score in zip(
    search.cv_results_["param_resize__size"],
    search.cv_results_["mean_test_score"],
    strict=True,
):
    print(f"{size} x {size} pixels: {score:.3f}")
