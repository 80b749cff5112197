"""
Honest probabilities
====================

A network that learned its training images by heart is certain of everything, also where
it is wrong. The calibration curve shows that, and temperature scaling mends it: one
number, learned from images that the network has not seen.
"""

# %%
# A network that is too sure
# --------------------------
#
# Are these digits odd? Noise makes that hard to say: nobody gets all of them right, and
# honest probabilities are seldom 0 or 1.

import numpy as np
from sklearn.datasets import load_digits

from sklearn_cnn import CNNClassifier

digits = load_digits()
noise = np.random.default_rng(0).normal(scale=6, size=digits.images.shape)
X, y = digits.images + noise, digits.target % 2
train, calibration, test = slice(0, 600), slice(600, 800), slice(800, None)

certain = CNNClassifier(label_smoothing=0.0, random_state=0)
certain.fit(X[train], y[train])

# %%
# Temperature scaling
# -------------------
#
# :class:`~sklearn.calibration.CalibratedClassifierCV` divides what the network puts
# into its softmax by a number, the temperature, which makes the 200 images that were
# kept aside most likely. The predicted labels stay what they are.
# :class:`~sklearn.frozen.FrozenEstimator` says that the network is not to be fitted
# again.

from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator

scaled = CalibratedClassifierCV(FrozenEstimator(certain), method="temperature")
scaled.fit(X[calibration], y[calibration])

# %%
# ``label_smoothing`` costs no images: it trains for targets of 0.05 and 0.95.

smoothed = CNNClassifier(label_smoothing=0.1, random_state=0)
smoothed.fit(X[train], y[train])

models = {
    "no smoothing": certain,
    "temperature scaling": scaled,
    "label_smoothing=0.1": smoothed,
}

# %%
# Three numbers
# -------------
#
# The accuracies are much the same. The calibration error is the distance of the curve
# below from the diagonal, and log loss judges both together.

from sklearn.metrics import log_loss

from sklearn_cnn.comparison import expected_calibration_error

print(f"{'':20}  accuracy  calibration error  log loss")
for name, model in models.items():
    probabilities = model.predict_proba(X[test])
    error = expected_calibration_error(y[test], probabilities)
    loss = log_loss(y[test], probabilities)
    accuracy = model.score(X[test], y[test])
    print(f"{name:20}  {accuracy:8.3f}  {error:17.3f}  {loss:8.3f}")

# %%
# The calibration curves
# ----------------------
#
# Of the images that a model calls odd with a probability of 0.8, four in five should
# be. Where the curve is flatter than the diagonal, the model is too sure.

import matplotlib.pyplot as plt
from sklearn.calibration import CalibrationDisplay

figure, (curves, counts) = plt.subplots(
    1, 2, figsize=(10, 4.5), layout="constrained", width_ratios=[1, 1]
)
looks = zip(["#0072b2", "#e69f00", "#009e73"], "o^s", strict=True)
for (name, model), (color, marker) in zip(models.items(), looks, strict=True):
    display = CalibrationDisplay.from_estimator(
        model, X[test], y[test], name=name, ax=curves, color=color, marker=marker
    )
    counts.hist(
        display.y_prob, bins=20, histtype="step", linewidth=2, color=color, label=name
    )
curves.set(
    title="Calibration of three networks",
    xlabel="predicted probability of an odd digit",
    ylabel="share of odd digits",
)
counts.set(
    title="What they say of 997 digits",
    xlabel="predicted probability of an odd digit",
    ylabel="number of digits",
)
counts.legend(loc="upper center")
plt.show()
