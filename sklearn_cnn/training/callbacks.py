"""skorch's callbacks: as an observer, and what becomes of those that users give."""

import copy
import dis
import functools
import reprlib
import signal

from skorch.callbacks import Callback

from sklearn_cnn.training.observers import Observer, StopTraining


class SkorchCallbacks(Observer):
    """Tell the callbacks of a net of everything, in skorch's words."""

    def __init__(self, net):
        self.net = net
        self._record_batches = self._listen("on_batch_begin", "on_batch_end")
        self.hears_batches = self._record_batches or self._listen("on_grad_computed")

    def train_begin(self, batches):  # noqa: D102
        self.net.notify("on_train_begin", X=batches, y=batches.targets)

    def epoch_begin(self, run):  # noqa: D102
        if self._record_batches:
            run.row["batches"].clear()
        self._notify("on_epoch_begin", **_datasets(run))

    def batch_begin(self, run, batch):  # noqa: D102
        if self._record_batches:
            self._notify("on_batch_begin", **_about(run, batch))

    def gradients_computed(self, run, batch):  # noqa: D102
        named = list(self.net.get_all_learnable_params())
        about = _about(run, batch)
        self._notify("on_grad_computed", named_parameters=named, **about)

    def batch_end(self, run, batch, loss, outputs):  # noqa: D102
        if not self._record_batches:
            return
        prefix = "valid" if run.validates else "train"
        self.net.history.record_batch(f"{prefix}_loss", loss.item())
        self.net.history.record_batch(f"{prefix}_batch_size", len(batch.targets))
        about = _about(run, batch)
        self._notify("on_batch_end", loss=loss, y_pred=outputs, **about)

    def epoch_end(self, run):  # noqa: D102
        try:
            self._notify("on_epoch_end", **_datasets(run))
        except StopTraining:
            return True
        return False

    def train_end(self, batches):  # noqa: D102
        self.net.notify("on_train_end", X=batches, y=batches.targets)

    def _notify(self, hook, **about):
        try:
            self.net.notify(hook, **about)
        except KeyboardInterrupt as interrupt:
            # skorch's way for a callback to end training; a person's Ctrl-C goes on
            if not raised_by_callback(interrupt):
                raise
            raise StopTraining from interrupt

    def _listen(self, *hooks):
        return any(
            getattr(type(callback), hook) is not getattr(Callback, hook)
            for _, callback in self.net.callbacks_
            for hook in hooks
        )


def _datasets(run):
    held_out = run.held_out
    return {
        "dataset_train": run.batches,
        "dataset_valid": None if held_out is None else held_out.batches,
    }


def _about(run, batch):
    return {"batch": batch[:2], "training": not run.validates}


def raised_by_callback(interrupt):
    """Tell a ``raise KeyboardInterrupt`` in a callback from a person's Ctrl-C.

    skorch's callbacks end training by raising KeyboardInterrupt. A signal interrupts
    wherever the program is, so only a ``raise`` statement can be the last instruction
    of a callback's own interrupt; and it is that of no handler of signals.
    """
    trace = interrupt.__traceback__
    frames = []
    while trace is not None:
        frames.append(trace.tb_frame.f_code)
        last, trace = trace, trace.tb_next
    opcode = frames[-1].co_code[last.tb_lasti]
    handlers = {_code_of(signal.getsignal(n)) for n in signal.valid_signals()}
    return dis.opname[opcode] == "RAISE_VARARGS" and handlers.isdisjoint(frames)


def _code_of(function):
    while isinstance(function, functools.partial):  # as asyncio has it
        function = function.func
    return getattr(function, "__code__", None)


def copied_callbacks(given):
    """Copy callbacks, but not what they point to: a log, a trial, a lock of the user's.

    ``given`` is None or a list of them, or of pairs with a name, as skorch takes it.
    """
    copies = []
    for item in given or []:
        name, callback = (
            item if isinstance(item, tuple) and len(item) == 2 else ("", item)
        )
        kind = callback if isinstance(callback, type) else type(callback)
        if not issubclass(kind, Callback) or not isinstance(name, str):
            raise ValueError(
                f"callbacks has {reprlib.repr(item)}, which is no callback of skorch, "
                "nor a pair of a name and one. Those of scikit-learn are set by "
                "set_callbacks."
            )
        if isinstance(callback, type):
            raise ValueError(
                f"callbacks has the class {kind.__name__}, but must have an instance: "
                f"{kind.__name__}(...)."
            )
        copied = copy.copy(callback)
        copies.append((name, copied) if name else copied)
    return copies


def require_validation(callbacks):
    """Refuse callbacks that wait for validation, where there is none."""
    for name, callback in callbacks:
        monitor = getattr(callback, "monitor", None)
        if isinstance(monitor, str) and monitor.startswith("valid_"):
            raise ValueError(
                f"The callback {name} monitors {monitor!r}, but nothing is validated. "
                "Pass X_val and y_val to fit, or early_stopping=True, which holds some "
                "samples out; or monitor 'train_loss'."
            )
