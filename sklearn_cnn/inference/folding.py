"""A network for predictions alone, which computes less."""

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_eval

from sklearn_cnn.architectures import ConvBlock
from sklearn_cnn.utils._copying import copy_module


def fold_batch_norms(module: nn.Module) -> nn.Module:
    """Copy a network and put its batch normalisations into the convolutions [1]_.

    At prediction a batch normalisation multiplies and adds constants, as filters and
    biases can do themselves. Outputs stay the same up to rounding. Weights of other
    layers are shared; a network without blocks of ours is given back itself.

    References
    ----------
    .. [1] B. Jacob et al., "Quantization and training of neural networks for efficient
       integer-arithmetic-only inference", CVPR 2018, section 3.2.
    """
    if not any(isinstance(layer, ConvBlock) for layer in module.modules()):
        return module
    shared = {id(p): p for p in module.parameters()}
    folded = copy_module(module, shared)
    for block in folded.modules():
        if not isinstance(block, ConvBlock):
            continue
        norm = _foldable(block)
        if norm is not None:
            block.conv.conv = fuse_conv_bn_eval(block.conv.conv, norm)
            del block.norm
    return folded


def _foldable(block: ConvBlock) -> _BatchNorm | None:
    layers = dict(block.named_children())
    norm = layers.get("norm")
    if not isinstance(norm, _BatchNorm):
        return None
    names = list(layers)
    adjacent = names.index("norm") == names.index("conv") + 1
    # a maximum is taken in between: it commutes with positive factors only
    return norm if adjacent or bool((norm.weight > 0).all()) else None


def has_hooks(module: nn.Module) -> bool:
    """Tell whether anybody watches the layers of a network."""
    return any(
        layer._forward_hooks or layer._forward_pre_hooks or layer._backward_hooks
        for layer in module.modules()
    )
