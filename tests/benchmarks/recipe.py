"""Defaults beside classical models, on many small data sets: prints two tables.

Run from the root of the repository::

    python tests/benchmarks/recipe.py --mnist PATH --clip-art PATH --ucr PATH

Defaults are chosen on the sets of meta-train and reported on those of meta-test
(``--part test``), which are made in ``_sets.py``. Without a path, MNIST is asked from
OpenML, and the other files' sets are left out. A recipe is a change of the defaults::

    python tests/benchmarks/recipe.py --recipes '{"smooth": {"label_smoothing": 0.1}}'

Each cell is a mean over the seeds. Scores are accuracies, and R2 of regressions.
"""

import argparse
import json
from pathlib import Path
from time import perf_counter

import numpy as np
from _sets import meta_test, meta_train
from joblib import Parallel, delayed
from sklearn.metrics import log_loss

from sklearn_cnn import CNNClassifier, CNNRegressor
from sklearn_cnn.comparison import classical_baselines, expected_calibration_error


def evaluated(name, model, data, split, seed):
    """Fit one model to one set; give its score, and how good its probabilities are."""
    X, X_test, y, y_test = split
    start = perf_counter()
    model.fit(X, y)
    row = {"set": name, "seed": seed, "seconds": perf_counter() - start}
    row["score"] = model.score(X_test, y_test)
    if data.task == "classification" and hasattr(model, "predict_proba"):
        probabilities = model.predict_proba(X_test)
        row["log loss"] = log_loss(y_test, probabilities, labels=model.classes_)
        codes = np.searchsorted(model.classes_, y_test)
        row["calibration error"] = expected_calibration_error(codes, probabilities)
    return row


def networks(data, recipes):
    """One network for each recipe."""
    kind = CNNClassifier if data.task == "classification" else CNNRegressor
    fixed = {"spatial_dims": {"series": 1, "images": "auto", "volumes": 3}[data.kind]}
    return {
        f"CNN, {recipe}": kind(**fixed, **parameters)
        for recipe, parameters in recipes.items()
    }


def baselines(data, seed):
    """The classical models for a set; those of images where it holds volumes."""
    kind = "series" if data.kind == "series" else "images"
    found = classical_baselines(data.task, data=kind, random_state=seed)
    if data.kind == "volumes":  # descriptors are of images
        found = {k: m for k, m in found.items() if "HOG" not in k and "patch" not in k}
    return found


def one(name, data, recipes, key, seed):
    """One fit: a process makes its own data."""
    if key.startswith("CNN"):
        model = networks(data, recipes)[key].set_params(random_state=seed)
    else:
        model = baselines(data, seed)[key]
    return {"model": key, **evaluated(name, model, data, data.split(seed), seed)}


def summarized(rows, recipes):
    """Give, for each set, the networks beside the best classical model."""
    columns = ("score", "log loss", "calibration error", "seconds")
    table = []
    for name in dict.fromkeys(row["set"] for row in rows):
        found = {}
        for row in rows:
            if row["set"] == name:
                found.setdefault(row["model"], []).append(row)
        score = {k: np.mean([r["score"] for r in v]) for k, v in found.items()}
        classical = [k for k in score if not k.startswith("CNN")]
        shown = [f"CNN, {recipe}" for recipe in recipes if f"CNN, {recipe}" in found]
        if classical:
            shown.append(max(classical, key=score.get))
        for key in shown:
            cells = [
                f"{np.mean([r[c] for r in found[key]]):.3f}"
                if c in found[key][0]
                else ""
                for c in columns[1:]
            ]
            spread = np.std([r["score"] for r in found[key]])
            label = key.removeprefix("CNN, ") if len(recipes) > 1 else key.split(",")[0]
            table.append([name, label, f"{score[key]:.4f}", f"{spread:.4f}", *cells])
    return ["set", "model", "score", "spread", *columns[1:]], table


def as_list_table(header, table):
    """Write a table as reStructuredText."""
    lines = [".. list-table::", "   :header-rows: 1", ""]
    previous = None
    for row in (header, *table):
        shown = ["" if row[0] == previous else row[0], *row[1:]]
        previous = row[0]
        marks = ["   * -", *["     -"] * (len(row) - 1)]
        lines += [f"{m} {c}".rstrip() for m, c in zip(marks, shown, strict=True)]
    return "\n".join(lines) + "\n"


def drawn(rows, path):
    """Draw the defaults beside the best classical model of each set."""
    from matplotlib import pyplot as plt

    _, table = summarized(rows, {"defaults": {}})
    scores = {}
    for name, *cells in table:
        scores.setdefault(name, []).append(float(cells[1]))
    scores = {name: s for name, s in scores.items() if len(s) == 2}
    names = sorted(scores, key=lambda name: scores[name][0] - scores[name][1])
    cnn, classical = np.transpose([scores[name] for name in names])
    places = np.arange(len(names))
    figure, axes = plt.subplots(figsize=(8, 0.26 * len(names) + 1.2))
    axes.hlines(places, classical, cnn, color="0.8", linewidth=3)
    axes.plot(classical, places, "s", color="#D55E00", label="best classical model")
    axes.plot(cnn, places, "o", color="#0072B2", label="CNN, untuned")
    axes.set_yticks(places, names)
    axes.set_xlabel("accuracy on new data (R² of angles, blur and stretch)")
    axes.grid(axis="x", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="lower left", frameon=False)
    figure.savefig(path, dpi=110, bbox_inches="tight")


def main():
    """Run every model on every set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mnist", help="file with MNIST's arrays")
    parser.add_argument("--clip-art", help="file with pictures")
    parser.add_argument("--ucr", help="file with UCR problems")
    parser.add_argument("--part", choices=["train", "test"], default="train")
    parser.add_argument("--seeds", type=int, default=5, help="fits of each")
    parser.add_argument("--recipes", type=json.loads, default={"defaults": {}})
    parser.add_argument("--sets", nargs="*", help="only these; default all")
    parser.add_argument("--models", nargs="*", help="only these; default all")
    parser.add_argument("--jobs", type=int, default=1, help="fits side by side")
    parser.add_argument("--rows", type=Path, help="file that rows are added to")
    parser.add_argument("--rst", type=Path, help="file for the table of the docs")
    parser.add_argument("--figure", type=Path, help="file for the figure of the docs")
    arguments = parser.parse_args()
    make = meta_train if arguments.part == "train" else meta_test
    sets = make(arguments.mnist, arguments.clip_art, arguments.ucr)
    rows = []
    if arguments.rows and arguments.rows.exists():  # of a run that was cut off
        rows = [json.loads(line) for line in arguments.rows.read_text().splitlines()]
    done = {(row["set"], row["model"], row["seed"]) for row in rows}
    tasks = []
    for name, data in sets.items():
        if arguments.sets and name not in arguments.sets:
            continue
        keys = [*networks(data, arguments.recipes), *baselines(data, 0)]
        keys = [k for k in keys if not arguments.models or k in arguments.models]
        tasks += [
            delayed(one)(name, data, arguments.recipes, key, seed)
            for key in keys
            for seed in range(arguments.seeds)
            if (name, key, seed) not in done
        ]
    for row in Parallel(arguments.jobs, return_as="generator_unordered")(tasks):
        rows.append(row)
        if arguments.rows:
            with arguments.rows.open("a") as file:
                file.write(json.dumps(row, default=float) + "\n")
    rows = [row for row in rows if row["set"] in sets]
    header, table = summarized(rows, arguments.recipes)
    for row in (header, *table):
        print(*row, sep=" | ")
    if arguments.rst:
        arguments.rst.write_text(as_list_table(header, table))
    if arguments.figure:
        drawn(rows, arguments.figure)


if __name__ == "__main__":
    main()
