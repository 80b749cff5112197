"""What the layers of a fitted network give."""

import torch

from sklearn_cnn.architectures import Averaged, Network, evaluating
from sklearn_cnn.inference import layer_outputs


def stage_layers(module):
    """Name the last layer of every stage."""
    if isinstance(module, Averaged):
        raise ValueError(
            f"layer=None means one network, and the estimator has "
            f"{len(module.networks)}. Pass one of its estimators_, such as "
            "cnn.estimators_[0], or name a layer, such as 'networks.0.stages'."
        )
    if not isinstance(module, Network):
        raise ValueError(
            f"layer=None needs a subclass of sklearn_cnn.architectures.Network, which "
            f"{type(module).__name__} is not. Name a layer of "
            "estimator.module_.named_modules()."
        )
    names = {layer: name for name, layer in module.named_modules()}
    return [names[layers[-1]] for layers in module.stage_modules().values()]


def computed_layers(module, layers, batch):
    """Run a network on a batch; give what some layers make of it, as arrays by name."""
    with evaluating(module), torch.inference_mode():
        outputs = layer_outputs(module, layers, batch)
    return {name: output.cpu().numpy() for name, output in outputs.items()}


def has_space(output, n_dims):
    """Tell whether an output has feature maps of more than one position."""
    return output.ndim == 2 + n_dims and max(output.shape[2:]) > 1


def require_space(name, output, n_dims, purpose):
    """Refuse a layer that gives no feature maps, which ``purpose`` needs."""
    if not has_space(output, n_dims):
        raise ValueError(
            f"layer={name!r} gives {output.shape[1:]} for a sample, which has no "
            f"spatial extent, but {purpose} needs feature maps of several positions. "
            "Choose an earlier layer; sklearn_cnn.inspection.summary lists the shapes."
        )
