"""Three ways to tell how much each pixel counts, by captum."""

from functools import partial

import numpy as np
import torch
from torch.nn import functional as F

from sklearn_cnn.architectures import evaluating
from sklearn_cnn.inspection._layers import (
    computed_layers,
    has_space,
    require_space,
    stage_layers,
)

METHODS = ("grad_cam", "integrated_gradients", "occlusion")
_INTERPOLATION = {1: "linear", 2: "bilinear", 3: "trilinear"}
#: Steps along the path of integrated gradients ...
_STEPS = 64
#: ... and how many images go through the network at once.
_TOGETHER = 64
#: Positions along each axis that maps need to say where something is.
_FINE = 5


def import_captum():
    """Import captum's methods, or say how to get them."""
    try:
        from captum import attr
    except ImportError as error:
        raise ImportError(
            "SaliencyDisplay needs captum: pip install 'sklearn_cnn[captum]'"
        ) from error
    return attr


def attribute(module, batch, targets, method, *, layer=None, window=None):
    """Compute how much each pixel counts for an output of the network.

    ``batch`` is prepared, and ``targets`` numbers the output that is meant for each
    sample. ``layer`` is that of Grad-CAM, and ``window`` the size of what occlusion
    hides. The result is float64 of shape (n_samples, *spatial_shape). No gradient stays
    in the module.
    """
    attr = import_captum()
    if method == "grad_cam":
        layer = _grad_cam_layer(module, layer, batch)
        layer_cam = attr.LayerGradCam(module, module.get_submodule(layer))
        compute = partial(_grad_cam, layer_cam)
    elif method == "integrated_gradients":
        compute = partial(_integrated_gradients, attr.IntegratedGradients(module))
    else:
        compute = partial(_occlusion, attr.Occlusion(module), window)
    target = torch.as_tensor(targets, device=batch.device)
    found = []
    with evaluating(module), torch.enable_grad():
        for images, meant in zip(
            batch.split(_TOGETHER), target.split(_TOGETHER), strict=True
        ):
            # a gradient is asked for here, as captum would warn that it does so
            maps = compute(images.clone().requires_grad_(), meant)
            found.append(maps.detach().cpu().numpy())
    return np.concatenate(found).astype(np.float64)


def _grad_cam(grad_cam, images, target):
    maps = grad_cam.attribute(images, target, relu_attributions=True)
    space = images.shape[2:]
    mode = _INTERPOLATION[len(space)]
    return F.interpolate(maps, space, mode=mode, align_corners=False).sum(dim=1)


def _integrated_gradients(integrated_gradients, images, target):
    found = integrated_gradients.attribute(
        images, target=target, n_steps=_STEPS, internal_batch_size=_TOGETHER
    )
    return found.sum(dim=1)


def _occlusion(occlusion, window, images, target):
    with torch.no_grad():
        found = occlusion.attribute(
            images,
            sliding_window_shapes=(images.shape[1], *window),
            strides=(1, *(max(1, w // 2) for w in window)),
            target=target,
            perturbations_per_eval=max(1, _TOGETHER // len(images)),
        )
    # the same for all channels, which are hidden together
    return found.mean(dim=1)


def _grad_cam_layer(module, layer, batch):
    n_dims = batch.ndim - 2
    layers = stage_layers(module) if layer is None else [layer]
    outputs = computed_layers(module, layers, batch)
    sides = {
        name: min(output.shape[2:])
        for name, output in outputs.items()
        if has_space(output, n_dims)
    }
    fine = [name for name, side in sides.items() if side >= _FINE]
    name = fine[-1] if fine else next(iter(sides or outputs))
    require_space(name, outputs[name], n_dims, "Grad-CAM")
    return name
