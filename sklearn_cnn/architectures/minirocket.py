"""Features of time series by fixed kernels, and a linear head."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from sklearn_cnn.architectures.kernel_features import KERNELS, LENGTH, KernelFeatures
from sklearn_cnn.architectures.network import Head, Network
from sklearn_cnn.architectures.registry import register

#: Shortest series whose differences are as long as the kernels.
SHORTEST = LENGTH + 1


class Rocket(Network):
    """Features of fixed kernels, and a head of one dense layer, which is solved.

    Parameters
    ----------
    stages : dict of str to KernelFeatures
        What computes features of the series, each by its name.
    n_features : int
        Of all of them together.
    n_outputs : int
        Number of outputs.
    """

    solves_head: ClassVar[bool] = True

    def __init__(self, stages: dict[str, KernelFeatures], n_outputs: int) -> None:
        nn.Module.__init__(self)  # the features are vectors, which need no pooling
        self.stages = nn.Sequential()
        for name, stage in stages.items():
            self.stages.add_module(name, stage)
        self.pool: nn.Module = nn.Identity()
        self.head = Head(
            sum(stage.n_features for stage in stages.values()),
            n_outputs,
            hidden_layer_sizes=(),
            activation="identity",
            dropout=0.0,
        )

    def feature_maps(self, x: Tensor) -> Tensor:
        """Compute the features, which are vectors."""
        return torch.cat([stage(x) for stage in self.stages], dim=1)

    def learn_from(self, images: Tensor, generator: torch.Generator) -> None:
        """Take the biases from training series, shape (n, n_channels, length)."""
        for stage in self.stages:
            assert isinstance(stage, KernelFeatures)
            stage.learn_from(images, generator)


@register("minirocket", spatial_dims=(1,))
def minirocket(
    n_channels: int,
    spatial_shape: tuple[int, ...],
    n_outputs: int,
    *,
    filters: Sequence[int] = (9_996,),
    unequal_length: bool = False,
) -> Rocket:
    """MiniRocket [1]_: fixed kernels of length 9, and what share of a map is positive.

    The 84 kernels have exponential dilations up to the length of the series, and see
    random channels. A feature is the share of the values of a map above a bias, which
    is a quantile of the map of a random training series. ``filters`` has one entry, the
    number of features, of which there are the next lower multiple of 84. Nothing but
    the head learns, and that is solved, not trained.

    References
    ----------
    .. [1] A. Dempster, D. Schmidt and G. Webb, "MiniRocket: a very fast (almost)
       deterministic transform for time series classification", KDD 2021.
    """
    n_biases = _n_biases("minirocket", spatial_shape, filters, 1)
    (length,) = spatial_shape
    features = KernelFeatures(n_channels, length, n_biases, masked=unequal_length)
    return Rocket({"series": features}, n_outputs)


@register("multirocket", spatial_dims=(1,))
def multirocket(
    n_channels: int,
    spatial_shape: tuple[int, ...],
    n_outputs: int,
    *,
    filters: Sequence[int] = (15_120,),
    unequal_length: bool = False,
) -> Rocket:
    """MultiRocket [1]_ in small: MiniRocket on series and on their differences.

    A feature is the share of a map that is above a bias, and for maps of the series
    also the longest stretch that is. The authors have more of each map, the mean of the
    values above and that of their places, which did not pay on few series. ``filters``
    has one entry, the number of features, of which there are the next lower multiple
    of 252.

    References
    ----------
    .. [1] C. W. Tan, A. Dempster, C. Bergmeir and G. Webb, "MultiRocket: multiple
       pooling operators and transformations for fast and effective time series
       classification", Data Mining and Knowledge Discovery 36, 2022.
    """
    n_biases = _n_biases("multirocket", spatial_shape, filters, 3)
    (length,) = spatial_shape
    kinds = {"series": 0, "differences": 1}
    stages = {
        name: KernelFeatures(
            n_channels,
            length,
            n_biases,
            order=order,
            stretches=order == 0,
            masked=unequal_length,
        )
        for name, order in kinds.items()
    }
    return Rocket(stages, n_outputs)


def _n_biases(
    name: str, spatial_shape: tuple[int, ...], filters: Sequence[int], n_kinds: int
) -> int:
    """Check the length of series, and turn the number of features into one of biases.

    ``n_kinds`` is how many features a bias of the series comes with.
    """
    (length,) = spatial_shape
    shortest = LENGTH if n_kinds == 1 else SHORTEST
    if length < shortest:
        raise ValueError(
            f"architecture={name!r} has kernels of length {LENGTH} and needs series "
            f"of at least {shortest} values, but X has series of {length}. Pass "
            "architecture='simple'."
        )
    least = n_kinds * len(KERNELS)
    if len(filters) != 1 or filters[0] < least:
        raise ValueError(
            f"filters={filters!r} must be the number of features of architecture="
            f"{name!r}: one entry of at least {least}, such as ({60 * least},)."
        )
    return filters[0] // least
