"""What classifier and regressor share: parameters, and the story of a fit."""

import copy
import warnings
from abc import ABCMeta, abstractmethod
from dataclasses import KW_ONLY, dataclass
from numbers import Integral, Real
from os import PathLike
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.callback import CallbackSupportMixin
from sklearn.utils.validation import check_is_fitted

from sklearn_cnn import architectures, training
from sklearn_cnn.estimators._callbacks import EpochTasks
from sklearn_cnn.estimators._fitted import FittedAttributes
from sklearn_cnn.estimators._html import html_with_layers
from sklearn_cnn.estimators._network import (
    build_network,
    input_statistics,
    network_parameters,
    plain,
)
from sklearn_cnn.estimators._recipe import default_batch_size, default_max_iter
from sklearn_cnn.estimators._samples import Samples, Seeds
from sklearn_cnn.images import ImageInput, take_rows
from sklearn_cnn.utils._fitting import unchanged_on_error
from sklearn_cnn.utils._parameters import has_parameters
from sklearn_cnn.utils._sklearn import (
    Interval,
    Options,
    StrOptions,
    check_sample_weight,
    fit_context,
)

_POSITIVE = Interval(Integral, 1, None, closed="left")
_PROBABILITY = Interval(Real, 0, 1, closed="left")


@dataclass(eq=False, repr=False)
class BaseCNN(
    ImageInput, FittedAttributes, CallbackSupportMixin, BaseEstimator, metaclass=ABCMeta
):
    """Parameters and training of a convolutional network; subclasses know targets."""

    architecture: Any = "simple"
    _: KW_ONLY
    filters: Any = None
    blocks_per_stage: Any = None
    kernel_size: Any = None
    stride: Any = 1
    padding: str = "same"
    activation: str = "relu"
    normalization: str | None = "batch"
    pooling: str | None = "max"
    global_pooling: str | None = None
    hidden_layer_sizes: Any = None
    dropout: float | None = None
    conv_dropout: float = 0.0
    weights: Any = None
    freeze: Any = None
    input_shape: Any = None
    spatial_dims: Any = "auto"
    data_format: str = "channels_last"
    input_scaling: str | None = "standardize"
    augmentation: Any = None
    weight_decay: Any = 0.01
    optimizer: str = "adamw"
    learning_rate: float = 0.01
    backbone_learning_rate: float = 1.0
    momentum: float = 0.9
    lr_schedule: str = "one_cycle"
    batch_size: Any = "auto"
    max_iter: Any = "auto"
    freeze_epochs: int = 0
    early_stopping: bool = False
    validation_fraction: float = 0.1
    n_iter_no_change: int = 10
    tol: float = 1e-4
    warm_start: bool = False
    device: str = "auto"
    precision: str = "auto"
    compile: bool = False
    callbacks: list | None = None
    random_state: Any = None
    verbose: int = 0

    _parameter_constraints: ClassVar[dict] = {
        "architecture": [str, callable],
        "filters": ["array-like", None],
        "blocks_per_stage": [_POSITIVE, "array-like", None],
        "kernel_size": [_POSITIVE, "array-like", None],
        "stride": [_POSITIVE, "array-like"],
        "padding": [StrOptions({"same", "valid"})],
        "activation": [StrOptions(set(architectures.ACTIVATIONS))],
        "normalization": [StrOptions({"batch", "layer"}), None],
        "pooling": [StrOptions({"max", "avg", "stride"}), None],
        "global_pooling": [StrOptions({"avg", "max", "flatten"}), None],
        "hidden_layer_sizes": ["array-like", None],
        "dropout": [_PROBABILITY, None],
        "conv_dropout": [_PROBABILITY],
        "weights": [str, PathLike, None],
        "freeze": [_POSITIVE, str, None],
        "input_shape": ["array-like", None],
        "spatial_dims": [StrOptions({"auto"}), Options(Integral, {1, 2, 3})],
        "data_format": [StrOptions({"channels_last", "channels_first"})],
        "input_scaling": [StrOptions({"standardize"}), None],
        "augmentation": "no_validation",  # by a trial, which names the remedy
        "weight_decay": [Interval(Real, 0, None, closed="left"), "array-like"],
        "optimizer": [StrOptions(set(training.OPTIMIZERS))],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "backbone_learning_rate": [Interval(Real, 0, None, closed="neither")],
        "momentum": [_PROBABILITY],
        "lr_schedule": [StrOptions(set(training.SCHEDULES))],
        "batch_size": [StrOptions({"auto"}), _POSITIVE],
        "max_iter": [StrOptions({"auto"}), _POSITIVE],
        "freeze_epochs": [Interval(Integral, 0, None, closed="left")],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [_POSITIVE],
        "tol": [Interval(Real, 0, None, closed="left")],
        "warm_start": ["boolean"],
        "device": [str],
        "precision": [StrOptions({"auto", "float32", "bfloat16", "float64"})],
        "compile": ["boolean"],
        "callbacks": [list, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    # --- fitting ----------------------------------------------------------------

    @fit_context(prefer_skip_nested_validation=True)
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

        Warns
        -----
        sklearn.exceptions.ConvergenceWarning
            If the loss becomes NaN or infinite. Training then ends, and the last
            weights with a finite loss stay.
        UserWarning
            If flat rows that look like images are read as signals.
        """
        validation = (X_val, y_val, sample_weight_val)
        with unchanged_on_error(self):
            return self._fit(X, y, sample_weight, validation, resume=self.warm_start)

    def _fit(
        self, X, y, sample_weight, validation, *, resume, partial=False, classes=None
    ):
        resume = resume and hasattr(self, "net_")
        samples = self._check_samples(
            X, y, sample_weight, reset=not resume, classes=classes
        )
        seeds = Seeds.draw(self.random_state, self.n_iter_ if resume else 0)
        held_out = self._check_validation(validation)
        if held_out is None and self.early_stopping and not partial:
            samples, held_out = samples.hold_out(self, seeds.split)
        epochs = 1 if partial else self._n_epochs(samples)
        net = self._copied_net() if resume else self._build_net(samples, seeds)
        self._configure(net, epochs, keep_optimizer=resume and partial, partial=partial)
        augment = self._augmenter(net, samples, seeds.augmentation)
        context, data = self._begin_task(X, y, sample_weight, epochs)
        held_out = held_out and self._held_out(net, held_out)
        with training.seeded(seeds.torch, net.device):
            net.train(
                self._batches(
                    net,
                    samples,
                    shuffle=np.random.default_rng(seeds.order),
                    augment=augment,
                ),
                held_out,
                epochs=epochs,
                monitors=self._monitors(epochs, held_out, context, data),
            )
        self.net_ = net
        context.call_on_fit_task_end(
            estimator=self, reconstruction_attributes={}, **data
        )
        return self

    def _partial_fit(self, X, y, sample_weight, classes=None):
        no_validation = (None, None, None)
        with unchanged_on_error(self):
            return self._fit(
                X,
                y,
                sample_weight,
                no_validation,
                resume=True,
                partial=True,
                classes=classes,
            )

    # --- checking data ----------------------------------------------------------

    def _check_samples(self, X, y, sample_weight, *, reset, classes=None):
        array, layout = self._check_images(X, reset=reset, min_samples=2)
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is "
                "None."
            )
        weights = None
        if sample_weight is not None:
            weights = check_sample_weight(
                sample_weight, array, dtype=np.float64, ensure_non_negative=True
            )
        rows = np.arange(len(array)) if weights is None else np.flatnonzero(weights)
        if len(rows) < 2:
            raise ValueError(
                f"sample_weight leaves n_samples={len(rows)} with a positive weight, "
                "while a minimum of 2 is required."
            )
        targets = self._encode_targets(y, array, rows, reset=reset, classes=classes)
        return Samples(array, layout, rows, targets, weights)

    def _check_validation(self, validation):
        X, y, sample_weight = validation
        if X is None and y is None and sample_weight is None:
            return None
        if X is None or y is None:
            missing = "X_val" if X is None else "y_val"
            raise ValueError(
                f"{missing} is None: validation needs both X_val and y_val."
            )
        try:
            return self._check_samples(X, y, sample_weight, reset=False)
        except ValueError as error:
            raise ValueError(f"X_val, y_val or sample_weight_val: {error}") from error

    @abstractmethod
    def _encode_targets(self, y, array, rows, *, reset, classes=None):
        """Check y and turn it into numbers, one row per row of ``array``."""

    # --- building and training --------------------------------------------------

    def _build_net(self, samples, seeds):
        from sklearn_cnn.training.net import CNNNet  # loads skorch

        layout = samples.layout
        device = training.resolve_device(self.device)
        parameters = network_parameters(self)
        with training.seeded(seeds.torch, device):
            module, cost = build_network(self, parameters, layout, self.n_outputs_)
        if training.frozen_stages(module, self.freeze) and self.weights is None:
            warnings.warn(
                f"freeze={self.freeze!r} keeps random filters, as weights=None and no "
                "fit came before. Pass weights, or fit with warm_start=True first.",
                UserWarning,
                stacklevel=2,
            )
        batch_size = self._batch_size(samples)
        if len(samples.rows) // -(-len(samples.rows) // batch_size) == 1:
            architectures.probe_training_on_one(
                module, layout.n_channels, layout.spatial_shape, batch_size
            )
        trained = 0 if self.freeze == "backbone" else cost
        precision = training.resolve_precision(
            self.precision, device, trained * min(batch_size, len(samples.rows))
        )
        mean = scale = None
        if self.input_scaling == "standardize":
            mean, scale = input_statistics(module, samples)
        self._fit_target_scaling(samples)
        return CNNNet(
            module,
            self._make_loss(),
            training.Preparation(
                layout, mean, scale, training.dtype_of(precision), device
            ),
            precision=precision,
            prediction_precision=(
                "float32" if self.precision == "auto" else self.precision
            ),
            batch_size=batch_size,
            sample_cost=cost,
            network_parameters=parameters,
            device=device,
            callbacks=copy.deepcopy(self.callbacks),
            compile=self.compile,
        )

    def _copied_net(self):
        before, now = self.net_.network_parameters, network_parameters(self)
        changed = [name for name in now if now[name] != before[name]]
        if changed:
            (name, *_) = changed
            raise ValueError(
                f"{name}={now[name]!r} cannot change while training goes on: the "
                f"network was built with {name}={before[name]!r}. Set it back, or fit "
                "anew with warm_start=False."
            )
        # a copy: an interrupted training must not change the fitted estimator
        return copy.deepcopy(self.net_)

    def _configure(self, net, epochs, *, keep_optimizer, partial):
        if self.freeze_epochs >= epochs and not partial:
            raise ValueError(
                f"freeze_epochs={self.freeze_epochs} must be less than max_iter, which "
                f"is {epochs} epochs here. To train nothing but the head, pass "
                "freeze='backbone' instead."
            )
        before = net.learning if keep_optimizer else None
        net.freeze = self.freeze
        net.freeze_epochs = 0 if partial else self.freeze_epochs
        net.lr = self.learning_rate
        net.backbone_lr_factor = self.backbone_learning_rate
        net.verbose = self.verbose
        net.schedule = "constant" if partial else self.lr_schedule
        net.weight_decay = plain(self.weight_decay)
        net.optimizer = training.OptimizerFactory(self.optimizer, self.momentum)
        if not net.initialized_:
            net.initialize()
        elif net.learning != before:
            net.initialize_optimizer()

    def _batch_size(self, samples):
        if self.batch_size == "auto":
            return default_batch_size(len(samples.rows))
        return self.batch_size

    def _n_epochs(self, samples):
        if self.max_iter == "auto":
            return default_max_iter(len(samples.rows))
        return self.max_iter

    def _augmenter(self, net, samples, seed):
        if self.augmentation is None:
            return None
        augment = training.Augmenter(self.augmentation, seed, net.device)
        some = net.prepare.load(take_rows(samples.images, samples.rows[:2]))
        with training.seeded(seed, net.device):
            augment.try_out(some)
        return augment

    def _batches(self, net, samples, shuffle=None, augment=None):
        weights = self._loss_weights(samples)
        if weights is not None:
            # a mean of 1 over the training samples: the loss keeps its scale
            weights = weights / weights[samples.rows].mean()
        return training.Batches(
            samples.images,
            samples.rows,
            net.prepare,
            self._scale_targets(samples.targets),
            weights,
            batch_size=net.batch_size,
            shuffle=shuffle,
            augment=augment,
        )

    def _held_out(self, net, samples):
        def score(predictions):
            weights = None if samples.weights is None else samples.weights[samples.rows]
            return self._score_predictions(
                samples.targets[samples.rows], predictions, weights
            )

        return training.HeldOut(self._batches(net, samples), score)

    def _begin_task(self, X, y, sample_weight, epochs):
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        data = {"X": X, "y": y, "metadata": metadata}
        context = self._init_callback_context(max_subtasks=epochs)
        return context.call_on_fit_task_begin(estimator=self, **data), data

    def _monitors(self, epochs, held_out, context, data):
        monitors = [EpochTasks(self, context, **data)]
        if self.early_stopping and held_out is not None:
            monitors.append(training.EarlyStopping(self.n_iter_no_change, self.tol))
        if self.verbose:
            monitors.append(training.ProgressBar(epochs, type(self).__name__))
        return monitors

    def _loss_weights(self, samples):
        return samples.weights

    def _fit_target_scaling(self, samples):
        """Learn how to scale targets; classes need none."""

    def _scale_targets(self, targets):
        return targets

    @abstractmethod
    def _make_loss(self):
        """Make the loss that is minimised."""

    @abstractmethod
    def _score_predictions(self, targets, predictions, weights):
        """Compute what ``score`` would give, from encoded targets."""

    # --- prediction -------------------------------------------------------------

    def _outputs(self, X):
        check_is_fitted(self)
        array, _ = self._check_images(X, reset=False)
        outputs = self.net_.outputs(array)
        if not np.isfinite(outputs).all():
            bad = np.flatnonzero(~np.isfinite(outputs).all(axis=1))
            raise ValueError(
                f"The network gives NaN or infinity for {len(bad)} of {len(outputs)} "
                f"samples, the first of them sample {bad[0]}. Its weights have "
                "diverged, or X is far outside the range it was fitted on: fit with a "
                "smaller learning_rate, or check the scale of X."
            )
        return outputs

    _html_repr = html_with_layers

    # --- parameters ---------------------------------------------------------------

    def get_params(self, deep=True):
        """Give the parameters by name.

        Parameters
        ----------
        deep : bool, default=True
            Whether to give the parameters of parameters too, such as those of
            ``augmentation``.

        Returns
        -------
        params : dict
            Names and values.
        """
        params = super().get_params(deep=False)
        if deep:
            for name, value in list(params.items()):
                if has_parameters(value):
                    nested = value.get_params().items()
                    params.update((f"{name}__{key}", inner) for key, inner in nested)
        return params

    def __sklearn_clone__(self):
        given = self.augmentation
        if has_parameters(given) or not hasattr(given, "get_params"):
            return super().__sklearn_clone__()
        # torchvision's transforms have a get_params that is not scikit-learn's
        bare = copy.copy(self)
        bare.augmentation = None
        cloned = super(BaseCNN, bare).__sklearn_clone__()
        cloned.augmentation = copy.deepcopy(given)
        return cloned

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags
