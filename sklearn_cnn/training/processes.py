"""The processes that fit one network together: the group of torch.distributed."""

import os
import socket
import warnings
from contextlib import contextmanager
from textwrap import shorten

import numpy as np
import torch
from torch import distributed


class Processes:
    """The group of torch.distributed that this process is in.

    All of them call the same methods in the same order.

    Attributes
    ----------
    rank, size : int
        Number of this process, from 0, and of all of them.
    """

    def __init__(self):
        self.rank, self.size = distributed.get_rank(), distributed.get_world_size()

    def require_device(self, device):
        """Refuse a device that the group does not reach, or where NCCL is refused."""
        kind = torch.device(device).type
        pairs = distributed.get_backend_config().split(",")
        backend = dict(pair.split(":") for pair in pairs).get(kind)
        if backend is None:
            raise ValueError(
                f"device={device!r} is not for this process group, whose backend is "
                f"{distributed.get_backend()!r}. Pass another device, or make the "
                "group by torch.distributed.init_process_group('gloo')."
            )
        if backend != "nccl":
            return
        number = torch.cuda.get_device_properties(device).uuid
        places = self.gather((socket.gethostname(), str(number)))
        if len(set(places)) < self.size:
            raise ValueError(
                f"device={device!r} is the same GPU for several of {self.size} "
                "processes. Start as many processes as there are GPUs, and let each "
                "choose its own before: "
                "torch.cuda.set_device(int(os.environ['LOCAL_RANK']))."
            )

    def own(self, n):
        """Give the slice of n parts, a multiple of the size, that is for this one."""
        each = n // self.size
        return slice(self.rank * each, (self.rank + 1) * each)

    def block(self, rows):
        """Give the consecutive rows that are for this one."""
        return np.array_split(rows, self.size)[self.rank]

    def sum(self, tensor):
        """Give each the sum of what all of them have, in place of its own."""
        with self._reaching_all():
            distributed.all_reduce(tensor)

    def copy_first(self, tensors):
        """Give each the values that the first one has, in place of its own."""
        with self._reaching_all():
            for tensor in tensors:
                distributed.broadcast(tensor, 0)

    def gather(self, value):
        """Give each a list of what all of them have, in their order."""
        values = [None] * self.size
        with self._reaching_all():
            distributed.all_gather_object(values, value)
        return values

    def over_rows(self, compute, rows):
        """Give each what comes out for all rows, of which it computes a block."""
        return np.concatenate(self.gather(compute(self.block(rows))))

    def of_first(self, make):
        """Give each what the first one makes; or raise the error that it has met."""
        made = [None, None]
        if self.rank == 0:
            try:
                made[0] = make()
            except Exception as error:
                made[1] = error
        with self._reaching_all():
            distributed.broadcast_object_list(made)
        value, met = made
        if met is not None:
            raise met
        return value

    @contextmanager
    def _reaching_all(self):
        try:
            yield
        except RuntimeError as error:
            raise ConnectionError(
                f"Process {self.rank} of {self.size} that fit together, counted from "
                "0, has lost another one, which has ended or cannot be reached; what "
                "that one printed last may say why. Start all of them again: with "
                "checkpoint_dir they go on after the last epoch that was written. "
                f"PyTorch says: {shorten(str(error), 120)}"
            ) from error


def process_group():
    """Give the processes that fit together, or None if this one fits alone.

    They do where there is a process group: a launcher's environment variables alone
    may be of processes that are meant to fit each on its own.
    """
    if distributed.is_available() and distributed.is_initialized():
        return Processes() if distributed.get_world_size() > 1 else None
    n = os.environ.get("WORLD_SIZE", "1")
    if n != "1" and "LOCAL_RANK" in os.environ:
        warnings.warn(
            f"A launcher has started {n} processes, and this one fits alone. To fit "
            "one network together, call torch.distributed.init_process_group() first; "
            "to fit apart, remove WORLD_SIZE from os.environ.",
            UserWarning,
            stacklevel=2,
        )
    return None


def is_first():
    """Tell whether this process is the one that prints, of those that fit together."""
    grouped = distributed.is_available() and distributed.is_initialized()
    return not grouped or distributed.get_rank() == 0
