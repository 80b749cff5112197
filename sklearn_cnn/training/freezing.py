"""Which stages of a network keep their weights, and which layers their statistics."""

from torch.nn.modules.batchnorm import _BatchNorm

from sklearn_cnn.architectures import Network
from sklearn_cnn.utils._spelling import did_you_mean


def frozen_stages(module, freeze):
    """Name the stages that ``freeze`` means, first to last.

    That is none, all ("backbone"), so many of the first ones, or those up to and
    including the named one.
    """
    if freeze is None:
        return []
    if not isinstance(module, Network):
        raise ValueError(
            f"freeze={freeze!r} needs a network that is divided into stages and a "
            f"head, but {type(module).__name__} is not a subclass of "
            "sklearn_cnn.architectures.Network. Pass freeze=None, or set requires_grad "
            "in the network."
        )
    stages = list(module.stage_modules())
    if freeze == "backbone":
        return stages
    if isinstance(freeze, str):
        if freeze not in stages:
            raise ValueError(
                f"freeze={freeze!r} is not a stage of the network."
                f"{did_you_mean(freeze, stages)} It has the stages {stages}; "
                "'backbone' means all of them."
            )
        return stages[: stages.index(freeze) + 1]
    if freeze > len(stages):
        raise ValueError(
            f"freeze={freeze!r} is beyond the last stage: the network has "
            f"{len(stages)} of them, {stages}. freeze='backbone' means all of them."
        )
    return stages[:freeze]


def freezes_backbone(module, freeze):
    """Tell whether ``freeze`` leaves nothing but the head to learn."""
    names = frozen_stages(module, freeze)
    return bool(names) and len(names) == len(module.stage_modules())


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
        names = frozen_stages(module, freeze)
        stages = module.stage_modules() if names else {}
        self._layers = [layer for name in names for layer in stages[name]]
        self._layers += batch_norms(module) if frozen_norms else []
        if names:
            module.eval()  # and so stays what ``train`` does not reach
        weights = module.stage_parameters() if names else {}
        frozen = {id(parameter) for name in names for parameter in weights[name]}
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
