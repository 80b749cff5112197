"""From an estimator's parameters to a network, and to what it wants to see."""

from math import prod
from numbers import Integral

import numpy as np
from sklearn.base import is_classifier

from sklearn_cnn import architectures
from sklearn_cnn.images import read_layout, value_range
from sklearn_cnn.utils._generators import generator_restored

#: Parameters that shape what comes before the head ...
STAGE_PARAMETERS = (
    "filters",
    "blocks_per_stage",
    "kernel_size",
    "stride",
    "padding",
    "activation",
    "normalization",
    "pooling",
)
#: ... and the whole network; each architecture obeys some of them.
NETWORK_PARAMETERS = (
    *STAGE_PARAMETERS,
    "global_pooling",
    "hidden_layer_sizes",
    "dropout",
    "conv_dropout",
)


def network_parameters(estimator):
    """Give the parameters that a network is built with.

    Parameters
    ----------
    estimator : BaseCNN
        Whose parameters are meant.

    Returns
    -------
    parameters : dict
    """
    names = (*NETWORK_PARAMETERS, "architecture", "weights")
    return {name: plain(getattr(estimator, name)) for name in names}


def build_network(estimator, parameters, layout, n_outputs):
    """Build a network and try it.

    Parameters
    ----------
    estimator : estimator instance
        Whose ``architecture`` and ``weights`` are meant; its class has the defaults.
    parameters : dict
        Its parameters that shape the network, by name.
    layout : sklearn_cnn.images.ImageLayout
        What a row of X holds.
    n_outputs : int
        Number of outputs.

    Returns
    -------
    module : torch.nn.Module
        On the CPU.
    cost : int
        Multiply-adds of one forward pass of one sample.

    Raises
    ------
    ValueError
        If parameters, data and weights do not fit together.
    """
    shaping = {k: v for k, v in parameters.items() if k in NETWORK_PARAMETERS}
    _check_sizes(shaping)
    module = architectures.build(
        estimator.architecture,
        layout.n_channels,
        layout.spatial_shape,
        n_outputs,
        shaping,
        {name: getattr(type(estimator), name) for name in shaping},
        estimator.weights,
    )
    cost = architectures.probe(
        module, layout.n_channels, layout.spatial_shape, n_outputs
    )
    return module, cost


def unfitted_network(estimator, n_outputs=None):
    """Build the network that an estimator would fit, of what its parameters tell.

    Parameters
    ----------
    estimator : CNNClassifier or CNNRegressor
        With ``input_shape``; left as it is, and torch's random state as well.
    n_outputs : int or None
        Number of outputs; None means 2 for a classifier and 1 for a regressor.

    Returns
    -------
    module : torch.nn.Module
    layout : sklearn_cnn.images.ImageLayout

    Raises
    ------
    ValueError
        If the shape of the images is not known, or parameters do not fit together.
    """
    estimator._validate_params()
    name, shape = type(estimator).__name__, estimator.input_shape
    if n_outputs is None:
        n_outputs = 2 if is_classifier(estimator) else 1
    if not isinstance(n_outputs, Integral) or n_outputs < 1:
        raise ValueError(f"n_outputs={n_outputs!r} must be an integer of at least 1.")
    if shape is None or -1 in tuple(shape):
        raise ValueError(
            f"This {name} is not fitted, and input_shape={shape!r} does not tell what "
            "its images are. Fit it, or pass the whole shape of a sample, such as "
            f"{name}(input_shape=(28, 28, 1))."
        )
    layout = read_layout(
        (1, prod(shape)),
        input_shape=shape,
        spatial_dims=estimator.spatial_dims,
        data_format=estimator.data_format,
    )
    parameters = network_parameters(estimator)
    with generator_restored():
        module, _ = build_network(estimator, parameters, layout, int(n_outputs))
    return module, layout


def input_statistics(module, samples):
    """Mean and standard deviation by which pixels are standardised.

    Parameters
    ----------
    module : torch.nn.Module
        A backbone with weights of its library expects those that these were trained
        with; any other network takes those of the samples.
    samples : Samples
        Training samples.

    Returns
    -------
    mean, std : ndarray of shape (n_channels,)
    """
    expected = getattr(module, "input_statistics", None)
    if expected is None:
        return samples.channel_statistics()
    brightest = value_range(samples.images, samples.rows)
    mean, std = expected
    return np.multiply(mean, brightest), np.multiply(std, brightest)


def plain(value):
    """Give numbers and sequences Python's own types: they compare and store alike."""
    if isinstance(value, np.ndarray | list | tuple):
        return tuple(np.asarray(value).tolist())
    return value.item() if isinstance(value, np.generic) else value


def _check_sizes(parameters):
    for name in ("filters", "hidden_layer_sizes", "blocks_per_stage"):
        sizes = parameters.get(name)
        if not isinstance(sizes, tuple):
            continue
        if any(not isinstance(size, int) or size < 1 for size in sizes) or (
            name == "filters" and not sizes
        ):
            raise ValueError(
                f"{name}={sizes!r} must be a sequence of positive integers, such as "
                "(32, 64)."
            )
