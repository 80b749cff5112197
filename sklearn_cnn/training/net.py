"""The skorch net: how one step, one epoch and one training go."""

import copy
import warnings
from contextlib import nullcontext
from functools import partial
from math import isfinite
from time import perf_counter

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from skorch import NeuralNet
from skorch.callbacks import Callback
from torch.optim.lr_scheduler import LambdaLR

from sklearn_cnn.architectures.inference import fold_batch_norms, has_hooks
from sklearn_cnn.images import take_rows
from sklearn_cnn.training.batches import Batches, memory_format_of
from sklearn_cnn.training.losses import as_float32_or_wider
from sklearn_cnn.training.optimizers import parameter_groups
from sklearn_cnn.training.pieces import map_chunks, splitting
from sklearn_cnn.training.precision import autocast, dtype_of
from sklearn_cnn.training.schedules import Schedule
from sklearn_cnn.training.stopping import Weights, raised_by_callback

#: Most values that a batch of a prediction reads on a CPU, whose cache then holds it.
_PREDICTION_VALUES = 3 << 14


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
    schedule : str
        A key of :data:`sklearn_cnn.training.schedules.SCHEDULES`.
    """

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
        state.pop("_compiled_module", None)
        return state

    def get_default_callbacks(self):
        """Give none: the loop below records what they would."""
        return []

    def initialize_module(self):
        """Take the module as it is, in the memory format that is fastest."""
        module = self.module.to(dtype_of(self.precision))
        n_dims = len(self.prepare.layout.spatial_shape)
        self.module_ = module.to(memory_format=memory_format_of(n_dims))
        return self

    def initialize_optimizer(self, triggered_directly=None):
        """Make the optimizer; ``warm_start`` calls this anew."""
        groups = parameter_groups(self.module_, self.weight_decay)
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
        datasets = {
            "dataset_train": batches,
            "dataset_valid": held_out and held_out.batches,
        }
        self._schedule_steps(epochs * batches.n_batches)
        finite = Weights(self.module_)
        self.notify("on_train_begin", X=batches, y=batches.targets)
        try:
            with self._splitting(batches) as split:
                for _ in range(epochs):
                    for monitor in monitors:
                        monitor.epoch_begin(self)
                    if not self._run_epoch(batches, held_out, datasets, finite, split):
                        break
                    verdicts = [monitor.epoch_end(self) for monitor in monitors]
                    if any(verdicts):
                        break
        except KeyboardInterrupt as interrupt:
            # skorch's way for a callback to end training; a person's Ctrl-C goes on
            if not raised_by_callback(interrupt):
                raise
        finally:
            for monitor in monitors:
                monitor.train_end(self)
        self.notify("on_train_end", X=batches, y=batches.targets)
        self.module_.eval()
        return self

    def _schedule_steps(self, n_steps):
        for group in self.optimizer_.param_groups:
            group["lr"] = group["initial_lr"] = self.lr
        self._scheduler = LambdaLR(self.optimizer_, Schedule(self.schedule, n_steps))

    def _splitting(self, batches):
        if self.compiled or torch.device(self.device).type != "cpu":
            return nullcontext()
        layout = self.prepare.layout
        images = torch.zeros(2, layout.n_channels, *layout.spatial_shape)
        images = images.to(self.prepare.dtype)
        n_samples = -(-len(batches) // batches.n_batches)
        return splitting(self.module_, images, n_samples, self.sample_cost * n_samples)

    def _run_epoch(self, batches, held_out, datasets, finite, split):
        start = perf_counter()
        self.notify("on_epoch_begin", **datasets)
        self.module_.train()
        pieces = split and split(self.module_)
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
        losses, observed = [], self._listens("on_batch_begin", "on_batch_end")
        candidate = finite.read()
        for i, batch in enumerate(batches):
            if observed:
                self.notify("on_batch_begin", batch=batch[:2], training=True)
            step = self.train_step(batch, pieces)
            if i == 0 and isfinite(step["loss"].item()):
                finite.keep(candidate)
            losses.append((step["loss"], len(batch.targets)))
            if observed:
                self._record_batch("train", batch, step)
        if pieces is not None:
            pieces.collect_statistics()
        values, sizes = zip(*losses, strict=True)
        return float(np.average(torch.stack(values).tolist(), weights=sizes))

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
        return self.criterion_(outputs, batch.targets, batch.weights), outputs

    def _validate(self, held_out, pieces):
        infer = self.infer if pieces is None else partial(pieces.infer, self.infer)
        observed, outputs = self._listens("on_batch_begin", "on_batch_end"), []
        loss_sum = 0.0
        self.module_.eval()
        with torch.inference_mode():
            for batch in held_out.batches:
                if observed:
                    self.notify("on_batch_begin", batch=batch[:2], training=False)
                out = infer(batch.images)
                loss = self.criterion_(out, batch.targets, batch.weights)
                step = {"loss": loss, "y_pred": out}
                loss_sum += loss.item() * len(batch.targets)
                outputs.append(out.double().cpu())
                if observed:
                    self._record_batch("valid", batch, step)
        predictions = self.criterion_.link(torch.cat(outputs)).numpy()
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
        training = self.module_.training
        precision = self.precision if training else self.prediction_precision
        with autocast(precision, self.device):
            return as_float32_or_wider(network(x))

    @property
    def _network(self):
        if not self.compiled:
            return self.module_
        if "_compiled_module" not in vars(self):
            # past __setattr__, which would register it as a second module
            vars(self)["_compiled_module"] = torch.compile(self.module_)
        return self._compiled_module

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
        n_rows = len(images if rows is None else rows)
        on_cpu = torch.device(self.device).type == "cpu"
        values = _PREDICTION_VALUES if on_cpu else 64 * _PREDICTION_VALUES
        size = max(1, values // self.prepare.layout.n_features)
        # to prepare several batches at once saves a tenth
        step = size * min(4, max(1, n_rows // (8 * size)))
        chunks = [slice(start, start + step) for start in range(0, n_rows, step)]

        if self.module_.training != training:  # it walks through all layers
            self.module_.train(training)
        network, cost = self._network, 0
        if len(chunks) > 1 and not (
            training or self.compiled or has_hooks(self.module_)
        ):
            network = fold_batch_norms(self.module_)
            cost = self.sample_cost * n_rows if on_cpu else 0

        def forward(chunk):
            chosen = chunk if rows is None else rows[chunk]
            with torch.inference_mode():
                prepared = self.prepare(take_rows(images, chosen)).split(size)
                out = torch.cat([self._compute(network, batch) for batch in prepared])
            return out.to(device).double()

        yield from map_chunks(forward, chunks, cost)

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
        return np.concatenate([out.numpy() for out in self.forward_iter(images)])

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
