"""Compare our speed with that of others: prints one table.

Run from the root of the repository::

    python tests/benchmarks/speed.py --mnist PATH

PATH is a file with MNIST's arrays ``X_train``, ``y_train``, ``X_test`` and ``y_test``;
without it the images come from ``sklearn.datasets.fetch_openml("mnist_784")``.
Alternatives run in turn, in rounds; a ratio is the median over the rounds. Keras (with
TensorFlow or JAX) and ONNX Runtime are compared with where they are installed.
"""

import argparse
import subprocess
import sys
from functools import partial
from time import perf_counter

import numpy as np
import torch
from _contenders import (
    KerasProcess,
    OnnxModel,
    available,
    eager_fit,
    reference_cnn,
    skorch_fit,
    skorch_net,
    standardized,
    tuned_fit,
)
from _data import mnist
from _measure import interleaved, machine, plot, rows, show
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.svm import SVC

from sklearn_cnn import CNNClassifier


def fit_digits(arguments):
    """Many small steps: what the loop itself costs."""
    digits = load_digits()
    X, y = digits.images, digits.target
    budget = {"epochs": 30, "batch_size": 64}
    contenders = {
        "ours": lambda: reference_cnn(max_iter=30, batch_size=64).fit(X, y),
        "skorch": partial(skorch_fit, X, y, **budget),
        "eager loop": partial(eager_fit, X, y, **budget),
        "tuned loop": partial(tuned_fit, X, y, **budget, bfloat16=False),
    }
    return compare("fit digits, 30 epochs", contenders, arguments, {"skorch": 0.75})


def fit_mnist(arguments):
    """Few large steps: what the kernels cost."""
    X, _, y, _ = mnist(arguments.mnist)
    X, y = X[:20_000], y[:20_000]
    budget = {"epochs": 1, "batch_size": 128}
    ours = reference_cnn(max_iter=1, batch_size=128)
    float32 = clone(ours).set_params(precision="float32")
    precision = ours.fit(X, y).precision_
    eager = partial(eager_fit, X, y, **budget)
    tuned = partial(tuned_fit, X, y, **budget)
    bfloat16 = precision == "bfloat16"
    contenders = {
        f"ours ({precision})": lambda: ours.fit(X, y),
        "eager loop": eager,
        "tuned loop": partial(tuned, bfloat16=bfloat16),
        "skorch": partial(skorch_fit, X, y, **budget),
    }
    goals = {"eager loop": 0.40, "tuned loop": 1.05, "skorch": 0.36}
    for name, fit in keras_fits(X, y, budget):
        contenders[name] = fit
        goals[name] = 0.80 if "bfloat16" in name else 0.45
    task = "fit MNIST 20,000 x 1 epoch"
    table = compare(task, contenders, arguments, goals)
    contenders = {
        "ours (float32)": lambda: float32.fit(X, y),
        "eager loop": eager,
        "tuned loop": partial(tuned, bfloat16=False),
    }
    goals = {"eager loop": 0.85, "tuned loop": 1.05}
    return table + compare(task, contenders, arguments, goals)


def keras_fits(X, y, budget):
    """Fits by Keras, with every backend that is installed."""
    for backend in ("tensorflow", "jax"):
        if available("keras", backend):
            fit = partial(KerasProcess(backend).fit, X, y, **budget)
            yield f"Keras on {backend}", fit
            yield f"Keras on {backend}, bfloat16", partial(fit, bfloat16=True)


def predict(arguments):
    """Ten thousand images, and one."""
    X, X_test, y, _ = mnist(arguments.mnist)
    table = []
    for name, parameters in {"reference CNN": {}, "default CNN": None}.items():
        make = CNNClassifier if parameters is None else reference_cnn
        cnn = make(max_iter=1, precision="float32", random_state=0)
        cnn.fit(X[:5_000], y[:5_000])
        low = make(max_iter=1, precision="bfloat16", random_state=0)
        low.fit(X[:5_000], y[:5_000])
        if available("onnxruntime", "onnx"):
            onnx = OnnxModel(cnn)
            agree = np.mean(onnx.predict(X_test) == cnn.predict(X_test))
            assert agree > 0.999, f"ONNX Runtime agrees on {agree} only"
            theirs = {"ONNX Runtime float32": partial(onnx.predict, X_test)}
            for label, ours, goal in (("float32", cnn, 1.1), ("bfloat16", low, 0.8)):
                contenders = {f"ours ({label})": partial(ours.predict, X_test)}
                goals = dict.fromkeys(theirs, goal)
                task = f"predict 10,000, {name}"
                table += compare(task, contenders | theirs, arguments, goals)
        table += predict_one(cnn, X_test[:1], name, arguments)
    return table


def predict_one(cnn, image, name, arguments):
    """One image, checks included, against the bare module; a call is 200 of them."""
    prepared, network = torch.from_numpy(standardized(image)), cnn.module_.eval()

    def bare():
        with torch.inference_mode():
            for _ in range(200):
                network(prepared)

    def ours():
        for _ in range(200):
            cnn.predict(image)

    contenders = {"ours": ours, "bare module": bare}
    return compare(
        f"predict 1 x 200, {name}", contenders, arguments, {"bare module": 2}
    )


def search(arguments):
    """Twelve candidates, three folds, two processes."""
    digits = load_digits()
    X, y = digits.images, digits.target
    filters = [(16, 32), (32, 64), (16, 32, 64), (32, 64, 128)]
    grid = {"filters": filters, "dropout": [0.0, 0.25, 0.5]}
    common = {"cv": 3, "n_jobs": 2, "refit": False}
    ours = GridSearchCV(reference_cnn(max_iter=10, batch_size=64), grid, **common)
    grid = {f"module__{name}": values for name, values in grid.items()}
    net = skorch_net(epochs=10, batch_size=64)
    theirs = GridSearchCV(net, grid, **common)
    flat = standardized(X)
    contenders = {
        "ours": lambda: ours.fit(X, y),
        "skorch": lambda: theirs.fit(flat, y),
    }
    return compare("search 12 x 3, n_jobs=2", contenders, arguments, {"skorch": 0.75})


def imports(arguments):
    """What the first line of a script costs."""

    def run(code):
        subprocess.run([sys.executable, "-c", code], check=True)

    contenders = {
        # the package itself is lazy: this loads all that a prediction needs
        "import sklearn_cnn": partial(run, "from sklearn_cnn import CNNClassifier"),
        "import torch, sklearn": partial(run, "import torch, sklearn"),
    }
    goals = {"import torch, sklearn": 1.1}
    return compare("import", contenders, arguments, goals)


_MEMORY = """
import resource, sys
import numpy as np, torch
from sklearn_cnn import CNNClassifier
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
X = np.random.default_rng(0).integers(256, size=(int(sys.argv[1]), 28, 28), dtype="u1")
y = np.arange(len(X)) % 10
cnn = CNNClassifier((lambda c, s, n: torch.nn.Sequential(
    torch.nn.Conv2d(c, 8, 3, stride=4), torch.nn.Flatten(), torch.nn.Linear(392, n))),
    max_iter=1, batch_size=1024)
cnn.fit(X[:2000], y[:2000])
before = peak()
cnn.fit(X, y).predict(X[:100_000])
print(f"{X.nbytes / 2**30:.2f} {peak() - before:.2f}")
"""


def memory(arguments):
    """Peak of the memory above the array of images."""
    done = subprocess.run(
        [sys.executable, "-c", _MEMORY, str((1 << 30) // 784)],
        check=True,
        capture_output=True,
        text=True,
    )
    size, above = done.stdout.split()
    print(f"fit on {size} GiB of uint8: {above} GiB above the array (goal 0.5)")
    return []


def classical(arguments):
    """All of MNIST, untuned, once each: accuracy and seconds."""
    X, X_test, y, y_test = mnist(arguments.mnist)
    flat, flat_test = X.reshape(len(X), -1), X_test.reshape(len(X_test), -1)
    boosting = HistGradientBoostingClassifier(random_state=0)
    contenders = {
        "CNNClassifier": CNNClassifier(random_state=0),
        "CNNClassifier, float32": CNNClassifier(random_state=0, precision="float32"),
        "SVC": make_pipeline(MinMaxScaler(), SVC()),
        "RandomForestClassifier": RandomForestClassifier(random_state=0, n_jobs=-1),
        "HistGradientBoostingClassifier": boosting,
        "MLPClassifier": make_pipeline(MinMaxScaler(), MLPClassifier(random_state=0)),
    }
    print("all of MNIST | accuracy | fit s | predict s")
    for name, estimator in contenders.items():
        ours = name.startswith("CNN")
        start = perf_counter()
        estimator.fit(X if ours else flat, y)
        middle = perf_counter()
        score = estimator.score(X_test if ours else flat_test, y_test)
        times = f"{middle - start:.1f} | {perf_counter() - middle:.1f}"
        print(f"{name} | {score:.4f} | {times}", flush=True)
    return []


TASKS = {
    "digits": fit_digits,
    "mnist": fit_mnist,
    "predict": predict,
    "search": search,
    "import": imports,
    "memory": memory,
    "classical": classical,
}


def compare(task, contenders, arguments, goals):
    """Rows of the table for one task; the first contender is ours."""
    return rows(task, interleaved(contenders, arguments.pairs), goals)


def main():
    """Run the tasks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mnist", help="file with MNIST's arrays")
    parser.add_argument("--pairs", type=int, default=5, help="rounds that count")
    parser.add_argument("--tasks", nargs="*", choices=TASKS, help="default all")
    parser.add_argument("--plot", help="where to save a figure of the table")
    arguments = parser.parse_args()
    print(machine())
    table = []
    for name in arguments.tasks or TASKS:
        table += TASKS[name](arguments)
    show(table)
    if arguments.plot:
        plot(table, arguments.plot)


if __name__ == "__main__":
    main()
