"""
Grid, random, halving and Optuna at the same cost
=================================================

Four ways to choose a learning rate, dropout and a number of stages, each with 256
epochs of training to spend: a grid and random draws give all candidates the same,
successive halving few epochs to many, and Optuna proposes the next candidate from those
before and prunes those that stay behind.
"""

# %%
# What is searched over
# ---------------------
#
# 300 digits to train on, 500 to validate on, and the rest to look at the winners.

import matplotlib.pyplot as plt
import numpy as np
import optuna
from scipy.stats import loguniform, uniform
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import (
    GridSearchCV,
    HalvingRandomSearchCV,
    PredefinedSplit,
    RandomizedSearchCV,
)

from sklearn_cnn import CNNClassifier
from sklearn_cnn.training import PruningCallback

optuna.logging.set_verbosity(optuna.logging.WARNING)
X, y = load_digits(return_X_y=True)
X = X.reshape(-1, 8, 8)
order = np.random.default_rng(0).permutation(len(X))
train, val, test = order[:300], order[300:800], order[800:]
both = np.r_[train, val]
split = PredefinedSplit([-1] * len(train) + [0] * len(val))

BUDGET, EPOCHS = 256, 16
STAGES = [(8,), (8, 16), (8, 16, 32)]
cnn = CNNClassifier(max_iter=EPOCHS, random_state=0)

# %%
# scikit-learn's searches
# -----------------------
#
# A grid of 16 candidates, 16 random ones, and 32 of which the best 8 get four times as
# many epochs.

grid = {
    "learning_rate": [0.001, 0.005, 0.02, 0.1],
    "dropout": [0.0, 0.4],
    "filters": STAGES[1:],
}
ranges = {
    "learning_rate": loguniform(0.0003, 0.3),
    "dropout": uniform(0, 0.6),
    "filters": STAGES,
}
common = {"cv": split, "refit": False}
searches = {
    "grid": GridSearchCV(cnn, grid, **common),
    "random": RandomizedSearchCV(
        cnn, ranges, n_iter=BUDGET // EPOCHS, random_state=0, **common
    ),
    "halving": HalvingRandomSearchCV(
        cnn,
        ranges,
        n_candidates=32,
        resource="max_iter",
        min_resources=EPOCHS // 4,
        max_resources=EPOCHS,
        factor=4,
        random_state=0,
        **common,
    ),
}
paths, best = {}, {}
for name, search in searches.items():
    results = search.fit(X[both], y[both]).cv_results_
    epochs = results.get("n_resources", np.full(len(results["params"]), EPOCHS))
    paths[name] = np.cumsum(epochs), results["mean_test_score"]
    best[name] = clone(cnn).set_params(**search.best_params_)

# %%
# Optuna
# ------
#
# As many trials as the epochs last for.


def objective(trial):
    given = {
        "learning_rate": trial.suggest_float("learning_rate", 0.0003, 0.3, log=True),
        "dropout": trial.suggest_float("dropout", 0, 0.6),
        "filters": STAGES[trial.suggest_int("n_stages", 1, 3) - 1],
    }
    trial.set_user_attr("given", given)
    model = clone(cnn).set_params(
        callbacks=[PruningCallback(trial, "valid_score")], **given
    )
    model.fit(X[train], y[train], X_val=X[val], y_val=y[val])
    return model.history_["valid_score"].iloc[-1]


def stop_at_budget(study, trial):
    if sum(len(t.intermediate_values) for t in study.trials) >= BUDGET:
        study.stop()


study = optuna.create_study(
    direction="maximize",
    sampler=optuna.samplers.TPESampler(seed=0, n_startup_trials=6),
    pruner=optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=EPOCHS // 3),
)
study.optimize(objective, callbacks=[stop_at_budget])
epochs = np.cumsum([len(t.intermediate_values) for t in study.trials])
scores = [t.value if t.state.name == "COMPLETE" else np.nan for t in study.trials]
paths["Optuna"] = epochs, np.array(scores)
given = study.best_trial.user_attrs["given"]
best["Optuna"] = clone(cnn).set_params(**{**given, "filters": tuple(given["filters"])})

# %%
# What each found
# ---------------
#
# The best validation score so far, by the epochs that were spent; and the winners,
# trained once more, on digits that no search has seen. On one small split the order is
# a matter of luck.

print(f"{'':8} candidates  epochs  validation   test")
for name, (epochs, scores) in paths.items():
    accuracy = best[name].fit(X[train], y[train]).score(X[test], y[test])
    print(
        f"{name:8} {len(scores):10}  {epochs[-1]:6}  {np.nanmax(scores):10.3f}  "
        f"{accuracy:.3f}"
    )

fig, ax = plt.subplots(figsize=(6.4, 4), layout="constrained")
for name, (epochs, scores) in paths.items():
    ax.step(epochs, np.fmax.accumulate(scores), where="post", label=name)
ax.set(xlabel="epochs spent", ylabel="best validation accuracy", ylim=(0.8, 1))
ax.legend(loc="lower right")
plt.show()
