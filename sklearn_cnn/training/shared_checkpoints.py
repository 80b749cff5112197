"""States on disk of a training that several processes do together."""

from sklearn_cnn.training.checkpoint import Checkpoints


class SharedCheckpoints(Checkpoints):
    """The first process reads and writes; what it finds, all go on with.

    Parameters
    ----------
    processes : Processes
        That train together.
    *args, **kwargs
        As :class:`Checkpoints` takes them.
    """

    def __init__(self, processes, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.processes = processes

    def __enter__(self):
        self._found = self.processes.of_first(self._looked_up)
        return self

    def __exit__(self, *error):
        if self.processes.rank == 0:
            super().__exit__(*error)

    def _looked_up(self):
        return super().__enter__()._found

    def keep(self, run):  # noqa: D102
        if self.processes.rank == 0:
            super().keep(run)

    def finish(self, learner):  # noqa: D102
        if self.processes.rank == 0:
            super().finish(learner)
