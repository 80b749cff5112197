"""Large batches in pieces, each computed by one thread."""

import copy
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial

import torch
from torch import nn

from sklearn_cnn.architectures.dropout import FeatureDropout, ValueDropout
from sklearn_cnn.architectures.inference import has_hooks
from sklearn_cnn.images import read_ahead, take_rows
from sklearn_cnn.training.precision import SMALL_STEP
from sklearn_cnn.training.reproducibility import single_thread
from sklearn_cnn.utils._generators import generator_restored

#: Samples that a piece needs at least, for the statistics of batch normalisation.
_PIECE_SAMPLES = 8
_MAX_PIECES = 8
#: Most weights that all pieces have gradients for: 1 GiB in float32.
_MAX_GRADIENTS = 1 << 28
#: Multiply-adds of a prediction that are worth starting threads.
_POOL_COST = 1 << 30

_DROPOUTS = {
    nn.Dropout: ValueDropout,
    nn.Dropout1d: FeatureDropout,
    nn.Dropout2d: FeatureDropout,
    nn.Dropout3d: FeatureDropout,
    ValueDropout: ValueDropout,
    FeatureDropout: FeatureDropout,
}


def n_pieces(cost, n_samples, n_weights):
    """Choose in how many pieces a batch is computed.

    The number depends on the work alone, not on how many threads there are, so that
    sums are split, and rounded, alike everywhere.

    Parameters
    ----------
    cost : int
        Multiply-adds of one forward pass over the batch.
    n_samples : int
        Number of samples in the batch.
    n_weights : int
        Number of weights of the network; each piece has gradients of its own.

    Returns
    -------
    n_pieces : {1, 2, 4, 8}
    """
    if cost < SMALL_STEP:
        return 1
    most = min(
        max(2, cost // SMALL_STEP),
        n_samples // _PIECE_SAMPLES,
        _MAX_GRADIENTS // n_weights,
        _MAX_PIECES,
    )
    return 1 << max(0, most.bit_length() - 1)


def draws_numbers(module, images):
    """Tell whether a network draws random numbers other than those of dropout layers.

    Threads would take turns at torch's generator in an order that is left to chance.

    Parameters
    ----------
    module : torch.nn.Module
        The network.
    images : torch.Tensor of shape (n_samples, n_channels, *spatial_shape)
        Something to compute.

    Returns
    -------
    draws : bool
    """
    tried = _sharing_copy(module, torch.Generator()).train()
    with generator_restored(), torch.no_grad():
        before = torch.get_rng_state()
        tried(images)
        return not torch.equal(torch.get_rng_state(), before)


@contextmanager
def splitting(module, images, n_samples, cost):
    """Arrange a training on a CPU so that its sums do not depend on the threads.

    Small steps run on one thread, where a second one gains little; large ones in
    pieces. Only a large step of a few samples, or of a network that is huge, has hooks
    or draws random numbers by itself, is left whole to all threads of torch.

    Parameters
    ----------
    module : torch.nn.Module
        The network.
    images : torch.Tensor of shape (2, n_channels, *spatial_shape)
        Something for it to compute.
    n_samples : int
        Number of samples in a batch.
    cost : int
        Multiply-adds of one forward pass over a batch.

    Yields
    ------
    split : callable or None
        Makes ``Pieces`` of the network for an epoch; None where batches stay whole.
    """
    n = n_pieces(cost, n_samples, sum(p.numel() for p in module.parameters()))
    if n > 1 and not has_hooks(module) and not draws_numbers(module, images):
        with workers(n) as pool:
            yield partial(Pieces, n=n, pool=pool)
    elif cost < SMALL_STEP:
        with single_thread():
            yield None
    else:
        yield None


def pays_threads(n_chunks, cost):
    """Tell whether chunks are worth a thread each.

    Parameters
    ----------
    n_chunks : int
        Number of chunks.
    cost : int
        Multiply-adds of all together.

    Returns
    -------
    pays : bool
    """
    return n_chunks > 1 and cost >= _POOL_COST


def map_chunks(compute, images, chunks, cost):
    """Compute one chunk of images after the other, on several threads if it pays.

    Parameters
    ----------
    compute : callable
        Takes the images of a chunk, in new memory.
    images : array-like of shape (n_samples, ...)
        All images.
    chunks : list of ndarray of int or of slice
        Their rows.
    cost : int
        Multiply-adds of all together.

    Yields
    ------
    result : object
        Of every chunk, in order.
    """
    if not pays_threads(len(chunks), cost) or torch.get_num_threads() == 1:
        with closing(read_ahead(images, chunks)) as parts:
            yield from map(compute, parts)
        return

    def run(chunk):
        return compute(take_rows(images, chunk))

    with workers(len(chunks)) as pool:
        yield from pool.map(run, chunks)


@contextmanager
def workers(n):
    """Start threads that compute with one thread each, and limit this one to one.

    Parameters
    ----------
    n : int
        How many could be used; no more are started than torch may use here.

    Yields
    ------
    pool : concurrent.futures.Executor
    """
    with single_thread() as n_threads:
        limit = partial(torch.set_num_threads, 1)  # each thread has its own setting
        with ThreadPoolExecutor(min(n, n_threads), initializer=limit) as pool:
            yield pool


class Pieces:
    """Copies of a network that share its weights, each for a piece of every batch.

    Batch normalisation sees a piece at a time ("ghost batches" [1]_); the running
    statistics of the copies are averaged when the epoch ends.

    Parameters
    ----------
    module : torch.nn.Module
        The network, in training mode.
    n : int
        Number of pieces.
    pool : concurrent.futures.Executor
        Computes them.

    References
    ----------
    .. [1] E. Hoffer, I. Hubara and D. Soudry, "Train longer, generalize better",
       NeurIPS 2017.
    """

    def __init__(self, module, n, pool):
        self.module = module
        self._pool = pool
        seeds = torch.randint(torch.iinfo(torch.int64).max, (n,)).tolist()
        self.copies = [
            _sharing_copy(module, torch.Generator().manual_seed(seed)) for seed in seeds
        ]
        self._parameters = [list(m.parameters()) for m in (module, *self.copies)]

    def backward(self, batch, compute):
        """Compute the gradients of a batch.

        Parameters
        ----------
        batch : sklearn_cnn.training.batches.Batch
            Training samples.
        compute : callable
            Takes a network and a piece of the batch, and returns the loss and outputs.

        Returns
        -------
        loss : Tensor of shape ()
        outputs : Tensor of shape (n_samples, n_outputs)
            Both detached.
        """

        def backward(copied, piece):
            loss, outputs = compute(copied, piece)
            loss = loss * (len(piece.targets) / len(batch.targets))
            loss.backward()
            return loss.detach(), outputs.detach()

        pieces = batch.split(_equal_sizes(len(batch.targets), len(self.copies)))
        results = list(self._pool.map(backward, self.copies, pieces))
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

    def infer(self, compute, images):
        """Compute outputs without gradients.

        Parameters
        ----------
        compute : callable
            Takes images.
        images : Tensor of shape (n_samples, n_channels, *spatial_shape)
            Of a batch.

        Returns
        -------
        outputs : Tensor of shape (n_samples, n_outputs)
        """

        def infer(part):
            with torch.inference_mode():
                return compute(part)

        parts = images.tensor_split(min(len(images), len(self.copies)))
        return torch.cat(list(self._pool.map(infer, parts)))

    def collect_statistics(self):
        """Give the network the mean of its copies' running statistics."""
        buffers = [copied.buffers() for copied in self.copies]
        with torch.no_grad():
            for own, *found in zip(self.module.buffers(), *buffers, strict=True):
                averaged = own.is_floating_point()
                own.copy_(torch.stack(found).mean(dim=0) if averaged else found[0])


def _equal_sizes(total, n):
    small, rest = divmod(total, n)
    return [small + (i < rest) for i in range(n)]


def _sharing_copy(module, generator):
    shared = {
        id(p): nn.Parameter(p.detach(), requires_grad=p.requires_grad)
        for p in module.parameters()
    }
    copied = copy.deepcopy(module, shared)
    for parent in list(copied.modules()):
        for name, layer in parent.named_children():
            if type(layer) in _DROPOUTS:
                own = _DROPOUTS[type(layer)](layer.p, generator)
                setattr(parent, name, own.train(layer.training))
    return copied
