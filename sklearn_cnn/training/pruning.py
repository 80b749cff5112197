"""A search that ends what promises little: trials of Optuna."""

from skorch.callbacks import Callback


class PruningCallback(Callback):
    """Tell a trial of Optuna how training goes, and end it if the study's pruner does.

    For ``callbacks``, inside of the objective of a study. A clone of an estimator tells
    the same trial, so that cross-validation and pipelines need nothing else; its folds,
    and several networks, are told of one after the other, as further steps.

    Parameters
    ----------
    trial : optuna.trial.Trial
        Of a study with one objective.
    monitor : str, default="valid_loss"
        What is told after each epoch, by its name in ``history_``: "valid_loss",
        "valid_score" or "train_loss". A study has to minimise a loss and to maximise a
        score, or its pruner would end the best trials.

    Raises
    ------
    ValueError
        When training begins: if the study has another direction, or several.
    optuna.TrialPruned
        When the pruner ends the trial. The estimator stays as it was.

    See Also
    --------
    optuna_integration.SkorchPruningCallback : Works too, but cannot be cloned.

    Notes
    -----
    :func:`~sklearn.model_selection.cross_val_score` takes what a fit raises for a
    failure, unless ``error_score="raise"`` is passed.

    References
    ----------
    .. [1] T. Akiba et al., "Optuna: a next-generation hyperparameter optimization
       framework", KDD 2019.

    Examples
    --------
    >>> import optuna
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_cnn import CNNClassifier
    >>> from sklearn_cnn.training import PruningCallback
    >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
    >>> X, y = load_digits(return_X_y=True)
    >>> X = X.reshape(-1, 8, 8)
    >>> def objective(trial):
    ...     cnn = CNNClassifier(
    ...         filters=(8,),
    ...         max_iter=3,
    ...         learning_rate=trial.suggest_float("learning_rate", 1e-4, 0.1, log=True),
    ...         callbacks=[PruningCallback(trial)],
    ...         random_state=0,
    ...     )
    ...     cnn.fit(X[:200], y[:200], X_val=X[200:300], y_val=y[200:300])
    ...     return cnn.history_["valid_loss"].iloc[-1]
    >>> study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0))
    >>> study.optimize(objective, n_trials=3)
    >>> len(study.trials)
    3
    """

    def __init__(self, trial, monitor="valid_loss"):
        self.trial = trial
        self.monitor = monitor
        self._n_told = [0]  # of all copies together

    def __sklearn_clone__(self):
        return self

    def on_train_begin(self, net, **kwargs):  # noqa: D102
        directions = [d.name.lower() for d in self.trial.study.directions]
        wanted = "minimize" if self.monitor.endswith("loss") else "maximize"
        if directions != [wanted]:
            found = directions[0] if len(directions) == 1 else directions
            raise ValueError(
                f"monitor={self.monitor!r} is for a study with the one direction "
                f"{wanted!r}, but this one has {found!r}. Create the study with "
                f"direction={wanted!r}, or pass another monitor."
            )

    def on_epoch_end(self, net, **kwargs):  # noqa: D102
        step, self._n_told[0] = self._n_told[0], self._n_told[0] + 1
        self.trial.report(net.history[-1, self.monitor], step)
        if self.trial.should_prune():
            from optuna import TrialPruned

            raise TrialPruned(f"{self.monitor} stayed behind after step {step}.")
