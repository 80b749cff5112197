"""
Several networks, and several views of an image
===============================================

Networks that were trained from different seeds make different mistakes, and their
average makes fewer. So does the average over views of one image: moved a little, it
should be taken for the same. Both cost time, and no parameter has to be found. Where
the networks disagree, they also tell that they are not sure.
"""

# %%
# Averages of networks and of views
# ---------------------------------
#
# Five networks learn to read 300 of scikit-learn's digits, with crops that move the
# images by a pixel. ``estimators_`` are the five by themselves.

from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
from scipy.ndimage import rotate
from sklearn.datasets import load_digits
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from sklearn_cnn import CNNClassifier, CNNRegressor
from sklearn_cnn.augmentation import RandomCrop

X, y = load_digits(return_X_y=True)
X = X.reshape(-1, 8, 8)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, train_size=300, stratify=y, random_state=0
)
cnn = CNNClassifier(
    filters=(16, 32),
    augmentation=RandomCrop(1),
    max_iter=20,
    n_networks=5,
    random_state=0,
)
cnn.fit(X_train, y_train)

# %%
# ``test_time_augmentation`` is a matter of prediction, so that one fit shows both. With
# ``RandomCrop(1)`` it averages over five views: the image, and the image moved by a
# pixel to each side.

sizes = range(1, 6)
errors_of = {}
for views in (False, True):
    cnn.set_params(test_time_augmentation=views)
    each = np.array([one.predict_proba(X_test) for one in cnn.estimators_])
    means = {
        size: [each[list(some)].mean(axis=0) for some in combinations(range(5), size)]
        for size in sizes
    }
    name = "five views" if views else "one view"
    errors_of[name] = [
        100 * np.mean([(mean.argmax(axis=1) != y_test).mean() for mean in means[size]])
        for size in sizes
    ]
    print(
        f"{name}: one network errs in {errors_of[name][0]:.1f} % of the test images, "
        f"five in {100 * (1 - cnn.score(X_test, y_test)):.1f} %; log loss "
        f"{np.mean([log_loss(y_test, mean) for mean in means[1]]):.3f} and "
        f"{log_loss(y_test, cnn.predict_proba(X_test)):.3f}"
    )

# %%
# What networks are not sure of
# -----------------------------
#
# Five networks learn by which angle a digit was turned. ``return_std=True`` gives the
# standard deviation between them. Some digits are hard to tell: a 0 looks much the same
# when it is turned.

rng = np.random.default_rng(0)
angles = rng.uniform(-60, 60, size=len(X))
turned = np.array(
    [
        rotate(image, angle, reshape=False, order=1)
        for image, angle in zip(X, angles, strict=True)
    ]
)
regressor = CNNRegressor(
    filters=(16, 32),
    global_pooling="flatten",
    max_iter=20,
    n_networks=5,
    random_state=0,
)
regressor.fit(turned[:1000], angles[:1000])
predicted, std = regressor.predict(turned[1000:], return_std=True)
error = np.abs(predicted - angles[1000:])
groups = np.array_split(np.argsort(std), 8)
spread = [std[group].mean() for group in groups]
errors = [error[group].mean() for group in groups]
print(
    f"mean error where the networks agree best: {errors[0]:.1f} degrees, where they "
    f"disagree most: {errors[-1]:.1f} degrees"
)

# %%

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
colors = "#0072b2", "#d55e00"
for (name, values), color in zip(errors_of.items(), colors, strict=True):
    left.plot(sizes, values, "o-", color=color, label=name)
left.set(xlabel="networks averaged", ylabel="test errors (%)", xticks=sizes)
left.set_title("Digits, 300 to train on")
left.legend(frameon=False)
right.plot(spread, errors, "o-", color="#0072b2")
right.set(xlabel="standard deviation (degrees)", ylabel="mean error (degrees)")
right.set_title("Angles: eighths by disagreement")
for ax in (left, right):
    ax.set_ylim(bottom=0)
    ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# Most of the gain comes from the second and the third network, and views add to that.
# Averages are less sure of themselves, too: after so few epochs the views lower the
# errors, but not the log loss. The errors of the angles grow with the standard
# deviation between the networks.
