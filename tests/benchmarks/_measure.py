"""Timing that holds on a noisy machine: alternatives in turn, medians of ratios."""

import platform
import statistics
from importlib.metadata import PackageNotFoundError, version
from time import perf_counter

import torch


def seconds(run):
    """Wall-clock seconds of one call."""
    start = perf_counter()
    run()
    return perf_counter() - start


def interleaved(contenders, pairs):
    """Time every contender ``pairs`` times, one after the other in each round.

    Parameters
    ----------
    contenders : dict of str to callable
        The first is what the others are compared with.
    pairs : int
        Number of rounds; one more goes first and is not counted.

    Returns
    -------
    rounds : dict of str to list of float
        Seconds.
    """
    rounds = {name: [] for name in contenders}
    for i in range(pairs + 1):
        for name, run in contenders.items():
            elapsed = seconds(run)
            if i:
                rounds[name].append(elapsed)
    return rounds


def rows(task, rounds, goals):
    """One row per comparison: medians, and the median ratio round by round.

    Parameters
    ----------
    task : str
        What was timed.
    rounds : dict of str to list of float
        Given by ``interleaved``; the first entry is ours.
    goals : dict of str to float
        Largest ratio that is wanted, by the name of the contender.

    Returns
    -------
    rows : list of tuple of str
    """
    (ours, own), *others = rounds.items()
    table = []
    for name, theirs in others:
        ratios = [a / b for a, b in zip(own, theirs, strict=True)]
        table.append(
            (
                task,
                f"{ours} / {name}",
                f"{statistics.median(own):.3f}",
                f"{statistics.median(theirs):.3f}",
                f"{statistics.median(ratios):.2f}",
                f"{min(ratios):.2f}-{max(ratios):.2f}",
                f"{goals[name]:.2f}" if name in goals else "",
            )
        )
    return table


HEADER = ("task", "ours / theirs", "ours s", "theirs s", "ratio", "range", "goal")


def show(table):
    """Print a table with aligned columns."""
    widths = [max(len(row[i]) for row in [HEADER, *table]) for i in range(len(HEADER))]
    for row in [HEADER, *table]:
        print("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)))


def machine():
    """Processor, threads and versions, in one line."""
    names = ("torch", "scikit-learn", "skorch", "numpy", "sklearn_cnn")
    versions = []
    for name in names:
        try:
            versions.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    capabilities = getattr(torch.cpu, "get_capabilities", dict)()
    processor = capabilities.get("cpu_name") or platform.processor()
    features = [n for n in ("avx512_bf16", "amx_bf16") if capabilities.get(n)]
    threads = f"{torch.get_num_threads()} threads"
    return ", ".join([str(processor), *features, threads, *versions])
