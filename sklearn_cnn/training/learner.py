"""A network, and all that is needed to go on training it."""

import copy
import json
from os import PathLike, fspath

from sklearn_cnn.training.freezing import Freezing
from sklearn_cnn.training.states import load_optimizer
from sklearn_cnn.utils._copying import copy_module, copy_optimizer
from sklearn_cnn.utils._plain_state import PlainState, with_optimizer
from sklearn_cnn.utils._tensors import as_bytes, from_bytes


class Learner(PlainState):
    """What a training changes, and the next one may go on with.

    A pickle holds the optimizer as its state; it is made anew when it is asked for.

    Parameters
    ----------
    predictor : sklearn_cnn.inference.Predictor
        The network as predictions run it.
    loss : sklearn_cnn.training.losses.Loss
        What it minimises.
    fixed_parameters : dict
        What cannot change while training goes on.

    Attributes
    ----------
    plan : TrainingPlan or None
        The last one.
    history : list of dict
        A row for each epoch, with the names that skorch gives to what it holds.
    best : dict of float
        The smallest of each loss so far, and of a score with a minus.
    callbacks : list of (str, skorch.callbacks.Callback)
        As skorch initialised them.
    net : CNNNet or None
        What skorch sees of it, once that is asked for.
    constant : frozenset of str
        Names of parameters that never learn, as whoever wrote the network has it.
    """

    def __init__(self, predictor, loss, fixed_parameters):
        self.predictor = predictor
        self.loss = loss
        self.fixed_parameters = fixed_parameters
        self.plan = None
        self.history = []
        self.best = {}
        self.callbacks, self._given_callbacks = [], []
        self.constant = frozenset(
            name
            for name, parameter in self.module.named_parameters()
            if not parameter.requires_grad
        )
        self._optimizer = self._optimizer_state = None
        self.net = None

    @property
    def module(self):
        """The network."""
        return self.predictor.module

    @property
    def optimizer(self):
        """The optimizer of the plan."""
        if self._optimizer is None:
            # loads no optimizer before one is needed
            from sklearn_cnn.training.optimizers import make_optimizer, parameter_groups

            plan = self.plan
            self.freezing(plan.freeze)
            groups = parameter_groups(
                self.module, plan.weight_decay, plan.backbone_learning_rate
            )
            self._optimizer = make_optimizer(
                groups, plan.optimizer, plan.momentum, plan.learning_rate
            )
            if self._optimizer_state is not None:
                load_optimizer(self._optimizer, self._optimizer_state)
                self._optimizer_state = None
        return self._optimizer

    def begin(self, plan):
        """Take up a plan, with the last optimizer if that is meant."""
        before, self.plan = self.plan, plan
        if before is None or not plan.keeps_optimizer_of(before):
            self._optimizer = self._optimizer_state = None

    def freezing(self, freeze):
        """Begin to keep these stages as they are, and what else the plan freezes."""
        frozen_norms = self.plan.freeze_batch_norm
        return Freezing(self.module, freeze, self.constant, frozen_norms)

    def take_callbacks(self, given):
        """Go on with the callbacks of the last training, unless others are given."""
        given, before = list(given or []), self._given_callbacks
        if [*map(id, given)] != [*map(id, before)]:
            self.callbacks, self._given_callbacks = [], given

    def new_row(self):
        """Begin a row of the history."""
        row = {"batches": [{}], "epoch": len(self.history) + 1}
        self.history.append(row)
        return row

    def record(self, row, name, value, sign=1):
        """Put a loss into a row, and whether it is the smallest so far.

        With a ``sign`` of -1 it is a score, and the largest is meant.
        """
        row[name], value = value, sign * value
        # skorch's Checkpoint and PrintLog look for this column
        row[f"{name}_best"] = best = name not in self.best or value < self.best[name]
        if best:
            self.best[name] = value

    def copied(self, loss, precision, compile):
        """Copy it, so that a training that is interrupted changes nothing.

        The copy has another loss, and its predictor another precision and compiler.
        """
        other, weights = self._with_own_network(precision, compile)
        other.loss = loss
        if self._optimizer is not None:
            other._optimizer = copy_optimizer(self._optimizer, weights)
        other.callbacks = [(name, copy.copy(c)) for name, c in self.callbacks]
        return other

    def frozen(self):
        """Copy it as far as predictions need it."""
        before = self.predictor
        other, _ = self._with_own_network(before.precision, before.compile)
        other.module.eval()
        other._optimizer_state = None
        return other

    def _with_own_network(self, precision, compile):
        other, memo = object.__new__(type(self)), {}
        vars(other).update(vars(self), net=None, _optimizer=None)
        module = copy_module(self.module, memo)
        other.predictor = self.predictor.replaced(module, precision, compile)
        other.history, other.best = list(self.history), dict(self.best)
        return other, memo

    def _whole_state(self):
        state = {**vars(self), "net": None, "_optimizer": None}
        state["history"] = [dict(row) for row in self.history]
        if self._optimizer is not None:
            state["_optimizer_state"] = _on_cpu(self._optimizer.state_dict())
        return state

    def __setstate__(self, state):
        super().__setstate__(state)
        # which may be another one than where the state comes from
        device = self.predictor.prepare.device
        self.fixed_parameters = {**self.fixed_parameters, "device": device}

    def _plain_state(self):
        state = self._whole_state()
        fixed = dict(self.fixed_parameters)
        del fixed["architecture"]  # is in the blueprint
        if isinstance(fixed["weights"], PathLike):
            fixed["weights"] = fspath(fixed["weights"])
        optimizer = state["_optimizer_state"] if with_optimizer.get() else None
        return {
            **state,
            "fixed_parameters": fixed,
            "history": _as_json(state["history"]),
            "best": _as_json(self.best),
            # they are of the user
            "callbacks": [],
            "_given_callbacks": [],
            "constant": sorted(self.constant),
            "_optimizer_state": optimizer and _stored_optimizer(optimizer),
        }

    def _set_plain_state(self, state):
        vars(self).update(state)
        self.constant = frozenset(state["constant"])
        self.history, self.best = map(json.loads, (state["history"], state["best"]))
        if state["_optimizer_state"]:
            self._optimizer_state = _read_optimizer(state["_optimizer_state"])
        self.fixed_parameters = {
            **state["fixed_parameters"],
            "architecture": self.predictor.blueprint.architecture,
        }


def _on_cpu(state):
    states = {
        index: {k: v.cpu() if hasattr(v, "cpu") else v for k, v in values.items()}
        for index, values in state["state"].items()
    }
    return {**state, "state": states}


def _as_json(values):
    # callbacks record numbers of numpy and torch
    return json.dumps(values, default=lambda value: value.tolist())


def _stored_optimizer(state):
    tensors, numbers = {}, {}
    for index, values in state["state"].items():
        for name, value in values.items():
            kind = tensors if hasattr(value, "dtype") else numbers
            kind[f"{index}.{name}"] = value
    settings = {"numbers": numbers, "param_groups": state["param_groups"]}
    stored = as_bytes(tensors, holds="optimizer")
    return {"tensors": stored, "settings": json.dumps(settings)}


def _read_optimizer(stored):
    settings, state = json.loads(stored["settings"]), {}
    for key, value in {**settings["numbers"], **from_bytes(stored["tensors"])}.items():
        index, name = key.split(".")
        state.setdefault(int(index), {})[name] = value
    return {"state": state, "param_groups": settings["param_groups"]}
