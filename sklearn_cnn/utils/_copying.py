"""Copies of networks and optimizers, as ``deepcopy`` makes them in 4 times the time."""

import copy
from collections import OrderedDict, defaultdict

import torch
from torch import nn

#: What cannot change, and so need not be copied.
_ATOMS = (int, float, str, type(None), type, torch.dtype)
_CONTAINERS = (dict, OrderedDict, set, list)


def copy_module(module, memo=None):
    """Copy a network whole, as ``copy.deepcopy`` does.

    Parameters
    ----------
    module : torch.nn.Module
        The network.
    memo : dict or None
        What stands for which object of it, by ``id``; the copies are added.
    """
    memo = {} if memo is None else memo
    for tensor in _plain_tensors(module):
        if id(tensor) not in memo:
            memo[id(tensor)] = _copy_tensor(tensor)
    return _copy_layer(module, memo)


def copy_optimizer(optimizer, memo):
    """Copy an optimizer for the weights that ``memo`` of ``copy_module`` holds."""
    other = object.__new__(type(optimizer))
    state = defaultdict(dict)
    for parameter, values in optimizer.state.items():
        state[memo[id(parameter)]] = {
            name: value.clone() if isinstance(value, torch.Tensor) else value
            for name, value in values.items()
        }
    groups = [
        {**group, "params": [memo[id(parameter)] for parameter in group["params"]]}
        for group in optimizer.param_groups
    ]
    defaults = dict(optimizer.defaults)
    other.__setstate__({"defaults": defaults, "state": state, "param_groups": groups})
    return other


def _plain_tensors(module):
    """Give the tensors that have memory, and nothing else, of their own."""
    tensors = [*module.parameters(), *module.buffers()]
    if any(type(t) not in (nn.Parameter, torch.Tensor) or vars(t) for t in tensors):
        return []
    if any(t.layout is not torch.strided or t.is_quantized for t in tensors):
        return []
    memory = {t.untyped_storage().data_ptr() for t in tensors}
    return tensors if len(memory) == len(tensors) else []


def _copy_tensor(tensor):
    copied = tensor.detach().clone()
    if isinstance(tensor, nn.Parameter):
        return nn.Parameter(copied, tensor.requires_grad)
    return copied.requires_grad_(tensor.requires_grad)


def _copy_layer(layer, memo):
    if id(layer) in memo:
        return memo[id(layer)]
    state = layer.__getstate__()
    if type(state) is not dict or not _is_copied_by_state(type(layer)):
        return copy.deepcopy(layer, memo)
    memo[id(layer)] = other = object.__new__(type(layer))
    other.__setstate__(
        {name: _copy_attribute(name, value, memo) for name, value in state.items()}
    )
    return other


def _copy_attribute(name, value, memo):
    if isinstance(value, _ATOMS):
        return value
    if name == "_modules":
        return {
            key: None if child is None else _copy_layer(child, memo)
            for key, child in value.items()
        }
    if type(value) in _CONTAINERS and not value:
        return type(value)()
    if type(value) is tuple and all(isinstance(item, _ATOMS) for item in value):
        return value
    return copy.deepcopy(value, memo)


def _is_copied_by_state(cls):
    names = ("__deepcopy__", "__reduce_ex__", "__reduce__")
    return all(getattr(cls, n, None) is getattr(nn.Module, n, None) for n in names)
