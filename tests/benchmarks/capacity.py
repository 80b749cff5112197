"""How well a fit's cost is foretold, and how it grows: prints three tables.

Run from the root of the repository, on a machine that does nothing else::

    python tests/benchmarks/capacity.py

``estimate_fit`` is asked of settings that it was not made on, and then the fit is done.
``--rst FILE`` writes the tables for the user guide.
"""

import argparse
from time import perf_counter

import numpy as np
import torch
from _contenders import reference_cnn

from sklearn_cnn import CNNClassifier, CNNRegressor
from sklearn_cnn.inspection import estimate_fit
from sklearn_cnn.utils._peak_memory import PeakMemory

SETTINGS = {
    "8x8, 100 rows": (CNNClassifier(), (100, 8, 8), 10),
    "8x8, 1,797 rows": (CNNClassifier(), (1_797, 8, 8), 10),
    "28x28, 2,000 rows": (CNNClassifier(max_iter=8), (2_000, 28, 28), 10),
    "28x28, 60,000 rows": (
        CNNClassifier(filters=(8, 16), max_iter=3),
        (60_000, 28, 28),
        10,
    ),
    "LeNet, 28x28, 10,000 rows": (
        CNNClassifier("lenet", max_iter=5),
        (10_000, 28, 28),
        10,
    ),
    "64x64x3, 400 rows": (CNNClassifier(max_iter=10), (400, 64, 64, 3), 6),
    "two networks, 16x16, 500 rows": (
        CNNRegressor(n_networks=2, max_iter=20),
        (500, 16, 16),
        None,
    ),
    "ResNet-18, 64x64x3, 300 rows": (
        CNNClassifier("resnet18", max_iter=3),
        (300, 64, 64, 3),
        5,
    ),
    "MobileNetV2, 224x224x3, 100 rows": (
        CNNClassifier("mobilenet_v2", max_iter=2),
        (100, 224, 224, 3),
        3,
    ),
    "series of 200, 2,000 rows": (
        CNNClassifier(spatial_dims=1, max_iter=15),
        (2_000, 200),
        4,
    ),
    "InceptionTime, series of 100, 150 rows": (
        CNNClassifier("inception_time", spatial_dims=1, max_iter=20),
        (150, 100),
        2,
    ),
    "volumes of 16x16x16, 300 rows": (
        CNNClassifier(spatial_dims=3, max_iter=6),
        (300, 16, 16, 16),
        4,
    ),
}
ROWS, SIDES = (5_000, 20_000, 60_000), (28, 56, 112, 224)
MIB = 1 << 20


def fitted(model, shape, n_classes):
    """Fit to noise; give seconds and bytes beside X."""
    rng = np.random.default_rng(1)
    X = rng.standard_normal(shape, dtype=np.float32)
    y = np.arange(shape[0]) % n_classes if n_classes else rng.normal(size=shape[0])
    with PeakMemory() as peak:  # which is not a part of the fit
        start = perf_counter()
        model.fit(X, y)
        seconds = perf_counter() - start
    return seconds, peak.bytes


def foretold(settings):
    """Rows of the first table."""
    for name, (model, shape, n_classes) in settings.items():
        start = perf_counter()
        estimate = estimate_fit(model, shape, n_classes)
        asked = perf_counter() - start
        seconds, memory = fitted(model, shape, n_classes)
        yield (
            name,
            f"{asked:.1f}",
            f"{estimate.seconds:.1f}",
            f"{seconds:.1f}",
            f"{estimate.seconds / seconds:.2f}",
            f"{estimate.memory / MIB:.0f}",
            f"{memory / MIB:.0f}",
            f"{estimate.memory / memory:.2f}",
            f"{estimate.multiply_adds / 1e9:.0f}",
        )


def growth():
    """Rows of the other two tables: medians by rows, and by pixels, on one core.

    Batches are alike in all fits: "auto" takes smaller ones for fewer rows.
    """
    by_rows, by_pixels = [], []
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    model = reference_cnn(max_iter=1, batch_size=256)
    fitted(model, (1_000, 28, 28), 10)
    for n in ROWS:
        runs = [fitted(model, (n, 28, 28), 10) for _ in range(5)]
        seconds, memory = np.median(runs, axis=0)
        by_rows.append((f"{n:,}", f"{seconds / n * 1e6:.0f}", f"{memory / MIB:.0f}"))
    model.set_params(batch_size=64)
    for side in SIDES:
        n = 256 * (SIDES[-1] // side) ** 2
        runs = [fitted(model, (n, side, side), 10) for _ in range(5)]
        seconds, memory = np.median(runs, axis=0)
        per_pixel = seconds / n / side**2 * 1e9
        by_pixels.append((side, f"{n:,}", f"{per_pixel:.0f}", f"{memory / MIB:.0f}"))
    torch.set_num_threads(before)
    return by_rows, by_pixels


def table(head, rows):
    """Write a table as text that Sphinx reads."""
    rows = [[str(cell) for cell in row] for row in [head, *rows]]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    line = "  ".join("=" * width for width in widths)
    lines = [
        "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return "\n".join([line, lines[0], line, *lines[1:], line, ""])


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rst", help="file for the tables")
    parser.add_argument("--settings", nargs="+", default=list(SETTINGS))
    arguments = parser.parse_args()
    head = (
        "fit",
        "asked, s",
        "foretold, s",
        "fit, s",
        "ratio",
        "foretold, MiB",
        "fit, MiB",
        "ratio",
        "10^9 multiply-adds",
    )
    some = {name: SETTINGS[name] for name in arguments.settings}
    tables = [table(head, foretold(some))]
    if len(some) == len(SETTINGS):
        by_rows, by_pixels = growth()
        memory = "MiB beside X"
        tables.append(table(("rows of 28x28", "us a row", memory), by_rows))
        tables.append(table(("side", "rows", "ns a pixel", memory), by_pixels))
    text = "\n".join(tables)
    print(text)
    if arguments.rst:
        with open(arguments.rst, "w") as file:
            file.write(text)


if __name__ == "__main__":
    main()
