"""A network that computes, and does not learn."""

from contextlib import closing
from operator import call

import numpy as np
import torch

from sklearn_cnn.architectures import Network
from sklearn_cnn.images import take_rows
from sklearn_cnn.inference.features import before_head, remembered
from sklearn_cnn.inference.folding import fold_batch_norms, has_hooks
from sklearn_cnn.inference.loading import halved_if_full
from sklearn_cnn.inference.precision import as_float32_or_wider, autocast
from sklearn_cnn.inference.stored import network_state, rebuilt_network
from sklearn_cnn.inference.threads import map_chunks, single_thread
from sklearn_cnn.utils._copying import copy_module
from sklearn_cnn.utils._plain_state import PlainState
from sklearn_cnn.utils._progress import progress

#: Most values that a batch of a prediction reads on a CPU, whose cache then holds it.
_PREDICTION_VALUES = 3 << 14


class Predictor(PlainState):
    """A network, and all that is needed to run it over an image array.

    Parameters
    ----------
    module : torch.nn.Module
        The network.
    prepare : Preparation
        Turns rows of an array into its input.
    precision : {"float32", "bfloat16", "float16", "float64"}
        In which it computes.
    sample_cost : int
        Multiply-adds of one forward pass of one sample.
    compile : bool
        Whether to run it through :func:`torch.compile`.
    blueprint : sklearn_cnn.architectures.Blueprint
        How the module was built.
    """

    def __init__(
        self, module, prepare, precision, sample_cost, compile=False, blueprint=None
    ):
        self.module = module
        self.prepare = prepare
        self.precision = precision
        self.sample_cost = sample_cost
        self.compile = compile
        self.blueprint = blueprint
        self._compiled = None

    def _whole_state(self):
        state = {**vars(self), "_compiled": None}
        if not self._on_cpu:  # who reads a pickle may have no such device
            state["module"] = copy_module(self.module).cpu()
        return state

    def __setstate__(self, state):
        super().__setstate__(state)
        if not self._on_cpu:
            self.prepare.place(self.module)

    def _plain_state(self):
        return {
            **vars(self),
            "_compiled": None,
            "module": network_state(self),
            "blueprint": None,  # is in the state of the module
        }

    def _set_plain_state(self, state):
        vars(self).update(state)
        self.blueprint = state["module"]["blueprint"]
        self.module = rebuilt_network(state["module"], self.prepare)

    def replaced(self, module, precision, compile):
        """Make the like for another network of the same form."""
        return Predictor(
            module, self.prepare, precision, self.sample_cost, compile, self.blueprint
        )

    @property
    def network(self):
        """What computes: the module, or what the compiler made of it."""
        if not self.compile:
            return self.module
        if self._compiled is None:
            self._compiled = torch.compile(self.module)
        return self._compiled

    @property
    def _on_cpu(self):
        return torch.device(self.prepare.device).type == "cpu"

    @property
    def _batch_size(self):
        values = _PREDICTION_VALUES if self._on_cpu else 64 * _PREDICTION_VALUES
        return max(1, values // self.prepare.layout.n_features)

    @property
    def computes_one_by_one(self):
        """Whether each image of several goes through the network by itself."""
        return self._batch_size == 1

    def outputs(self, images):
        """Compute the outputs for all images, of shape (n_samples, n_outputs)."""
        self.evaluate()
        if has_frozen_backbone(self.module) and not has_hooks(self.module):
            return self.outputs_of(self.features(images))
        if self._on_cpu and not self.compile and len(images) <= self._batch_size:
            # a fifth faster for one image than by what is made for many batches
            with single_thread(), torch.inference_mode():
                batch = self.prepare(take_rows(images, slice(None)))
                return self._run(call, self.module, batch).double().numpy()
        parts = (part.double() for part in self.batches(images))
        return gathered(parts, len(images))

    def features(self, images, rows=None, compute=before_head, *, fold=True):
        """Compute, or remember, what goes into the head, or another layer gives.

        The arguments are those of ``batches``; the ``repr`` of ``compute`` tells it
        from others. Gives a read-only array of shape (n_rows, n_features).
        """
        self.evaluate()

        def run(rows):
            parts = self.batches(images, rows, compute, fold=fold)
            features = gathered(parts, len(images if rows is None else rows))
            features.flags.writeable = False
            return features

        return remembered(self, images, rows, compute, run)

    def batches(self, images, rows=None, compute=call, *, fold=True):
        """Give the results of one batch after the other, on the CPU.

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

        Yields
        ------
        results : torch.Tensor of shape (n_batch, ...)
            Of float32 or wider.
        """
        n_rows = len(images if rows is None else rows)
        size = self._batch_size
        # to prepare several batches at once saves a tenth
        step = size * min(4, max(1, n_rows // (8 * size)))
        chunks = [slice(start, start + step) for start in range(0, n_rows, step)]
        if rows is not None:
            chunks = [rows[chunk] for chunk in chunks]

        network, cost = self.network, 0
        # what is watched, or changes with what it sees, takes one after the other
        if len(chunks) > 1 and not (self.module.training or has_hooks(self.module)):
            cost = self.sample_cost * n_rows
            if fold and not self.compile:
                network = fold_batch_norms(self.module)
        cost = cost if self._on_cpu and not self.compile else None

        def run(loaded):
            with torch.inference_mode():
                batches = self.prepare.standardize(loaded).split(size)
                return torch.cat([self._run(compute, network, b) for b in batches])

        return map_chunks(run, self.prepare, images, chunks, cost)

    def try_out(self, compute):
        """Compute one sample of zeros, as ``batches`` does."""
        blank = self.prepare.blank(1).to(self.prepare.device)
        with torch.inference_mode():
            return self._run(compute, self.module, blank)

    def evaluate(self):
        """Let layers behave as at prediction."""
        if self.module.training:  # to set it walks through all layers
            self.module.eval()

    def _run(self, compute, network, batch):
        def run(batch):
            with autocast(self.precision, self.prepare.device):
                return as_float32_or_wider(compute(network, batch)).cpu()

        return halved_if_full(run, batch)

    def outputs_of(self, features):
        """Compute the outputs of what ``features`` gives."""
        device = self.prepare.device
        with single_thread(), torch.inference_mode(), autocast("float32", device):
            x = torch.from_numpy(features.copy()).to(device)
            return self.module.head(x).cpu().double().numpy()


def has_frozen_backbone(module):
    """Tell whether nothing but the head of a network learns."""
    # most networks answer at their first weight: every prediction asks
    return isinstance(module, Network) and not any(
        parameter.requires_grad
        for name, parameter in module.named_parameters()
        if not name.startswith("head.")
    )


def require_finite(outputs):
    """Refuse what a network gave for samples of which it can tell nothing."""
    if not np.isfinite(outputs).all():
        bad = np.flatnonzero(~np.isfinite(outputs).all(axis=1))
        raise ValueError(
            f"The network gives NaN or infinity for {len(bad)} of {len(outputs)} "
            f"samples, the first of them sample {bad[0]}. Its weights have "
            "diverged, or X is far outside the range it was fitted on: fit with a "
            "smaller learning_rate, or check the scale of X."
        )


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
    with closing(parts), progress("images computed", n_rows) as count:
        for part in parts:
            values = part.numpy()
            if whole is None:
                whole = np.empty((n_rows, *values.shape[1:]), values.dtype)
            whole[start : start + len(values)] = values
            start += len(values)
            count(len(values))
    return whole
