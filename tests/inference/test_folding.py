"""Networks for predictions give what the trained ones give."""

import pytest
import torch
from torch import nn

from sklearn_cnn.architectures.simple import simple_cnn
from sklearn_cnn.inference.folding import fold_batch_norms, has_hooks


def trained(shape=(13, 14), **parameters):
    torch.manual_seed(0)
    net = simple_cnn(2, shape, 5, filters=(4, 6, 8), **parameters)
    images = torch.randn(16, 2, *shape) * 3 + 1
    for layer in net.modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            nn.init.uniform_(layer.weight, 0.5, 2)
            nn.init.normal_(layer.bias)
    with torch.no_grad():
        net.train()(images)
    return net.eval(), images


def norms(net):
    types = (nn.modules.batchnorm._BatchNorm, nn.GroupNorm)
    return [layer for layer in net.modules() if isinstance(layer, types)]


@pytest.mark.parametrize("pooling", ["max", "avg", "stride", None])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
@pytest.mark.parametrize("kernel_size", [2, 3])
def test_folded_networks_agree(pooling, activation, kernel_size):
    net, images = trained(
        pooling=pooling, activation=activation, kernel_size=kernel_size
    )
    with torch.inference_mode():
        expected, folded = net(images), fold_batch_norms(net)
        torch.testing.assert_close(folded(images), expected, rtol=1e-5, atol=1e-5)
    assert len(norms(net)) == 3
    assert not norms(folded)


@pytest.mark.parametrize("shape", [(20,), (5, 6, 7)])
def test_folded_networks_agree_in_other_dimensions(shape):
    net, images = trained(shape)
    with torch.inference_mode():
        folded = fold_batch_norms(net)
        torch.testing.assert_close(folded(images), net(images), rtol=1e-5, atol=1e-5)
    assert not norms(folded)


def test_negative_factors_stay_behind_a_maximum():
    net, images = trained()
    with torch.no_grad():
        net.stages[0][0].norm.weight[1] = -1.0
        net.stages[2][0].norm.weight[1] = -1.0  # nothing is pooled there
    with torch.inference_mode():
        folded = fold_batch_norms(net)
        torch.testing.assert_close(folded(images), net(images), rtol=1e-5, atol=1e-5)
    assert norms(folded) == [folded.stages[0][0].norm]


def test_layer_normalisation_stays():
    net, _ = trained(normalization="layer")
    assert len(norms(fold_batch_norms(net))) == 3


def test_networks_of_other_layers_are_not_copied():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)).eval()
    assert fold_batch_norms(net) is net


def test_hooks_are_noticed():
    net, _ = trained()
    assert not has_hooks(net)
    handle = net.stages[1].register_forward_hook(lambda *_: None)
    assert has_hooks(net)
    handle.remove()
    assert not has_hooks(net)
