"""What classifier and regressor share: the story of a fit, and of a prediction."""

import reprlib
import warnings
from abc import ABCMeta, abstractmethod
from contextlib import contextmanager
from numbers import Real
from typing import ClassVar

import numpy as np

from sklearn_cnn import training
from sklearn_cnn.architectures import probe_training_on_one, solves_head
from sklearn_cnn.estimators._assembly import (
    HEAD_PARAMETERS,
    STAGE_PARAMETERS,
    assemble,
    fixed_parameters,
)
from sklearn_cnn.estimators._auto import (
    chosen_schedule,
    freezes_batch_norm,
    require_solvable,
    setting_of,
)
from sklearn_cnn.estimators._averaging import Averaging
from sklearn_cnn.estimators._checkpoints import checkpoints_of
from sklearn_cnn.estimators._checks import SampleInput
from sklearn_cnn.estimators._fitted import FittedAttributes
from sklearn_cnn.estimators._html import html_with_layers
from sklearn_cnn.estimators._max_time import Deadline
from sklearn_cnn.estimators._parameters import CNNParameters
from sklearn_cnn.estimators._random_filters import draws_filters
from sklearn_cnn.estimators._samples import Seeds
from sklearn_cnn.estimators._stored import StoredEstimator
from sklearn_cnn.estimators._together import agreed, require_shareable
from sklearn_cnn.images import take_rows
from sklearn_cnn.inference import (
    give_back_memory,
    resolve_device,
    resolve_precision,
    single_thread,
)
from sklearn_cnn.utils._fitting import unchanged_on_error
from sklearn_cnn.utils._generators import seeded, usual_modes
from sklearn_cnn.utils._parameters import as_builtin
from sklearn_cnn.utils._progress import showing_progress
from sklearn_cnn.utils._sklearn import fit_context


def by_its_own_name(method):
    """Let Python name a method in its errors, and not the class that it stands in."""
    method.__qualname__ = method.__name__
    return method


@contextmanager
def fitting(estimator):
    """Fit inside, in the usual modes of torch, and leave no trace of a failure."""
    verbose = getattr(estimator, "verbose", 0) and training.is_first()
    shown = showing_progress(type(estimator).__name__, verbose)
    with unchanged_on_error(estimator), usual_modes(), single_thread(), shown:
        yield


class BaseCNN(
    StoredEstimator,
    SampleInput,
    Averaging,
    FittedAttributes,
    CNNParameters,
    metaclass=ABCMeta,
):
    """Training of a convolutional network; subclasses know targets."""

    _network_parameters: ClassVar[tuple] = (*STAGE_PARAMETERS, *HEAD_PARAMETERS)
    _learned: ClassVar[tuple] = (
        *SampleInput._learned,
        "_targets",
        "_learner",
        "_further_learners",
    )

    # --- fitting ----------------------------------------------------------------

    @fit_context(prefer_skip_nested_validation=True)
    @by_its_own_name
    def fit(
        self,
        X,
        y,
        sample_weight=None,
        X_val=None,
        y_val=None,
        sample_weight_val=None,
    ):
        """Train the network.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Signals (n, length), images (n, height, width[, channels]), volumes
            (n, depth, height, width, channels), or flat rows with ``input_shape``. Of
            any real dtype, which is kept in memory; also a DataFrame, a list of arrays,
            a :class:`numpy.memmap`, a torch tensor, or
            :class:`~sklearn_cnn.images.ImageFiles`. Never changed or copied whole.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each sample counts in the loss, in the statistics of
            ``input_scaling`` and in validation. A weight of 0 removes the sample.
        X_val : array-like of shape (n_validation_samples, ...), default=None
            Images to validate on after every epoch. None validates only with
            ``early_stopping=True``, on a part of ``X``.
        y_val : array-like of shape (n_validation_samples, ...), default=None
            Their targets.
        sample_weight_val : array-like of shape (n_validation_samples,), default=None
            Their weights.

        Returns
        -------
        self : estimator instance
            Fitted.

        Raises
        ------
        ValueError
            If data or parameters do not fit; the estimator is then left as it was.
        ConnectionError
            If another of several processes that fit together has ended.

        Warns
        -----
        sklearn.exceptions.ConvergenceWarning
            If the loss becomes NaN or infinite. Training then ends, and the last
            weights with a finite loss stay.
        UserWarning
            If flat rows that look like images are read as signals, if the channels of
            images seem to come first, if an axis of them has one pixel, or if ``y``
            looks one-hot encoded.
        """
        validation = (X_val, y_val, sample_weight_val)
        with fitting(self):
            try:
                return self._fit(X, y, sample_weight, validation)
            finally:
                give_back_memory()

    def _partial_fit(self, X, y, sample_weight, classes=None):
        with fitting(self):
            return self._fit(X, y, sample_weight, partial=True, classes=classes)

    def _fit(
        self,
        X,
        y,
        sample_weight,
        validation=(None,) * 3,
        *,
        partial=False,
        classes=None,
    ):
        deadline = Deadline(self, partial)
        goes_on = (partial or self.warm_start) and self._is_trained
        # a stream may end in a single row
        checks = {"min_samples": 1 if partial else 2, "classes": classes}
        samples = self._check_samples(X, y, sample_weight, reset=not goes_on, **checks)
        self._count_views(samples.images, samples.layout)
        seeds = self._draw_seeds(goes_on)
        held_out = self._check_validation(validation)
        samples, seeds = agreed(self, samples, held_out, seeds)
        with checkpoints_of(self, samples, held_out, seeds, partial) as checkpoints:
            seeds = [Seeds(*kept.seeds) for kept in checkpoints] or seeds
            if held_out is None and self.early_stopping and not partial:
                samples, held_out = self._hold_out(samples, seeds[0])
            if goes_on:
                learners = self._copied_learners(partial)
            else:
                learners = self._new_learners(samples, seeds, partial)
            trainings = [
                self._training(learner, samples, held_out, seed, partial)
                for learner, seed in zip(learners, seeds, strict=True)
            ]
            require_shareable(self, trainings)
            deadline.choose_epochs(trainings, checkpoints)
            n_epochs = sum(learner.plan.epochs for learner in learners)
            context, data = self._begin_task(X, y, sample_weight, n_epochs)
            self._train(trainings, checkpoints, context, data)
        self._learner, *self._further_learners = learners
        context.call_on_fit_task_end(
            estimator=self, reconstruction_attributes={}, **data
        )
        return self

    # --- building and training --------------------------------------------------

    def _hold_out(self, samples, seeds):
        strata = self._targets.strata
        return samples.hold_out(self.validation_fraction, strata, seeds.split)

    def _new_learners(self, samples, seeds, partial):
        device, predictors = resolve_device(self.device), []
        for own in seeds:
            predictor = assemble(
                self,
                samples.layout,
                self.n_outputs_,
                device=device,
                seed=own.torch,
                samples=samples,
                by_steps=partial,
                prepare=predictors[0].prepare if predictors else None,
            )
            predictors.append(predictor)
            self._require_varying(predictor.module)
        stages = training.frozen_stages(predictors[0].module, self.freeze).values()
        frozen = [parameter for _, weights in stages for parameter in weights]
        if frozen and draws_filters(self, predictors[0], frozen):
            warnings.warn(
                f"freeze={self.freeze!r} keeps random filters, as weights=None and no "
                "fit came before. Pass weights, or fit with warm_start=True first.",
                UserWarning,
                stacklevel=2,
            )
        self._targets = self._targets.scaled_to(*samples.chosen)
        fixed = fixed_parameters(self, predictors[0].blueprint.architecture)
        return [
            training.Learner(predictor, self._make_loss(), fixed)
            for predictor in predictors
        ]

    def _copied_learners(self, partial):
        # files of before a parameter was there were built with its default
        names = self._network_parameters
        defaults = {name: getattr(type(self), name) for name in names}
        before = {**defaults, **self._learner.fixed_parameters}
        now = fixed_parameters(self, before["architecture"])
        architecture = before["architecture"]
        require_solvable(self, self._learner.module, architecture, by_steps=partial)
        changed = [name for name in now if now[name] != before[name]]
        if changed:
            (name, *_) = changed
            raise ValueError(
                f"{name}={now[name]!r} cannot change while training goes on: the "
                f"network was built with {name}={before[name]!r}. Set it back, or fit "
                "anew with warm_start=False."
            )
        # copies: an interrupted training must not change the fitted estimator
        precision = resolve_precision(self.precision, self.device_, 0)
        return [
            learner.copied(self._make_loss(), precision, self.compile)
            for learner in self._learners
        ]

    def _training(self, learner, samples, held_out, seeds, partial):
        recipe = self._recipe(learner, samples, partial)
        learner.begin(self._plan(learner, samples, recipe, partial))
        order = np.random.default_rng(seeds.order)
        augmentation = recipe.resolve("augmentation", self.augmentation)
        augment = self._augmenter(learner, samples, augmentation, seeds.augmentation)
        batches = self._batches(learner, samples, shuffle=order, augment=augment)
        held_out = held_out and self._held_out(learner, held_out)
        of = learner, batches, held_out, seeds.torch, recipe
        return training.Training(*of, processes=samples.processes)

    def _plan(self, learner, samples, recipe, partial):
        predictor = learner.predictor
        batch_size = recipe.resolve("batch_size", self.batch_size)
        backbone = training.freezes_backbone(learner.module, self.freeze)
        solved = solves_head(learner.module)
        step_cost = 0 if backbone or solved else predictor.sample_cost
        epochs = recipe.resolve("max_iter", self.max_iter)
        epochs = 1 if partial or solved else epochs
        return training.TrainingPlan(
            epochs=epochs,
            batch_size=batch_size,
            optimizer=self.optimizer,
            momentum=recipe.resolve("momentum", self.momentum),
            learning_rate=recipe.resolve("learning_rate", self.learning_rate),
            backbone_learning_rate=recipe.resolve(
                "backbone_learning_rate", self.backbone_learning_rate
            ),
            weight_decay=self._checked_weight_decay(recipe),
            lr_schedule=chosen_schedule(self, epochs, partial=partial),
            freeze=self.freeze,
            stops_on_score=self.early_stopping == "score",
            freeze_batch_norm=freezes_batch_norm(self, learner.module, recipe),
            freeze_epochs=(
                0 if partial else recipe.resolve("freeze_epochs", self.freeze_epochs)
            ),
            precision=resolve_precision(
                self.precision,
                predictor.prepare.device,
                step_cost * min(batch_size, len(samples.rows)),
            ),
            keeps_optimizer=partial,
        )

    def _recipe(self, learner, samples, partial):
        architecture, n = learner.predictor.blueprint.architecture, len(samples.rows)
        of = self, architecture, samples.layout, n
        return training.recipe(setting_of(*of, partial=partial))

    def _checked_weight_decay(self, recipe):
        given = as_builtin(recipe.resolve("weight_decay", self.weight_decay))
        decays = given if isinstance(given, tuple) else (given,)
        if not all(isinstance(d, Real) and 0 <= d <= 1e100 for d in decays):
            raise ValueError(
                f"weight_decay={reprlib.repr(self.weight_decay)} must be a finite "
                "number of at least 0, or a sequence of such, one for each stage and "
                "the head."
            )
        return given

    def _augmenter(self, learner, samples, augmentation, seed):
        if augmentation is None:
            return None
        prepare = learner.predictor.prepare
        augment = training.Augmenter(augmentation, seed, prepare.device)
        some = prepare.load(take_rows(samples.images, samples.rows[:2]))
        with seeded(seed, prepare.device):
            augment.try_out(some)
        return augment

    def _batches(self, learner, samples, shuffle=None, augment=None):
        weight = self._loss_weight(samples)
        if weight is not None:
            mean = weight[samples.rows].mean()
            if mean == 0:
                raise ValueError(
                    "class_weight and sample_weight leave no sample with a positive "
                    f"weight among {len(samples.rows)} to train or to validate on."
                )
            # a mean of 1 over the training samples: the loss keeps its scale
            weight = weight / mean
        batches = training.Batches(
            samples.images,
            samples.rows,
            learner.predictor.prepare,
            self._targets.scale(samples.codes),
            weight,
            batch_size=learner.plan.batch_size,
            shuffle=shuffle,
            augment=augment,
        )
        if shuffle is not None and 1 in batches.sizes:
            layout, batch_size = samples.layout, learner.plan.batch_size
            probe_training_on_one(
                learner.module, layout.n_channels, layout.spatial_shape, batch_size
            )
        return batches

    def _held_out(self, learner, samples):
        targets, (codes, weight) = self._targets, samples.chosen

        def score(outputs):
            return targets.score(codes, outputs, weight)

        return training.HeldOut(self._batches(learner, samples), score)

    def _begin_task(self, X, y, sample_weight, epochs):
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        data = {"X": X, "y": y, "metadata": metadata}
        context = self._init_callback_context(max_subtasks=epochs)
        return context.call_on_fit_task_begin(estimator=self, **data), data

    def _observers(self, of, number, context, data):
        learner, held_out = of.learner, of.held_out
        observers = [training.EpochTasks(self, context, **data)]
        learner.take_callbacks(self.callbacks)
        if self.callbacks or learner.callbacks:
            learner.net = self._net_of(learner, self.callbacks)
            if held_out is None:
                training.require_validation(learner.callbacks)
            observers.insert(0, training.SkorchCallbacks(learner.net))
        if self.early_stopping and held_out is not None:
            rules = self.n_iter_no_change, self.tol, learner.plan.stops_on_score
            observers.append(training.EarlyStopping(*rules))
        if self.verbose and training.is_first():
            name, epochs = type(self).__name__ + number, learner.plan.epochs
            bar = training.ProgressBar(epochs, name, with_lines=self.verbose > 1)
            observers.append(bar)
        return observers

    def _loss_weight(self, samples):
        return samples.sample_weight

    @abstractmethod
    def _make_loss(self):
        """Make the loss that is minimised."""

    _html_repr = html_with_layers

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags
