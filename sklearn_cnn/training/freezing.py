"""Which stages of a network keep their weights."""

from sklearn_cnn.architectures import Network
from sklearn_cnn.utils._spelling import did_you_mean


def frozen_stages(module, freeze):
    """Work out which stages are meant.

    Parameters
    ----------
    module : torch.nn.Module
        The network.
    freeze : None, "backbone", int or str
        Nothing, all stages, so many of the first ones, or those up to and including
        the named one.

    Returns
    -------
    names : list of str
        Names of stages, first to last.

    Raises
    ------
    ValueError
        If there are no such stages.
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


class Freezing:
    """Keep some stages as they are while a network trains.

    Weights get no gradient, and layers that behave differently in training, such as
    batch normalisation and dropout, behave as at prediction.

    Parameters
    ----------
    module : torch.nn.Module
        The network.
    freeze : None, "backbone", int or str
        As in :func:`frozen_stages`.
    constant : set of str
        Names of parameters that never learn, as whoever wrote the network has it.

    Attributes
    ----------
    head_only : bool
        Whether nothing but the head learns.
    """

    def __init__(self, module, freeze, constant):
        names = frozen_stages(module, freeze)
        self.module = module
        self.head_only = bool(names) and len(names) == len(module.stage_modules())
        stages = module.stage_modules() if names else {}
        self._layers = [layer for name in names for layer in stages[name]]
        module.eval()
        weights = module.stage_parameters() if names else {}
        frozen = {id(parameter) for name in names for parameter in weights[name]}
        for name, parameter in module.named_parameters():
            learns = id(parameter) not in frozen and name not in constant
            parameter.requires_grad_(learns)

    def train(self):
        """Put the network into training mode, frozen layers excepted."""
        if self.head_only:
            self.module.head.train()
            return
        self.module.train()
        for layer in self._layers:
            layer.eval()


def is_frozen(module):
    """Tell whether nothing but the head of a network learns.

    Parameters
    ----------
    module : torch.nn.Module
        The network.

    Returns
    -------
    frozen : bool
    """
    # most networks answer at their first weight: every prediction asks
    return isinstance(module, Network) and not any(
        parameter.requires_grad
        for name, parameter in module.named_parameters()
        if not name.startswith("head.")
    )
