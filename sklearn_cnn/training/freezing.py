"""Which stages of a network keep their weights, and which layers their statistics."""

import numpy as np
from torch.nn.modules.batchnorm import _BatchNorm

from sklearn_cnn.architectures import Network
from sklearn_cnn.utils._spelling import did_you_mean


def stages_of(module, freeze=None):
    """Give layers and weights of every stage before the head, first to last.

    Those of other networks than ours are the children that have weights, the last of
    them being the head; an only child is looked into. What has no weights belongs to
    the next stage, and weights of no child to the first one. Where ``freeze`` is the
    path of a layer in a stage, this stage is divided.
    """
    if isinstance(module, Network):
        layers, weights = module.stage_modules(), module.stage_parameters()
        return {name: (layers[name], weights[name]) for name in layers}
    stages = _children(module)
    while len(stages) == 1:
        (name,) = stages
        inner = _children(stages[name][-1], f"{name}.")
        if not inner:
            break
        stages = inner
    head = stages.popitem()[1] if stages else []
    while isinstance(freeze, str) and freeze not in stages:
        above = [name for name in stages if freeze.startswith(f"{name}.")]
        inner = _children(stages[above[0]][-1], f"{above[0]}.") if above else {}
        if not inner:
            break
        before = stages.pop(above[0])[:-1]
        first = next(iter(inner))
        inner[first] = [*before, *inner[first]]
        stages = {**stages, **inner}
    order = {name: i for i, (name, _) in enumerate(module.named_modules())}
    named = sorted(stages.items(), key=lambda item: order.get(item[0], len(order)))
    return _with_all_weights(module, dict(named), head)


def _children(module, prefix=""):
    """Give the children that have weights, each behind those before it that have not.

    Those at the end that have none come with the last one, before it.
    """
    found, waiting = {}, []
    for name, child in module.named_children():
        if next(child.parameters(), None) is None:
            waiting.append(child)
        else:
            found[prefix + name] = [*waiting, child]
            waiting = []
    if found:
        last = next(reversed(found))
        found[last] = [*waiting, *found[last]]
    return found


def _with_all_weights(module, stages, head):
    found = {
        name: (layers, [p for layer in layers for p in layer.parameters()])
        for name, layers in stages.items()
    }
    inside = [layer for layers in (*stages.values(), head) for layer in layers]
    known = {id(p) for layer in inside for p in layer.parameters()}
    if found:
        _, first = next(iter(found.values()))
        first += [p for p in module.parameters() if id(p) not in known]
    return found


def frozen_stages(module, freeze):
    """Give layers and weights of the stages that ``freeze`` means, by name.

    That is none, all ("backbone"), so many of the first ones, or those up to and
    including the named one.
    """
    if freeze is None:
        return {}
    if isinstance(freeze, bool | np.bool_):
        raise ValueError(
            f"freeze={freeze} does not say which stages keep their weights. Pass "
            "'backbone' for all but the head, a number of stages, the name of the last "
            "of them, or None."
        )
    stages = stages_of(module, freeze)
    names = list(stages)
    if not names:
        raise ValueError(
            f"freeze={freeze!r} needs a network with layers before the last one, which "
            f"{type(module).__name__} has not. Pass freeze=None, or set requires_grad "
            "in the network."
        )
    if freeze == "backbone":
        return stages
    if isinstance(freeze, str):
        if freeze not in names:
            raise ValueError(
                f"freeze={freeze!r} is not a stage of the network."
                f"{did_you_mean(freeze, names)} It has the stages {names}; "
                "'backbone' means all of them."
            )
        names = names[: names.index(freeze) + 1]
    elif freeze > len(names):
        raise ValueError(
            f"freeze={freeze!r} is beyond the last stage: the network has "
            f"{len(names)} of them, {names}. freeze='backbone' means all of them."
        )
    else:
        names = names[:freeze]
    return {name: stages[name] for name in names}


def freezes_backbone(module, freeze):
    """Tell whether ``freeze`` leaves nothing but the head of one of our networks."""
    if not isinstance(module, Network):
        return False
    frozen = frozen_stages(module, freeze)
    return bool(frozen) and len(frozen) == len(module.stage_modules())


def batch_norms(module):
    """Give the layers of batch normalisation that keep running statistics."""
    return [
        layer
        for layer in module.modules()
        if isinstance(layer, _BatchNorm) and layer.running_mean is not None
    ]


def require_statistics(module):
    """Refuse to freeze batch normalisation that has no statistics of any images."""
    if not any(n.running_mean.any() for n in batch_norms(module)):
        raise ValueError(
            "freeze_batch_norm=True needs batch normalisation with the statistics of "
            "images that it was trained on, which this network has not. Pass weights, "
            "or a module that was trained; or leave it at 'auto'."
        )


class Freezing:
    """Keep some stages as they are while a network trains.

    Weights get no gradient, and layers that behave differently in training, such as
    batch normalisation and dropout, behave as at prediction. ``constant`` names
    parameters that never learn, as whoever wrote the network has it. With
    ``frozen_norms`` batch normalisation uses its statistics and does not change them
    anywhere, whereas its weights learn.
    """

    def __init__(self, module, freeze, constant, frozen_norms=False):
        self.module = module
        self.freezes_backbone = freezes_backbone(module, freeze)
        stages = frozen_stages(module, freeze).values()
        self._layers = [layer for layers, _ in stages for layer in layers]
        self._layers += batch_norms(module) if frozen_norms else []
        if stages:
            module.eval()  # and so stays what ``train`` does not reach
        frozen = {id(parameter) for _, weights in stages for parameter in weights}
        for name, parameter in module.named_parameters():
            learns = id(parameter) not in frozen and name not in constant
            parameter.requires_grad_(learns)

    def train(self):
        """Put the network into training mode, frozen layers excepted."""
        if self.freezes_backbone:
            self.module.head.train()
            return
        self.module.train()
        for layer in self._layers:
            layer.eval()
