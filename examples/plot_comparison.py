"""
A CNN and its classical competitors, on the same folds
======================================================

Is the network better than what scikit-learn has anyway, by how much, how sure is that,
and what does it cost? :func:`~sklearn_cnn.comparison.compare_estimators`
cross-validates them all on the same folds with the same number of threads.
"""

# %%
# The table
# ---------
#
# :func:`~sklearn_cnn.comparison.classical_baselines` gives pipelines that flatten the
# images themselves. Gradient boosting is told to grow fewer trees here, to be done in a
# minute.

import pandas as pd
from sklearn.datasets import load_digits

from sklearn_cnn import CNNClassifier
from sklearn_cnn.comparison import (
    ComparisonDisplay,
    classical_baselines,
    compare_estimators,
)

digits = load_digits()
X, y = digits.images, digits.target

models = {"CNN": CNNClassifier(max_iter=10), **classical_baselines()}
models["gradient boosting"].set_params(histgradientboostingclassifier__max_iter=30)

results = compare_estimators(models, X, y, random_state=0)

quality = [
    "mean_test_accuracy",
    "difference_accuracy",
    "low_accuracy",
    "high_accuracy",
    "p_value_accuracy",
]
costs = ["fit_time", "predict_time", "peak_memory", "model_size", "n_parameters"]
pd.set_option("display.width", 120, "display.max_columns", None)
print(results[quality].sort_values("mean_test_accuracy", ascending=False).round(4))
print(results[costs].round(3))

# %%
# ``difference_accuracy`` is the distance to the best, between ``low_accuracy`` and
# ``high_accuracy`` with a confidence of 95 %. Where that interval holds 0 the five
# folds cannot tell the two models apart. Times are in seconds, memory and size in
# bytes.
#
# Scores with their intervals
# ---------------------------

import matplotlib.pyplot as plt

display = ComparisonDisplay.from_results(results)
display.ax_.set_title("Accuracy on held-out digits (small dots: single folds)")
plt.show()

# %%
# Intervals are those of the mean of each model alone. They overlap more than the
# intervals of the differences, since all models meet the same hard digits.
#
# Accuracy against time
# ---------------------

display = ComparisonDisplay.from_results(results, kind="fit_time")
display.ax_.set_title("Accuracy on digits, and the time of a fit")
plt.show()

# %%
# Accuracy against the number of training images
# ----------------------------------------------

names = ["logistic regression", "SVC on pixels", "random forest"]
display = ComparisonDisplay.from_estimators(
    {"CNN": CNNClassifier(max_iter=10), **{name: models[name] for name in names}},
    X,
    y,
    train_sizes=[100, 300, 900],
    cv=3,
    random_state=0,
)
display.ax_.set_title("Accuracy on digits, learned from few and from many")
plt.show()
