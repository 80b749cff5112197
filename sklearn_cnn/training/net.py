"""A trained network as a net of skorch, and skorch's callbacks as an observer."""

import dis

import torch
from skorch import NeuralNet
from skorch.callbacks import Callback
from skorch.history import History

from sklearn_cnn.inference import Predictor, autocast
from sklearn_cnn.training.batches import Batches
from sklearn_cnn.training.observers import Observer, StopTraining


class CNNNet(NeuralNet):
    """What skorch and its callbacks see of a training; it trains nothing itself.

    Parameters
    ----------
    learner : Learner
        The network, its optimizer and its history, which the net shares.
    targets : object
        Turns outputs into predictions, as ``estimators._targets`` has it.
    callbacks : list or None
        skorch callbacks. Those that look at batches cost time; without them a batch
        leaves no row in the history.
    verbose : int
        Whether callbacks such as ``PrintLog`` print.
    """

    def __init__(self, learner, targets, callbacks=None, verbose=0):
        super().__init__(
            learner.module,
            learner.loss,
            lr=learner.plan.learning_rate,
            batch_size=learner.plan.batch_size,
            train_split=None,
            callbacks=callbacks,
            predict_nonlinearity=self._probabilities,
            verbose=verbose,
            device=learner.predictor.prepare.device,
        )
        self.learner = learner
        self.targets = targets
        self.initialize()

    def get_default_callbacks(self):
        """Give none: the loop records what they would."""
        return []

    def initialize_callbacks(self):
        """Take those of a training before, or initialise what the user gave."""
        if not self.learner.callbacks:
            super().initialize_callbacks()
            self.learner.callbacks = self.callbacks_
        self.callbacks_ = self.learner.callbacks
        return self

    def initialize_module(self):
        """Take the module as it is."""
        self.module_ = self.learner.module
        return self

    def initialize_optimizer(self, triggered_directly=None):
        """Take the optimizer as it is."""
        self.optimizer_ = self.learner.optimizer
        return self

    def initialize_history(self):
        """Share the history, whose rows are the same in skorch's class."""
        self.history_ = History()
        self.history_.extend(self.learner.history)
        self.learner.history = self.history_
        return self

    def on_epoch_begin(self, net, **kwargs):
        """Leave the row of the epoch to the loop."""

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
        predictor = self.learner.predictor
        if self.module_.training != training:  # it walks through all layers
            self.module_.train(training)
        if training:
            predictor = Predictor(
                predictor.module,
                predictor.prepare,
                self.learner.plan.precision,
                predictor.sample_cost,
            )
        for out in predictor.batches(images, rows):
            yield out.to(device).double()

    def infer(self, x, **fit_params):
        """Run the network on prepared images."""
        predictor = self.learner.predictor
        with autocast(predictor.precision, self.device):
            return predictor.network(x)

    def predict(self, X):
        """Decide on class numbers or labels, or predict standardised values."""
        outputs = torch.cat(list(self.forward_iter(X)))
        return self.targets.decide(outputs.numpy())

    def _probabilities(self, outputs):
        return torch.from_numpy(self.targets.probabilities(outputs.numpy()))


class SkorchCallbacks(Observer):
    """Tell the callbacks of a net of everything, in skorch's words."""

    def __init__(self, net):
        self.net = net
        self._record_batches = self._listen("on_batch_begin", "on_batch_end")
        self.hears_batches = self._record_batches or self._listen("on_grad_computed")

    def train_begin(self, batches):  # noqa: D102
        self.net.notify("on_train_begin", X=batches, y=batches.targets)

    def epoch_begin(self, run):  # noqa: D102
        if self._record_batches:
            run.row["batches"].clear()
        self._notify("on_epoch_begin", **_datasets(run))

    def batch_begin(self, run, batch):  # noqa: D102
        if self._record_batches:
            self._notify("on_batch_begin", **_about(run, batch))

    def gradients_computed(self, run, batch):  # noqa: D102
        named = list(self.net.get_all_learnable_params())
        about = _about(run, batch)
        self._notify("on_grad_computed", named_parameters=named, **about)

    def batch_end(self, run, batch, loss, outputs):  # noqa: D102
        if not self._record_batches:
            return
        prefix = "valid" if run.validates else "train"
        self.net.history.record_batch(f"{prefix}_loss", loss.item())
        self.net.history.record_batch(f"{prefix}_batch_size", len(batch.targets))
        about = _about(run, batch)
        self._notify("on_batch_end", loss=loss, y_pred=outputs, **about)

    def epoch_end(self, run):  # noqa: D102
        try:
            self._notify("on_epoch_end", **_datasets(run))
        except StopTraining:
            return True
        return False

    def train_end(self, batches):  # noqa: D102
        self.net.notify("on_train_end", X=batches, y=batches.targets)

    def _notify(self, hook, **about):
        try:
            self.net.notify(hook, **about)
        except KeyboardInterrupt as interrupt:
            # skorch's way for a callback to end training; a person's Ctrl-C goes on
            if not raised_by_callback(interrupt):
                raise
            raise StopTraining from interrupt

    def _listen(self, *hooks):
        return any(
            getattr(type(callback), hook) is not getattr(Callback, hook)
            for _, callback in self.net.callbacks_
            for hook in hooks
        )


def _datasets(run):
    held_out = run.held_out
    return {
        "dataset_train": run.batches,
        "dataset_valid": None if held_out is None else held_out.batches,
    }


def _about(run, batch):
    return {"batch": batch[:2], "training": not run.validates}


def raised_by_callback(interrupt):
    """Tell a ``raise KeyboardInterrupt`` in a callback from a person's Ctrl-C.

    skorch's callbacks end training by raising KeyboardInterrupt. A signal interrupts
    wherever the program is, so only a ``raise`` statement can be the last instruction
    of a callback's own interrupt.
    """
    trace = interrupt.__traceback__
    while trace.tb_next is not None:
        trace = trace.tb_next
    opcode = trace.tb_frame.f_code.co_code[trace.tb_lasti]
    return dis.opname[opcode] == "RAISE_VARARGS"
