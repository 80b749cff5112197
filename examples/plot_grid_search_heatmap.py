"""
A grid over filters and dropout, as a heat map
==============================================

How wide should the network be, and how much dropout does it want?
:class:`~sklearn.model_selection.GridSearchCV` tries every pair, and a heat map shows
whether the best of them stands out or lies on a plateau.
"""

# %%
# The search
# ----------
#
# 400 of scikit-learn's digits, so that there is something to overfit. Every candidate
# is trained on the same three folds.

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, StratifiedKFold

from sklearn_cnn import CNNClassifier

digits = load_digits()
X, y = digits.images[:400], digits.target[:400]

FILTERS = [(4, 8), (8, 16), (16, 32), (32, 64)]
DROPOUT = [0.0, 0.2, 0.4, 0.6, 0.8]

search = GridSearchCV(
    CNNClassifier(max_iter=20, random_state=0),
    {"filters": FILTERS, "dropout": DROPOUT},
    cv=StratifiedKFold(3, shuffle=True, random_state=0),
    n_jobs=2,
).fit(X, y)

cells = list(
    zip(
        search.cv_results_["param_filters"],
        search.cv_results_["param_dropout"],
        search.cv_results_["mean_test_score"],
        search.cv_results_["std_test_score"],
        strict=True,
    )
)
mean, spread = np.zeros((2, len(FILTERS), len(DROPOUT)))
for filters, dropout, score, deviation in cells:
    place = FILTERS.index(tuple(filters)), DROPOUT.index(dropout)
    mean[place], spread[place] = score, deviation

print("accuracy".ljust(12), *(f"dropout {dropout}".rjust(12) for dropout in DROPOUT))
for filters, row in zip(FILTERS, mean, strict=True):
    print(str(filters).ljust(12), *(f"{score:12.3f}" for score in row))
print("best:", search.best_params_)

# %%
# The heat map
# ------------
#
# Small numbers are the standard deviations over the three folds. The frame is around
# the best cell.

import matplotlib.pyplot as plt
from matplotlib.patches import Rectangle

figure, axes = plt.subplots(figsize=(7.5, 4.2), layout="constrained")
image = axes.imshow(mean, cmap="cividis", aspect="auto")
for row, column in np.ndindex(mean.shape):
    dark = image.norm(mean[row, column]) < 0.5
    axes.text(
        column,
        row,
        f"{mean[row, column]:.3f}\n± {spread[row, column]:.3f}",
        ha="center",
        va="center",
        color="white" if dark else "black",
    )
row, column = np.unravel_index(mean.argmax(), mean.shape)
axes.add_patch(
    Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, color="#D55E00", lw=3)
)
axes.set_xticks(range(len(DROPOUT)), DROPOUT)
axes.set_yticks(range(len(FILTERS)), [str(filters) for filters in FILTERS])
axes.set_xlabel("dropout")
axes.set_ylabel("filters of the two stages")
axes.set_title("Mean accuracy over three folds of 400 digits")
figure.colorbar(image, label="accuracy")
plt.show()
