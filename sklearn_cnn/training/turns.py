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

    What Python does in a small step keeps it locked half of the time, and threads that
    wait for it at each of the hundred calls of a step gain nothing (two networks on two
    cores, 8x8 pixels: 1.5 times as long as one; in turns, 1.1 times). So a training
    gives Python up only where torch computes for long by itself. It finds torch's
    generator again as it left it, so that it draws what it would draw alone.
    """

    def __init__(self):
        self.are_over = False
        self._lock = threading.Lock()

    @contextmanager
    def taken(self, seed):
        """Train inside, with torch's generator seeded; wait before each turn."""
        with self._lock:
            torch.default_generator.manual_seed(seed)
            _here.turns = self
            try:
                self.check()
                yield
            except BaseException:
                self.are_over = True  # before another takes its turn
                raise
            finally:
                _here.turns = None

    @contextmanager
    def given_up(self):
        """Let others go on inside."""
        state = torch.get_rng_state()
        self._lock.release()
        try:
            yield
        finally:
            self._lock.acquire()
            torch.set_rng_state(state)
        self.check()

    def check(self):
        """End the training of this thread if all are to end."""
        if self.are_over:
            raise TurnsAreOver


@contextmanager
def meanwhile():
    """Let the trainings beside this one go on while torch computes inside.

    Nothing inside may draw from torch's global generator, or wait for code of others.
    """
    turns = getattr(_here, "turns", None)
    if turns is None:
        yield
        return
    with turns.given_up():
        yield
