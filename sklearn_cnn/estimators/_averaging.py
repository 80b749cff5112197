"""Several networks, and several views of a sample, that are averaged."""

import copy
from itertools import zip_longest

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklearn_cnn import training
from sklearn_cnn.architectures import solves_head
from sklearn_cnn.estimators._auto import chosen_values, is_auto, setting_of
from sklearn_cnn.estimators._samples import Seeds, state_of_network
from sklearn_cnn.inference import (
    count_views,
    over_networks,
    over_views,
    require_finite,
)
from sklearn_cnn.utils._progress import showing_progress


class Averaging:
    """What of a fit and of a prediction concerns the number of networks and views."""

    #: Of the networks after the first, if there are several.
    _further_learners = ()

    @property
    def _learners(self):
        return [self._learner, *self._further_learners]

    @property
    def estimators_(self):
        """The networks as estimators of one network each, with the same weights."""
        learners = enumerate(self._learners)
        return [self._alone(learner, number) for number, learner in learners]

    def _alone(self, learner, number):
        alone = copy.copy(self)
        alone.n_networks = 1
        alone.random_state = state_of_network(self.random_state, number)
        alone._learner, alone._further_learners = learner, ()
        return alone

    # --- fitting ----------------------------------------------------------------

    def _draw_seeds(self, goes_on):
        if not goes_on:
            return Seeds.draw_each(self.random_state, [0] * self.n_networks)
        if len(self._learners) != self.n_networks:
            raise ValueError(
                f"n_networks={self.n_networks} cannot change while training goes on: "
                f"there are {len(self._learners)}. Set it back, or fit anew with "
                "warm_start=False."
            )
        n_epochs_before = [len(learner.history) for learner in self._learners]
        return Seeds.draw_each(self.random_state, n_epochs_before)

    def _require_varying(self, module):
        if self.n_networks > 1 and not getattr(module, "varies", True):
            raise ValueError(
                f"n_networks={self.n_networks} would give the same network every time, "
                f"as nothing in architecture={self.architecture!r} is random. Set "
                "n_networks=1."
            )

    def _train(self, trainings, checkpoints, context, data):
        if self.verbose and training.is_first():
            chosen = chosen_values(self, trainings[0])
            training.announce(f"{type(self).__name__}: {chosen}")
            if self.verbose > 1:
                training.announce(training.described(trainings[0]))
        left = []
        for i, (each, kept) in enumerate(zip_longest(trainings, checkpoints)):
            if kept is None or not kept.end(each.learner):
                number = f" {i + 1}/{len(trainings)}" if len(trainings) > 1 else ""
                each.checkpoints = kept
                each.observers = self._observers(each, number, context, data)
                left.append(each)
        # whoever listens hears of one network after the other, and processes that
        # train together have to meet in the same steps
        listened_to = bool(self.callbacks or getattr(self, "_skl_callbacks", None))
        listened_to |= any(each.learner.callbacks or each.processes for each in left)
        device = trainings[0].learner.predictor.prepare.device
        together = not (listened_to or self.compile)
        if together and self._may_leave(left, device):
            for each in left:  # there are no callbacks to tell
                each.observers = [
                    observer
                    for observer in each.observers
                    if not isinstance(observer, training.EpochTasks)
                ]
            training.train_in_processes(left)
        else:
            training.train_all(left, device, one_by_one=not together)

    def _may_leave(self, trainings, device):
        """Tell whether several networks train in other processes than this one."""
        if len(trainings) < 2 or solves_head(trainings[0].learner.module):
            return False
        stays = self.verbose or self.checkpoint_dir or self.max_time or device != "cpu"
        return not stays and training.offered_processes() > 1

    def _count_views(self, array, layout):
        """Count the views of a sample; 0 where none are asked for."""
        if not self.test_time_augmentation:
            return 0
        return count_views(self._resolved_augmentation(layout), array, layout)

    def _resolved_augmentation(self, layout):
        if not is_auto(self.augmentation):
            return self.augmentation
        setting = setting_of(self, self.architecture, layout)
        return training.default_augmentation(setting)

    # --- prediction -------------------------------------------------------------

    @property
    def _predictor(self):
        predictors = [learner.predictor for learner in self._learners]
        return over_networks(predictors, self._targets.link)

    def _outputs(self, X):
        return self._outputs_of(X, lambda: [self._predictor])[0]

    def _outputs_of_each(self, X):
        """Give the outputs of each network, of shape (n_networks, n_samples, ...)."""
        return self._outputs_of(X, lambda: [each.predictor for each in self._learners])

    def _outputs_of(self, X, predictors):
        check_is_fitted(self)
        array, layout = self._check_images(X, reset=False)
        n_views = self._count_views(array, layout)
        outputs = []
        for predictor in predictors():
            if n_views:
                augmentation = self._resolved_augmentation(layout)
                of_views = augmentation, self._targets.link, n_views
                predictor = over_views(predictor, *of_views)
            with showing_progress(type(self).__name__, self.verbose):
                outputs.append(predictor.outputs(array))
            require_finite(outputs[-1])
        return np.stack(outputs)
