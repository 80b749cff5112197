"""How a head is solved: where nothing before it learns, least squares take no steps."""

from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import torch

from sklearn_cnn.training.ridge import fit_ridge


@dataclass
class Solving:
    """What observers are told of: a training of one epoch."""

    learner: Any
    row: dict = field(default_factory=dict)


def solve(learner, batches, held_out=None, observers=()):
    """Fit the head of a network by ridge regression on the features of all samples.

    The strength of the penalty, and how far probabilities may be from each other, are
    those that suit samples which the regression has not seen.

    Parameters
    ----------
    learner : Learner
        The network, and the plan that it has begun; its head is changed.
    batches : Batches
        Training samples.
    held_out : HeldOut or None
        Validation samples.
    observers : sequence of Observer
        Told of one epoch.
    """
    start, run = perf_counter(), Solving(learner, learner.new_row())
    try:
        for observer in observers:
            observer.epoch_begin(run)
        features = batches.of_features(learner.predictor)
        fit_head(learner, features)
        learner.module.eval()
        _, loss = _judge(learner, features)
        learner.record(run.row, "train_loss", loss)
        if held_out is not None:
            of_held_out = held_out.of_features(learner.predictor)
            outputs, loss = _judge(learner, of_held_out.batches)
            learner.record(run.row, "valid_loss", loss)
            run.row["valid_score"] = held_out.score(outputs)
        run.row["dur"] = perf_counter() - start
        for observer in observers:
            observer.epoch_end(run)
    finally:
        for observer in observers:
            observer.close()


def fit_head(learner, batches):
    """Fit the one layer of the head to batches of features."""
    layer, device = learner.module.head.output, learner.predictor.prepare.device
    if torch.device(device).type == "mps":  # which has no float64
        device = "cpu"
    targets, weight = batches.targets, batches.sample_weight
    numbers = learner.loss.least_squares_targets(targets, layer.out_features)
    ridge = fit_ridge(
        torch.tensor(batches.images).to(device),
        numbers.to(device, torch.float64),
        None if weight is None else weight.to(device),
        alpha_per_target=learner.loss.separate,
    )
    factor = learner.loss.fit_factor(ridge.left_out.cpu(), targets, weight)
    with torch.no_grad():
        layer.weight.copy_(ridge.weight * factor.to(device)[:, None])
        layer.bias.copy_(ridge.bias * factor.to(device))


def _judge(learner, batches):
    """Compute outputs of features, and their mean loss."""
    outputs = learner.predictor.outputs_of(batches.images)
    targets = batches.targets
    targets = targets.double() if targets.is_floating_point() else targets
    loss = learner.loss(torch.from_numpy(outputs), targets, batches.sample_weight)
    return outputs, loss.item()
