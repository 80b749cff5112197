"""Several trainings at a time, a thread each, to the bits that each gives alone."""

from concurrent.futures import wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from joblib import effective_n_jobs
from joblib.parallel import get_active_backend
from sklearn import config_context, get_config
from sklearn.utils.parallel import Parallel, delayed

from sklearn_cnn.architectures import solves_head
from sklearn_cnn.inference import available_threads, side_by_side, single_thread
from sklearn_cnn.training.loop import train
from sklearn_cnn.training.solving import solve
from sklearn_cnn.training.turns import Turns, TurnsAreOver
from sklearn_cnn.utils._generators import helping_a_holder, seeded, usual_modes


@dataclass
class Training:
    """One training, with all that :func:`~sklearn_cnn.training.loop.train` takes."""

    learner: Any
    batches: Any
    held_out: Any
    #: Of torch's generators, from which everything in it draws.
    seed: int
    #: The values of "auto".
    recipe: Any = None
    observers: Any = ()
    checkpoints: Any = None
    #: That train it together, if there are several.
    processes: Any = None

    def run(self):
        """Train, or solve what takes no steps."""
        given = self.learner, self.batches, self.held_out, self.observers
        if solves_head(self.learner.module):
            solve(*given)
        else:
            train(*given, self.checkpoints, self.processes)


@contextmanager
def opened(checkpoints):
    """Open those of the networks of one fit, and choose what each goes on with."""
    with ExitStack() as stack:
        entered = [stack.enter_context(each) for each in checkpoints]
        anew = all(each.draws_anew and each.has_ended for each in entered)
        for each in entered:
            each.take_up(anew=anew)
        yield entered


def train_all(trainings, device, *, one_by_one=False):
    """Train several networks, side by side where threads are free.

    On a GPU, which has one queue, they train one after the other.

    Parameters
    ----------
    trainings : list of Training
        Of networks that share no weights.
    device : str
        Where they are.
    one_by_one : bool
        Whether they must not be mixed, as their observers are code of others.
    """
    n_threads = n_at_a_time(trainings, device, one_by_one)
    if n_threads < 2:
        for training in trainings:
            with seeded(training.seed, device):
                training.run()
        return
    # it takes the lock, and restores the generator in the end
    with seeded(0, device), side_by_side(n_threads) as pool:
        _in_turns(pool, trainings)


def train_in_processes(trainings):
    """Train several networks in the processes of joblib that the user has asked for.

    Parameters
    ----------
    trainings : list of Training
        Whose learners are changed; their observers have nothing to say here.
    """
    learners = Parallel()(delayed(_trained)(each) for each in trainings)
    for each, learner in zip(trainings, learners, strict=True):
        vars(each.learner).update(vars(learner))


def offered_processes():
    """Count the processes of ``joblib.parallel_config``, 1 where it names none."""
    backend, _ = get_active_backend()
    shares_memory = getattr(backend, "supports_sharedmem", False)
    return 1 if shares_memory else effective_n_jobs(None)


def _trained(training):
    with usual_modes(), single_thread(), seeded(training.seed, "cpu"):
        training.run()
    return training.learner


def n_at_a_time(trainings, device, one_by_one):
    """Count the trainings that go on side by side."""
    if one_by_one or torch.device(device).type != "cpu":
        return 1
    return min(len(trainings), available_threads())


def _in_turns(pool, trainings):
    turns, config = Turns(), get_config()

    def run(training):
        with config_context(**config), helping_a_holder(), turns.taken(training.seed):
            training.run()

    tasks = [pool.submit(run, training) for training in trainings]
    try:
        wait(tasks)
    finally:
        turns.are_over = True  # by Ctrl-C, if they are not yet
        wait(tasks)
    for error in (task.exception() for task in tasks):
        if error is not None and not isinstance(error, TurnsAreOver):
            raise error
