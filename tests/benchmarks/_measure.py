"""Timing that holds on a noisy machine: alternatives in turn, medians of ratios."""

import platform
import statistics
from importlib.metadata import PackageNotFoundError, version
from time import perf_counter

import torch


def seconds(run):
    """Wall-clock seconds of one call, or those that the call measured itself."""
    start = perf_counter()
    result = run()
    elapsed = perf_counter() - start
    return result if isinstance(result, float) else elapsed


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
                f"{statistics.median(own):.4g}",
                f"{statistics.median(theirs):.4g}",
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
    names = (
        "sklearn_cnn",
        "torch",
        "scikit-learn",
        "numpy",
        "skorch",
        "keras",
        "tensorflow_cpu",
        "tensorflow",
        "jax",
        "onnxruntime",
    )
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


def plot(table, path):
    """Draw the ratios of a table, one bar for each comparison.

    Parameters
    ----------
    table : list of tuple of str
        Rows of ``rows``.
    path : str
        Where to save the figure.
    """
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot as plt

    names = [f"{task}\n{compared}" for task, compared, *_ in table]
    ratios = [float(row[4]) for row in table]
    figure, ax = plt.subplots(figsize=(8, 0.42 * len(table) + 1), layout="constrained")
    bars = ax.barh(names, ratios, color="tab:blue", height=0.7)
    labels = ax.bar_label(bars, fmt="%.2f", label_type="center", color="white")
    for label in labels:
        label.set_fontsize("small")
    ax.axvline(1, color="black", linewidth=1)
    for i, row in enumerate(table):
        if row[6]:
            goal = float(row[6])
            ax.plot([goal, goal], [i - 0.4, i + 0.4], color="tab:orange", linewidth=3)
    ax.margins(y=0.01)
    ax.invert_yaxis()
    ax.tick_params(axis="y", labelsize="small")
    ax.set_xlabel("our time / their time (orange: the goal)")
    ax.set_title("Time compared with that of others")
    figure.savefig(path, dpi=100)
