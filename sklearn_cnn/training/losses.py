"""What is minimised, and how a network's outputs become predictions."""

import torch
from torch import nn
from torch.nn import functional as F


class Loss(nn.Module):
    """Mean over the samples of a loss that every subclass defines for one of them."""

    def forward(self, outputs, targets, weights=None):
        """Average the loss over a batch.

        Parameters
        ----------
        outputs : Tensor of shape (n_samples, n_outputs)
            Of the network.
        targets : Tensor of shape (n_samples, ...)
            What they should be.
        weights : Tensor of shape (n_samples,) or None
            Factors on the losses of the samples.

        Returns
        -------
        loss : Tensor of shape ()
        """
        losses = self.per_sample(outputs, targets)
        return (losses if weights is None else losses * weights).mean()

    def per_sample(self, outputs, targets):
        """Compute the loss of every sample.

        Parameters
        ----------
        outputs, targets : Tensor
            As in ``forward``.

        Returns
        -------
        losses : Tensor of shape (n_samples,)
        """
        raise NotImplementedError

    @staticmethod
    def link(outputs):
        """Turn outputs into probabilities (of a classifier) or leave them.

        Parameters
        ----------
        outputs : Tensor of shape (n_samples, n_outputs)
            Of the network.

        Returns
        -------
        predictions : Tensor of the same shape
        """
        return outputs

    @staticmethod
    def decide(predictions):
        """Turn predictions of ``link`` into class numbers, labels or values.

        Parameters
        ----------
        predictions : ndarray of shape (n_samples, n_outputs)
            Given by ``link``.

        Returns
        -------
        decisions : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        """
        return predictions


class CrossEntropy(Loss):
    """For classes that exclude each other; outputs are log-odds.

    Parameters
    ----------
    label_smoothing : float
        Share of every target that is spread over all classes.
    """

    def __init__(self, label_smoothing=0.0):
        super().__init__()
        self.label_smoothing = label_smoothing

    def per_sample(self, outputs, targets):  # noqa: D102
        return F.cross_entropy(
            outputs, targets, reduction="none", label_smoothing=self.label_smoothing
        )

    @staticmethod
    def link(outputs):  # noqa: D102
        return outputs.softmax(dim=1)

    @staticmethod
    def decide(predictions):  # noqa: D102
        return predictions.argmax(axis=1)


class BinaryCrossEntropy(Loss):
    """For labels that do not exclude each other, averaged over the labels.

    Parameters
    ----------
    label_smoothing : float
        Share of every target that is spread over both of its values.
    """

    def __init__(self, label_smoothing=0.0):
        super().__init__()
        self.label_smoothing = label_smoothing

    def per_sample(self, outputs, targets):  # noqa: D102
        smooth = targets * (1 - self.label_smoothing) + self.label_smoothing / 2
        losses = F.binary_cross_entropy_with_logits(outputs, smooth, reduction="none")
        return losses.mean(dim=1)

    @staticmethod
    def link(outputs):  # noqa: D102
        return outputs.sigmoid()

    @staticmethod
    def decide(predictions):  # noqa: D102
        return (predictions > 0.5).astype(int)


_REGRESSION_LOSSES = {
    "squared_error": F.mse_loss,
    "absolute_error": F.l1_loss,
    "huber": F.huber_loss,
}


class RegressionLoss(Loss):
    """For numbers, averaged over the targets.

    Parameters
    ----------
    name : {"squared_error", "absolute_error", "huber"}
        Which one; "huber" is quadratic up to an error of 1 and linear beyond [1]_.

    References
    ----------
    .. [1] P. Huber, "Robust estimation of a location parameter", Annals of
       Mathematical Statistics 35, 1964.
    """

    def __init__(self, name):
        super().__init__()
        self.name = name

    def per_sample(self, outputs, targets):  # noqa: D102
        losses = _REGRESSION_LOSSES[self.name](outputs, targets, reduction="none")
        return losses.mean(dim=1)


REGRESSION_LOSSES = tuple(_REGRESSION_LOSSES)


def as_float32_or_wider(outputs):
    """Lift outputs of reduced precision to float32.

    Parameters
    ----------
    outputs : Tensor
        Of the network.

    Returns
    -------
    outputs : Tensor
    """
    return (
        outputs.float() if outputs.dtype in (torch.bfloat16, torch.float16) else outputs
    )
