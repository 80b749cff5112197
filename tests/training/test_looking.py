"""What needs the values of tensors is told from what does not."""

import pytest
import torch
from torch.nn import functional as F

from sklearn_cnn import CNNClassifier
from sklearn_cnn.training.batches import Batch
from sklearn_cnn.training.execution import Objective, WholeBatches
from sklearn_cnn.training.looking import Looking
from sklearn_cnn.training.losses import BinaryCrossEntropy, CrossEntropy, RegressionLoss

X = torch.arange(12.0).view(3, 4)


def found_in(compute):
    with Looking() as looking:
        compute()
    return looking.found


@pytest.mark.parametrize(
    "compute",
    [
        lambda: X.sum().item(),
        lambda: bool(X[0, 0] > 3),
        lambda: X[X > 3],
        lambda: X.clone().__setitem__(X > 3, 0.0),
        lambda: X.nonzero(),
        lambda: X.unique(),
        lambda: torch.equal(X, X),
        lambda: X.to("meta"),
    ],
)
def test_it_is_seen(compute):
    assert found_in(compute)


@pytest.mark.parametrize(
    "compute",
    [
        lambda: X[torch.tensor([0, 2])],
        lambda: X[:, 1:3].clone(),
        lambda: X.clone().__setitem__(torch.tensor([0, 2]), 0.0),
        lambda: torch.where(X > 3, X, 0.0),
        lambda: X.masked_fill(X > 3, 0.0),
        lambda: F.dropout(X),
        lambda: X.to(torch.float64),
        lambda: F.cross_entropy(X, torch.tensor([0, 1, 2]), label_smoothing=0.1),
    ],
)
def test_nothing_is_seen(compute):
    assert not found_in(compute)


NETWORKS = {
    "simple": {"filters": (4, 8), "dropout": 0.1, "conv_dropout": 0.1},
    "lenet": {"filters": (3, 4), "hidden_layer_sizes": (6,)},
    "alexnet": {"filters": (3, 4, 5, 4, 4)},
    "vgg11": {"filters": (3, 4, 4, 5, 5)},
    "resnet18": {"filters": (3, 4, 4, 5)},
    "resnet50": {"filters": (2, 2, 3, 3)},
    "mobilenet_v2": {"filters": (2, 3, 3, 4, 4, 5, 6)},
    "inception_time": {"filters": (3, 3, 3)},
    "h_inception_time": {},
    "lite": {},
    "torchvision:shufflenet_v2_x0_5": {},
}


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", NETWORKS)
def test_no_architecture_needs_values_in_a_step(name, precision):
    shape = (64,) if "inception" in name or name == "lite" else (32, 32)
    images, y = torch.randn(4, 1, *shape), torch.arange(4) % 2
    cnn = CNNClassifier(
        name, **NETWORKS[name], max_iter=1, spatial_dims=len(shape), device="cpu"
    )
    module = cnn.fit(images[:, 0].numpy(), y.numpy()).module_.train()
    objective = Objective(CrossEntropy(0.1), precision, precision, "cpu")
    execution = WholeBatches(module, objective)
    batch = Batch(images, y, torch.linspace(0.5, 1, 4))
    assert not found_in(lambda: execution.backward(batch))


@pytest.mark.parametrize("loss", [BinaryCrossEntropy(0.1), RegressionLoss("huber")])
def test_no_loss_needs_values(loss):
    outputs, ones = torch.randn(4, 3, requires_grad=True), torch.ones(4, 3)
    assert not found_in(lambda: loss(outputs, ones, ones[:, 0]).backward())
