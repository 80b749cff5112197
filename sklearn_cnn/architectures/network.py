"""What every architecture is: stages, global pooling and a head."""

from collections.abc import Sequence
from typing import ClassVar, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from sklearn_cnn.architectures.blocks import Dense, activation_layer
from sklearn_cnn.architectures.dropout import ValueDropout
from sklearn_cnn.architectures.pooling import (
    GlobalPooling,
    MaskedPooling,
    zeros_for_nan,
)


class Network(nn.Module):
    """Stages, then pooling over space, then a head of dense layers.

    Subclasses build the stages. What is of this class can be frozen stage by stage, and
    gives features.

    Parameters
    ----------
    stages : torch.nn.Sequential
        From images to feature maps. Its children are what ``freeze`` and a sequence as
        ``weight_decay`` count.
    n_channels : int
        Number of feature maps that the stages give.
    spatial_shape : tuple of int
        Their shape.
    n_outputs : int
        Number of outputs.
    global_pooling : {"avg", "max", "flatten"}
        How space is summarised; "flatten" keeps every position apart.
    hidden_layer_sizes : sequence of int
        Width of every hidden dense layer of the head.
    activation : str
        Activation of the hidden layers, by the name that the estimators know.
    dropout : float
        Probability of dropping an input of a dense layer in training.
    unequal_length : bool
        Whether inputs are series that NaN may end, which pooling leaves out.

    Attributes
    ----------
    stages : torch.nn.Sequential
        From images to feature maps.
    pool : GlobalPooling
        From feature maps to vectors.
    head : Head
        From vectors to outputs.
    solves_head : bool
        Whether the head, a single dense layer, is fitted by least squares, as nothing
        before it learns. False unless a subclass says so.
    varies : bool
        Whether training from another seed gives another network; a subclass of which
        that is not true says so, and ``n_networks`` above 1 is refused.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from sklearn_cnn.architectures import Network
    >>> class OneStage(Network):
    ...     def __init__(self, n_channels, spatial_shape, n_outputs, *, dropout=0.0):
    ...         stages = nn.Sequential(nn.Conv2d(n_channels, 4, 3, padding="same"))
    ...         super().__init__(stages, 4, spatial_shape, n_outputs, dropout=dropout)
    >>> OneStage(1, (8, 8), 3)(torch.zeros(2, 1, 8, 8)).shape
    torch.Size([2, 3])
    """

    solves_head: ClassVar[bool] = False
    varies: ClassVar[bool] = True

    def __init__(
        self,
        stages: nn.Sequential,
        n_channels: int,
        spatial_shape: tuple[int, ...],
        n_outputs: int,
        *,
        global_pooling: str = "avg",
        hidden_layer_sizes: Sequence[int] = (),
        activation: str = "relu",
        dropout: float = 0.0,
        unequal_length: bool = False,
    ) -> None:
        super().__init__()
        self.stages = stages
        kind = MaskedPooling if unequal_length else GlobalPooling
        pool = kind(global_pooling, n_channels, spatial_shape)
        self.pool: nn.Module = pool
        self.head = Head(
            pool.n_features,
            n_outputs,
            hidden_layer_sizes=hidden_layer_sizes,
            activation=activation,
            dropout=dropout,
        )

    def feature_maps(self, x: Tensor) -> Tensor:
        r"""Compute what the stages give.

        Parameters
        ----------
        x : Tensor of shape (n_samples, n_channels, \*spatial_shape)
            Images.

        Returns
        -------
        maps : Tensor of shape (n_samples, n_maps, ...)
            Feature maps; vectors, if the stages end in such.
        """
        masked = isinstance(self.pool, MaskedPooling)
        maps: Tensor = self.stages(zeros_for_nan(x) if masked else x)
        return maps

    def features(self, x: Tensor) -> Tensor:
        r"""Compute the input of the head.

        Parameters
        ----------
        x : Tensor of shape (n_samples, n_channels, \*spatial_shape)
            Images.

        Returns
        -------
        features : Tensor of shape (n_samples, n_features)
            One vector for each image.
        """
        maps = self.feature_maps(x)
        masked = isinstance(self.pool, MaskedPooling)
        features: Tensor = self.pool(maps, x) if masked else self.pool(maps)
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
            One module each, unless a subclass divides itself otherwise.
        """
        return {name: [stage] for name, stage in self.stages.named_children()}

    def stage_parameters(self) -> dict[str, list[nn.Parameter]]:
        """Give the weights of every stage, first to last, by its name.

        Returns
        -------
        stages : dict of str to list of torch.nn.Parameter
            Every weight before the head is in one of them.
        """
        return {
            name: [p for module in modules for p in module.parameters()]
            for name, modules in self.stage_modules().items()
        }


@runtime_checkable
class LearnsFromSamples(Protocol):
    """A network that takes statistics of training samples before it is trained."""

    def learn_from(self, images: Tensor, generator: torch.Generator) -> None:
        """Take them from some samples, as the network is given them."""


def solves_head(module: nn.Module) -> bool:
    """Tell whether the head of a network is fitted by least squares."""
    return isinstance(module, Network) and module.solves_head


class Head(nn.Sequential):
    """From vectors to outputs: dense layers, whose inputs are dropped out [1]_.

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
