"""The average of several networks, or of what one makes of several views."""

from collections.abc import Sequence
from math import log

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def averaged(outputs: Sequence[Tensor], link: str) -> Tensor:
    """Average predictions, and give them as outputs again.

    Parameters
    ----------
    outputs : sequence of Tensor of shape (n_samples, n_outputs)
        Of each network or view.
    link : {"softmax", "sigmoid", "identity"}
        What makes predictions of outputs. The result of the first is the logarithm of
        the mean probabilities, that of the second their log-odds.

    Returns
    -------
    outputs : Tensor of shape (n_samples, n_outputs)
    """
    if len(outputs) == 1:
        return outputs[0]
    # of half precision, differences would be lost
    each = torch.stack([o if o.dtype == torch.float64 else o.float() for o in outputs])
    if link == "softmax":
        return F.log_softmax(each, dim=2).logsumexp(dim=0) - log(len(outputs))
    if link == "sigmoid":
        return F.logsigmoid(each).logsumexp(dim=0) - F.logsigmoid(-each).logsumexp(
            dim=0
        )
    return each.mean(dim=0)


class Averaged(nn.Module):
    """Networks of the same form, whose predictions are averaged.

    Parameters
    ----------
    networks : sequence of torch.nn.Module
        The networks.
    link : {"softmax", "sigmoid", "identity"}
        As in :func:`averaged`.
    """

    def __init__(self, networks: Sequence[nn.Module], link: str) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)
        self.link = link

    def forward(self, x: Tensor) -> Tensor:
        """Compute the average."""
        return averaged([network(x) for network in self.networks], self.link)

    def extra_repr(self) -> str:
        """Show what makes predictions of outputs."""
        return f"link={self.link!r}"


class OverViews(nn.Module):
    """A network that averages over several views of each sample.

    Parameters
    ----------
    network : torch.nn.Module
        The network.
    link : {"softmax", "sigmoid", "identity"}
        As in :func:`averaged`.
    """

    def __init__(self, network: nn.Module, link: str) -> None:
        super().__init__()
        self.network = network
        self.link = link

    def forward(self, x: Tensor) -> Tensor:
        """Compute the average for a batch of shape (n_samples, n_views, ...)."""
        return averaged([self.network(view) for view in x.unbind(1)], self.link)
