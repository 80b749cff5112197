"""Optimizers, and which weights they decay."""

from functools import partial

from torch import optim

# fused: one kernel updates all weights; RMSprop has none
_OPTIMIZERS = {
    "adamw": partial(optim.AdamW, fused=True),
    "adam": partial(optim.Adam, fused=True),
    "sgd": partial(optim.SGD, fused=True),
    "rmsprop": optim.RMSprop,
}

OPTIMIZERS = tuple(_OPTIMIZERS)


def optimizer_factory(name, momentum):
    """Choose an optimizer.

    Parameters
    ----------
    name : {"adamw", "adam", "sgd", "rmsprop"}
        Which one.
    momentum : float
        Nesterov momentum of "sgd" [1]_; the others have their own.

    Returns
    -------
    factory : callable
        Takes parameter groups and ``lr`` and returns a torch optimizer.

    References
    ----------
    .. [1] I. Sutskever et al., "On the importance of initialization and momentum in
       deep learning", ICML 2013.
    """
    if name == "sgd":
        return partial(_OPTIMIZERS[name], momentum=momentum, nesterov=momentum > 0)
    return _OPTIMIZERS[name]


def parameter_groups(module, weight_decay):
    """Split parameters by their weight decay.

    Biases and the scales of normalisation layers are never decayed.

    Parameters
    ----------
    module : torch.nn.Module
        The network.
    weight_decay : float or tuple of float
        For all weights, or one value for each stage of ``module.stages`` and the head;
        parts beyond the end of the tuple are not decayed.

    Returns
    -------
    groups : list of dict
        As torch optimizers take them.

    Raises
    ------
    ValueError
        If there are more values than stages, or no stages.
    """
    decays = _decay_by_part(module, weight_decay)
    groups = {}
    for name, parameter in module.named_parameters():
        part = next((part for part in decays if name.startswith(part)), None)
        decay = decays[part] if part is not None and parameter.ndim > 1 else 0.0
        groups.setdefault(decay, []).append(parameter)
    return [{"params": p, "weight_decay": decay} for decay, p in groups.items()]


def _decay_by_part(module, weight_decay):
    if not isinstance(weight_decay, tuple | list):
        return {"": float(weight_decay)}
    stages = getattr(module, "stages", None)
    n_parts = 0 if stages is None else len(stages) + 1
    if len(weight_decay) > n_parts:
        raise ValueError(
            f"weight_decay={weight_decay!r} has {len(weight_decay)} entries, but the "
            f"network has {n_parts} parts (its stages and its head). Give at most one "
            "entry each, or one float for all."
        )
    names = [*(f"stages.{i}." for i in range(n_parts - 1)), "head."]
    return dict(zip(names, map(float, weight_decay), strict=False))
