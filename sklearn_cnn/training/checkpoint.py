"""States of a training on disk, from which it goes on to the same bits."""

import json
import os
import warnings
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from time import monotonic

import numpy as np
import torch
from filelock import FileLock, Timeout
from safetensors import SafetensorError, safe_open

from sklearn_cnn.images import shortened
from sklearn_cnn.training.states import (
    cloned,
    require_number,
    restore_learner,
    restore_run,
    state_of_learner,
    state_of_run,
    with_tensors,
    without_tensors,
)
from sklearn_cnn.utils._files import replacing
from sklearn_cnn.utils._tensors import as_bytes

_LAST, _BEST, _LOCK = "last.safetensors", "best.safetensors", "lock"
#: Under which the plain values of a file stand, and the version of their form.
_HEADER, _FORMAT = "sklearn_cnn", 1
#: And the hash of these and the tensors.
_SUM = "sha256"
#: Letters of a path, of which no system takes more.
_LONGEST = 4096


class Checkpoints:
    """The last and the best state of one training, in a folder of its own.

    The folder is named by what the training depends on, so that those of a search do
    not mix. Nobody else can open it at the same time.

    Parameters
    ----------
    directory : str or path-like
        Holds a folder for each training; made if it is not there.
    interval : int or datetime.timedelta
        Number of epochs, or time, between two states.
    identity : dict of dict of str
        What the training depends on by name: "parameters" and "data".
    seeds : list of int
        Of its random numbers.
    draws_anew : bool
        Whether the next training of the same identity is to have other seeds.

    Attributes
    ----------
    seeds : list of int
        Those of the training to go on with, or those that were given.
    """

    def __init__(self, directory, interval, identity, seeds, *, draws_anew):
        self.directory = _checked_directory(directory)
        if isinstance(interval, timedelta) and interval < timedelta(0):
            raise ValueError(f"checkpoint_interval={interval!r} must not be negative.")
        self.interval = interval
        self.identity = identity
        self.seeds = seeds
        self.draws_anew = draws_anew
        text = json.dumps(identity, sort_keys=True)
        self.folder = self.directory / sha256(text.encode()).hexdigest()[:16]
        #: The state to go on with, and those that wait to be written.
        self._found = self._last = self._best = None
        self._n_written, self._written_at = 0, monotonic()

    def __enter__(self):
        with ExitStack() as stack:
            stack.enter_context(self._locked())
            for left in self.folder.glob(".*.tmp"):  # by a process that was killed
                left.unlink()
            self._look_for_a_state()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind, error, trace):
        with self._stack:
            if error is None:
                return
            self._write()
            if self._n_written:
                error.add_note(
                    f"The state after epoch {self._n_written} is in "
                    f"{self._named}: fit again, with the same data and parameters, to "
                    "go on from there."
                )

    @property
    def epochs(self):
        """Those of the training that is gone on with; None if there is none."""
        return None if self._found is None else self._found.get("epochs")

    @property
    def has_ended(self):
        """Whether the state that was found is that of the end."""
        return self._found is not None and self._found["finished"]

    def take_up(self, *, anew):
        """Go on with the state that was found, unless all is to begin anew."""
        self._found = None if anew else self._found
        self.seeds = self._found["seeds"] if self._found else self.seeds

    @property
    def _named(self):
        return f"checkpoint_dir={shortened(str(self.directory))}"

    def _locked(self):
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            return _lock(self.folder)
        except Timeout:
            raise ValueError(
                f"{self._named}: another fit with the same data and parameters is at "
                f"work in {self.folder.name} there. Wait for its end, or name another "
                "directory for this one."
            ) from None
        except OSError as error:
            raise type(error)(
                error.errno,
                f"{self._named} cannot be written to ({error.strerror}). Name a "
                "directory where files can be made",
            ) from error

    # --- going on ---------------------------------------------------------------

    def end(self, learner):
        """Give a network the state at the end of its training, if that is found.

        Returns
        -------
        ended : bool
        """
        self._initial = _hash_of(learner.module.state_dict())
        self._epochs = learner.plan.epochs
        if self._found is not None and self._found["initial"] != self._initial:
            self._warn_of_another(["the weights before the first epoch"])
            self._found = None
        if self._found is None:
            return False
        with _readable(self.folder / _LAST):
            if not self._found["finished"]:
                require_number(self._found["run"], "phase", len(learner.plan.phases))
                return False
            restore_learner(learner, self._found["learner"])
        learner.module.eval()
        return True

    @property
    def phase(self):
        """Number of the phase to go on with."""
        return 0 if self._found is None else self._found["run"]["phase"]

    def restore(self, run):
        """Bring the phase that is gone on with to where it was."""
        if self._found is not None:
            with _readable(self.folder / _LAST):
                restore_run(run, self._found["run"])
            self._n_written = len(run.learner.history)
            self._found = None

    def _look_for_a_state(self):
        path = self.folder / _LAST
        if not path.exists():
            with suppress(OSError):  # somebody deletes what is looked at
                self._look_for_others()
            return
        found = read_state(path)
        with _readable(path):
            if found["identity"] != self.identity:
                raise ValueError("it is the state of another training")
            if len(found["seeds"]) != len(self.seeds) or not found["initial"]:
                raise ValueError("its seeds are incomplete")
            self._found = found

    def _look_for_others(self):
        """Say what differs from a training that waits to be gone on with.

        One of other data and other parameters as well is not what was meant, nor that
        of another network of the same fit.
        """
        parameters, data = self.identity["parameters"], self.identity["data"]
        network = parameters.get("network")
        others = self.directory.glob(f"*/{_LAST}")
        for path in sorted(others, key=os.path.getmtime, reverse=True):
            try:
                facts = _facts_of(path)
                with _readable(path):
                    there = facts["identity"]
                    other = _differences(there["parameters"], parameters)
                    new = _differences(there["data"], data)
                    same = there["parameters"].get("network") == network
                    waits = same and not facts["finished"]
            except ValueError:  # an error where it is asked for
                continue
            if waits and not (other and new) and not _is_in_use(path.parent):
                self._warn_of_another(other + new)
                return

    def _warn_of_another(self, differences):
        warnings.warn(
            f"{self._named} holds the state of an unfinished training, but this one "
            f"differs in {', '.join(differences)}, and begins anew. The other stays "
            "there until the data and parameters are as they were.",
            UserWarning,
            stacklevel=2,
        )

    # --- writing ----------------------------------------------------------------

    def keep(self, run):
        """Keep the state between two epochs: on disk if it is time, or in memory."""
        learner, row = run.learner, run.row
        loss = "valid_loss" if "valid_loss" in row else "train_loss"
        loss = "valid_score" if "valid_score_best" in row else loss
        if row[f"{loss}_best"]:
            facts = {"epoch": len(learner.history), loss: row[loss]}
            self._best = cloned(learner.module.state_dict()), facts
        self._last = {"finished": False, "run": state_of_run(run)}
        if self._is_due(len(learner.history)):
            self._write()
        else:
            self._last = cloned(self._last)

    def finish(self, learner):
        """Write the end of the training."""
        self._last = {"finished": True, "learner": state_of_learner(learner)}
        self._write()

    def _is_due(self, n_epochs):
        if isinstance(self.interval, timedelta):
            return monotonic() - self._written_at >= self.interval.total_seconds()
        return n_epochs % self.interval == 0

    def _write(self):
        try:
            if self._best is not None:
                write_state(self.folder / _BEST, *self._best)
                self._best = None
            if self._last is not None:
                self._write_last()
        except OSError as error:
            cause = error.__cause__ or error  # whose text names a file of the moment
            warnings.warn(
                f"{self._named}: the state of the training could not be written "
                f"({cause.strerror or cause}). Training goes on, and tries it again; "
                "make room there, or the directory anew if it is gone.",
                UserWarning,
                stacklevel=2,
            )
        self._written_at = monotonic()

    def _write_last(self):
        facts = {
            "format": _FORMAT,
            "identity": self.identity,
            "initial": self._initial,
            "seeds": self.seeds,
            "epochs": self._epochs,
        }
        tensors = {}
        plain = without_tensors({**facts, **self._last}, "", tensors)
        write_state(self.folder / _LAST, tensors, plain)
        learner = self._last.get("run", self._last).get("learner")
        self._n_written, self._last = len(learner["history"]), None


def write_state(path, tensors, facts):
    """Write named tensors, and plain values, into one file, whole or not at all."""
    text = json.dumps(facts, default=_as_plain)
    metadata = {_HEADER: text, _SUM: _hash_of(tensors, text)}
    with replacing(path) as file:
        file.write(as_bytes(tensors, **metadata))


def read_state(path):
    """Read what ``write_state`` wrote, the tensors in their places."""
    facts = _facts_of(path)
    with _readable(path), safe_open(path, "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}
        metadata = file.metadata()
        if metadata[_SUM] != _hash_of(tensors, metadata[_HEADER]):
            raise ValueError("its content is another than was written")
        return with_tensors(facts, tensors)


def _facts_of(path):
    with _readable(path), safe_open(path, "pt") as file:
        facts = json.loads(file.metadata()[_HEADER])
        is_newer = facts["format"] > _FORMAT
    if is_newer:
        raise ValueError(
            f"{path} was written by a newer version of sklearn_cnn. Update this "
            "one, or name another checkpoint_dir."
        )
    return facts


@contextmanager
def _readable(path):
    """Turn whatever a file leads to that is not as it was written into one error."""
    try:
        yield
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        OSError,
        RuntimeError,
        SafetensorError,
        TypeError,
        ValueError,
    ) as error:
        raise ValueError(
            f"{path} is not a state that checkpoint_dir has written, or it is damaged "
            f"({error}). Delete it to begin anew, or name another checkpoint_dir."
        ) from error


def _checked_directory(directory):
    text = os.fspath(directory)
    # mkdir would take an empty one for the working directory
    if not text or "\0" in text or len(text) > _LONGEST:
        raise ValueError(
            f"checkpoint_dir={shortened(text)} cannot be the path of a directory. "
            "Name one, such as 'checkpoints'."
        )
    return Path(text)


def _lock(folder):
    lock = FileLock(folder / _LOCK, thread_local=False)
    return lock.acquire(timeout=0)


def _is_in_use(folder):
    try:
        with _lock(folder):
            return False
    except Timeout:
        return True


def _as_plain(value):
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{value!r} cannot be written into a checkpoint.")


def _hash_of(tensors, text=""):
    """Hash named tensors, such as the weights and buffers of a network."""
    key = sha256(text.encode())
    for name, tensor in sorted(tensors.items()):
        if not isinstance(tensor, torch.Tensor):
            raise ValueError(
                f"architecture has state that is no tensor, {name!r}, which "
                "checkpoint_dir cannot keep. Pass checkpoint_dir=None."
            )
        values = tensor.detach().cpu().contiguous().view(-1).view(torch.uint8)
        key.update(f"{name}{tensor.dtype}{tuple(tensor.shape)}".encode())
        key.update(values.numpy())
    return key.hexdigest()


def _differences(before, now):
    """Name what differs; with its values, unless these are hashes or long."""
    names = [name for name in before | now if before.get(name) != now.get(name)]
    told = (f"{n} ({before.get(n)} there, {now.get(n)} here)" for n in names)
    return [n if len(text) > 80 else text for n, text in zip(names, told, strict=True)]
