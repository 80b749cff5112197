"""What is minimised."""

from torch import nn
from torch.nn import functional as F

from sklearn_cnn.utils._plain_state import PlainState


class Loss(PlainState, nn.Module):
    """Mean over the samples of a loss that every subclass defines for one of them."""

    def forward(self, outputs, targets, sample_weight=None):
        """Average over a batch, whose losses the weights are factors on."""
        losses = self.per_sample(outputs, targets)
        return (losses if sample_weight is None else losses * sample_weight).mean()

    def per_sample(self, outputs, targets):
        """Compute the loss of every sample, of shape (n_samples,)."""
        raise NotImplementedError

    def _plain_state(self):
        of_torch = vars(nn.Module())
        return {k: v for k, v in vars(self).items() if k not in of_torch}

    def _set_plain_state(self, state):
        nn.Module.__init__(self)
        vars(self).update(state)


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
