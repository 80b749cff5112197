"""How one batch is computed, forward and backward: the one seam for every way to."""

import warnings
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn

from sklearn_cnn.architectures import FeatureDropout, ValueDropout, leaves_unwritten
from sklearn_cnn.inference import (
    SMALL_STEP,
    all_threads,
    as_float32_or_wider,
    autocast,
    halved_if_full,
    single_thread,
    workers,
)
from sklearn_cnn.training.batches import equal_sizes
from sklearn_cnn.training.turns import give_up_turn, meanwhile
from sklearn_cnn.utils._copying import copy_module
from sklearn_cnn.utils._generators import generator_restored

#: Samples that a ghost batch needs at least, for the statistics of normalisation.
_GHOST_SAMPLES = 8
_MAX_GHOSTS = 8
#: Most weights that all ghost batches have gradients for: 1 GiB in float32.
_MAX_GRADIENTS = 1 << 28

_DROPOUTS = {
    nn.Dropout: ValueDropout,
    nn.Dropout1d: FeatureDropout,
    nn.Dropout2d: FeatureDropout,
    nn.Dropout3d: FeatureDropout,
    ValueDropout: ValueDropout,
    FeatureDropout: FeatureDropout,
}


@dataclass(frozen=True)
class Objective:
    """What is minimised over a batch, and in which precision it is computed."""

    loss: Any
    precision: str
    inference_precision: str
    device: str
    guarded: bool = True
    scaler: Any = None

    def __call__(self, network, batch):
        """Compute the loss of a batch, and the outputs."""
        outputs = self._outputs(network, batch.images, self.precision)
        if torch.is_grad_enabled() and not outputs.requires_grad:
            raise ValueError(
                "The network that architecture gives returns a tensor without a "
                "gradient, so that nothing of it could learn. Leave detach and no_grad "
                "out of its forward."
            )
        loss = self.loss(outputs, batch.targets, batch.sample_weight)
        if batch.partner_targets is not None:
            loss = loss + self.loss(
                outputs, batch.partner_targets, batch.partner_weight
            )
        return loss, outputs

    def differentiate(self, loss):
        """Compute the gradients of a loss, which float16 needs to be scaled for."""
        scaled = loss if self.scaler is None else self.scaler.scale(loss)
        scaled.backward()

    def infer(self, network, images):
        """Compute the outputs as predictions do."""
        return self._outputs(network, images, self.inference_precision)

    def _outputs(self, network, images, precision):
        with autocast(precision, self.device, guarded=self.guarded):
            outputs = as_float32_or_wider(network(images))
        if len(outputs) != len(images):
            raise ValueError(
                f"The network that architecture gives returns {len(outputs)} rows for "
                f"a batch of {len(images)} samples. It must return one for each."
            )
        return outputs


class Execution:
    """A way to compute batches, entered for a phase of a training.

    Another one is another subclass, which ``choice.choose_execution`` has to know; the
    loop stays as it is.

    Parameters
    ----------
    network : torch.nn.Module
        What is computed.
    objective : Objective
        What is minimised.
    threads : context manager
        Entered and left with the phase; what it gives is in ``pool``.

    Attributes
    ----------
    n_samples : int or None
        Of the whole batch, where batches are shares of it.
    """

    n_samples = None

    def __init__(self, network, objective, threads):
        self.network = network
        self.objective = objective
        self._threads = threads

    def __enter__(self):
        self.pool = self._threads.__enter__()
        return self

    def __exit__(self, *error):
        self._threads.__exit__(*error)

    def share(self, batches):
        """Give those to train on here: each of them whole, or a part of each."""
        return batches

    def share_rows(self, batches):
        """Give those to validate on here: all of them, or those of some rows."""
        return batches

    def join(self, loss, outputs):
        """Add up losses of validation, and put the outputs for all rows together."""
        return loss, outputs

    def agree(self, verdict):
        """Tell whether it is so anywhere that batches are computed."""
        return verdict

    def begin_epoch(self):
        """Make ready for batches; the network is in training mode."""

    def backward(self, batch):
        """Compute the gradients of a batch.

        While torch computes by itself, it may give up its turn; whoever calls it takes
        the next one.

        Returns
        -------
        loss : Tensor of shape ()
        outputs : Tensor of shape (n_samples, n_outputs)
            Both detached.
        """
        raise NotImplementedError

    def infer(self, images):
        """Compute the outputs of a batch without gradients."""
        return halved_if_full(partial(self.objective.infer, self.network), images)

    def end_epoch(self):
        """Bring what the batches left into the network."""


class WholeBatches(Execution):
    """Each batch as a whole, on one thread or on all threads of torch.

    Where a device has no room for that, it goes through the network in parts, whose
    gradients are summed.
    """

    def __init__(self, network, objective, *, one_thread=False):
        threads = single_thread() if one_thread else all_threads()
        super().__init__(network, objective, threads)
        self.n_parts = 1
        self._one_thread = one_thread

    def backward(self, batch):  # noqa: D102
        n_samples = len(batch.targets)
        while True:
            try:
                return self._backward(batch, min(self.n_parts, n_samples))
            except torch.OutOfMemoryError:
                if self.n_parts >= n_samples:
                    raise
            # out here, where the error holds no tensors any more
            self.n_parts *= 2
            for parameter in self.network.parameters():
                parameter.grad = None
            warnings.warn(
                f"device={self.objective.device!r} has no room for a step with a batch "
                f"of {n_samples} samples. They go through the network in "
                f"{self.n_parts} parts, whose gradients are summed, so that batch_size "
                "stays; batch normalisation sees a part at a time. A smaller "
                "batch_size saves the attempt.",
                UserWarning,
                stacklevel=2,
            )

    def _backward(self, batch, n_parts):
        n_samples, losses, outputs = len(batch.targets), [], []
        n_everywhere = self.n_samples or n_samples
        for part in batch.split(equal_sizes(n_samples, n_parts)):
            loss, out = self.objective(self.network, part)
            if len(part.targets) < n_everywhere:
                loss = loss * (len(part.targets) / n_everywhere)
            if self._one_thread and n_parts == 1:
                give_up_turn()
            self.objective.differentiate(loss)
            losses.append(loss.detach())
            outputs.append(out.detach())
        if n_parts == 1:
            return losses[0], outputs[0]
        return torch.stack(losses).sum(), torch.cat(outputs)

    def infer(self, images):  # noqa: D102
        with meanwhile() if self._one_thread else nullcontext():
            return super().infer(images)


class GhostBatches(Execution):
    """Each batch in parts, of which every one has a copy of the network, and a thread.

    The copies share the weights. Batch normalisation sees a part at a time [1]_; the
    running statistics of the copies are averaged when the epoch ends.

    Parameters
    ----------
    network, objective
        As others have them.
    n : int
        Number of parts.
    own : slice
        Those of them that batches hold here, as other processes have the others.

    References
    ----------
    .. [1] E. Hoffer, I. Hubara and D. Soudry, "Train longer, generalize better",
       NeurIPS 2017.
    """

    def __init__(self, network, objective, n, own=slice(None)):
        self.n, self._n_everywhere, self._own = len(range(n)[own]), n, own
        super().__init__(network, objective, workers(self.n))

    def begin_epoch(self):  # noqa: D102
        high = torch.iinfo(torch.int64).max
        self.copies = [
            _sharing_copy(self.network, torch.Generator().manual_seed(seed))
            for seed in torch.randint(high, (self._n_everywhere,)).tolist()[self._own]
        ]
        networks = (self.network, *self.copies)
        self._parameters = [list(network.parameters()) for network in networks]

    def backward(self, batch):  # noqa: D102
        n_samples = self.n_samples or len(batch.targets)

        def backward(copied, part):
            loss, outputs = self.objective(copied, part)
            loss = loss * (len(part.targets) / n_samples)
            loss.backward()
            return loss.detach(), outputs.detach()

        parts = batch.split(equal_sizes(len(batch.targets), self.n))
        give_up_turn()
        results = list(self.pool.map(backward, self.copies, parts))
        self._sum_gradients()
        losses, outputs = zip(*results, strict=True)
        return torch.stack(losses).sum(), torch.cat(outputs)

    def _sum_gradients(self):
        for own, first, *others in zip(*self._parameters, strict=True):
            own.grad = first.grad
            for copied in others:
                if own.grad is not None:
                    own.grad += copied.grad
                copied.grad = None
            first.grad = None

    def infer(self, images):  # noqa: D102
        def infer(part):
            with torch.inference_mode():
                return self.objective.infer(self.network, part)

        parts = images.tensor_split(min(len(images), self.n))
        with meanwhile():
            return torch.cat(list(self.pool.map(infer, parts)))

    def end_epoch(self):  # noqa: D102
        buffers = [copied.buffers() for copied in self.copies]
        with torch.no_grad():
            for own, *found in zip(self.network.buffers(), *buffers, strict=True):
                if all(torch.equal(own, other) for other in found):
                    continue  # is frozen, and a mean would round
                averaged = own.is_floating_point()
                own.copy_(torch.stack(found).mean(dim=0) if averaged else found[0])


def must_guard(module, images, precision, device):
    """Tell whether convolutions in bfloat16 would leave something unwritten."""
    if precision != "bfloat16" or torch.device(device).type != "cpu":
        return False
    tried = _sharing_copy(module, torch.Generator()).train()
    with generator_restored():
        return leaves_unwritten(tried, images)


def n_ghosts(cost, n_samples, n_weights):
    """Choose how many ghost batches there are: 1, 2, 4 or 8.

    That depends on the work alone, not on how many threads there are, so that sums are
    split, and rounded, alike everywhere.

    Parameters
    ----------
    cost : int
        Multiply-adds of one forward pass over the batch.
    n_samples : int
        Number of samples in the batch.
    n_weights : int
        Number of weights of the network; each copy has gradients of its own.
    """
    if cost < SMALL_STEP:
        return 1
    most = min(
        max(2, cost // SMALL_STEP),
        n_samples // _GHOST_SAMPLES,
        _MAX_GRADIENTS // n_weights,
        _MAX_GHOSTS,
    )
    return 1 << max(0, most.bit_length() - 1)


def draws_numbers(module, images):
    """Tell whether a network draws random numbers other than those of dropout layers.

    Threads would take turns at torch's generator in an order that is left to chance.
    """
    tried = _sharing_copy(module, torch.Generator()).train()
    with generator_restored(), torch.no_grad():
        before = torch.get_rng_state()
        tried(images)
        return not torch.equal(torch.get_rng_state(), before)


def _sharing_copy(module, generator):
    shared = {
        id(p): nn.Parameter(p.detach(), requires_grad=p.requires_grad)
        for p in module.parameters()
    }
    copied = copy_module(module, shared)
    for parent in list(copied.modules()):
        for name, layer in parent.named_children():
            if type(layer) in _DROPOUTS:
                own = _DROPOUTS[type(layer)](layer.p, generator)
                setattr(parent, name, own.train(layer.training))
    return copied
