"""Running a network, or a part of it, over an image array."""

from contextlib import closing, nullcontext
from operator import call

import numpy as np
import torch

from sklearn_cnn.architectures.inference import fold_batch_norms, has_hooks
from sklearn_cnn.training.losses import as_float32_or_wider
from sklearn_cnn.training.pieces import map_chunks, pays_threads
from sklearn_cnn.training.precision import autocast
from sklearn_cnn.training.reproducibility import single_thread

#: Most values that a batch of a prediction reads on a CPU, whose cache then holds it.
_PREDICTION_VALUES = 3 << 14


class Inference:
    """A network that computes, and does not learn.

    Parameters
    ----------
    module : torch.nn.Module
        The network.
    prepare : sklearn_cnn.training.batches.Preparation
        Turns rows of an array into its input.
    precision : {"float32", "bfloat16", "float64"}
        In which it computes.
    sample_cost : int
        Multiply-adds of one forward pass of one sample.
    compiled : callable or None
        The network as :func:`torch.compile` gives it, to be run in its place.
    """

    def __init__(self, module, prepare, precision, sample_cost, compiled=None):
        self.module = module
        self.prepare = prepare
        self.precision = precision
        self.sample_cost = sample_cost
        self.compiled = compiled

    def __call__(self, images, rows=None, *, compute=call, fold=True, alike=False):
        """Give the results of one batch after the other.

        Parameters
        ----------
        images : array-like of shape (n_samples, ...)
            Images with the layout of the training images.
        rows : ndarray of int or None
            Which of them; None means all.
        compute : callable
            Takes the network and a batch, and returns a tensor; by default the outputs.
        fold : bool
            Whether batch normalisations may be folded into convolutions.
        alike : bool
            Whether the bits must not depend on the number of threads.

        Yields
        ------
        results : torch.Tensor of shape (n_batch, ...)
            On the CPU, of float32 or wider.
        """
        n_rows = len(images if rows is None else rows)
        on_cpu = torch.device(self.prepare.device).type == "cpu"
        values = _PREDICTION_VALUES if on_cpu else 64 * _PREDICTION_VALUES
        size = max(1, values // self.prepare.layout.n_features)
        # to prepare several batches at once saves a tenth
        step = size * min(4, max(1, n_rows // (8 * size)))
        chunks = [slice(start, start + step) for start in range(0, n_rows, step)]
        if rows is not None:
            chunks = [rows[chunk] for chunk in chunks]

        network = self.module if self.compiled is None else self.compiled
        plain = network is self.module and not (
            self.module.training or has_hooks(self.module)
        )
        if plain and fold and len(chunks) > 1:
            network = fold_batch_norms(self.module)
        cost = self.sample_cost * n_rows if plain and on_cpu else 0

        def run(taken):
            with torch.inference_mode():
                batches = self.prepare(taken).split(size)
                return torch.cat([self._run(compute, network, b) for b in batches])

        one = alike and not pays_threads(len(chunks), cost)
        with single_thread() if one else nullcontext():
            yield from map_chunks(run, images, chunks, cost)

    def try_out(self, compute):
        """Compute one sample of zeros.

        Parameters
        ----------
        compute : callable
            Takes the network and a batch, and returns a tensor.

        Returns
        -------
        result : torch.Tensor of shape (1, ...)
        """
        blank = self.prepare.blank(1).to(self.prepare.device)
        with torch.inference_mode():
            return self._run(compute, self.module, blank)

    def _run(self, compute, network, batch):
        with autocast(self.precision, self.prepare.device):
            return as_float32_or_wider(compute(network, batch)).cpu()


def gathered(parts, n_rows):
    """Put the results of all batches into one array, as they come.

    Small arrays kept until the last has come would lie in the way of the large blocks
    that the next batches ask for, and glibc's heap would grow by hundreds of MB.

    Parameters
    ----------
    parts : generator of torch.Tensor of shape (n_batch, ...)
        On the CPU; at least one. It is closed, at an error too, as it may hold threads.
    n_rows : int
        Of all together.

    Returns
    -------
    whole : ndarray of shape (n_rows, ...)
    """
    whole, start = None, 0
    with closing(parts):
        for part in parts:
            values = part.numpy()
            if whole is None:
                whole = np.empty((n_rows, *values.shape[1:]), values.dtype)
            whole[start : start + len(values)] = values
            start += len(values)
    return whole
