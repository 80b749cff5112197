"""
A CNN beside an SVC, in scikit-learn's own words
================================================

scikit-learn's handwritten digits are 8x8 grey images, and its classical answer to
them is a support vector machine on the pixels. Here a convolutional network takes the
place of the :class:`~sklearn.svm.SVC` in the same pipeline, on the same folds, and a
grid search chooses its ``filters`` and its ``dropout``.
"""

# %%
# Both models share the pipeline. Its first step scales every pixel to [0, 1] and wants
# one flat row for each image, as most of scikit-learn's transformers do;
# ``input_shape`` tells the network how to fold a row back into an image.

from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.svm import SVC

from sklearn_cnn import CNNClassifier

X, y = load_digits(return_X_y=True)
folds = StratifiedKFold(n_splits=5, shuffle=True, random_state=0)

cnn = Pipeline(
    [
        ("scale", MinMaxScaler()),
        ("model", CNNClassifier(input_shape=(8, 8), max_iter=10, random_state=0)),
    ]
)
svc = Pipeline([("scale", MinMaxScaler()), ("model", SVC())])

# %%
# Each model gets four candidates, so that neither is ahead for having been tuned more.

cnn_search = GridSearchCV(
    cnn,
    {
        "model__filters": [(32, 64), (32, 64, 128)],
        "model__dropout": [0.0, 0.3],
    },
    cv=folds,
    n_jobs=2,
).fit(X, y)
svc_search = GridSearchCV(
    svc,
    {"model__C": [1, 10], "model__gamma": ["scale", 0.1]},
    cv=folds,
).fit(X, y)

for name, search in [("CNN", cnn_search), ("SVC", svc_search)]:
    chosen = {
        parameter.removeprefix("model__"): value
        for parameter, value in search.best_params_.items()
    }
    print(f"{name}: cross-validated accuracy {search.best_score_:.4f} with {chosen}")

# %%
# The CNN gets seven more of the 1,797 digits right, but the folds of one model
# differ by more than the two models do. On images as small as these an SVC is hard to
# beat, and it trains in a fraction of the time: a reason to keep such a baseline.
#
# The figure shows every candidate: a small dot is one fold, a large one their mean.

import matplotlib.pyplot as plt
import numpy as np


def fold_scores(search):
    """Scores of shape (n_candidates, n_folds)."""
    splits = [f"split{i}_test_score" for i in range(search.n_splits_)]
    return np.column_stack([search.cv_results_[split] for split in splits])


def describe(parameters):
    """Name a candidate by its parameters."""
    return ", ".join(
        f"{parameter.removeprefix('model__')}={value}"
        for parameter, value in parameters.items()
    )


figure, axes = plt.subplots(figsize=(8, 4), layout="constrained")
labels = []
for name, search, color, marker in [
    ("SVC", svc_search, "#D55E00", "s"),
    ("CNN", cnn_search, "#0072B2", "o"),
]:
    scores = fold_scores(search)
    rows = len(labels) + np.arange(len(scores))
    axes.plot(scores, rows, linestyle="", marker=".", color=color, alpha=0.5)
    axes.scatter(scores.mean(axis=1), rows, s=90, color=color, marker=marker)
    labels += [f"{name}: {describe(p)}" for p in search.cv_results_["params"]]
axes.set_yticks(range(len(labels)), labels)
axes.xaxis.set_major_locator(plt.MultipleLocator(0.005))
axes.grid(axis="x", alpha=0.3)
axes.spines[["top", "right"]].set_visible(False)
axes.set_xlabel("accuracy on held-out digits")
axes.set_title("Accuracy of four CNNs and four SVCs on five folds of digits")
plt.show()
