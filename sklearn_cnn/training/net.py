"""A trained network as a net of skorch."""

import torch
from skorch import NeuralNet
from skorch.history import History

from sklearn_cnn.inference import autocast
from sklearn_cnn.training.batches import Batches
from sklearn_cnn.training.callbacks import copied_callbacks


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
            callbacks=copied_callbacks(callbacks),
            predict_nonlinearity=self._probabilities,
            verbose=verbose,
            device=learner.predictor.prepare.device,
        )
        self.learner = learner
        self.targets = targets
        self.initialize()

    @property
    def prepare(self):
        """What makes the input of the network from rows of an array."""
        return self.learner.predictor.prepare

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
            predictor = predictor.replaced(
                self.module_, self.learner.plan.precision, compile=False
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
        # those that skorch remembers of a validation are where they were computed
        return self.targets.decide(outputs.cpu().numpy())

    def _probabilities(self, outputs):
        return torch.from_numpy(self.targets.probabilities(outputs.cpu().numpy()))
