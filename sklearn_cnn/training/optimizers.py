"""Optimizers, and which weights they decay."""

from functools import partial
from inspect import unwrap

import torch
from torch import optim

from sklearn_cnn.architectures import Network
from sklearn_cnn.training.freezing import stages_of


class _WithoutCompiler(optim.Optimizer):
    """An optimizer that does not load torch's compiler.

    torch wraps these methods so that its compiler leaves them alone, and the wrappers
    import it: a second and over 100 MB for the first fit of every process. The compiler
    never sees an optimizer here.
    """

    def __init_subclass__(cls):
        """Take off the wrappers of the optimizer that comes next in the bases."""
        super().__init_subclass__()
        cls.add_param_group = unwrap(cls.add_param_group)
        cls.step = torch.no_grad()(unwrap(cls.step))
        cls.state_dict = unwrap(cls.state_dict)
        cls.load_state_dict = unwrap(cls.load_state_dict)


class AdamW(_WithoutCompiler, optim.AdamW):
    """:class:`torch.optim.AdamW`."""


class Adam(_WithoutCompiler, optim.Adam):
    """:class:`torch.optim.Adam`."""


class SGD(_WithoutCompiler, optim.SGD):
    """:class:`torch.optim.SGD`."""


class RMSprop(_WithoutCompiler, optim.RMSprop):
    """:class:`torch.optim.RMSprop`."""


# fused: one kernel updates all weights; RMSprop has none
_OPTIMIZERS = {
    "adamw": partial(AdamW, fused=True),
    "adam": partial(Adam, fused=True),
    "sgd": partial(SGD, fused=True),
    "rmsprop": RMSprop,
}

OPTIMIZERS = tuple(_OPTIMIZERS)


def make_optimizer(groups, name, momentum, learning_rate):
    """Make an optimizer of what ``parameter_groups`` gives.

    ``momentum`` is the Nesterov momentum of "sgd" [1]_; the others have their own.

    References
    ----------
    .. [1] I. Sutskever et al., "On the importance of initialization and momentum in
       deep learning", ICML 2013.
    """
    options = {}
    if name == "sgd":
        options = {"momentum": momentum, "nesterov": momentum > 0}
    return _OPTIMIZERS[name](groups, lr=learning_rate, **options)


def parameter_groups(module, weight_decay, backbone_learning_rate=1.0):
    """Split parameters by their weight decay and their learning rate.

    Biases and the scales of normalisation layers are never decayed. Parameters that
    need no gradient are left out.

    Parameters
    ----------
    module : torch.nn.Module
        The network.
    weight_decay : float or tuple of float
        For all weights, or one value for each stage and the head; parts beyond the end
        of the tuple are not decayed.
    backbone_learning_rate : float
        Factor on the learning rate of everything but the head.

    Returns
    -------
    groups : list of dict
        As torch optimizers take them, with "lr_factor" besides; the last one has the
        learning rate of the head.

    Raises
    ------
    ValueError
        If values are given for stages or a head, and the network has none.
    """
    parts = _parts(module)
    decays = _decay_by_part(parts, weight_decay)
    if parts is None and backbone_learning_rate != 1:
        raise ValueError(
            f"backbone_learning_rate={backbone_learning_rate!r} needs a network with a "
            "head, that is with layers before its last one. Leave it at 1.0."
        )
    part_of = {id(p): i for i, part in enumerate(parts or []) for p in part}
    head = len(parts or []) - 1
    groups = {}
    for parameter in module.parameters():
        if not parameter.requires_grad:
            continue
        part = part_of.get(id(parameter), head)
        decay = decays[part] if parameter.ndim > 1 else 0.0
        factor = 1.0 if part == head else backbone_learning_rate
        groups.setdefault((factor, decay), []).append(parameter)
    if not groups:
        raise ValueError(
            f"No weight of {type(module).__name__}, which architecture gives, learns. "
            "Set requires_grad of those that shall."
        )
    ordered = sorted(groups.items(), key=lambda item: item[0][0] == 1.0)
    return [
        {"params": parameters, "weight_decay": decay, "lr_factor": factor}
        for (factor, decay), parameters in ordered
    ]


def _parts(module):
    """Parameters of every stage, and of the head."""
    stages = [weights for _, weights in stages_of(module).values()]
    if isinstance(module, Network):
        return [*stages, list(module.head.parameters())]
    if not stages:
        return None
    before = {id(parameter) for weights in stages for parameter in weights}
    return [*stages, [p for p in module.parameters() if id(p) not in before]]


def _decay_by_part(parts, weight_decay):
    n_parts = len(parts or [])
    if not isinstance(weight_decay, tuple | list):
        return [float(weight_decay)] * max(1, n_parts)
    if len(weight_decay) > n_parts:
        raise ValueError(
            f"weight_decay={weight_decay!r} has {len(weight_decay)} entries, but the "
            f"network has {n_parts} parts (its stages and its head). Give at most one "
            "entry each, or one float for all."
        )
    return [*map(float, weight_decay), *[0.0] * (n_parts - len(weight_decay))]
