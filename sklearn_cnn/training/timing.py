"""How many epochs end within a time: by a trial of copies, which are thrown away."""

from dataclasses import replace
from math import floor
from time import perf_counter
from typing import NamedTuple

from sklearn_cnn.training.batches import HeldOut
from sklearn_cnn.training.freezing import freezes_backbone
from sklearn_cnn.training.observers import Observer
from sklearn_cnn.training.side_by_side import Training, n_at_a_time, train_all

#: Of the time is for the trial; of little time more, for some steps have to be seen.
_SHARE_OF_TRIAL, _SHORTEST_TRIAL, _LONGEST_TRIAL = 0.04, 0.3, 10.0
_LARGEST_SHARE_OF_TRIAL = 0.2
#: Of what is left is for epochs, as these do not all take the same.
_SHARE_OF_EPOCHS = 0.96
#: No trial comes to the end of its schedule: it sees the first steps of the training.
_MANY = 1 << 20


class Cost(NamedTuple):
    """Seconds before the first epoch of a training, and of each epoch."""

    before: float
    epoch: float


class EndAfter(Observer):
    """End a training after some epochs."""

    def __init__(self, epochs):
        self.left = epochs

    def epoch_end(self, run):  # noqa: D102
        self.left -= 1
        return self.left == 0


def epochs_within(seconds, trainings, device, *, one_by_one=False):
    """Tell how many epochs end within so many seconds from now.

    Parameters
    ----------
    seconds : float
        From now on, the trial included.
    trainings : list of Training
        As they will be; nothing of them is changed.
    device : str
        Where they are.
    one_by_one : bool
        As in :func:`train_all`.

    Returns
    -------
    epochs : int
        Below 1 if none does after the ``freeze_epochs`` of the plan.
    cost : Cost
        Of the last phase, with the others and the trial before it.
    """
    begun = perf_counter()
    plan = trainings[0].learner.plan
    trial = Trial(trainings, device, one_by_one)
    budget = _budget(seconds) / len(plan.phases)
    *first, last = (trial.cost(phase.freeze, budget) for phase in plan.phases)
    before = last.before
    for cost in first:
        before += cost.before + plan.freeze_epochs * cost.epoch
    before += perf_counter() - begun
    epochs = floor(_SHARE_OF_EPOCHS * (seconds - before) / last.epoch)
    return plan.freeze_epochs + epochs if epochs > 0 else 0, Cost(before, last.epoch)


def _budget(seconds):
    usual = max(_SHORTEST_TRIAL, _SHARE_OF_TRIAL * seconds)
    return min(_LONGEST_TRIAL, usual, _LARGEST_SHARE_OF_TRIAL * seconds)


class Trial:
    """Training of copies, on some of the samples, to see what it costs."""

    def __init__(self, trainings, device, one_by_one):
        self.trainings, self.device = trainings, device
        self.one_by_one = one_by_one
        at_a_time = n_at_a_time(trainings, device, one_by_one)
        self.n_rounds = -(-len(trainings) // at_a_time)
        self.n_batches = trainings[0].batches.n_batches

    def cost(self, freeze, seconds):
        """See in about so many seconds what a phase costs."""
        cost = self._cost_of_part(freeze, 1, 1)
        # the first step is slow, and the second trial knows better how far it can go
        for budget in (seconds / 4, seconds):
            per_batch = cost.epoch / self.n_batches
            n = min(self.n_batches, max(1, int(budget / (2 * per_batch))))
            epochs = max(2, int(budget / (per_batch * n)))
            cost = self._cost_of_part(freeze, n, epochs)
        return cost

    def _cost_of_part(self, freeze, n_batches, epochs):
        """Train for some epochs of so many batches, and say what all would cost."""
        parts = [self._part(each, freeze, n_batches, epochs) for each in self.trainings]
        begun = perf_counter()
        train_all(parts, self.device, one_by_one=self.one_by_one)
        seconds = perf_counter() - begun
        rounds = self.n_rounds / len(parts)
        rows = [part.learner.history[-epochs:] for part in parts]
        in_epochs = rounds * sum(row["dur"] for of_one in rows for row in of_one)
        before = max(0.0, seconds - in_epochs)
        # memory is new to the first epoch
        later = [row["dur"] for of_one in rows for row in of_one[epochs > 1 :]]
        epoch = rounds * sum(later) * len(parts) / len(later)
        times = self.n_batches / n_batches
        first = self.trainings[0]
        if freezes_backbone(first.learner.module, freeze) and not first.batches.augment:
            before *= times  # features of all samples are computed once
        return Cost(before, times * epoch)

    def _part(self, training, freeze, n_batches, epochs):
        learner, share = training.learner, n_batches / self.n_batches
        predictor = learner.predictor
        copy = learner.copied(learner.loss, predictor.precision, predictor.compile)
        copy.begin(replace(learner.plan, epochs=_MANY, freeze=freeze, freeze_epochs=0))
        held_out = training.held_out
        if held_out is not None:
            held_out = HeldOut(held_out.batches.part(share), lambda outputs: 0.0)
        batches, seed = training.batches.part(share), training.seed
        observers = [EndAfter(epochs)]
        return Training(copy, batches, held_out, seed, observers=observers)
