"""The skorch net: how one step, one epoch and one training go."""

import copy
import warnings
from contextlib import closing, nullcontext
from dataclasses import replace
from functools import partial
from math import isfinite
from time import perf_counter

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from skorch import NeuralNet
from skorch.callbacks import Callback
from torch.optim.lr_scheduler import LambdaLR

from sklearn_cnn.architectures.inference import has_hooks
from sklearn_cnn.training.batches import Batches, placed
from sklearn_cnn.training.features import compute_features
from sklearn_cnn.training.freezing import Freezing, is_frozen
from sklearn_cnn.training.inference import Inference, gathered
from sklearn_cnn.training.losses import as_float32_or_wider
from sklearn_cnn.training.optimizers import parameter_groups
from sklearn_cnn.training.pieces import splitting
from sklearn_cnn.training.precision import autocast
from sklearn_cnn.training.schedules import Schedule
from sklearn_cnn.training.stopping import (
    EarlyStopping,
    Weights,
    raised_by_callback,
)


class CNNNet(NeuralNet):
    """A network, its loss and its optimizer, trained on whole batches.

    Parameters
    ----------
    module : torch.nn.Module
        The network.
    criterion : sklearn_cnn.training.losses.Loss
        What it minimises.
    prepare : sklearn_cnn.training.batches.Preparation
        Turns rows of an array into its input.
    precision : {"float32", "bfloat16", "float64"}
        Of the training.
    prediction_precision : {"float32", "bfloat16", "float64"}
        Of predictions.
    batch_size : int
        Largest number of samples in a training batch.
    sample_cost : int
        Multiply-adds of one forward pass of one sample.
    network_parameters : dict
        What the network was built with.
    device : str
        Where it is computed.
    callbacks : list or None
        skorch callbacks. Those that look at batches cost time; without them a batch
        leaves no row in the history.
    compile : bool
        Whether to run the network through :func:`torch.compile`.

    Attributes
    ----------
    optimizer : callable
        Takes parameter groups and ``lr`` and returns a torch optimizer.
    weight_decay : float or tuple of float
        L2 penalty of all weights, or of those of each stage.
    lr : float
        Peak learning rate.
    backbone_lr_factor : float
        Factor on it for everything before the head.
    schedule : str
        A key of :data:`sklearn_cnn.training.schedules.SCHEDULES`.
    freeze : None, "backbone", int or str
        Stages whose weights stay as they are.
    freeze_epochs : int
        How many epochs first train the head alone.
    """

    _on_features = False

    def __init__(
        self,
        module,
        criterion,
        prepare,
        *,
        precision,
        prediction_precision,
        batch_size,
        sample_cost,
        network_parameters,
        device,
        callbacks=None,
        compile=False,
    ):
        super().__init__(
            module,
            criterion,
            batch_size=batch_size,
            train_split=None,
            callbacks=callbacks,
            predict_nonlinearity=criterion.link,
            verbose=0,
            device=device,
        )
        self.prepare = prepare
        self.precision = precision
        self.prediction_precision = prediction_precision
        self.sample_cost = sample_cost
        self.network_parameters = network_parameters
        self.compiled = compile

    def __getstate__(self):
        state = super().__getstate__()
        for name in ("_compiled_module", "_freezing"):
            state.pop(name, None)
        return state

    def get_default_callbacks(self):
        """Give none: the loop below records what they would."""
        return []

    def initialize_module(self):
        """Take the module as it is, in the memory format that is fastest."""
        self.constant_ = frozenset(
            name
            for name, parameter in self.module.named_parameters()
            if not parameter.requires_grad
        )
        self.module_ = placed(self.module, self.prepare)
        return self

    def initialize_optimizer(self, triggered_directly=None):
        """Make the optimizer of what learns; ``warm_start`` calls this anew."""
        Freezing(self.module_, self.freeze, self.constant_)
        groups = parameter_groups(
            self.module_, self.weight_decay, self.backbone_lr_factor
        )
        self.optimizer_ = self.optimizer(groups, lr=self.lr)
        return self

    # --- training ---------------------------------------------------------------

    def train(self, batches, held_out=None, *, epochs, monitors=()):
        """Train for some epochs.

        Parameters
        ----------
        batches : Batches
            Training samples.
        held_out : HeldOut or None
            Validation samples.
        epochs : int
            How many times to go through ``batches``.
        monitors : sequence of Monitor
            Told of every epoch; they are not kept.

        Returns
        -------
        self : CNNNet
        """
        self.notify("on_train_begin", X=batches, y=batches.targets)
        try:
            for n_epochs, freeze, observers in self._phases(epochs, monitors):
                phase = self._begin_phase(freeze, batches, held_out, n_epochs)
                if not self._train_phase(*phase, n_epochs, observers):
                    break
        except KeyboardInterrupt as interrupt:
            # skorch's way for a callback to end training; a person's Ctrl-C goes on
            if not raised_by_callback(interrupt):
                raise
        finally:
            self._on_features = False
            for monitor in monitors:
                monitor.train_end(self)
        self.notify("on_train_end", X=batches, y=batches.targets)
        self.module_.eval()
        return self

    def _phases(self, epochs, monitors):
        # early stopping judges the phase that gives the result
        first = [m for m in monitors if not isinstance(m, EarlyStopping)]
        if self.freeze_epochs:
            yield self.freeze_epochs, "backbone", first
        yield epochs - self.freeze_epochs, self.freeze, monitors

    def _begin_phase(self, freeze, batches, held_out, epochs):
        self._freezing = Freezing(self.module_, freeze, self.constant_)
        self._on_features = self._freezing.head_only and batches.augment is None
        if self._on_features:
            batches = self._batches_of_features(batches)
            if held_out is not None:
                of_features = self._batches_of_features(held_out.batches)
                held_out = replace(held_out, batches=of_features)
        self._schedule_steps(epochs * batches.n_batches)
        return batches, held_out

    def _batches_of_features(self, batches):
        # nothing before the head changes: it is computed once for all epochs
        features = self.features(batches.images, batches.rows)
        return batches.replaced(features, self.prepare.of_features(features))

    def _train_phase(self, batches, held_out, epochs, monitors):
        finite = Weights(self.trained)
        datasets = {
            "dataset_train": batches,
            "dataset_valid": held_out and held_out.batches,
        }
        with self._splitting(batches) as split:
            for _ in range(epochs):
                for monitor in monitors:
                    monitor.epoch_begin(self)
                if not self._run_epoch(batches, held_out, datasets, finite, split):
                    return False
                verdicts = [monitor.epoch_end(self) for monitor in monitors]
                if any(verdicts):
                    return False
        return True

    def _schedule_steps(self, n_steps):
        for group in self.optimizer_.param_groups:
            group["lr"] = group["initial_lr"] = self.lr * group["lr_factor"]
        self._scheduler = LambdaLR(self.optimizer_, Schedule(self.schedule, n_steps))

    def _splitting(self, batches):
        if self.compiled or torch.device(self.device).type != "cpu":
            return nullcontext()
        n_samples = -(-len(batches) // batches.n_batches)
        cost = self.sample_cost
        if self._on_features:
            cost = sum(p.numel() for p in self.trained.parameters())
        images = batches.prepare.blank(2)
        return splitting(self.trained, images, n_samples, cost * n_samples)

    @property
    def learning(self):
        """What the optimizer was made of; when this changes, it has to be made anew."""
        return self.freeze, self.weight_decay, self.backbone_lr_factor, self.optimizer

    @property
    def trained(self):
        """The part of the network that a phase of the training runs."""
        return self.module_.head if self._on_features else self.module_

    def _run_epoch(self, batches, held_out, datasets, finite, split):
        start = perf_counter()
        self.notify("on_epoch_begin", **datasets)
        self._freezing.train()
        pieces = split and split(self.trained)
        loss = self._train_on(batches, finite, pieces)
        self._record("train_loss", loss)
        self.history.record("learning_rate", self._last_lr)
        if not isfinite(loss):
            self._recover(finite, loss)
            self.history.record("dur", perf_counter() - start)
            return False
        if held_out is not None:
            loss, score = self._validate(held_out, pieces)
            self._record("valid_loss", loss)
            self.history.record("valid_score", score)
        self.history.record("dur", perf_counter() - start)
        self.notify("on_epoch_end", **datasets)
        return True

    def _train_on(self, batches, finite, pieces):
        observed = self._listens("on_batch_begin", "on_batch_end")
        losses, sizes = None, []
        if not observed:
            self.history.new_batch()  # skorch's Checkpoint looks for the last one
        candidate = finite.read()
        # closed at an error too, with the thread that reads ahead
        with closing(iter(batches)) as epoch:
            for i, batch in enumerate(epoch):
                if observed:
                    self.notify("on_batch_begin", batch=batch[:2], training=True)
                step = self.train_step(batch, pieces)
                if i == 0:
                    if isfinite(step["loss"].item()):
                        finite.keep(candidate)
                    # one block of memory: a scalar kept from each step would lie in
                    # the way of the large blocks that the next steps ask for
                    losses = step["loss"].new_empty(batches.n_batches)
                losses[i] = step["loss"]
                sizes.append(len(batch.targets))
                if observed:
                    self._record_batch("train", batch, step)
        if pieces is not None:
            pieces.collect_statistics()
        return float(np.average(losses.tolist(), weights=sizes))

    def train_step(self, batch, pieces=None):
        """Take one step of the optimizer.

        Parameters
        ----------
        batch : Batch
            Training samples.
        pieces : Pieces or None
            Compute the batch in parts; None means as a whole.

        Returns
        -------
        step : dict
            "loss", detached, and "y_pred", the outputs.
        """
        for group in self.optimizer_.param_groups:
            for parameter in group["params"]:
                parameter.grad = None
        if pieces is None:
            loss, outputs = self._loss_and_outputs(self._network, batch)
            loss.backward()
        else:
            loss, outputs = pieces.backward(batch, self._loss_and_outputs)
        if self._listens("on_grad_computed"):
            self.notify(
                "on_grad_computed",
                named_parameters=list(self.get_all_learnable_params()),
                batch=batch[:2],
                training=True,
            )
        self._last_lr = self.optimizer_.param_groups[-1]["lr"]
        self.optimizer_.step()
        self._scheduler.step()
        return {"loss": loss.detach(), "y_pred": outputs.detach()}

    def _loss_and_outputs(self, network, batch):
        outputs = self._compute(network, batch.images)
        loss = self.criterion_(outputs, batch.targets, batch.weights)
        if batch.partner_targets is not None:
            loss = loss + self.criterion_(
                outputs, batch.partner_targets, batch.partner_weights
            )
        return loss, outputs

    def _validate(self, held_out, pieces):
        infer = self.infer if pieces is None else partial(pieces.infer, self.infer)
        observed = self._listens("on_batch_begin", "on_batch_end")
        loss_sum = 0.0

        def outputs():
            nonlocal loss_sum
            with closing(iter(held_out.batches)) as epoch:
                for batch in epoch:
                    if observed:
                        self.notify("on_batch_begin", batch=batch[:2], training=False)
                    out = infer(batch.images)
                    loss = self.criterion_(out, batch.targets, batch.weights)
                    loss_sum += loss.item() * len(batch.targets)
                    if observed:
                        step = {"loss": loss, "y_pred": out}
                        self._record_batch("valid", batch, step)
                    yield out.cpu().double()

        self.trained.eval()
        with torch.inference_mode():
            whole = torch.from_numpy(gathered(outputs(), len(held_out.batches)))
            predictions = self.criterion_.link(whole).numpy()
        return loss_sum / held_out.total_weight, held_out.score(predictions)

    def _recover(self, finite, loss):
        finite.restore()
        warnings.warn(
            f"The training loss became {loss} in epoch {len(self.history)}, so "
            "training stopped and the last weights with a finite loss were restored. "
            f"Decrease learning_rate (it is {self.lr:g}) or check the scale of X and "
            "y.",
            ConvergenceWarning,
            stacklevel=2,
        )

    # --- history and callbacks --------------------------------------------------

    def _record(self, name, value):
        earlier = [row[name] for row in self.history[:-1] if name in row]
        self.history.record(name, value)
        # skorch's Checkpoint and PrintLog look for this column
        self.history.record(f"{name}_best", not earlier or value < min(earlier))

    def _record_batch(self, prefix, batch, step):
        self.history.record_batch(f"{prefix}_loss", step["loss"].item())
        self.history.record_batch(f"{prefix}_batch_size", len(batch.targets))
        self.notify("on_batch_end", batch=batch[:2], training=prefix == "train", **step)

    def _listens(self, *hooks):
        return any(
            getattr(type(callback), hook) is not getattr(Callback, hook)
            for _, callback in self.callbacks_
            for hook in hooks
        )

    # --- prediction -------------------------------------------------------------

    def infer(self, x, **fit_params):
        """Run the network on a prepared batch.

        Parameters
        ----------
        x : torch.Tensor of shape (n_samples, n_channels, *spatial_shape)
            Given by ``prepare``.
        **fit_params : dict
            Unused; part of skorch's signature.

        Returns
        -------
        outputs : torch.Tensor of shape (n_samples, n_outputs)
        """
        return self._compute(self._network, x)

    def _compute(self, network, x):
        # features are computed as predictions are; a head alone is too small to gain
        full = self.module_.training and not self._on_features
        precision = self.precision if full else self.prediction_precision
        with autocast(precision, self.device):
            return as_float32_or_wider(network(x))

    @property
    def _network(self):
        if self._on_features:
            return self.module_.head
        return self._compiled() if self.compiled else self.module_

    def _compiled(self):
        if "_compiled_module" not in vars(self):
            # past __setattr__, which would register it as a second module
            vars(self)["_compiled_module"] = torch.compile(self.module_)
        return self._compiled_module

    @property
    def inference(self):
        """The network as predictions run it."""
        training = self.module_.training
        return Inference(
            self.module_,
            self.prepare,
            self.precision if training else self.prediction_precision,
            self.sample_cost,
            self._compiled() if self.compiled else None,
        )

    def forward_iter(self, X, training=False, device="cpu"):
        """Give the outputs of one batch after the other, in float64.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...) or Batches
            Images with the layout of the training images.
        training : bool
            Whether dropout and batch normalisation behave as in training.
        device : str
            Where to put the outputs.

        Yields
        ------
        outputs : torch.Tensor of shape (n_batch, n_outputs)
        """
        images, rows = (X.images, X.rows) if isinstance(X, Batches) else (X, None)
        if self.module_.training != training:  # it walks through all layers
            self.module_.train(training)
        for out in self.inference(images, rows):
            yield out.to(device).double()

    def outputs(self, images):
        """Compute the outputs of the network for all images.

        Parameters
        ----------
        images : array-like of shape (n_samples, ...)
            Images with the layout of the training images.

        Returns
        -------
        outputs : ndarray of shape (n_samples, n_outputs), float64
        """
        if is_frozen(self.module_) and not has_hooks(self.module_):
            return self._outputs_of(self.features(images))
        return gathered(self.forward_iter(images), len(images))

    def features(self, images, rows=None):
        """Compute the input of the head.

        Parameters
        ----------
        images : array-like of shape (n_samples, ...)
            Images with the layout of the training images.
        rows : ndarray of int or None
            Which of them; None means all.

        Returns
        -------
        features : ndarray of shape (n_rows, n_features)
        """
        self.module_.eval()
        return compute_features(self.inference, images, rows)

    def _outputs_of(self, features):
        head = self.module_.head
        with torch.inference_mode():
            device = torch.device(self.device)
            x = torch.from_numpy(features.copy()).to(device)
            return head(x).cpu().double().numpy()

    def predict(self, X):
        """Decide on a class number, on labels, or predict values.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Images with the layout of the training images.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        """
        return self.criterion_.decide(self.predict_proba(X))

    def frozen(self):
        """Copy the net as far as predictions need it.

        Returns
        -------
        net : CNNNet
        """
        net = copy.copy(self)
        vars(net)["module_"] = copy.deepcopy(self.module_).eval()
        vars(net)["history_"] = copy.copy(self.history_)
        vars(net).pop("_compiled_module", None)
        return net
