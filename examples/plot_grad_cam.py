"""
Where a network looks when it is wrong
======================================

The surest errors of a network, and which part of the image each of them rests on.
"""

# %%
# The surest errors
# -----------------
#
# The images are scikit-learn's digits, of 8x8 pixels. If the environment variable
# SKLEARN_CNN_MNIST holds the path of a file ``mnist.npz`` with the arrays ``X_train``
# and ``y_train``, they are the first of MNIST's, of 28x28 pixels.

import os

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from sklearn_cnn import CNNClassifier
from sklearn_cnn.inspection import PredictionDisplay, SaliencyDisplay

mnist = os.environ.get("SKLEARN_CNN_MNIST")
if mnist:
    with np.load(mnist) as data:
        X, y = data["X_train"][:3000], data["y_train"][:3000]
    filters = (32, 64, 128)
else:
    X, y = load_digits(return_X_y=True)
    X = X.reshape(-1, 8, 8)
    filters = (32, 64)
X_train, y_train, X_test, y_test = X[:500], y[:500], X[500:], y[500:]

cnn = CNNClassifier(filters=filters, max_iter=15, random_state=0)
cnn.fit(X_train, y_train)
print(f"Test accuracy: {cnn.score(X_test, y_test):.3f}")

errors = PredictionDisplay.from_estimator(cnn, X_test, y_test)
plt.show()

# %%
# What spoke for the wrong class
# ------------------------------
#
# Grad-CAM weights the maps of the last stage by what each of them does for the
# predicted class.

worst = errors.rows[:6]
display = SaliencyDisplay.from_estimator(cnn, X_test, y_test, samples=worst)
plt.show()

# %%
# What would have spoken for the right one
# ----------------------------------------
#
# Integrated gradients tell evidence against a class (blue) from evidence for it (red),
# pixel by pixel. Here the class is the true one of the surest error.

true = y_test[worst[0]]
display = SaliencyDisplay.from_estimator(
    cnn,
    X_test,
    y_test,
    samples=worst[:1],
    method="integrated_gradients",
    target=true,
)
plt.show()

# %%
# Is it true?
# -----------
#
# A map is a claim, and can be tested: hide the pixels with the largest attributions,
# a few at a time, and see how fast the probability of the class falls. Pixels in a
# random order are the comparison. A hidden pixel gets the mean of the training
# images, which is the blank image of integrated gradients.

rows = np.flatnonzero(cnn.predict(X_test) == y_test)[:100]
shares = np.linspace(0, 0.5, 11)


def probability_after_hiding(orders):
    """Mean probability of the true class, by the share of hidden pixels."""
    means = []
    for share in shares:
        images = X_test[rows].reshape(len(rows), -1).astype(float)
        hidden = orders[:, : round(share * images.shape[1])]
        np.put_along_axis(images, hidden, X_train.mean(), axis=1)
        proba = cnn.predict_proba(images.reshape(len(rows), *X.shape[1:]))
        means.append(proba[np.arange(len(rows)), y_test[rows]].mean())
    return np.array(means)


rng = np.random.default_rng(0)
n_pixels = X[0].size
curves = {
    "random order": probability_after_hiding(
        rng.permuted(np.tile(np.arange(n_pixels), (len(rows), 1)), axis=1)
    )
}
for method in ("grad_cam", "occlusion", "integrated_gradients"):
    display = SaliencyDisplay.from_estimator(cnn, X_test, samples=rows, method=method)
    plt.close(display.figure_)
    order = np.argsort(-display.attributions.reshape(len(rows), -1), axis=1)
    curves[method] = probability_after_hiding(order)

for name, curve in curves.items():
    print(f"{name:22s} mean probability over all shares: {curve.mean():.3f}")

# %%

STYLES = {
    "random order": ("#555555", "x", ":"),
    "grad_cam": ("#E69F00", "s", "-"),
    "occlusion": ("#009E73", "D", "-"),
    "integrated_gradients": ("#0072B2", "o", "-"),
}
figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
for name, curve in curves.items():
    color, marker, line = STYLES[name]
    ax.plot(100 * shares, curve, line, color=color, marker=marker, label=name)
ax.set(
    xlabel="hidden pixels (%), those that count most first",
    ylabel="mean probability of the true class",
    title="Hiding what a saliency map points at",
    ylim=(0, 1.02),
)
ax.spines[["top", "right"]].set_visible(False)
ax.grid(alpha=0.3)
ax.legend(frameon=False)
plt.show()
