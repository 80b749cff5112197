"""All that a training has changed, as tensors and plain values, and back."""

import numbers

import torch

from sklearn_cnn.training.snapshots import Snapshot
from sklearn_cnn.utils._generators import generator_states, set_generator_states


def state_of_learner(learner):
    """Give what predictions and a further training need."""
    optimizer = learner.optimizer
    return {
        "network": learner.module.state_dict(),
        "optimizer": [optimizer.state.get(p, {}) for p in _parameters(optimizer)],
        "history": [_plain_row(row) for row in learner.history],
        "best": learner.best,
    }


def restore_learner(learner, state):
    """Give a learner of the same plan that state."""
    with torch.no_grad():
        for name, tensor in learner.module.state_dict(keep_vars=True).items():
            tensor.copy_(state["network"][name])
    optimizer = learner.optimizer
    for parameter, values in zip(
        _parameters(optimizer), state["optimizer"], strict=True
    ):
        optimizer.state[parameter] = {
            name: laid_out_as(parameter, value) for name, value in values.items()
        }
    learner.history[:] = [{"batches": [{}], **row} for row in state["history"]]
    learner.best.update(state["best"])


def state_of_run(run):
    """Give the state between two epochs."""
    batches = run.batches
    augment = batches.augment
    return {
        "learner": state_of_learner(run.learner),
        "phase": run.learner.plan.phases.index(run.phase),
        "n_epochs": run.n_epochs,
        "n_steps": run.n_steps,
        "goes_on": run.goes_on,
        "finite": None if run.finite is None else run.finite.tensors,
        "order": batches.shuffle.bit_generator.state,
        "random": generator_states(batches.prepare.device),
        "augmentation": None if augment is None else augment.generator.get_state(),
        "observers": {type(o).__name__: o.get_state() for o in run.observers},
    }


def restore_run(run, state):
    """Bring a phase that has just begun to that state."""
    restore_learner(run.learner, state["learner"])
    run.n_epochs, run.n_steps = state["n_epochs"], state["n_steps"]
    run.goes_on, run.row = state["goes_on"], run.learner.history[-1]
    if state["finite"] is not None:
        run.finite = Snapshot(run.trained, state["finite"])
    batches = run.batches
    batches.shuffle.bit_generator.state = state["order"]
    if batches.augment is not None:
        batches.augment.generator.set_state(state["augmentation"])
    for observer in run.observers:
        observer.set_state(run, state["observers"].get(type(observer).__name__, {}))
    # last: nothing above may draw from them afterwards
    set_generator_states(batches.prepare.device, state["random"])


def cloned(state):
    """Copy the tensors of a state, which training is about to change."""
    if isinstance(state, torch.Tensor):
        return state.detach().clone()
    if isinstance(state, dict):
        return {key: cloned(value) for key, value in state.items()}
    return [cloned(value) for value in state] if isinstance(state, list) else state


def _parameters(optimizer):
    return [p for group in optimizer.param_groups for p in group["params"]]


def laid_out_as(parameter, value):
    """Bring a state to the memory format of its weight: fused kernels rely on it."""
    if not isinstance(value, torch.Tensor) or value.shape != parameter.shape:
        return value
    with torch.no_grad():
        return torch.empty_like(parameter, requires_grad=False).copy_(value)


def _plain_row(row):
    """Leave out what callbacks keep in the history beside numbers and words."""
    return {k: v for k, v in row.items() if isinstance(v, numbers.Real | str)}
