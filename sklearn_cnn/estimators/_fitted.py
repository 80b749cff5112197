"""Fitted attributes that are read off the trained networks."""

import copy

import numpy as np


class FittedAttributes:
    """What a fit has left says about itself; nothing here is stored twice."""

    @property
    def net_(self):
        """The trained :class:`skorch.NeuralNet`."""
        if self._further_learners:
            raise AttributeError(
                f"net_ is of one network, and this {type(self).__name__} has "
                f"{len(self._learners)}. Take one of them, as estimators_[0].net_."
            )
        learner = self._learner
        if learner.net is None:
            learner.net = self._net_of(learner)
        return learner.net

    def _net_of(self, learner, callbacks=None):
        from sklearn_cnn.training import CNNNet  # loads skorch

        return CNNNet(learner, self._targets, callbacks, self.verbose)

    @property
    def _is_trained(self):
        return "_learner" in vars(self)

    @property
    def module_(self):
        """The trained :class:`torch.nn.Module`."""
        return self._predictor.module

    @property
    def input_mean_(self):
        """Mean that is subtracted from each channel of X; None if none is."""
        return copy.copy(self._predictor.prepare.mean)

    @property
    def input_scale_(self):
        """What each channel of X is divided by after that; None if nothing."""
        return copy.copy(self._predictor.prepare.scale)

    @property
    def architecture_(self):
        """The architecture, which ``architecture="auto"`` leaves to the data."""
        return self._predictor.blueprint.architecture

    @property
    def n_outputs_(self):
        """Number of outputs of the network."""
        return self._targets.n_outputs

    @property
    def history_(self):
        """DataFrame of losses, score, learning rate and seconds of every epoch."""
        import pandas as pd

        names = {
            "train_loss": "train_loss",
            "valid_loss": "valid_loss",
            "valid_score": "valid_score",
            "learning_rate": "learning_rate",
            "dur": "seconds",
        }
        rows = list(self._learner.history)
        frame = pd.DataFrame(
            {new: [row.get(old, np.nan) for row in rows] for old, new in names.items()},
            dtype=float,
        )
        frame.index = pd.RangeIndex(1, len(rows) + 1, name="epoch")
        return frame

    @property
    def loss_curve_(self):
        """Training loss of every epoch."""
        return [row["train_loss"] for row in self._learner.history]

    @property
    def validation_scores_(self):
        """Validation score of every epoch; None where there was no validation."""
        scores = [row.get("valid_score", np.nan) for row in self._learner.history]
        return None if np.isnan(scores).all() else scores

    @property
    def n_iter_(self):
        """Number of epochs trained."""
        return len(self._learner.history)

    @property
    def max_iter_(self):
        """Number of epochs that the last fit was planned for."""
        return self._learner.plan.epochs

    @property
    def _monitored_losses(self):
        history = self._learner.history
        name = "valid_loss" if any("valid_loss" in row for row in history) else None
        losses = [row.get(name or "train_loss", np.inf) for row in history]
        return np.nan_to_num(losses, nan=np.inf)

    @property
    def best_iter_(self):
        """Epoch (from 1) of the smallest validation loss, or training loss.

        With ``early_stopping="score"`` that of the highest validation score.
        """
        scores, losses = self.validation_scores_, self._monitored_losses
        if self._learner.plan.stops_on_score and scores is not None:
            losses = -np.nan_to_num(scores, nan=-np.inf)
        return int(np.argmin(losses)) + 1

    @property
    def best_loss_(self):
        """Validation loss of that epoch; training loss if there was no validation."""
        return float(self._monitored_losses[self.best_iter_ - 1])

    @property
    def n_parameters_(self):
        """Number of weights of the network."""
        return sum(parameter.numel() for parameter in self.module_.parameters())

    @property
    def device_(self):
        """Where the network was trained."""
        return self._learner.predictor.prepare.device

    @property
    def precision_(self):
        """In which precision the network was trained."""
        return self._learner.plan.precision
