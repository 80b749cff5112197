"""Turns that trainings in several threads take at Python, and at torch's generator."""

import threading
from contextlib import contextmanager

import torch

#: The turns that the training of this thread takes, if it takes any.
_here = threading.local()


class TurnsAreOver(BaseException):
    """Ends a training because of what happened beside it."""


class Turns:
    """Let one training at a time go on in Python, while torch computes for others.

    Python runs in one thread at a time, and threads that wait for each other at each of
    the hundred calls of a small step gain little. So a training gives its turn up only
    where torch computes for long by itself, in the gradients and the step of the
    optimizer, which are over half of the work (two networks of 8x8 pixels on two cores:
    1.4 times as long as one, where two processes take 1.1 times). It finds torch's
    generator again as it left it, and draws what it would draw alone.
    """

    def __init__(self):
        self.are_over = False
        self._lock = threading.Lock()

    @contextmanager
    def taken(self, seed):
        """Train inside, with torch's generator seeded; wait before each turn."""
        self._lock.acquire()
        torch.default_generator.manual_seed(seed)
        _here.turns, _here.state = self, None
        try:
            self._check()
            yield
        except BaseException:
            self.are_over = True  # before another takes its turn
            raise
        finally:
            _here.turns = None
            self._lock.release()

    def take(self):
        """Wait for the next turn, if the last one was given up."""
        if _here.state is None:
            return
        self._lock.acquire()
        torch.set_rng_state(_here.state)
        _here.state = None
        self._check()

    def give_up(self):
        """Let others have their turn."""
        _here.state = torch.get_rng_state()
        self._lock.release()

    def _check(self):
        if self.are_over:
            raise TurnsAreOver


def give_up_turn():
    """Let the trainings beside this one go on.

    Until ``take_turn``, nothing may draw from torch's global generator, or wait for
    code of others.
    """
    turns = getattr(_here, "turns", None)
    if turns is not None:
        turns.give_up()


def take_turn():
    """Wait for the next turn, if the last one was given up."""
    turns = getattr(_here, "turns", None)
    if turns is not None:
        turns.take()


@contextmanager
def meanwhile():
    """Let the trainings beside this one go on while torch computes inside."""
    give_up_turn()
    try:
        yield
    finally:
        take_turn()
