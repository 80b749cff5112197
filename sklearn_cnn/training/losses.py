"""What is minimised."""

import torch
from scipy.optimize import minimize_scalar
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

    @property
    def unsmoothed(self):
        """The loss by which samples are judged that are not trained on."""
        return self

    #: Whether outputs have nothing to do with each other.
    separate = True

    def least_squares_targets(self, targets, n_outputs):
        """Give numbers in place of targets, which a solved head comes near."""
        return targets

    def fit_factor(self, outputs, targets, sample_weight):
        """Choose what to multiply such outputs by, of shape (n_outputs,)."""
        return torch.ones(outputs.shape[1], dtype=outputs.dtype)

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

    @property
    def unsmoothed(self):  # noqa: D102
        return CrossEntropy()

    def per_sample(self, outputs, targets):  # noqa: D102
        return F.cross_entropy(
            outputs, targets, reduction="none", label_smoothing=self.label_smoothing
        )

    separate = False

    def least_squares_targets(self, targets, n_outputs):  # noqa: D102
        return 2.0 * F.one_hot(targets, n_outputs) - 1

    def fit_factor(self, outputs, targets, sample_weight):  # noqa: D102
        factor = _best_factor(CrossEntropy, outputs, targets, sample_weight)
        return torch.full(outputs.shape[1:], factor, dtype=outputs.dtype)


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

    @property
    def unsmoothed(self):  # noqa: D102
        return BinaryCrossEntropy()

    def per_sample(self, outputs, targets):  # noqa: D102
        smooth = targets * (1 - self.label_smoothing) + self.label_smoothing / 2
        losses = F.binary_cross_entropy_with_logits(outputs, smooth, reduction="none")
        return losses.mean(dim=1)

    def least_squares_targets(self, targets, n_outputs):  # noqa: D102
        return 2.0 * targets - 1

    def fit_factor(self, outputs, targets, sample_weight):  # noqa: D102
        columns = zip(outputs.split(1, dim=1), targets.split(1, dim=1), strict=True)
        factors = [
            _best_factor(BinaryCrossEntropy, column, target.double(), sample_weight)
            for column, target in columns
        ]
        return torch.tensor(factors, dtype=outputs.dtype)


def _best_factor(kind, outputs, targets, sample_weight):
    """Find the factor of least loss: the inverse of a temperature [1]_.

    Labels are smoothed as if there were another sample of each value [2]_, or outputs
    that are all on the right side would be multiplied without end.

    References
    ----------
    .. [1] C. Guo et al., "On calibration of modern neural networks", ICML 2017.
    .. [2] J. Platt, "Probabilistic outputs for support vector machines", 1999.
    """
    n_values = max(2, outputs.shape[1])
    loss = kind(n_values / (len(outputs) + n_values))

    def of_exponent(exponent):
        return loss(outputs * 10**exponent, targets, sample_weight).item()

    return 10 ** minimize_scalar(of_exponent, bounds=(-2, 3)).x


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
