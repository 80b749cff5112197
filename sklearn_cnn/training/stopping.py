"""What watches a training from outside: early stopping, progress, interruption."""

import dis
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch


class Monitor:
    """Hears of every epoch of one training, and may end it."""

    def epoch_begin(self, net):
        """Hear that an epoch begins.

        Parameters
        ----------
        net : CNNNet
            What is trained.
        """

    def epoch_end(self, net):
        """Hear that an epoch has ended.

        Parameters
        ----------
        net : CNNNet
            What is trained.

        Returns
        -------
        stop : bool
            Whether training is to end here.
        """
        return False

    def train_end(self, net):
        """Hear that training has ended.

        Parameters
        ----------
        net : CNNNet
            What was trained.
        """


@dataclass(frozen=True)
class HeldOut:
    """Validation samples and how predictions on them are scored."""

    batches: Any
    score: Any

    @property
    def total_weight(self):
        """Sum of the weights of all samples."""
        weights, rows = self.batches.weights, self.batches.rows
        return len(rows) if weights is None else weights[rows].sum().item()


class Weights:
    """A copy of a module's weights and buffers, to go back to.

    Parameters
    ----------
    module : torch.nn.Module
        Whose weights are copied.
    """

    def __init__(self, module):
        self.module = module
        self._kept = self.read()

    def read(self):
        """Copy the present weights.

        Returns
        -------
        weights : list of torch.Tensor
        """
        return [tensor.detach().clone() for tensor in self._tensors()]

    def keep(self, weights):
        """Remember weights.

        Parameters
        ----------
        weights : list of torch.Tensor
            Given by ``read``.
        """
        self._kept = weights

    def restore(self):
        """Give the module the remembered weights."""
        with torch.no_grad():
            for tensor, kept in zip(self._tensors(), self._kept, strict=True):
                tensor.copy_(kept)

    def _tensors(self):
        return self.module.state_dict(keep_vars=True).values()


class EarlyStopping(Monitor):
    """End training when the validation loss stalls, and go back to its minimum [1]_.

    Parameters
    ----------
    patience : int
        Number of epochs without an improvement after which training ends.
    tol : float
        Smallest decrease of the loss that counts as one.

    References
    ----------
    .. [1] L. Prechelt, "Early stopping - but when?", in Neural Networks: Tricks of the
       Trade, 1998.
    """

    def __init__(self, patience, tol):
        self.patience = patience
        self.tol = tol
        self.best_loss = np.inf
        self.n_stalled = 0
        self.best = None

    def epoch_end(self, net):  # noqa: D102
        loss = net.history[-1, "valid_loss"]
        improved = loss < self.best_loss - self.tol
        self.n_stalled = 0 if improved else self.n_stalled + 1
        if loss < self.best_loss:
            self.best_loss = loss
            self.best = Weights(net.trained)
        return self.n_stalled >= self.patience

    def train_end(self, net):  # noqa: D102
        if self.best is not None:
            self.best.restore()


class ProgressBar(Monitor):
    """A tqdm bar over the epochs.

    Parameters
    ----------
    epochs : int
        How many there may be.
    description : str
        What stands before the bar.
    """

    def __init__(self, epochs, description):
        from tqdm.auto import tqdm

        self.bar = tqdm(total=epochs, desc=description, unit="epoch")

    def epoch_end(self, net):  # noqa: D102
        names = ("train_loss", "valid_loss", "valid_score")
        row = net.history[-1]
        self.bar.set_postfix({name: row[name] for name in names if name in row})
        self.bar.update()
        return False

    def train_end(self, net):  # noqa: D102
        self.bar.close()


def raised_by_callback(interrupt):
    """Tell a ``raise KeyboardInterrupt`` in a callback from a person's Ctrl-C.

    skorch's callbacks end training by raising KeyboardInterrupt. A signal interrupts
    wherever the program is, so only a ``raise`` statement can be the last instruction
    of a callback's own interrupt.

    Parameters
    ----------
    interrupt : KeyboardInterrupt
        As it was caught.

    Returns
    -------
    deliberate : bool
    """
    trace = interrupt.__traceback__
    while trace.tb_next is not None:
        trace = trace.tb_next
    opcode = trace.tb_frame.f_code.co_code[trace.tb_lasti]
    return dis.opname[opcode] == "RAISE_VARARGS"
