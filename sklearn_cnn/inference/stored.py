"""A network as it is stored: how to build it, and the bytes of its weights."""

from operator import call

import numpy as np
import torch
from torch.nn.parameter import is_lazy

from sklearn_cnn.utils._generators import seeded, usual_modes
from sklearn_cnn.utils._tensors import as_bytes, from_bytes


def network_state(predictor):
    """Describe the network of a predictor by plain values.

    Raises
    ------
    ValueError
        If what is built anew of the description is another network.
    """
    predictor.evaluate()
    module = predictor.module
    weights = module.state_dict()
    odd = [k for k, value in weights.items() if not isinstance(value, torch.Tensor)]
    if odd:
        raise ValueError(
            f"The network keeps {odd[0]!r} in its state dict, which is no tensor, and "
            "cannot be saved. Let get_extra_state return a tensor."
        )
    state = {
        "blueprint": predictor.blueprint,
        "weights": as_bytes(weights, holds="weights"),
        "constant": [n for n, p in module.named_parameters() if not p.requires_grad],
        "empty": True,
    }
    problem = _difference(predictor, state)
    if problem:  # something that a device without values cannot build
        state["empty"] = False
        problem = _difference(predictor, state)
    if problem:
        raise ValueError(
            "The network is not what its parameters build, and cannot be saved by "
            f"them: {problem}. If it was changed after the fit, pass the changed "
            "module as architecture= and fit it; pickle stores what it is."
        )
    return state


def rebuilt_network(state, prepare):
    """Build the network that ``network_state`` described, without drawing numbers."""
    weights = from_bytes(state["weights"])
    with usual_modes(), seeded(0, "cpu"):
        module = _filled(state["blueprint"], weights, prepare, state["empty"])
    constant = set(state["constant"])
    for name, parameter in module.named_parameters():
        parameter.requires_grad_(name not in constant)
    return module.eval()


def _filled(blueprint, weights, prepare, empty):
    if empty:
        module = blueprint.build_empty()
        module.load_state_dict(weights, assign=True)
        tensors = [*module.parameters(), *module.buffers()]
        if any(tensor.is_meta for tensor in tensors):
            raise ValueError("The network has tensors that its state dict lacks.")
        return prepare.place(module)
    _require_sizes(blueprint, weights)
    module = blueprint.build(pretrained=False)
    if any(is_lazy(parameter) for parameter in module.parameters()):
        with torch.no_grad():
            module.eval()(prepare.blank(1).float())
    # before it takes them: a copy into another dtype would round
    module = prepare.place(module)
    module.load_state_dict(weights)
    return module


def _require_sizes(blueprint, weights):
    """Refuse what asks for other memory than its weights, before it gets any."""
    try:
        given = blueprint.build_empty().state_dict()
        fits = all(weights[name].shape == given[name].shape for name in given)
    except Exception:  # not everything can be built there
        return
    if not fits:
        raise ValueError("The weights are not of this network.")


def _difference(predictor, state):
    """Say in which way what is built anew differs; nothing if it does not."""
    try:
        module = rebuilt_network(state, predictor.prepare)
        before, after = (_outputs(predictor, m) for m in (predictor.module, module))
    except Exception as error:  # builders of others fail in any way
        return str(error).strip().partition("\n")[0] or type(error).__name__
    tied = [len({id(p) for p in m.parameters()}) for m in (module, predictor.module)]
    if tied[0] != tied[1]:
        return "it shares weights otherwise"
    for name, tensor in predictor.module.state_dict().items():
        other = module.state_dict()[name]
        if other.dtype != tensor.dtype or other.shape != tensor.shape:
            return f"{name} is of another shape or dtype"
    if not np.array_equal(before, after, equal_nan=True):
        return "it gives other outputs"
    return None


def _outputs(predictor, module):
    """Run two images of a fixed pattern: zeros would hide much."""
    prepare = predictor.prepare
    images = prepare.blank(2)
    pattern = np.sin(np.arange(images.numel())).reshape(images.shape)
    images.copy_(torch.from_numpy(pattern))
    images = prepare.place_images(images)
    with seeded(0, prepare.device), torch.inference_mode():
        return predictor._run(call, module, images).cpu().numpy()
