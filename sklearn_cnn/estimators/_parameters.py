"""The constructor parameters of classifier and regressor."""

import copy
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from datetime import timedelta
from numbers import Integral, Real
from os import PathLike
from typing import Any, ClassVar

import torch

from sklearn_cnn.architectures import ACTIVATIONS
from sklearn_cnn.inference import PRECISIONS
from sklearn_cnn.utils._fitting import BaseEstimator
from sklearn_cnn.utils._parameters import has_parameters
from sklearn_cnn.utils._sklearn import Interval, Options, StrOptions

_POSITIVE = Interval(Integral, 1, None, closed="left")
_PROBABILITY = Interval(Real, 0, 1, closed="left")
_RATE = Interval(Real, 0, 1e30, closed="neither")


@dataclass(eq=False, repr=False)
class CNNParameters(BaseEstimator):
    """Parameters of a network and of its training, and what each may be."""

    architecture: Any = "auto"
    _: KW_ONLY
    filters: Any = None
    blocks_per_stage: Any = None
    kernel_size: Any = None
    stride: Any = 1
    padding: str = "same"
    activation: str = "relu"
    normalization: str | None = "batch"
    pooling: str | None = "max"
    global_pooling: str | None = None
    hidden_layer_sizes: Any = None
    dropout: float | None = None
    conv_dropout: float | None = None
    image_size: Any = None
    weights: Any = None
    freeze: Any = None
    freeze_batch_norm: bool | str = "auto"
    input_shape: Any = None
    spatial_dims: Any = "auto"
    unequal_length: bool = False
    data_format: str = "channels_last"
    input_scaling: str | None = "standardize"
    augmentation: Any = "auto"
    test_time_augmentation: bool = False
    weight_decay: Any = "auto"
    optimizer: str = "adamw"
    learning_rate: Any = "auto"
    backbone_learning_rate: Any = "auto"
    momentum: float = 0.9
    lr_schedule: str = "auto"
    batch_size: Any = "auto"
    max_iter: Any = "auto"
    max_time: float | None = None
    freeze_epochs: int = 0
    early_stopping: bool | str = False
    validation_fraction: float = 0.1
    n_iter_no_change: int = 10
    tol: float = 1e-4
    warm_start: bool = False
    device: str = "auto"
    precision: str = "auto"
    compile: bool = False
    callbacks: list | None = None
    checkpoint_dir: Any = None
    checkpoint_interval: Any = 1
    n_networks: int = 1
    random_state: Any = None
    verbose: int = 0

    _parameter_constraints: ClassVar[dict] = {
        "architecture": [str, callable],
        "filters": ["array-like", None],
        "blocks_per_stage": [_POSITIVE, "array-like", None],
        "kernel_size": [_POSITIVE, "array-like", None],
        "stride": [_POSITIVE, "array-like"],
        "padding": [StrOptions({"same", "valid"})],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "normalization": [StrOptions({"batch", "layer"}), None],
        "pooling": [StrOptions({"max", "avg", "stride"}), None],
        "global_pooling": [StrOptions({"avg", "max", "flatten"}), None],
        "hidden_layer_sizes": ["array-like", None],
        "dropout": [_PROBABILITY, None],
        "conv_dropout": [_PROBABILITY, None],
        "image_size": [_POSITIVE, "array-like", None],
        "weights": [str, PathLike, torch.nn.Module, Mapping, None],
        "freeze": [_POSITIVE, str, None],
        "freeze_batch_norm": ["boolean", StrOptions({"auto"})],
        "input_shape": ["array-like", None],
        "spatial_dims": [StrOptions({"auto"}), Options(Integral, {1, 2, 3})],
        "unequal_length": ["boolean"],
        "data_format": [StrOptions({"channels_last", "channels_first"})],
        "input_scaling": [StrOptions({"standardize"}), None],
        "augmentation": "no_validation",  # by a trial, which names the remedy
        "test_time_augmentation": ["boolean"],
        "weight_decay": [
            StrOptions({"auto"}),
            Interval(Real, 0, None, closed="left"),
            "array-like",
        ],
        "optimizer": [StrOptions({"adamw", "adam", "sgd", "rmsprop"})],
        "learning_rate": [StrOptions({"auto"}), _RATE],
        "backbone_learning_rate": [StrOptions({"auto"}), _RATE],
        "momentum": [_PROBABILITY],
        "lr_schedule": [
            StrOptions({"auto", "one_cycle", "cosine", "step", "constant", "plateau"})
        ],
        "batch_size": [StrOptions({"auto"}), _POSITIVE],
        "max_iter": [StrOptions({"auto"}), _POSITIVE],
        "max_time": [Interval(Real, 0, 1e9, closed="neither"), None],
        "freeze_epochs": [Interval(Integral, 0, None, closed="left")],
        "early_stopping": ["boolean", StrOptions({"loss", "score"})],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [_POSITIVE],
        "tol": [Interval(Real, 0, None, closed="left")],
        "warm_start": ["boolean"],
        "device": [str],
        "precision": [StrOptions({"auto", *PRECISIONS})],
        "compile": ["boolean"],
        "callbacks": [list, None],
        "checkpoint_dir": [str, PathLike, None],
        "checkpoint_interval": [_POSITIVE, timedelta],
        "n_networks": [_POSITIVE],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def get_params(self, deep=True):
        """Give the parameters by name.

        Parameters
        ----------
        deep : bool, default=True
            Whether to give the parameters of parameters too, such as those of
            ``augmentation``.

        Returns
        -------
        params : dict
            Names and values.
        """
        params = super().get_params(deep=False)
        if deep:
            for name, value in list(params.items()):
                if has_parameters(value):
                    nested = value.get_params().items()
                    params.update((f"{name}__{key}", inner) for key, inner in nested)
        return params

    def set_params(self, **params):
        """Set parameters by name, those of parameters as ``name__parameter``.

        Parameters
        ----------
        **params : dict
            Names and values.

        Returns
        -------
        self : estimator instance

        Raises
        ------
        ValueError
            If a name is not known, or a parameter has none of its own.
        """
        own = self.get_params(deep=False)
        for key in params:
            name, nested, inner = key.partition("__")
            value = params.get(name, own.get(name))
            if nested and name in own and not hasattr(value, "set_params"):
                remedy = "Set the whole value"
                if name == "architecture":
                    remedy = (
                        "Pass a callable (n_channels, spatial_shape, n_outputs) -> "
                        f"torch.nn.Module that has {inner} built in, or that takes "
                        "parameters of the estimator, such as filters, as keywords"
                    )
                raise ValueError(
                    f"{key} cannot be set: {name}={value!r} has no parameters of its "
                    f"own. {remedy}."
                )
        return super().set_params(**params)

    def __sklearn_clone__(self):
        given = self.augmentation
        if has_parameters(given) or not hasattr(given, "get_params"):
            return super().__sklearn_clone__()
        # torchvision's transforms have a get_params that is not scikit-learn's
        bare = copy.copy(self)
        bare.augmentation = None
        cloned = super(CNNParameters, bare).__sklearn_clone__()
        cloned.augmentation = copy.deepcopy(given)
        return cloned
