"""A network, and all that is needed to go on training it."""

import copy
import json
from os import PathLike, fspath

from sklearn_cnn.training.freezing import Freezing
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
        self._best = {}
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
            Freezing(self.module, plan.freeze, self.constant)
            groups = parameter_groups(
                self.module, plan.weight_decay, plan.backbone_learning_rate
            )
            self._optimizer = make_optimizer(
                groups, plan.optimizer, plan.momentum, plan.learning_rate
            )
            if self._optimizer_state is not None:
                self._optimizer.load_state_dict(self._optimizer_state)
                self._optimizer_state = None
                _lay_out_alike(self._optimizer)
        return self._optimizer

    def begin(self, plan):
        """Take up a plan, with the last optimizer if that is meant."""
        before, self.plan = self.plan, plan
        if before is None or not plan.keeps_optimizer_of(before):
            self._optimizer = self._optimizer_state = None

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

    def record(self, row, name, value):
        """Put a loss into a row, and whether it is the smallest so far."""
        row[name] = value
        # skorch's Checkpoint and PrintLog look for this column
        row[f"{name}_best"] = best = name not in self._best or value < self._best[name]
        if best:
            self._best[name] = value

    def copied(self, loss, precision, compile):
        """Copy it, so that a training that is interrupted changes nothing.

        The copy has another loss, and its predictor another precision and compiler.
        """
        other = copy.copy(self)
        other.loss = loss
        # together: one points to the other
        predictor, other._optimizer = copy.deepcopy((self.predictor, self._optimizer))
        other.predictor = predictor.replaced(precision, compile)
        other.callbacks = [(name, copy.copy(c)) for name, c in self.callbacks]
        other.history, other.net = list(self.history), None
        other._best = dict(self._best)
        return other

    def frozen(self):
        """Copy it as far as predictions need it."""
        other = copy.copy(self)
        other.predictor = copy.deepcopy(self.predictor)
        other.module.eval()
        other._optimizer = other._optimizer_state = other.net = None
        other.history = list(self.history)
        return other

    def _whole_state(self):
        state = {**vars(self), "net": None, "_optimizer": None}
        state["history"] = [dict(row) for row in self.history]
        if self._optimizer is not None:
            state["_optimizer_state"] = self._optimizer.state_dict()
        return state

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
            "_best": _as_json(self._best),
            # they are of the user
            "callbacks": [],
            "_given_callbacks": [],
            "constant": sorted(self.constant),
            "_optimizer_state": optimizer and _stored_optimizer(optimizer),
        }

    def _set_plain_state(self, state):
        vars(self).update(state)
        self.constant = frozenset(state["constant"])
        self.history, self._best = map(json.loads, (state["history"], state["_best"]))
        if state["_optimizer_state"]:
            self._optimizer_state = _read_optimizer(state["_optimizer_state"])
        self.fixed_parameters = {
            **state["fixed_parameters"],
            "architecture": self.predictor.blueprint.architecture,
            "device": self.predictor.prepare.device,
        }


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


def _lay_out_alike(optimizer):
    """Lay what an optimizer knows of a weight out in memory as the weight is."""
    for parameter, known in optimizer.state.items():
        for name, value in known.items():
            is_like = getattr(value, "shape", None) == parameter.shape
            if is_like and value.stride() != parameter.stride():
                known[name] = parameter.new_empty_strided(
                    parameter.shape, parameter.stride(), dtype=value.dtype
                ).copy_(value)
