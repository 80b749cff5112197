import copy

import pytest
import torch
from torch import nn

from sklearn_cnn.utils._copying import copy_module, copy_optimizer


class Tied(nn.Module):
    """Layers that share a weight, a buffer that is a view, and odd attributes."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, 3, bias=False)
        self.second = nn.Linear(3, 3, bias=False)
        self.second.weight = self.first.weight
        self.nothing = None
        self.empty = nn.Sequential()
        self.by_name = nn.ModuleDict({"first": self.first})
        self.notes = {"seen": [1, 2], "tensor": torch.ones(2)}
        self.outside = [self.first]

    def forward(self, x):
        return self.second(self.first(x))


class Own(nn.Linear):
    """Says itself how it is copied."""

    def __deepcopy__(self, memo):
        other = Own(self.in_features, self.out_features)
        other.copied = True
        memo[id(self)] = other
        return other


def convolutional():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(16, 2)
    )


def assert_same_state(module, copied):
    state = copied.state_dict()
    for name, tensor in module.state_dict().items():
        assert torch.equal(tensor, state[name])
        assert tensor.stride() == state[name].stride()
        assert tensor.data_ptr() != state[name].data_ptr()


def test_a_copy_has_the_state_and_shares_none_of_it():
    module = convolutional().to(memory_format=torch.channels_last).eval()
    module[0].weight.requires_grad_(False)
    copied = copy_module(module)
    assert_same_state(module, copied)
    assert not copied.training
    assert not copied[0].weight.requires_grad
    assert copied[4].weight.requires_grad
    images = torch.randn(3, 1, 4, 4)
    assert torch.equal(copied(images), module(images))
    copied.train()(images)
    assert module[1].num_batches_tracked == 0


def test_what_is_one_object_stays_one():
    module = Tied()
    copied = copy_module(module)
    assert copied.second.weight is copied.first.weight
    assert copied.by_name["first"] is copied.first
    assert copied.outside[0] is copied.first
    assert copied.first is not module.first
    assert copied.nothing is None
    assert isinstance(copied.empty, nn.Sequential)
    assert copied.empty is not module.empty
    copied.notes["seen"].append(3)
    assert module.notes["seen"] == [1, 2]
    assert copied.notes["tensor"] is not module.notes["tensor"]


def test_buffers_that_share_memory_go_on_sharing_it():
    module = nn.Module()
    memory = torch.arange(4.0)
    module.register_buffer("whole", memory)
    module.register_buffer("part", memory[:2])
    copied = copy_module(module)
    copied.whole[0] = 9
    assert copied.part[0] == 9
    assert module.whole[0] == 0


def test_a_layer_that_says_how_it_is_copied_is_asked():
    copied = copy_module(nn.Sequential(Own(2, 2), nn.ReLU()))
    assert copied[0].copied


def test_hooks_are_copied_with_the_layers():
    seen, module = [], convolutional()
    module[2].register_forward_hook(lambda *_: seen.append(1))
    copy_module(module)(torch.randn(2, 1, 4, 4))
    assert seen == [1]


@pytest.mark.parametrize("as_what", ["sparse", "attribute"])
def test_unusual_tensors_are_copied_as_deepcopy_does(as_what):
    module = nn.Module()
    if as_what == "sparse":
        module.register_buffer("weight", torch.eye(3).to_sparse())
    else:
        module.weight = nn.Parameter(torch.eye(3))
        module.weight.label = "kept"
    copied = copy_module(module)
    assert torch.equal(copied.weight.to_dense(), torch.eye(3))
    expected = getattr(copy.deepcopy(module).weight, "label", None)
    assert getattr(copied.weight, "label", None) == expected


@pytest.mark.parametrize("kind", [torch.optim.AdamW, torch.optim.SGD])
def test_an_optimizer_goes_on_as_the_copied_one_would(kind):
    module, images = convolutional(), torch.randn(5, 1, 4, 4)
    options = {"momentum": 0.9} if kind is torch.optim.SGD else {}
    optimizer = kind(module.parameters(), lr=0.1, **options)

    def step(module, optimizer):
        optimizer.zero_grad()
        module(images).square().mean().backward()
        optimizer.step()

    step(module, optimizer)
    before = copy.deepcopy(module.state_dict())
    memo = {}
    copied = copy_module(module, memo)
    other = copy_optimizer(optimizer, memo)
    step(copied, other)
    assert all(torch.equal(module.state_dict()[k], v) for k, v in before.items())
    step(module, optimizer)
    assert_same_state(module, copied)
    assert other.param_groups[0]["params"][0] is copied[0].weight
