"""Trying a freshly built network on an empty image."""

import copy
from typing import Any

import torch
from torch import Tensor, nn

from sklearn_cnn.utils._generators import generator_restored

_MULTIPLYING = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)


def probe(
    module: nn.Module, n_channels: int, spatial_shape: tuple[int, ...], n_outputs: int
) -> int:
    """Check what a network on the CPU returns, and what it costs for one sample.

    The cost is that of its convolutions and dense layers, in multiply-adds, and what
    other layers say of themselves as their ``n_operations``.
    """
    cost = sum(getattr(layer, "n_operations", 0) for layer in module.modules())

    def count(layer: nn.Module, inputs: Any, output: Tensor) -> None:
        nonlocal cost
        weight = layer.weight
        assert isinstance(weight, Tensor)  # true of all types that are hooked
        cost += output.numel() * weight.numel() // weight.shape[0]

    layers = [m for m in module.modules() if isinstance(m, _MULTIPLYING)]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    try:
        # not in inference mode: lazy layers get their weights here
        with torch.no_grad():
            output = module.eval()(blank_image(module, n_channels, spatial_shape))
    except (RuntimeError, TypeError, IndexError, AssertionError) as error:
        raise ValueError(
            f"The network that architecture gives cannot process an input of shape "
            f"{(1, n_channels, *spatial_shape)} (samples, channels, space): {error}"
        ) from error
    finally:
        for hook in hooks:
            hook.remove()
    shape = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
    if shape != (1, n_outputs):
        raise ValueError(
            f"The network that architecture gives must return n_outputs={n_outputs} "
            f"values per sample, a tensor of shape (1, {n_outputs}) for one sample, "
            f"but it returns {shape}. Use the third argument of your callable as the "
            "width of the last layer; a module must have that width already."
        )
    return cost


def probe_training_on_one(
    module: nn.Module, n_channels: int, spatial_shape: tuple[int, ...], batch_size: int
) -> None:
    """Check that a network on the CPU can train on a batch of a single sample."""
    try:
        with torch.no_grad(), generator_restored():
            tried = copy.deepcopy(module).train()
            tried(blank_image(tried, n_channels, spatial_shape))
    except ValueError as error:
        raise ValueError(
            f"batch_size={batch_size} leaves a batch of a single sample, which batch "
            f"normalisation cannot scale ({error}). Use a larger batch_size or "
            "normalization='layer'."
        ) from error


def blank_image(
    module: nn.Module, n_channels: int, spatial_shape: tuple[int, ...]
) -> Tensor:
    """Make a sample of zeros of the dtype of a network, and where it is."""
    like = next(module.parameters(), torch.empty(0))
    return torch.zeros(
        1, n_channels, *spatial_shape, dtype=like.dtype, device=like.device
    )


def ends_in_probabilities(
    module: nn.Module, n_channels: int, spatial_shape: tuple[int, ...]
) -> str | None:
    """Tell whether a network on the CPU ends in a "softmax" or "sigmoid", or like one.

    That shows in outputs which stay between 0 and 1 whatever its weights are. The
    network is left as it is.
    """
    try:
        found = _outputs_of_any_weights(module, n_channels, spatial_shape)
    except Exception:  # made-up images are nothing that a network has to take
        return None
    if found is None:
        return None
    if found.shape[1] > 1 and bool(((found.sum(1) - 1).abs() < 1e-3).all()):
        return "softmax"
    return "sigmoid" if bool(found.std(0).max() > 0) else None


def _outputs_of_any_weights(
    module: nn.Module, n_channels: int, spatial_shape: tuple[int, ...]
) -> Tensor | None:
    """Compute outputs of several images and weights; None if any is not in [0, 1]."""
    tried = copy.deepcopy(module).eval()
    for layer in tried.modules():
        layer._forward_hooks.clear()  # they are not for made-up images
    blank = blank_image(tried, n_channels, spatial_shape)
    random = torch.Generator().manual_seed(0)
    images = [
        torch.randn(blank.shape, generator=random).to(blank) * scale
        for scale in (1, 1, 10)
    ]
    outputs = []
    with torch.no_grad(), generator_restored():
        for factor in (1, -30, -1):  # 1, -30 and 30 times the weights
            for parameter in tried.parameters():
                parameter.mul_(factor)
            outputs += [tried(image) for image in images]
            if not all(((y >= 0) & (y <= 1)).all() for y in outputs):
                return None
    return torch.cat(outputs)
