"""What each architecture costs and reaches: writes the tables of the user guide.

Run from the root of the repository, on a machine that does nothing else::

    python tests/benchmarks/architectures.py --mnist PATH --clip-art PATH --ucr PATH

Sizes take seconds (``--only sizes``), times about five minutes of two cores, and
accuracies an hour and a half of one for each seed. What was measured is kept in
``architectures.json`` beside this script, so that accuracies go on where they stopped
(delete theirs to measure them anew), and the tables are written to
``docs/user_guide/architectures.rst.txt``.
"""

import argparse
import json
from functools import partial
from itertools import product
from math import ceil
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from _measure import machine
from _sets import clip_art_official, digits_first, mnist_official, series_official

from sklearn_cnn import CNNClassifier, available_architectures
from sklearn_cnn.inspection import summary

RESULTS = Path(__file__).with_suffix(".json")
TABLE = Path(__file__).parents[2] / "docs" / "user_guide" / "architectures.rst.txt"
N_CLASSES, N_SAMPLES, N_THREADS = 10, 1_000, 2
SHAPES = {
    "28x28": (28, 28),
    "64x64x3": (64, 64, 3),
    "224x224x3": (224, 224, 3),
    "series of 150": (150,),
}
#: Samples of which an epoch is timed; the rest would take as long again.
TIMED = {"28x28": 512, "64x64x3": 128, "224x224x3": 16, "series of 150": 512}
#: Steps after which accuracies are compared, samples in each, and rows to test on.
STEPS, BATCH, TESTED = 150, 32, 2_000
#: Which have no epochs, and are for series as the others are.
SOLVED = ("minirocket", "multirocket")
OF_SERIES = ("inception_time", "h_inception_time", "lite", *SOLVED)


def networks():
    """Pairs of an architecture and an input that it is for."""
    pairs = product(available_architectures(), SHAPES)
    return [(a, s) for a, s in pairs if a not in OF_SERIES or "series" in s]


def sizes():
    """Weights and multiply-adds for one sample, without any training."""
    found = {}
    for name, shape in networks():
        cnn = CNNClassifier(name, input_shape=SHAPES[shape])
        layers = summary(cnn, n_outputs=N_CLASSES)[["parameters", "multiply_adds"]]
        found.setdefault(name, {})[shape] = layers.sum().to_dict()
    return found


def seconds_per_epoch():
    """Seconds for an epoch of 1,000 samples in batches of 32, the first left out."""
    found, rng = {}, np.random.default_rng(0)
    torch.set_num_threads(N_THREADS)
    for name, shape in networks():
        n = TIMED[shape]
        X = rng.normal(size=(n, *SHAPES[shape])).astype(np.float32)
        cnn = CNNClassifier(name, random_state=0)
        if name in SOLVED:
            start = perf_counter()
            cnn.fit(X, np.arange(n) % N_CLASSES)
            seconds = perf_counter() - start
        else:
            cnn.set_params(max_iter=3 if n > 16 else 2, batch_size=min(32, n))
            cnn.fit(X, np.arange(n) % N_CLASSES)
            seconds = cnn.history_["seconds"].iloc[1:].min()
        found.setdefault(name, {})[shape] = seconds * N_SAMPLES / n
        print(f"{name:18} {shape:14} {found[name][shape]:8.2f} s", flush=True)
    return found


def data_sets(arguments):
    """What accuracies are of, by their kind and name."""
    images = {
        "digits": digits_first,
        "MNIST, 1,000": partial(mnist_official, arguments.mnist, 1_000),
        "clip art": partial(clip_art_official, arguments.clip_art),
    }
    names = ("ArrowHead", "GunPoint", "ItalyPowerDemand")
    series = {name: partial(series_official, arguments.ucr, name) for name in names}
    return {"images": images, "series": series}


def accuracy(name, split, seed):
    """Accuracy after so many steps, on the first rows of the test part."""
    X, X_test, y, y_test = split(seed)
    cnn = CNNClassifier(name, spatial_dims=X.ndim - 1 - (X.shape[-1] == 3))
    cnn.set_params(random_state=seed)
    if name not in SOLVED:
        cnn.set_params(batch_size=BATCH, max_iter=ceil(STEPS / ceil(len(X) / BATCH)))
    torch.set_num_threads(1)
    return cnn.fit(X, y).score(X_test[:TESTED], y_test[:TESTED])


def accuracies(sets, n_seeds, results, keep):
    """Mean accuracy of each architecture on each set, those that take least first.

    What the results hold already stays.
    """
    found, costs = results.get("accuracies", {}), results.get("seconds", {})
    names = available_architectures()
    for name in sorted(names, key=lambda name: min(costs.get(name, {"": 0}).values())):
        for kind, of_kind in sets.items():
            if kind == "images" and name in OF_SERIES:
                continue
            for data, split in of_kind.items():
                if data in found.get(name, {}):
                    continue
                scores = [accuracy(name, split, seed) for seed in range(n_seeds)]
                found.setdefault(name, {})[data] = float(np.mean(scores))
                print(f"{name:18} {data:18} {found[name][data]:.3f}", flush=True)
                keep(dict(sorted(found.items())))


def short(number):
    """A count in three digits: 1,234,567 is 1.23 M."""
    for factor, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if number >= factor:
            return f"{number / factor:.3g}{unit}"
    return f"{number:.3g}"


def table(title, head, rows):
    """A table in reStructuredText."""
    lines = [f".. list-table:: {title}", "   :header-rows: 1", ""]
    for first, *others in [head, *rows]:
        lines += [f"   * - {first}", *(f"     - {cell}".rstrip() for cell in others)]
    return "\n".join(lines) + "\n"


def sizes_table(found):
    """Weights and multiply-adds, by the shape of the input."""
    rows = []
    for name, of_one in found.items():
        pairs = [of_one.get(shape, {}).values() for shape in SHAPES]
        rows.append([f'"{name}"', *(", ".join(map(short, pair)) for pair in pairs)])
    title = "Weights, and multiply-adds for one sample"
    return table(title, ["architecture", *SHAPES], rows)


def numbers_table(title, found, form):
    """One number for each architecture and column; nothing where there is none."""
    columns = list(dict.fromkeys(c for of_one in found.values() for c in of_one))
    rows = []
    for name, of_one in found.items():
        numbers = [of_one.get(column) for column in columns]
        cells = ("" if number is None else form.format(number) for number in numbers)
        rows.append([f'"{name}"', *cells])
    return table(title, ["architecture", *columns], rows)


def tables(results):
    """Write down each part that has been measured, and where."""
    writers = {
        "sizes": sizes_table,
        "seconds": partial(
            numbers_table, "Seconds for an epoch of 1,000 samples", form="{:.3g}"
        ),
        "accuracies": partial(
            numbers_table, f"Accuracy after {STEPS} steps of {BATCH}", form="{:.3f}"
        ),
    }
    texts = [
        write(found=results[part]) for part, write in writers.items() if part in results
    ]
    if "machine" in results:
        texts.append(f"Measured on: {results['machine']}.\n")
    return "\n".join(texts)


def main():
    """Measure what is asked for, keep it, and write the tables anew."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mnist")
    parser.add_argument("--clip-art")
    parser.add_argument("--ucr")
    parser.add_argument("--only", choices=["sizes", "seconds", "accuracies"])
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}

    def keep(part, value):
        results[part] = value
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")

    parts = [arguments.only] if arguments.only else ["sizes", "seconds", "accuracies"]
    if "sizes" in parts:
        keep("sizes", sizes())
    if "seconds" in parts:
        keep("seconds", seconds_per_epoch())
        keep("machine", machine())
    if "accuracies" in parts:
        sets = data_sets(arguments)
        accuracies(sets, arguments.seeds, results, partial(keep, "accuracies"))
    TABLE.write_text(tables(results))


if __name__ == "__main__":
    main()
