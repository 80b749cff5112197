"""Ridge regression, judged by what it would say of each sample without having it."""

from dataclasses import dataclass

import torch

#: Strengths of the penalty that are tried, those of the authors of MiniRocket.
ALPHAS = torch.logspace(-3, 3, 10, dtype=torch.float64)
#: Standard deviations below this are those of features that are constant.
_CONSTANT = 1e-7


@dataclass(frozen=True)
class Ridge:
    """A fitted ridge regression.

    Attributes
    ----------
    weight : Tensor of shape (n_outputs, n_features)
        For features as they were given.
    bias : Tensor of shape (n_outputs,)
        Not penalised.
    left_out : Tensor of shape (n_samples, n_outputs)
        Outputs for each sample of a regression on all others.
    alpha : Tensor of shape (n_outputs,)
        The strengths of the penalty, on standardised features.
    """

    weight: torch.Tensor
    bias: torch.Tensor
    left_out: torch.Tensor
    alpha: torch.Tensor


def fit_ridge(features, targets, sample_weight=None, *, alpha_per_target=False):
    """Fit, with the strengths whose squared error on left-out samples is least [1]_.

    Parameters
    ----------
    features : Tensor of shape (n_samples, n_features)
        Standardised here.
    targets : Tensor of shape (n_samples, n_outputs)
        In float64.
    sample_weight : Tensor of shape (n_samples,) or None
        Positive.
    alpha_per_target : bool
        Whether every target has a strength of its own.

    Returns
    -------
    ridge : Ridge
        In float64.

    References
    ----------
    .. [1] R. Rifkin and R. Lippert, "Notes on regularized least squares", MIT technical
       report, 2007.
    """
    weight = torch.ones_like(targets[:, 0]) if sample_weight is None else sample_weight
    weight = weight.to(targets)
    share = (weight / weight.sum())[:, None]
    x = features.to(targets.dtype)
    mean, center = (share * x).sum(dim=0), (share * targets).sum(dim=0)
    x = x - mean
    scale = (share * x * x).sum(dim=0).sqrt()
    scale = torch.where(scale < _CONSTANT, torch.ones_like(scale), scale)
    root = weight.sqrt()[:, None]
    solve = _dual if x.shape[0] <= x.shape[1] else _primal
    errors, coefficients = solve(root * (x / scale), root * (targets - center), root)
    # what is left out, in units of the targets
    errors = errors / root
    losses = (share * errors * errors).sum(dim=1)
    if not alpha_per_target:
        losses = losses.mean(dim=1, keepdim=True).expand_as(losses)
    best = losses.argmin(dim=0)
    places = torch.arange(targets.shape[1], device=targets.device)
    slopes = coefficients(best) / scale
    return Ridge(
        slopes,
        center - slopes @ mean,
        targets - errors[best, :, places].T,
        ALPHAS.to(best.device)[best],
    )


def _dual(x, y, root):
    """Solve for one number a sample, where there are no more samples than features.

    Gives the errors of shape (n_alphas, n_samples, n_targets), of each sample left out,
    and a function from the place of each target's alpha to the coefficients.
    """
    # a reflection that turns the direction of the intercept, which has no penalty and
    # is centred away, into the first axis
    normal = root[:, 0] / root.norm()
    normal = torch.cat([normal[:1] + 1, normal[1:]])
    normal = normal / normal.norm()
    reflect = torch.eye(len(x), dtype=x.dtype, device=x.device)
    reflect = reflect - 2 * torch.outer(normal, normal)
    gram = reflect @ (x @ x.T) @ reflect
    values, vectors = torch.linalg.eigh(gram[1:, 1:])
    vectors, values = reflect[:, 1:] @ vectors, values.clamp(min=0)
    turned = vectors.T @ y

    def dual(alpha):
        return vectors @ (turned / (values[:, None] + alpha))

    alphas = ALPHAS.to(x.device)
    squares = vectors.square()
    errors = [dual(a) / (squares @ (1 / (values + a)))[:, None] for a in alphas]
    return torch.stack(errors), lambda best: dual(alphas[best]).T @ x


def _primal(x, y, root):
    """Solve for the coefficients, where there are more samples than features."""
    values, vectors = torch.linalg.eigh(x.T @ x)
    values = values.clamp(min=0)
    projected = x @ vectors
    turned = projected.T @ y
    of_intercept = root.square() / root.square().sum()

    def coefficients(alpha):
        return turned / (values[:, None] + alpha)

    alphas, squares = ALPHAS.to(x.device), projected.square()
    errors = []
    for alpha in alphas:
        leverage = of_intercept + (squares @ (1 / (values + alpha)))[:, None]
        residuals = y - projected @ coefficients(alpha)
        errors.append(residuals / (1 - leverage).clamp(min=1e-12))
    return torch.stack(errors), lambda best: (vectors @ coefficients(alphas[best])).T
