"""What watches a training from outside, and may end it: early stopping, progress."""

from math import ceil, log

import numpy as np

from sklearn_cnn.training.snapshots import Snapshot

#: Share of the epochs after which labels are smoothed, and how much at most.
_SMOOTHED_FROM, _MOST_SMOOTHING = 0.3, 0.2
#: What is shown of an epoch, and tqdm's own bar with a part of an epoch.
_SHOWN = ("train_loss", "valid_loss", "valid_score")
_BAR = "{l_bar}{bar}| {n:.1f}/{total} [{elapsed}<{remaining}, {rate_fmt}{postfix}]"


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

    def advance(self, share):
        """Hear that so much of an epoch is over: a batch of training or validation."""

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


def described(training):
    """Say in a line how large a training is."""
    predictor, batches = training.learner.predictor, training.batches
    n_weights = sum(weight.numel() for weight in predictor.module.parameters())
    validated = training.held_out
    return (
        f"{len(batches):,} samples of shape {batches.prepare.layout.shape}, "
        f"{0 if validated is None else len(validated.batches):,} to validate on; "
        f"{n_weights:,} weights, {batches.n_batches:,} steps an epoch, in "
        f"{training.learner.plan.precision} on {batches.prepare.device}"
    )


class ProgressBar(Observer):
    """A tqdm bar over the epochs, which moves within them too.

    ``with_lines`` writes a line for each epoch above it.
    """

    def __init__(self, epochs, description, *, with_lines=False):
        from tqdm.auto import tqdm

        self.bar = tqdm(
            total=epochs,
            desc=description,
            unit="epoch",
            bar_format=_BAR,
            smoothing=0,  # the time left by the mean speed, validation included
        )
        self.with_lines = with_lines
        self.n_epochs = 0

    def advance(self, share):  # noqa: D102
        self.bar.update(share)

    def epoch_end(self, run):  # noqa: D102
        self.n_epochs += 1
        self.bar.update(self.n_epochs - self.bar.n)
        found = {name: run.row[name] for name in _SHOWN if name in run.row}
        self.bar.set_postfix(found)
        if self.with_lines:
            found["learning_rate"] = run.row["learning_rate"]
            values = ", ".join(f"{name} {value:.4g}" for name, value in found.items())
            announce(
                f"{self.bar.desc} epoch {self.n_epochs}/{self.bar.total}: {values}, "
                f"{run.row['dur']:.3g} s"
            )
        return False

    def get_state(self):  # noqa: D102
        return {"n_epochs": self.n_epochs}

    def set_state(self, run, state):  # noqa: D102
        # what another process has done says nothing of the speed of this one
        self.n_epochs = self.bar.initial = self.bar.n = state.get("n_epochs", 0)
        self.bar.refresh()

    def close(self):  # noqa: D102
        self.bar.close()
