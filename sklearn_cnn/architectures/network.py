"""What every architecture is: stages, global pooling and a head."""

from collections.abc import Sequence
from math import prod
from typing import Any

from torch import Tensor, nn

from sklearn_cnn.architectures.blocks import Dense, ValueDropout, activation_layer

_GLOBAL_MAX_POOLS: dict[int, Any] = {
    1: nn.AdaptiveMaxPool1d,
    2: nn.AdaptiveMaxPool2d,
    3: nn.AdaptiveMaxPool3d,
}


class Network(nn.Module):
    """A network in three parts, which subclasses fill.

    Parameters
    ----------
    stages : torch.nn.Sequential
        From images to feature maps; its children are what ``freeze`` and a sequence
        as ``weight_decay`` count.
    pool : torch.nn.Module
        From feature maps to vectors.
    head : torch.nn.Module
        From vectors to outputs.
    """

    def __init__(self, stages: nn.Sequential, pool: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.stages = stages
        self.pool = pool
        self.head = head

    def feature_maps(self, x: Tensor) -> Tensor:
        """Compute what the stages give.

        Parameters
        ----------
        x : Tensor of shape (n_samples, n_channels, *spatial_shape)
            Images.

        Returns
        -------
        maps : Tensor of shape (n_samples, n_maps, ...)
            Feature maps; vectors, if the stages end in such.
        """
        maps: Tensor = self.stages(x)
        return maps

    def features(self, x: Tensor) -> Tensor:
        """Compute the input of the head.

        Parameters
        ----------
        x : Tensor of shape (n_samples, n_channels, *spatial_shape)
            Images.

        Returns
        -------
        features : Tensor of shape (n_samples, n_features)
        """
        features: Tensor = self.pool(self.feature_maps(x))
        return features

    def forward(self, x: Tensor) -> Tensor:
        """Compute the outputs.

        Parameters
        ----------
        x : Tensor of shape (n_samples, n_channels, *spatial_shape)
            Images.

        Returns
        -------
        outputs : Tensor of shape (n_samples, n_outputs)
        """
        outputs: Tensor = self.head(self.features(x))
        return outputs

    def stage_modules(self) -> dict[str, list[nn.Module]]:
        """Give the modules of every stage, first to last, by its name.

        Returns
        -------
        stages : dict of str to list of torch.nn.Module
        """
        return {name: [stage] for name, stage in self.stages.named_children()}

    def stage_parameters(self) -> dict[str, list[nn.Parameter]]:
        """Give the weights of every stage, first to last, by its name.

        Returns
        -------
        stages : dict of str to list of torch.nn.Parameter
        """
        return {
            name: [p for module in modules for p in module.parameters()]
            for name, modules in self.stage_modules().items()
        }


class GlobalAveragePooling(nn.Module):
    """The mean of every feature map.

    Unlike :class:`torch.nn.AdaptiveAvgPool2d` it gives gradients the memory format of
    the feature maps, which saves a tenth of a training step.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Average over space.

        Parameters
        ----------
        x : Tensor of shape (n_samples, n_channels, *spatial_shape)
            Feature maps, with channels last in memory if they have 2 or 3 dimensions.

        Returns
        -------
        means : Tensor of shape (n_samples, n_channels)
        """
        if x.ndim == 3:
            return x.mean(dim=2)
        return x.movedim(1, -1).flatten(1, -2).mean(dim=1)


class GlobalPooling(nn.Sequential):
    """From feature maps to one vector for each sample [1]_.

    Parameters
    ----------
    kind : {"avg", "max", "flatten"}
        How space is summarised; "flatten" keeps every position apart.
    n_channels : int
        Number of feature maps.
    spatial_shape : tuple of int
        Their shape.

    Attributes
    ----------
    n_features : int
        Length of the vectors.

    References
    ----------
    .. [1] M. Lin, Q. Chen and S. Yan, "Network in network", ICLR 2014.
    """

    def __init__(
        self, kind: str, n_channels: int, spatial_shape: tuple[int, ...]
    ) -> None:
        super().__init__()
        self.n_features = n_channels
        if kind == "flatten":
            self.n_features *= prod(spatial_shape)
        elif kind == "avg":
            self.mean = GlobalAveragePooling()
        else:
            self.max = _GLOBAL_MAX_POOLS[len(spatial_shape)](1)
        self.flatten = nn.Flatten()


class Head(nn.Sequential):
    """From vectors to outputs: dense layers.

    Parameters
    ----------
    n_features : int
        Length of the vectors.
    n_outputs : int
        Number of outputs.
    hidden_layer_sizes : sequence of int
        Width of every hidden dense layer.
    activation : str
        Activation of the hidden layers.
    dropout : float
        Probability of dropping an input of a dense layer in training [1]_.

    References
    ----------
    .. [1] N. Srivastava et al., "Dropout: a simple way to prevent neural networks from
       overfitting", JMLR 15, 2014.
    """

    def __init__(
        self,
        n_features: int,
        n_outputs: int,
        *,
        hidden_layer_sizes: Sequence[int],
        activation: str,
        dropout: float,
    ) -> None:
        super().__init__()
        for i, width in enumerate(hidden_layer_sizes):
            if dropout:
                self.add_module(f"dropout{i}", ValueDropout(dropout))
            self.add_module(f"dense{i}", Dense(n_features, width))
            self.add_module(f"activation{i}", activation_layer(activation))
            n_features = width
        if dropout:
            self.dropout = ValueDropout(dropout)
        self.output = Dense(n_features, n_outputs)
