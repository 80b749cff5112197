"""When a fit is to end, and how many epochs that makes."""

from dataclasses import replace
from time import perf_counter

from sklearn_cnn import training
from sklearn_cnn.architectures import solves_head


class Deadline:
    """The end of a fit by ``max_time``, if that is given; made when the fit begins.

    ``partial_fit``, which is one epoch, has none.
    """

    def __init__(self, estimator, partial):
        self.begun = perf_counter()
        self.estimator = estimator
        self.max_time = None if partial else estimator.max_time
        if self.max_time is not None and estimator.max_iter != "auto":
            raise ValueError(
                f"max_time={self.max_time!r} and max_iter={estimator.max_iter!r} both "
                "say how long to train. Leave max_iter='auto' to train for that time, "
                "or max_time=None for so many epochs."
            )

    def choose_epochs(self, trainings, checkpoints):
        """Give the plans as many epochs as end in time, or what a checkpoint has."""
        first = trainings[0].learner
        if self.max_time is None or solves_head(first.module):
            return
        kept = [each.epochs for each in checkpoints if each.epochs is not None]
        epochs = kept[0] if kept else self._epochs_in_time(trainings)
        for each in trainings:
            each.learner.begin(replace(each.learner.plan, epochs=epochs))

    def _epochs_in_time(self, trainings):
        estimator = self.estimator
        gone = perf_counter() - self.begun
        epochs, cost = training.epochs_within(
            self.max_time - gone,
            trainings,
            trainings[0].learner.predictor.prepare.device,
            one_by_one=bool(estimator.callbacks) or estimator.compile,
        )
        if epochs < 1:
            needed = 1.1 * (gone + cost.before + cost.epoch)
            raise ValueError(
                f"max_time={self.max_time!r} is too short for one epoch, which takes "
                f"{cost.epoch:.2g} seconds here, after {gone + cost.before:.2g} before "
                f"the first. Give it at least {needed:.2g} seconds, or take a smaller "
                "network."
            )
        return epochs
