"""Networks for time series on problems of the UCR archive: prints one table.

Run from the root of the repository, with a file that has the arrays NAME_X_train,
NAME_y_train, NAME_X_test and NAME_y_test of each problem::

    python tests/benchmarks/series.py --ucr ucr.npz --architectures minirocket auto

An accuracy is the mean over the seeds on the official test set, with the smallest and
the largest in brackets; "averaged" is that of the mean of the seeds' probabilities.
"""

import argparse
from time import perf_counter

import numpy as np

from sklearn_cnn import CNNClassifier

#: One and five InceptionTime networks (Ismail Fawaz et al. 2020), one and five of LITE
#: (Ismail-Fawaz et al. 2023), and what aeon 1.6 computes with its defaults.
COLUMNS = ("1 Incep", "5 Incep", "1 LITE", "5 LITE", "MiniR", "MR-Hyd", "QUANT")
PUBLISHED = {
    "GunPoint": (1.000, 1.000, 0.997, 1.000, 0.993, 1.000, 0.987),
    "ArrowHead": (0.847, 0.851, 0.822, 0.840, 0.863, 0.863, 0.829),
    "ItalyPowerDemand": (0.964, 0.965, 0.969, 0.967, 0.963, 0.968, 0.966),
    "OSULeaf": (0.925, 0.942, 0.956, 0.955, 0.959, 0.963, 0.880),
    "Coffee": (1.000, 1.000, 1.000, 1.000, 1.000, 1.000, 1.000),
    "Trace": (np.nan, np.nan, np.nan, np.nan, 1.000, 1.000, 1.000),
}


def accuracies(problem, architecture, seeds, parameters):
    """Accuracy of each seed and of their average, and the longest fit in seconds."""
    X, y, X_test, y_test = problem
    scores, total, slowest = [], 0, 0
    for seed in range(seeds):
        cnn = CNNClassifier(architecture, spatial_dims=1, random_state=seed)
        start = perf_counter()
        cnn.set_params(**parameters).fit(X, y)
        slowest = max(slowest, perf_counter() - start)
        probabilities = cnn.predict_proba(X_test)
        total = total + probabilities
        scores.append(np.mean(cnn.classes_[probabilities.argmax(axis=1)] == y_test))
    averaged = np.mean(cnn.classes_[total.argmax(axis=1)] == y_test)
    return scores, averaged, slowest


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--ucr", required=True, help="path of the .npz file")
    parser.add_argument("--architectures", nargs="+", default=["minirocket", "auto"])
    parser.add_argument("--problems", nargs="+", default=list(PUBLISHED))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--max-iter", type=int)
    arguments = parser.parse_args()
    data = np.load(arguments.ucr)
    given = {"max_iter": arguments.max_iter} if arguments.max_iter else {}
    keys = ("X_train", "y_train", "X_test", "y_test")
    means = {name: [] for name in arguments.architectures}
    print(f"{'problem':17}", *(f"{name:>7}" for name in COLUMNS), " ours")
    for problem in arguments.problems:
        arrays = [data[f"{problem}_{key}"] for key in keys]
        print(f"{problem:17}", *(f"{value:7.3f}" for value in PUBLISHED[problem]))
        for name in arguments.architectures:
            scores, averaged, slowest = accuracies(arrays, name, arguments.seeds, given)
            means[name].append((np.mean(scores), averaged))
            print(
                f"{'':17} {name:>55}  {np.mean(scores):.4f} ({min(scores):.3f} to "
                f"{max(scores):.3f}), averaged {averaged:.4f}, {slowest:.1f} s",
                flush=True,
            )
    for name, rows in means.items():
        single, averaged = np.mean(rows, axis=0)
        print(f"{'mean':17} {name:>55}  {single:.4f}, averaged {averaged:.4f}")


if __name__ == "__main__":
    main()
