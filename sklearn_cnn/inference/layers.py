"""Layers of a network, by their names, and what they give."""

import threading

import torch

from sklearn_cnn.utils._spelling import did_you_mean

_NAMED = 30


def find_layer(module, layer):
    """Give the layer of this name, or say which ones there are."""
    layers = dict(module.named_modules())
    if not layer or layer not in layers:
        hint = did_you_mean(layer, layers) if isinstance(layer, str) else ""
        raise ValueError(
            f"layer={layer!r} is not in the network.{hint} Available: "
            f"{named_layers(module)}."
        )
    return layers[layer]


def named_layers(module):
    """List the names of the first layers, for an error message."""
    names = [name for name, _ in module.named_modules() if name]
    return ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")


def layer_outputs(module, layers, batch):
    """Run a network on a batch and keep what some layers give.

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
    outputs : dict of str to torch.Tensor
        What each layer gave, or gave last.

    Raises
    ------
    ValueError
        If a layer is unknown, takes no part, or gives no tensor.
    """
    thread, found = threading.get_ident(), {}

    def keep(name):
        def hook(layer, inputs, output):
            if threading.get_ident() == thread:  # others may compute other batches
                # a layer that works in place may overwrite it
                is_tensor = isinstance(output, torch.Tensor)
                found[name] = output.clone() if is_tensor else None

        return hook

    watched = {name: find_layer(module, name) for name in layers}
    hooks = [layer.register_forward_hook(keep(name)) for name, layer in watched.items()]
    try:
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
    return found
