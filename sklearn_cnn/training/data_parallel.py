"""Batches that several processes compute together, each some rows of every one."""

import copy

import numpy as np
import torch

from sklearn_cnn.training.batches import Share
from sklearn_cnn.training.execution import Execution
from sklearn_cnn.utils._generators import (
    generator_states,
    seed_generators,
    set_generator_states,
)

_HIGH = 1 << 63


class DataParallel(Execution):
    """Each batch in parts, of which every process computes some, in its own way.

    Gradients and losses are summed, so that all processes take the same step, and the
    running statistics of batch normalisation are averaged when the epoch ends.

    Parameters
    ----------
    own : Execution
        How this process computes its rows.
    processes : Processes
        All that compute together.
    batches : Batches
        What they train on.
    n_parts : int
        Of each batch, a multiple of the number of processes.
    """

    def __init__(self, own, processes, batches, n_parts):
        super().__init__(own.network, own.objective, own)
        self.own, self.processes, self.batches = own, processes, batches
        self.n_parts = n_parts

    def share(self, batches):  # noqa: D102
        shared = copy.copy(batches)
        shared.share = Share(self.n_parts, self.processes.own(self.n_parts))
        return shared

    def share_rows(self, batches):  # noqa: D102
        return batches.of_rows(self.processes.block(batches.rows))

    def join(self, loss, outputs):  # noqa: D102
        losses, parts = zip(*self.processes.gather((loss, outputs)), strict=True)
        return sum(losses), np.concatenate(parts)

    def agree(self, verdict):  # noqa: D102
        return any(self.processes.gather(verdict))

    def begin_epoch(self):  # noqa: D102
        self.own.begin_epoch()
        self._buffers = [buffer.clone() for buffer in self.network.buffers()]
        self._sizes = iter(self.batches.sizes)
        device, augment = self.objective.device, self.batches.augment
        # between epochs all have the same numbers, as a checkpoint holds those of one
        self._random = generator_states(device)
        self._augmentation = augment and augment.generator.get_state()
        # of a copy: the order of the rows is not to depend on it
        drawn = copy.deepcopy(self.batches.shuffle)
        seeds = drawn.integers(_HIGH, size=(self.processes.size, 2))
        seed, seed_of_augmentation = seeds[self.processes.rank].tolist()
        seed_generators(device, seed)
        if augment is not None:
            augment.generator.manual_seed(seed_of_augmentation)

    def backward(self, batch):  # noqa: D102
        self.own.n_samples = next(self._sizes)
        loss, outputs = self.own.backward(batch)
        learning = [p for p in self.network.parameters() if p.requires_grad]
        # one tensor, as each message takes its time
        terms = [loss.reshape(1), *map(_gradient, learning)]
        summed = torch.cat([term.flatten() for term in terms])
        self.processes.sum(summed)
        loss, *gradients = summed.split([term.numel() for term in terms])
        for parameter, gradient in zip(learning, gradients, strict=True):
            if parameter.grad is None:
                if not gradient.any():  # it has no part in the outputs anywhere
                    continue
                parameter.grad = torch.empty_like(parameter)
            parameter.grad.copy_(gradient.view(parameter.shape))
        return loss.squeeze(), outputs

    def infer(self, images):  # noqa: D102
        return self.own.infer(images)

    def end_epoch(self):  # noqa: D102
        self.own.end_epoch()
        buffers = list(self.network.buffers())
        pairs = zip(buffers, self._buffers, strict=True)
        changed = [not torch.equal(own, before) for own, before in pairs]
        somewhere = map(any, zip(*self.processes.gather(changed), strict=True))
        for buffer, is_changed in zip(buffers, somewhere, strict=True):
            # what is frozen, a mean would round
            if is_changed and buffer.is_floating_point():
                self.processes.sum(buffer)
                buffer /= self.processes.size
        set_generator_states(self.objective.device, self._random)
        if self._augmentation is not None:
            self.batches.augment.generator.set_state(self._augmentation)


def _gradient(parameter):
    gradient = parameter.grad
    return torch.zeros_like(parameter) if gradient is None else gradient
