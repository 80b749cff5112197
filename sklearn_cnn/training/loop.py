"""How a training goes: train, then a phase, an epoch, a step. It knows no skorch."""

import warnings
from contextlib import ExitStack, closing
from math import isfinite
from time import perf_counter

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning

from sklearn_cnn.training.choice import choose_execution
from sklearn_cnn.training.execution import Objective, must_guard
from sklearn_cnn.training.observers import StopTraining
from sklearn_cnn.training.schedules import Schedule
from sklearn_cnn.training.snapshots import Snapshot
from sklearn_cnn.training.turns import take_turn
from sklearn_cnn.utils._float32 import full_float32


def train(
    learner, batches, held_out=None, observers=(), checkpoints=None, processes=None
):
    """Train a network as it is planned, or until an observer ends it.

    Parameters
    ----------
    learner : Learner
        The network, and the plan that it has begun; it is changed.
    batches : Batches
        Training samples.
    held_out : HeldOut or None
        Validation samples.
    observers : sequence of Observer
        Told of everything in their order, of the end in the reverse one.
    checkpoints : Checkpoints or None
        Keeps the states between epochs; one that it holds is gone on with.
    processes : Processes or None
        That train it together.
    """
    first = 0 if checkpoints is None else checkpoints.phase
    try:
        for observer in observers:
            observer.train_begin(batches)
        of = batches, held_out, observers, checkpoints, processes
        for phase in learner.plan.phases[first:]:
            run = Run(learner, phase, *of)
            if not train_phase(run):
                break
    except StopTraining:
        pass
    finally:
        for observer in observers:
            observer.close()
    for observer in reversed(observers):
        observer.train_end(batches)
    learner.module.eval()
    if checkpoints is not None:
        checkpoints.finish(learner)


def train_phase(run):
    """Train for the epochs of a phase; tell whether another phase may follow."""
    with run:
        while run.goes_on and run.n_epochs < run.phase.epochs:
            run.goes_on = train_epoch(run)
            run.n_epochs += 1
            if run.checkpoints is not None:
                run.checkpoints.keep(run)
    # the loss is taken before a step: the last one has none after it
    if isfinite(run.row["train_loss"]) and not is_finite(run.trained):
        go_back(run, "The weights became NaN or infinite")
        return False
    return run.goes_on


def train_epoch(run):
    """Go through all batches, then validate; tell whether another epoch may follow."""
    start = perf_counter()
    run.row = row = run.learner.new_row()
    for observer in run.observers:
        observer.epoch_begin(run)
    run.freezing.train()
    loss = train_on_batches(run)
    run.learner.record(row, "train_loss", loss)
    row["learning_rate"] = run.optimizer.param_groups[-1]["lr"]
    if not isfinite(loss):
        go_back(run, f"The training loss became {loss}")
        row["dur"] = perf_counter() - start
        return False
    if run.held_out is not None:
        loss, score = validate(run)
        run.learner.record(row, "valid_loss", loss)
        if run.learner.plan.stops_on_score:
            run.learner.record(row, "valid_score", score, sign=-1)
        row["valid_score"] = score
    row["dur"] = perf_counter() - start
    # all of them hear it, whatever the others say
    verdicts = [observer.epoch_end(run) for observer in run.observers]
    return not run.execution.agree(any(verdicts))


def train_on_batches(run):
    """Take a step for each batch of an epoch; give the mean loss of a sample."""
    losses = None
    before = Snapshot(run.trained)
    run.execution.begin_epoch()
    # closed at an error too, with the thread that reads ahead
    with closing(iter(run.batches)) as batches:
        for i, batch in enumerate(batches):
            loss = step(run, batch)
            if losses is None:
                # one block of memory: a scalar kept from each step would lie in the
                # way of the large blocks that the next steps ask for
                losses = loss.new_empty(run.batches.n_batches)
            losses[i] = loss
            run.advance()
    run.execution.end_epoch()
    losses = losses.tolist()  # where a GPU is waited for
    # without any finite loss, training goes back to where it began
    if run.finite is None or isfinite(losses[0]):
        run.finite = before
    return float(np.average(losses, weights=run.batches.sizes))


def step(run, batch):
    """Take one step of the optimizer; give the loss before it."""
    run.set_learning_rates()
    run.tell("batch_begin", batch)
    for group in run.optimizer.param_groups:
        for parameter in group["params"]:
            parameter.grad = None
    try:
        loss, outputs = run.execution.backward(batch)
        if run.scaler is not None:
            run.scaler.unscale_(run.optimizer)
        run.tell("gradients_computed", batch)
        run.take_step()
    finally:
        take_turn()
    run.tell("batch_end", batch, loss, outputs)
    return loss


def validate(run):
    """Compute the mean loss of a held-out sample, and the score."""
    batches, losses = run.validated, None
    judge = run.learner.loss.unsmoothed
    run.trained.eval()
    run.validates = True
    with torch.inference_mode(), closing(iter(batches)) as parts:
        for i, batch in enumerate(parts):
            run.tell("batch_begin", batch)
            out = run.execution.infer(batch.images)
            loss = judge(out, batch.targets, batch.sample_weight)
            run.tell("batch_end", batch, loss, out)
            if losses is None:
                losses = loss.new_empty(batches.n_batches)
                whole, start = out.new_empty((len(batches), *out.shape[1:])), 0
            losses[i] = loss
            whole[start : start + len(out)] = out
            start += len(out)
            run.advance()
    run.validates = False
    pairs = zip(losses.tolist(), batches.sizes, strict=True)
    loss = sum(mean * size for mean, size in pairs)
    whole = whole.cpu().double().numpy()
    loss, whole = run.execution.join(loss, whole)
    loss /= run.held_out.total_weight
    if not np.isfinite(whole).all():
        warnings.warn(
            "The network gives NaN or infinity for validation samples. X_val is far "
            "outside of the range of X, or the weights diverge: check the scale of "
            "X_val, or decrease learning_rate.",
            ConvergenceWarning,
            stacklevel=2,
        )
        return loss, np.nan
    return loss, run.held_out.score(whole)


def is_finite(module):
    """Tell whether all weights and buffers of a network are finite.

    So must be the products of a few weights, or outputs are not.
    """
    state = [t for t in module.state_dict().values() if t.is_floating_point()]
    weights = [t.detach().square().square() for t in module.parameters()]
    # a sum meets NaN and infinity if there are any, or overflows itself
    sums = torch.stack([t.sum().double() for t in (*state, *weights)])
    if torch.isfinite(sums).all():
        return True
    return all(bool(torch.isfinite(t).all()) for t in (*state, *weights))


def go_back(run, what):
    """Restore the last weights with a finite loss, and say so."""
    run.finite.restore()
    warnings.warn(
        f"{what} in epoch {len(run.learner.history)}, so "
        "training stopped and the last weights with a finite loss were restored. "
        f"Decrease learning_rate (it is {run.learner.plan.learning_rate:g}) or check "
        "the scale of X and y.",
        ConvergenceWarning,
        stacklevel=2,
    )


def loss_scaler(precision, device):
    """Make what scales the loss [1]_, if the precision is float16.

    References
    ----------
    .. [1] P. Micikevicius et al., "Mixed precision training", ICLR 2018.
    """
    if precision != "float16":
        return None
    return torch.amp.GradScaler(torch.device(device).type)


class Run:
    """A phase of a training as it goes on.

    Attributes
    ----------
    trained : torch.nn.Module
        What is run: the network, or its head alone on features that were computed once,
        where nothing before it changes.
    batches, held_out : Batches, HeldOut or None
        What it is run on; of several processes each has a share of every batch.
    validated : Batches
        The held-out rows that are computed here.
    n_epochs, n_steps : int
        That are over.
    goes_on : bool
        Whether another epoch may follow.
    row : dict
        Of the present epoch in the history.
    scaler : torch.amp.GradScaler or None
        Keeps the gradients of float16 from vanishing.
    finite : Snapshot or None
        Of the last epoch that began with a finite loss.
    validates : bool
        Whether the present batch is one of validation.
    """

    def __init__(
        self, learner, phase, batches, held_out, observers, checkpoints, processes
    ):
        predictor, plan = learner.predictor, learner.plan
        self.learner, self.phase, self.observers = learner, phase, observers
        self.checkpoints, self.processes = checkpoints, processes
        self.listeners = [o for o in observers if o.hears_batches]
        self.optimizer = learner.optimizer
        self.freezing = learner.freezing(phase.freeze)
        on_features = self.freezing.freezes_backbone and batches.augment is None
        self.trained = learner.module.head if on_features else learner.module
        if on_features:
            batches, held_out = (
                given and given.of_features(predictor, processes)
                for given in (batches, held_out)
            )
        self.batches, self.held_out = batches, held_out
        device = predictor.prepare.device
        # a head alone is too small to gain from less precision
        precision = predictor.precision if on_features else plan.precision
        self.scaler = loss_scaler(precision, device)
        if self.scaler is not None:
            # torch's fused SGD leaves its momentum unwritten if it skips the first step
            self.optimizer._step_supports_amp_scaling = False
        objective = Objective(
            learner.loss,
            precision,
            predictor.precision,
            device,
            # predictions in bfloat16 are those of a training in it
            must_guard(self.trained, batches.prepare.blank(2), precision, device),
            self.scaler,
        )
        self.execution = choose_execution(self, objective)
        self.batches = self.execution.share(batches)
        self.validated = held_out and self.execution.share_rows(held_out.batches)
        self.schedule = Schedule(plan.lr_schedule, phase.epochs * batches.n_batches)
        self.n_epochs = self.n_steps = 0
        self.finite, self.goes_on, self.validates = None, True, False
        for group in self.optimizer.param_groups:
            group["initial_lr"] = plan.learning_rate * group["lr_factor"]
        if checkpoints is not None:
            checkpoints.restore(self)

    def __enter__(self):
        self._stack = ExitStack()
        self._stack.callback(self.batches.leave_device)
        if self.held_out is not None:
            self._stack.callback(self.validated.leave_device)
        if torch.device(self.batches.prepare.device).type == "cuda":
            self._stack.enter_context(full_float32())
        self._stack.enter_context(self.execution)
        return self

    def __exit__(self, *error):
        self._stack.__exit__(*error)

    def set_learning_rates(self):
        """Give the optimizer the learning rates of the next step."""
        factor = self.schedule(self.n_steps)
        for group in self.optimizer.param_groups:
            group["lr"] = group["initial_lr"] * factor

    def take_step(self):
        """Let the optimizer take a step, if no gradient is beyond float16."""
        if self.scaler is None:
            self.optimizer.step()
            self.n_steps += 1
            return
        before = self.scaler.get_scale()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        # a step that was skipped does not move the schedule
        self.n_steps += self.scaler.get_scale() >= before

    def advance(self):
        """Tell everybody that another batch of the epoch is over."""
        validated = 0 if self.validated is None else self.validated.n_batches
        for observer in self.observers:
            observer.advance(1 / (self.batches.n_batches + validated))

    def tell(self, event, *args):
        """Tell of a batch those who listen."""
        for listener in self.listeners:
            getattr(listener, event)(self, *args)
