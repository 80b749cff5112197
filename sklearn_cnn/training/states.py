"""All that a training has changed, as tensors and plain values, and back."""

import numbers

import torch

from sklearn_cnn.training.snapshots import Snapshot, require_like
from sklearn_cnn.utils._generators import generator_states, set_generator_states

#: The key of what stands where a tensor was.
_TENSOR = "tensor"


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
            kept = state["network"][name]
            require_like(kept, tensor)
            tensor.copy_(kept)
    optimizer = learner.optimizer
    for weight, values in zip(_parameters(optimizer), state["optimizer"], strict=True):
        for name, value in values.items():
            if isinstance(value, torch.Tensor):
                require_like(value, value.new_empty(()) if name == "step" else weight)
    by_number = {i: kept for i, kept in enumerate(state["optimizer"]) if kept}
    load_optimizer(optimizer, {**optimizer.state_dict(), "state": by_number})
    learner.history[:] = [{"batches": [{}], **row} for row in state["history"]]
    learner.best.update({name: float(loss) for name, loss in state["best"].items()})


def load_optimizer(optimizer, state):
    """Load the state of an optimizer, with each tensor in memory as its weight is.

    Fused kernels rely on that, and files of tensors do not tell it.
    """
    optimizer.load_state_dict(state)
    for weight, values in optimizer.state.items():
        for name, value in values.items():
            is_like = getattr(value, "shape", None) == weight.shape
            if is_like and value.stride() != weight.stride():
                values[name] = weight.new_empty_strided(
                    weight.shape, weight.stride(), dtype=value.dtype
                ).copy_(value)


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
        "scaler": None if run.scaler is None else run.scaler.state_dict(),
        "finite": None if run.finite is None else run.finite.tensors,
        "order": batches.shuffle.bit_generator.state,
        "random": generator_states(batches.prepare.device),
        "augmentation": None if augment is None else augment.generator.get_state(),
        "observers": {type(o).__name__: o.get_state() for o in run.observers},
    }


def restore_run(run, state):
    """Bring a phase that has just begun to that state."""
    require_number(state, "n_epochs", run.phase.epochs + 1)
    require_number(state, "n_steps", run.phase.epochs * run.batches.n_batches + 1)
    restore_learner(run.learner, state["learner"])
    run.n_epochs, run.n_steps = state["n_epochs"], state["n_steps"]
    run.goes_on, run.row = state["goes_on"], run.learner.history[-1]
    if run.scaler is not None:
        run.scaler.load_state_dict(state["scaler"])
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


def require_number(state, name, end):
    """Refuse what cannot be a number of phases, epochs or steps."""
    if state[name] not in range(end):
        raise ValueError(f"{name} is {state[name]!r:.20}, and was to be below {end}")


def cloned(state):
    """Copy the tensors of a state, which training is about to change."""
    if isinstance(state, torch.Tensor):
        return state.detach().clone()
    if isinstance(state, dict):
        return {key: cloned(value) for key, value in state.items()}
    return [cloned(value) for value in state] if isinstance(state, list) else state


def without_tensors(value, name, tensors):
    """Move the tensors of a nested value into a dict, and leave their names."""
    if isinstance(value, torch.Tensor):
        tensors[name] = value
        return {_TENSOR: name}
    if isinstance(value, dict):
        return {
            key: without_tensors(inner, f"{name}{key}.", tensors)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [
            without_tensors(inner, f"{name}{i}.", tensors)
            for i, inner in enumerate(value)
        ]
    return value


def with_tensors(value, tensors):
    """Put them back in their places."""
    if isinstance(value, dict):
        if value.keys() == {_TENSOR}:
            return tensors[value[_TENSOR]]
        return {key: with_tensors(inner, tensors) for key, inner in value.items()}
    if isinstance(value, list):
        return [with_tensors(inner, tensors) for inner in value]
    return value


def _parameters(optimizer):
    return [p for group in optimizer.param_groups for p in group["params"]]


def _plain_row(row):
    """Leave out what callbacks keep in the history beside numbers and words."""
    return {k: v for k, v in row.items() if isinstance(v, numbers.Real | str)}
