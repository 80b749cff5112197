"""Which of the ways to compute batches suits a network, its batches and a device."""

import torch

from sklearn_cnn.inference import SMALL_STEP, has_hooks
from sklearn_cnn.training.data_parallel import DataParallel
from sklearn_cnn.training.execution import (
    GhostBatches,
    WholeBatches,
    draws_numbers,
    n_ghosts,
)
from sklearn_cnn.training.recording import RecordedBatches, recording_pays


def choose_execution(run, objective):
    """Choose how the batches of a phase are computed, by one process or several."""
    processes = run.processes
    if processes is None:
        return _choose_own(run, objective)[0]
    own, n_parts = _choose_own(run, objective, processes.size)
    return DataParallel(own, processes, run.batches, n_parts)


def _choose_own(run, objective, n_processes=1):
    """Choose how a process computes its share, and how many parts a batch has.

    On a CPU, sums must not depend on the threads. Small steps run on one thread, where
    a second one gains little; large ones in ghost batches. Only a large step of a few
    samples, or of a network that is huge, has hooks or draws random numbers by itself,
    is left whole to all threads of torch. On a GPU, small steps are recorded.
    """
    predictor, trained, batches = run.learner.predictor, run.trained, run.batches
    if trained is predictor.module:
        network, cost = predictor.network, predictor.sample_cost
    else:
        network, cost = trained, sum(p.numel() for p in trained.parameters())
    n_samples = batches.sizes[0]
    cost *= n_samples
    if predictor.compile:
        return WholeBatches(network, objective), n_processes
    if torch.device(objective.device).type != "cpu":
        kind = RecordedBatches if recording_pays(run, cost) else WholeBatches
        return kind(network, objective), n_processes
    n = n_ghosts(cost, n_samples, sum(p.numel() for p in trained.parameters()))
    n = -(-n // n_processes) * n_processes  # as many for each
    blank = batches.prepare.blank(2)
    if n > 1 and not has_hooks(trained) and not draws_numbers(trained, blank):
        own = run.processes.own(n) if run.processes else slice(None)
        return GhostBatches(network, objective, n, own), n
    return WholeBatches(network, objective, one_thread=cost < SMALL_STEP), n_processes
