"""What watches a training from outside, and may end it: early stopping, progress."""

from math import ceil, log

import numpy as np

from sklearn_cnn.training.snapshots import Snapshot

#: Share of the epochs after which labels are smoothed, and how much at most.
_SMOOTHED_FROM, _MOST_SMOOTHING = 0.3, 0.2


class StopTraining(Exception):
    """Raised by an observer to end a training in the middle of an epoch."""


class Observer:
    """Hears of one training, from the loop; ``run`` is its :class:`~.loop.Run`."""

    #: Whether it wants to be told of batches, which costs time.
    hears_batches = False

    def train_begin(self, batches):
        """Hear that training begins."""

    def epoch_begin(self, run):
        """Hear that an epoch begins; ``run.row`` is its row of the history."""

    def batch_begin(self, run, batch):
        """Hear that a batch of training or validation begins."""

    def gradients_computed(self, run, batch):
        """Hear that the optimizer is about to take a step."""

    def batch_end(self, run, batch, loss, outputs):
        """Hear that a batch of training or validation has ended."""

    def epoch_end(self, run):
        """Tell whether training is to end with this epoch."""
        return False

    def get_state(self):
        """Give what it has to know to go on in another process, as a checkpoint has it.

        That is a dict of tensors, lists and plain values.
        """
        return {}

    def set_state(self, run, state):
        """Take up what ``get_state`` gave, which is empty if nothing was kept."""

    def train_end(self, batches):
        """Hear that training has ended, by itself or by an observer, without error."""

    def close(self):
        """Hear that training is over, whatever happened."""


class EpochTasks(Observer):
    """One subtask of ``fit`` for every epoch, as scikit-learn's callbacks hear it.

    Parameters
    ----------
    estimator : estimator instance
        Being fitted.
    context : sklearn.callback.CallbackContext
        Of its ``fit``.
    **data : dict
        "X", "y" and "metadata", as the user gave them.
    """

    def __init__(self, estimator, context, **data):
        self.estimator = estimator
        self.context = context
        self.data = data
        self.task = None

    def epoch_begin(self, run):  # noqa: D102
        self.task = self.context.subcontext(task_name="epoch")
        self.task.call_on_fit_task_begin(estimator=self.estimator, **self.data)

    def epoch_end(self, run):  # noqa: D102
        return self.task.call_on_fit_task_end(
            estimator=self.estimator,
            **self.data,
            # a callable: the copy is made only if some callback wants to predict
            reconstruction_attributes=lambda: {
                "_learner": run.learner.frozen(),
                "_further_learners": (),
            },
        )


class EarlyStopping(Observer):
    """End training when validation stalls, and go back to the best epoch [1]_.

    It judges the phase that gives the result. A "plateau" of learning rates ends before
    the training does.

    Parameters
    ----------
    patience : int
        Number of epochs without an improvement after which training ends.
    tol : float
        Smallest change for the better that counts as one.
    on_score : bool
        Whether the score is judged; else it is the loss.

    References
    ----------
    .. [1] L. Prechelt, "Early stopping - but when?", in Neural Networks: Tricks of the
       Trade, 1998.
    """

    def __init__(self, patience, tol, on_score=False):
        self.patience = patience
        self.tol = tol
        self.on_score = on_score
        self.best_loss = np.inf
        self.n_stalled = 0
        self.best = self.end = None

    def epoch_end(self, run):  # noqa: D102
        if not run.phase.last:
            return False
        loss = -run.row["valid_score"] if self.on_score else run.row["valid_loss"]
        improved = loss < self.best_loss - self.tol
        self.n_stalled = 0 if improved else self.n_stalled + 1
        if loss < self.best_loss:
            self.best_loss = loss
            self.best = Snapshot(run.trained)
        if run.schedule.name == "plateau":
            return self._ends_after_fall(run)
        return self.n_stalled >= self.patience

    def _ends_after_fall(self, run):
        if self.n_stalled >= self.patience and run.schedule.waits(run.n_steps):
            run.schedule.fall(run.n_steps, run.batches.n_batches)
            self.end = run.schedule.n_steps
        return self.end is not None and run.n_steps >= self.end

    def get_state(self):  # noqa: D102
        return {
            "best_loss": self.best_loss,
            "n_stalled": self.n_stalled,
            "end": self.end,
            "best": None if self.best is None else self.best.tensors,
        }

    def set_state(self, run, state):  # noqa: D102
        self.best_loss, self.n_stalled = float(state["best_loss"]), state["n_stalled"]
        self.end = state.get("end")
        if self.end is not None:
            run.schedule.n_steps = int(self.end)
        if state["best"] is not None:
            self.best = Snapshot(run.trained, state["best"])

    def train_end(self, batches):  # noqa: D102
        if self.best is not None:
            self.best.restore()


class AdaptiveSmoothing(Observer):
    """Smooth labels as much as they are hard to learn.

    How much is the square of the training loss after 30 % of the epochs, as a share of
    the loss of a guess. That much a network has not learned when its learning rate is
    highest, before it knows samples by heart.

    Parameters
    ----------
    n_classes : int
        Number of classes.
    """

    def __init__(self, n_classes):
        self.guess = log(n_classes)

    def epoch_begin(self, run):  # noqa: D102
        judged = ceil(_SMOOTHED_FROM * run.phase.epochs)
        if run.phase.last and run.n_epochs >= judged:
            # the last row is of the epoch that begins
            row = run.learner.history[judged - run.n_epochs - 2]
            share = row["train_loss"] / self.guess
            run.learner.loss.label_smoothing = min(_MOST_SMOOTHING, share**2)


def announce(text):
    """Write a line above the bars."""
    from tqdm.auto import tqdm

    tqdm.write(text)


class ProgressBar(Observer):
    """A tqdm bar over the epochs."""

    def __init__(self, epochs, description):
        from tqdm.auto import tqdm

        self.bar = tqdm(total=epochs, desc=description, unit="epoch")

    def epoch_end(self, run):  # noqa: D102
        names = ("train_loss", "valid_loss", "valid_score")
        self.bar.set_postfix({name: run.row[name] for name in names if name in run.row})
        self.bar.update()
        return False

    def get_state(self):  # noqa: D102
        return {"n_epochs": self.bar.n}

    def set_state(self, run, state):  # noqa: D102
        self.bar.update(state.get("n_epochs", 0))

    def close(self):  # noqa: D102
        self.bar.close()
