"""What pruning saves a study of Optuna, and what it loses: prints one table.

Run from the root of the repository::

    python tests/benchmarks/pruning.py

Each row is a pair of studies of the digits, with the same seed and number of trials,
one without a pruner. The score is the validation accuracy at the end of the best trial.
"""

import argparse

import numpy as np
import optuna
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sklearn_cnn import CNNClassifier
from sklearn_cnn.training import PruningCallback

EPOCHS = 20
#: The best third of the trials goes on from a fifth of the epochs, and from three.
PRUNER = optuna.pruners.SuccessiveHalvingPruner(
    min_resource=EPOCHS // 5, reduction_factor=3
)


def study(data, pruner, seed, n_trials):
    """Search; give the best score and the epochs of all trials."""
    X, X_val, y, y_val = data

    def objective(trial):
        cnn = CNNClassifier(
            filters=(8, 16, 32)[: trial.suggest_int("n_stages", 1, 3)],
            learning_rate=trial.suggest_float("learning_rate", 1e-4, 0.3, log=True),
            weight_decay=trial.suggest_float("weight_decay", 1e-4, 0.3, log=True),
            dropout=trial.suggest_float("dropout", 0, 0.6),
            max_iter=EPOCHS,
            lr_schedule="cosine",  # whose first epochs tell more than one-cycle's
            callbacks=[PruningCallback(trial, "valid_score")],
            random_state=seed,
        )
        cnn.fit(X, y, X_val=X_val, y_val=y_val)
        return cnn.history_["valid_score"].iloc[-1]

    sampler = optuna.samplers.TPESampler(seed=seed)
    found = optuna.create_study(direction="maximize", sampler=sampler, pruner=pruner)
    found.optimize(objective, n_trials=n_trials)
    return found.best_value, sum(len(t.intermediate_values) for t in found.trials)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    X, y = load_digits(return_X_y=True)
    rows = []
    print("seed  epochs  with pruning  share   score  with pruning")
    for seed in range(arguments.seeds):
        data = train_test_split(
            X.reshape(-1, 8, 8), y, train_size=400, stratify=y, random_state=seed
        )
        plain = study(data, optuna.pruners.NopPruner(), seed, arguments.trials)
        pruned = study(data, PRUNER, seed, arguments.trials)
        rows.append((pruned[1] / plain[1], plain[0], pruned[0]))
        share, score, with_pruning = rows[-1]
        print(
            f"{seed:4}  {plain[1]:6}  {pruned[1]:12}  {share:5.2f}  {score:.4f}  "
            f"{with_pruning:12.4f}",
            flush=True,
        )
    share, score, with_pruning = np.mean(rows, axis=0)
    print(f"mean {share:28.2f}  {score:.4f}  {with_pruning:12.4f}")


if __name__ == "__main__":
    main()
