"""
Time series: one-dimensional convolutions
=========================================

Rows of a 2-D ``X`` are signals to a network, whose filters then slide along time. The
three classes of cylinder, bell and funnel, a classical test problem, differ in the
shape of an event: a plateau, a rise or a fall. Where the event begins and how long it
lasts is random, which is what convolutions do not mind and distances between series
do.
"""

# %%
# The problem [1]_ is made by formula, so that there are as many series as one likes.
#
# .. [1] N. Saito, "Local feature extraction and its applications using a library of
#    bases", PhD thesis, Yale University, 1994.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.neighbors import KNeighborsClassifier

from sklearn_cnn import CNNClassifier

LENGTH = 128
SHAPES = {
    "cylinder": lambda rise: np.ones_like(rise),
    "bell": lambda rise: rise,
    "funnel": lambda rise: 1 - rise,
}


def make_series(n_series, rng):
    """Series of shape (n_series, 128), and what they are."""
    kinds = rng.choice(list(SHAPES), size=n_series)
    time = np.arange(LENGTH)
    series = rng.normal(size=(n_series, LENGTH))
    for row, kind in zip(series, kinds, strict=True):
        start, duration = rng.integers(16, 33), rng.integers(32, 97)
        event = (start <= time) & (time < start + duration)
        rise = (time[event] - start) / duration
        row[event] += (6 + rng.normal()) * SHAPES[kind](rise)
    return series, kinds


rng = np.random.default_rng(0)
X_test, y_test = make_series(300, rng)

# %%
# The contestants get 12 to 96 series to learn from, and are tested on 300 others. All
# are untuned. The default for series, "multirocket", has fixed filters and a head that
# is solved; "simple" learns its filters.

contestants = {
    "CNN (multirocket)": CNNClassifier(spatial_dims=1, random_state=0),
    "CNN, simple": CNNClassifier("simple", spatial_dims=1, random_state=0),
    "random forest": RandomForestClassifier(random_state=0),
    "1-nearest neighbour": KNeighborsClassifier(1),
}
sizes = (12, 24, 48, 96)
accuracy = {name: [] for name in contestants}
for size in sizes:
    X, y = make_series(size, np.random.default_rng(1))
    for name, estimator in contestants.items():
        accuracy[name].append(estimator.fit(X, y).score(X_test, y_test))

print("series to train on   ", *(f"{size:6}" for size in sizes))
for name, scores in accuracy.items():
    print(f"{name:21}", *(f"{score:6.3f}" for score in scores))

# %%
# On the left are four series of each class, as they come, and on the right what the
# contestants make of them.

colors = {"cylinder": "#0072B2", "bell": "#D55E00", "funnel": "#009E73"}
figure, axes = plt.subplot_mosaic(
    [["cylinder", "scores"], ["bell", "scores"], ["funnel", "scores"]],
    figsize=(9, 4.5),
    layout="constrained",
    width_ratios=(1, 1.3),
)
for kind, color in colors.items():
    ax = axes[kind]
    ax.plot(X_test[y_test == kind][:4].T, color=color, linewidth=0.8, alpha=0.6)
    ax.set(xlim=(0, LENGTH - 1), ylim=(-4, 11))
    ax.set_title(kind, fontsize="medium")
    ax.label_outer()
axes["funnel"].set_xlabel("time step")

styles = [("#0072B2", "o"), ("#56B4E9", "^"), ("#D55E00", "s"), ("#CC79A7", "D")]
ax = axes["scores"]
for (name, scores), (color, marker) in zip(accuracy.items(), styles, strict=True):
    ax.plot(sizes, scores, color=color, marker=marker, label=name)
ax.set_xscale("log", base=2)
ax.set_xticks(sizes, sizes)
ax.grid(alpha=0.3)
ax.set(xlabel="series to train on", ylabel="accuracy on 300 others")
ax.set_title("Accuracy by the number of series", fontsize="medium")
ax.legend()
plt.show()
