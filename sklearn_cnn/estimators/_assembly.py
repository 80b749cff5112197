"""From parameters and checked data to a network that can predict."""

import warnings
from math import prod

import numpy as np
import torch
from sklearn.base import is_classifier
from torch.nn.parameter import is_lazy

from sklearn_cnn import architectures
from sklearn_cnn.estimators._auto import (
    chosen_architecture,
    chosen_dropout,
    is_auto,
    require_solvable,
)
from sklearn_cnn.images import take_rows, value_range
from sklearn_cnn.inference import (
    Predictor,
    Preparation,
    dtype_of,
    over_networks,
    resolve_device,
    resolve_precision,
)
from sklearn_cnn.utils._generators import seeded
from sklearn_cnn.utils._parameters import as_builtin, is_integer, require_integer

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
    "image_size",
)
#: ... and the head; each architecture obeys some of them.
HEAD_PARAMETERS = (
    "global_pooling",
    "hidden_layer_sizes",
    "dropout",
    "conv_dropout",
    "unequal_length",
)

#: Those that are integers: one for each stage or layer, ...
_ALWAYS = ("filters", "hidden_layer_sizes")
_SEQUENCES = (*_ALWAYS, "blocks_per_stage")
#: ... or for each spatial axis, which longer kernels make the libraries crash at.
_PER_AXIS = ("kernel_size", "stride")
_MOST_PER_AXIS = 1 << 16
#: Most samples, and most of their values, that a network learns from before training.
_MOST_SHOWN, _SHOWN_VALUES = 1 << 10, 1 << 24


def assemble(
    estimator,
    layout,
    n_outputs,
    *,
    device,
    seed=0,
    samples=None,
    by_steps=False,
    prepare=None,
):
    """Build the network of an estimator, try it, and say how images go into it.

    Parameters
    ----------
    estimator : estimator instance
        Its parameters named in ``_network_parameters`` shape the network; its class has
        their defaults.
    layout : sklearn_cnn.images.ImageLayout
        What a row of X holds.
    n_outputs : int
        Number of outputs.
    device : str
        Where it will be computed.
    seed : int
        Of the random weights.
    samples : Samples or None
        Whose statistics standardise pixels, and which networks may learn from at once;
        None leaves pixels alone.
    by_steps : bool
        Whether samples will come in parts.
    prepare : Preparation or None
        That of another network of the same samples, which is shared.

    Returns
    -------
    predictor : sklearn_cnn.inference.Predictor

    Raises
    ------
    ValueError
        If parameters, data and weights do not fit together.
    """
    precision = resolve_precision(estimator.precision, device, 0)
    n = 0 if samples is None else len(samples.rows)
    architecture = chosen_architecture(estimator, layout, n, by_steps=by_steps)
    of = architecture, layout, n
    blueprint = _blueprint(estimator, *of, n_outputs, by_steps)
    with seeded(seed, device):
        module, cost = _build(estimator, blueprint)
    require_solvable(estimator, module, architecture, by_steps=by_steps)
    if prepare is None:
        mean = scale = None
        if samples is not None and estimator.input_scaling == "standardize":
            mean, scale = _input_statistics(module, samples)
        prepare = Preparation(layout, mean, scale, dtype_of(precision), device)
    compile = getattr(estimator, "compile", False)
    module = prepare.place(module)
    learns = isinstance(module, architectures.LearnsFromSamples)
    if learns and samples is not None and estimator.weights is None:
        _learn_from(module, samples, prepare, seed)
    return Predictor(module, prepare, precision, cost, compile, blueprint)


def unfitted_predictor(estimator, n_outputs=None):
    """Build the network that an estimator would fit, of what its parameters tell.

    Parameters
    ----------
    estimator : CNNClassifier or CNNRegressor
        With ``input_shape``; left as it is.
    n_outputs : int or None
        Number of outputs; None means 2 for a classifier and 1 for a regressor.

    Raises
    ------
    ValueError
        If the shape of the images is not known, or parameters do not fit together.
    """
    estimator._validate_params()
    name, shape = type(estimator).__name__, estimator.input_shape
    if n_outputs is None:
        n_outputs = 2 if is_classifier(estimator) else 1
    require_integer("n_outputs", n_outputs, 1)
    if shape is None or -1 in tuple(shape):
        raise ValueError(
            f"This {name} is not fitted, and input_shape={shape!r} does not tell what "
            "its images are. Fit it, or pass the whole shape of a sample, such as "
            f"{name}(input_shape=(28, 28, 1))."
        )
    layout = estimator._read_layout((1, prod(shape)))
    predictors = [
        assemble(estimator, layout, int(n_outputs), device="cpu")
        for _ in range(estimator.n_networks)
    ]
    return over_networks(predictors, "identity")


def network_parameters(estimator):
    """Give the parameters that a network is built with, by name."""
    names = ("architecture", *estimator._network_parameters, "weights")
    return {name: as_builtin(getattr(estimator, name)) for name in names}


def fixed_parameters(estimator, architecture):
    """Give the parameters that cannot change once a network is built, by name.

    ``architecture`` is what "auto" stands for.
    """
    parameters = network_parameters(estimator)
    if is_auto(estimator.architecture):
        parameters["architecture"] = architecture
    return {
        **parameters,
        "weights": architectures.fingerprint(estimator.weights),
        "input_scaling": estimator.input_scaling,
        "device": resolve_device(estimator.device),
        # weights are of one of these
        "precision": "float64" if estimator.precision == "float64" else "float32",
    }


def _learn_from(module, samples, prepare, seed):
    """Show a network some of the samples that it will be trained on."""
    generator = torch.Generator().manual_seed(seed)
    n = max(1, min(_MOST_SHOWN, _SHOWN_VALUES // samples.layout.n_features))
    chosen = torch.randperm(len(samples.rows), generator=generator)[:n].numpy()
    images = take_rows(samples.images, samples.rows[np.sort(chosen)])
    with torch.inference_mode():
        module.learn_from(prepare(images), generator)


def _blueprint(estimator, architecture, layout, n_samples, n_outputs, by_steps):
    parameters = network_parameters(estimator)
    del parameters["architecture"]
    weights = parameters.pop("weights")
    _check_sizes(parameters)
    data = (layout.n_channels, layout.spatial_shape, n_outputs)
    defaults = {name: getattr(type(estimator), name) for name in parameters}
    of = estimator, architecture, layout, n_samples
    parameters.update(chosen_dropout(*of, partial=by_steps))
    return architectures.Blueprint(architecture, data, parameters, defaults, weights)


def _build(estimator, blueprint):
    data, module = blueprint.data, blueprint.build()
    if blueprint.weights is not None or not isinstance(module, architectures.Network):
        _require_values(module, blueprint.weights)
    cost = architectures.probe(module, *data)
    if is_classifier(estimator) and not isinstance(module, architectures.Network):
        _warn_of_probabilities(architectures.ends_in_probabilities(module, *data[:2]))
    return module, cost


def _require_values(module, weights):
    """Refuse weights that a training could only start from in vain."""
    source = "architecture" if weights is None else "weights"
    for name, tensor in module.state_dict().items():
        if not isinstance(tensor, torch.Tensor) or is_lazy(tensor):
            continue
        if tensor.is_meta:
            raise ValueError(
                f"{source} has {name} on the device 'meta', which holds no values. "
                "Build the network on the CPU."
            )
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise ValueError(
                f"{source} has NaN or infinity in {name}, of which nothing can be "
                "learned. Take those of an earlier epoch, or weights=None."
            )


def _warn_of_probabilities(function):
    if function is not None:
        warnings.warn(
            f"The network that architecture gives ends in a {function}: its outputs "
            "stay between 0 and 1. The loss makes probabilities of outputs without "
            f"bound itself, and learns badly from these. Remove the {function} at the "
            f"end, such as torch.nn.{function.capitalize()}.",
            UserWarning,
            stacklevel=2,
        )


def _input_statistics(module, samples):
    """Mean and standard deviation by which the channels are standardised.

    A backbone with weights of its library expects those that these were trained with;
    any other network takes those of the samples.
    """
    expected = getattr(module, "input_statistics", None)
    if expected is None:
        return samples.channel_statistics()
    brightest = value_range(samples.images, samples.rows)
    mean, std = expected
    return np.multiply(mean, brightest), np.multiply(std, brightest)


def _check_sizes(parameters):
    for name in _SEQUENCES + _PER_AXIS:
        given = parameters.get(name)
        if given is None:
            continue
        most = _MOST_PER_AXIS if name in _PER_AXIS else float("inf")
        sizes = (given,) if is_integer(given) and name not in _ALWAYS else given
        proper = isinstance(sizes, tuple) and all(
            is_integer(size) and 0 < size <= most for size in sizes
        )
        if not proper or (name == "filters" and not given):
            example = "(3, 3), one for each spatial axis" if name in _PER_AXIS else ""
            also = "" if name in _ALWAYS else "a positive integer, or "
            limit = f", none above {most:,}" if name in _PER_AXIS else ""
            raise ValueError(
                f"{name}={given!r} must be {also}a sequence of positive integers, such "
                f"as {example or '(32, 64)'}{limit}."
            )
