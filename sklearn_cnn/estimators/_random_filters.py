"""Whether filters are random, of which nobody wants features."""

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from sklearn_cnn.architectures import registered_builder
from sklearn_cnn.utils._generators import seeded

#: Another seed than those that are drawn.
_OTHER = 12345


def draws_filters(estimator, predictor, parameters):
    """Tell whether these parameters of a new network are random.

    A module is trusted to have weights of some training. What is built by code of the
    user's may load them: it does if another seed gives the same.
    """
    blueprint = predictor.blueprint
    architecture = blueprint.architecture
    if estimator.weights is not None or isinstance(architecture, nn.Module):
        return False
    if isinstance(architecture, str) and registered_builder(architecture) is None:
        return True
    chosen = {id(parameter) for parameter in parameters}
    with seeded(_OTHER, predictor.prepare.device):
        other = dict(blueprint.build().named_parameters())
    return any(
        is_lazy(other[name]) or not torch.equal(other[name].to(own), own)
        for name, own in predictor.module.named_parameters()
        if id(own) in chosen
    )
