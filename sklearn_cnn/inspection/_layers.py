"""What the layers of a fitted network give."""

import torch

from sklearn_cnn.architectures import Network
from sklearn_cnn.architectures.summary import evaluating
from sklearn_cnn.utils._spelling import did_you_mean


def check_layer(module, layer):
    """Check the name of a layer.

    Parameters
    ----------
    module : torch.nn.Module
        The network.
    layer : str
        What the user wrote.

    Returns
    -------
    layer : torch.nn.Module

    Raises
    ------
    ValueError
        If there is no such layer.
    """
    layers = dict(module.named_modules())
    if not layer or layer not in layers:
        names = [name for name in layers if name]
        listed = ", ".join(names[:30]) + (", ..." if len(names) > 30 else "")
        hint = did_you_mean(layer, names) if isinstance(layer, str) else ""
        raise ValueError(
            f"layer={layer!r} is not in the network.{hint} Available: {listed}."
        )
    return layers[layer]


def stage_layers(module):
    """Name the last layer of every stage.

    Parameters
    ----------
    module : torch.nn.Module
        The network.

    Returns
    -------
    names : list of str

    Raises
    ------
    ValueError
        If the network has no stages.
    """
    if not isinstance(module, Network):
        raise ValueError(
            f"layer=None needs a subclass of sklearn_cnn.architectures.Network, which "
            f"{type(module).__name__} is not. Name a layer of "
            "estimator.module_.named_modules()."
        )
    names = {layer: name for name, layer in module.named_modules()}
    return [names[layers[-1]] for layers in module.stage_modules().values()]


def layer_outputs(module, layers, batch):
    """Run a network and keep what some layers give.

    Parameters
    ----------
    module : torch.nn.Module
        The network.
    layers : sequence of str
        Names of layers.
    batch : torch.Tensor of shape (n_samples, n_channels, *spatial_shape)
        Prepared images.

    Returns
    -------
    outputs : dict of str to ndarray
        What each layer gave, or gave last.

    Raises
    ------
    ValueError
        If a layer is unknown, takes no part, or gives no tensor.
    """
    found = {}

    def keep(name):
        def hook(layer, inputs, output):
            # a layer that works in place may overwrite it
            found[name] = output.clone() if isinstance(output, torch.Tensor) else None

        return hook

    watched = {name: check_layer(module, name) for name in layers}
    hooks = [layer.register_forward_hook(keep(name)) for name, layer in watched.items()]
    try:
        with evaluating(module), torch.inference_mode():
            module(batch)
    finally:
        for hook in hooks:
            hook.remove()
    for name in layers:
        if found.get(name) is None:
            problem = "gives no tensor" if name in found else "takes no part"
            raise ValueError(
                f"layer={name!r} {problem} in a forward pass of the network. Choose "
                "another layer."
            )
    return {name: found[name].cpu().numpy() for name in layers}


def has_space(output, n_dims):
    """Tell whether an output consists of feature maps with more than one position.

    Parameters
    ----------
    output : ndarray of shape (n_samples, ...)
        What a layer gave.
    n_dims : int
        Number of spatial axes of the images.

    Returns
    -------
    has : bool
    """
    return output.ndim == 2 + n_dims and max(output.shape[2:]) > 1


def require_space(name, output, n_dims, purpose):
    """Refuse a layer that gives no feature maps.

    Parameters
    ----------
    name : str
        Of the layer.
    output : ndarray of shape (n_samples, ...)
        What it gave.
    n_dims : int
        Number of spatial axes of the images.
    purpose : str
        What needs feature maps.

    Raises
    ------
    ValueError
        If there is one position only, or no spatial axis.
    """
    if not has_space(output, n_dims):
        raise ValueError(
            f"layer={name!r} gives {output.shape[1:]} for a sample, which has no "
            f"spatial extent, but {purpose} needs feature maps of several positions. "
            "Choose an earlier layer; sklearn_cnn.inspection.summary lists the shapes."
        )
