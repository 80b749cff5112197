"""Where the time of a training step goes: prints one table.

Run from the root of the repository::

    python tests/benchmarks/step_profile.py --mnist PATH

All on one thread. The parts are measured by clocks around them, the share of the
convolutions in a second fit by PyTorch's profiler.
"""

import argparse
from collections import defaultdict
from contextlib import ExitStack
from time import perf_counter
from unittest.mock import patch

import torch
from _contenders import reference_cnn
from _data import mnist
from _measure import machine
from sklearn.datasets import load_digits
from torch.profiler import ProfilerActivity, profile

from sklearn_cnn.training import execution, loop
from sklearn_cnn.training.batches import Batches
from sklearn_cnn.training.execution import Objective
from sklearn_cnn.training.optimizers import Adam

#: Name of a part, and the function that it is.
PARTS = {
    "cut, convert and scale a batch": (Batches, "_batch"),
    "forward pass and loss": (Objective, "__call__"),
    "backward pass": (torch.Tensor, "backward"),
    "optimizer (fused Adam)": (Adam, "step"),
}
#: The whole, and what of it is left: the loop, the schedule, the history.
WHOLE, REST = (loop, "train_epoch"), "everything else"


def timed(clock, name, function):
    """Wrap a function so that the clock adds up its seconds."""

    def run(*args, **kwargs):
        start = perf_counter()
        try:
            return function(*args, **kwargs)
        finally:
            clock[name] += perf_counter() - start

    return run


def parts_of(cnn, X, y):
    """Seconds of one fit by part, and in all."""
    clock = defaultdict(float)
    with ExitStack() as stack:
        for name, (owner, attribute) in {**PARTS, "all": WHOLE}.items():
            function = timed(clock, name, getattr(owner, attribute))
            stack.enter_context(patch.object(owner, attribute, function))
        cnn.fit(X, y)
    total = clock.pop("all")
    clock[REST] = total - sum(clock.values())
    return clock, total


def convolutions_share(cnn, X, y):
    """Which part of the time of all operators is that of convolutions.

    In whole batches: the profiler sees the operators of the main thread only.
    """
    whole = patch.object(execution, "n_ghosts", lambda *_: 1)
    with whole, profile(activities=[ProfilerActivity.CPU]) as profiler:
        cnn.fit(X, y)
    times = {e.key: e.self_cpu_time_total for e in profiler.key_averages()}
    kernels = {k: t for k, t in times.items() if k.startswith("aten::")}
    return sum(t for k, t in kernels.items() if "conv" in k) / sum(kernels.values())


def main():
    """Profile a small and a large step."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mnist", help="file with MNIST's arrays")
    arguments = parser.parse_args()
    print(machine())
    torch.set_num_threads(1)
    digits = load_digits()
    X, _, y, _ = mnist(arguments.mnist)
    tasks = {
        "digits, 8x8, batches of 64": (digits.images, digits.target, 64, 10),
        "MNIST, 28x28, batches of 128": (X[:10_000], y[:10_000], 128, 1),
    }
    for name, (images, targets, batch_size, epochs) in tasks.items():
        cnn = reference_cnn(max_iter=epochs, batch_size=batch_size)
        cnn.fit(images, targets)
        n_steps = epochs * -(-len(images) // batch_size)
        parts, total = parts_of(cnn, images, targets)
        print(f"{name}, {cnn.precision_}: {1e3 * total / n_steps:.2f} ms a step")
        for part in (*PARTS, REST):
            seconds = parts[part]
            print(f"  {part}: {1e6 * seconds / n_steps:.0f} us, {seconds / total:.0%}")
        share = convolutions_share(cnn, images, targets)
        print(f"  share of convolutions in the operators: {share:.0%}")


if __name__ == "__main__":
    main()
