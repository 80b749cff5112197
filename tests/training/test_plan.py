"""What is to be done, said before it is done."""

from dataclasses import FrozenInstanceError, replace

import pytest

from sklearn_cnn import CNNClassifier, CNNRegressor
from sklearn_cnn.training import (
    OPTIMIZERS,
    REGRESSION_LOSSES,
    SCHEDULES,
    TrainingPlan,
    batch_sizes,
)

PLAN = TrainingPlan(
    epochs=5,
    batch_size=32,
    optimizer="adamw",
    momentum=0.9,
    learning_rate=0.01,
    backbone_learning_rate=1.0,
    weight_decay=0.01,
    lr_schedule="one_cycle",
    freeze=None,
    freeze_epochs=0,
    precision="float32",
)


def test_phases_fill_the_epochs():
    (only,) = PLAN.phases
    assert (only.epochs, only.freeze, only.last) == (5, None, True)
    first, last = replace(PLAN, freeze_epochs=2, freeze="stage1").phases
    assert (first.epochs, first.freeze, first.last) == (2, "backbone", False)
    assert (last.epochs, last.freeze, last.last) == (3, "stage1", True)


def test_the_head_phase_leaves_epochs_for_the_rest():
    with pytest.raises(ValueError, match="freeze_epochs=5 must be less than max_iter"):
        replace(PLAN, freeze_epochs=5)


def test_a_plan_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        PLAN.epochs = 6


@pytest.mark.parametrize(
    "changed, keeps",
    [
        ({}, True),
        ({"learning_rate": 0.1, "epochs": 1, "lr_schedule": "constant"}, True),
        ({"keeps_optimizer": False}, False),
        ({"optimizer": "sgd"}, False),
        ({"momentum": 0.5}, False),
        ({"weight_decay": (0.1,)}, False),
        ({"freeze": "backbone"}, False),
        ({"backbone_learning_rate": 0.1}, False),
    ],
)
def test_an_optimizer_is_kept_where_it_would_be_made_alike(changed, keeps):
    now = replace(PLAN, **{"keeps_optimizer": True, **changed})
    assert now.keeps_optimizer_of(PLAN) is keeps


@pytest.mark.parametrize("n, size", [(10, 3), (33, 32), (64, 32), (5, 100), (7, 1)])
def test_batches_are_few_and_equal(n, size):
    sizes = batch_sizes(n, size)
    assert sum(sizes) == n and len(sizes) == -(-n // size)
    assert max(sizes) <= size and max(sizes) - min(sizes) <= 1


def test_estimators_accept_what_there_is():
    constraints = CNNClassifier._parameter_constraints
    assert constraints["optimizer"][0].options == set(OPTIMIZERS)
    assert constraints["lr_schedule"][0].options == {"auto", *SCHEDULES}
    losses = CNNRegressor._parameter_constraints["loss"]
    assert losses[0].options == set(REGRESSION_LOSSES)
