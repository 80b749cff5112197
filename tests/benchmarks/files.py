"""What images on disk cost, in memory and in time: prints the figures.

Run from the root of the repository::

    python tests/benchmarks/files.py

Makes its data in a temporary folder, which needs 2.2 GB of room. Memory is the largest
resident size of any single process of a search with ``n_jobs=2``, seen from outside
every 20 ms.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from select import select

import numpy as np
from _contenders import reference_cnn
from _measure import interleaved, machine, rows, show
from PIL import Image
from sklearn.model_selection import GridSearchCV

from sklearn_cnn import CNNClassifier
from sklearn_cnn.images import ImageFiles, decode

TASKS = ["libraries", "files", "memmap", "decoding", "fit"]
N_FILES, SIDE = 20_000, 64
#: 2 GiB of images of 64x64x3
N_MAPPED = 2**31 // (SIDE * SIDE * 3)


def picture(rng, side=SIDE):
    """An image that compresses like a photograph."""
    coarse = rng.integers(0, 256, (side // 7, side // 7, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)


def make_files(folder, n=N_FILES, side=SIDE):
    """JPEG files in a new folder, and their paths."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    paths = [folder / f"{i:05}.jpg" for i in range(n)]
    for path in paths:
        picture(rng, side).save(path, quality=90)
    return paths


def make_array(path):
    """A file with an array of 2 GiB."""
    rng = np.random.default_rng(0)
    block = rng.integers(0, 256, (1024, SIDE, SIDE, 3), dtype=np.uint8)
    with path.open("wb") as file:
        for start in range(0, N_MAPPED, len(block)):
            file.write(block[: N_MAPPED - start].tobytes())


# --- memory ---------------------------------------------------------------------------


def search(kind, path):
    """Search in this process and two others."""
    if kind == "files":
        X = ImageFiles(sorted(Path(path).iterdir()), cache_bytes=0)
        cnn = reference_cnn(max_iter=1, batch_size=128, random_state=0)
    else:
        shape = (N_MAPPED, SIDE, SIDE, 3)
        X = ImageFiles.from_array(np.memmap(path, np.uint8, "r", shape=shape))
        cnn = CNNClassifier(filters=(4,), stride=2, max_iter=1, random_state=0)
    y = np.arange(len(X)) % 2
    candidates = {"dropout": [0.1]}
    GridSearchCV(cnn, candidates, cv=3, n_jobs=2, refit=False).fit(X, y)
    print("over", flush=True)


def peak_of_search(kind, path):
    """Largest resident size of a process of a search, in MiB, and its seconds.

    Once until the search is over, and once until the processes have ended: as they exit
    they read more of the libraries' files.
    """
    import psutil

    start, peak, until_over, elapsed = time.perf_counter(), 0, None, None
    command = [sys.executable, __file__, "--search", kind, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        root = psutil.Process(process.pid)
        while process.poll() is None:
            if until_over is None and select([process.stdout], [], [], 0)[0]:
                until_over, elapsed = peak, time.perf_counter() - start
            for one in (root, *children(root)):
                try:
                    peak = max(peak, one.memory_info().rss)
                except psutil.Error:
                    continue  # it has just ended
            time.sleep(0.02)
    assert process.returncode == 0
    return until_over / 2**20, peak / 2**20, elapsed


def children(root):
    """Processes that a process started, and those that they started."""
    import psutil

    try:
        return root.children(recursive=True)
    except psutil.Error:
        return []


def memory_over_files(folder):
    """A search over files."""
    peak_and_seconds(f"{N_FILES} JPEG files of {SIDE}x{SIDE}", "files", folder, 1024)


def memory_over_memmap(folder):
    """A search over a mapped array."""
    make_array(folder / "array")
    peak_and_seconds("memmap of 2 GiB", "memmap", folder / "array", 1229)


def peak_and_seconds(what, kind, path, goal):
    """Print what a search takes."""
    until_over, peak, elapsed = peak_of_search(kind, path)
    print(
        f"GridSearchCV(cv=3, n_jobs=2) over {what}: {peak:.0f} MiB resident per "
        f"process (goal {goal}), {until_over:.0f} until it was over after "
        f"{elapsed:.0f} s"
    )


def memory_of_libraries():
    """Resident sizes of processes that have no data."""
    optimizer = "torch.optim.AdamW([torch.zeros(1, requires_grad=True)])"
    for code in (
        "import torch, sklearn",
        f"import torch, sklearn; {optimizer}",
        "import sklearn_cnn",
    ):
        size = "import psutil; print(psutil.Process().memory_info().rss)"
        command = [sys.executable, "-c", f"{code}; {size}"]
        output = subprocess.run(command, check=True, capture_output=True, text=True)
        print(f"{code}: {int(output.stdout) / 2**20:.0f} MiB resident")


# --- time -----------------------------------------------------------------------------


def decoding(folder):
    """Microseconds to decode an image, on one thread and on two."""
    for side, n in ((64, 2000), (128, 1000), (224, 500), (512, 100)):
        paths = make_files(folder / f"side{side}", n, side)
        halves = [paths[::2], paths[1::2]]

        def many(chosen):
            for path in chosen:
                decode(path)

        def two(halves=halves, many=many):
            with ThreadPoolExecutor(2) as pool:
                list(pool.map(many, halves))

        timed = interleaved(
            {"one": lambda paths=paths, many=many: many(paths), "two": two}, 3
        )
        one, both = (np.median(timed[name]) for name in ("one", "two"))
        print(
            f"decode a JPEG of {side}x{side}: {1e6 * one / n:.0f} us on one thread, "
            f"{1e6 * both / n:.0f} us on two"
        )


def throughput(paths, pairs):
    """Fits on files and on the same images in memory, in turn."""
    chosen = paths[:4000]
    X_memory = np.asarray(ImageFiles(chosen))
    y = np.arange(len(chosen)) % 2
    table = []
    for name, make in {
        "reference CNN": lambda: reference_cnn(max_iter=2, batch_size=128),
        "small CNN": lambda: CNNClassifier(filters=(8,), max_iter=5, batch_size=128),
    }.items():
        contenders = {
            "memory": lambda make=make: make().fit(X_memory, y),
            "files": lambda make=make: make().fit(ImageFiles(chosen, cache_bytes=0), y),
            "files, cached": lambda make=make: make().fit(ImageFiles(chosen), y),
        }
        timed = interleaved(contenders, pairs)
        epochs = make().max_iter
        step = 1e6 * np.median(timed["memory"]) / (epochs * len(chosen))
        print(f"{name}, in memory: {step:.0f} us per image and epoch")
        table += rows(f"fit, {name}", timed, {"files": 0.8})
    print("The ratio is the throughput from files beside that from memory:")
    show(table)


def main():
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=3, help="rounds that count")
    parser.add_argument("--tasks", nargs="*", choices=TASKS, default=TASKS)
    parser.add_argument("--search", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.search:
        search(*arguments.search)
        return
    print(machine())
    wanted = set(arguments.tasks)
    if "libraries" in wanted:
        memory_of_libraries()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = make_files(folder / "files") if wanted & {"files", "fit"} else []
        if "decoding" in wanted:
            decoding(folder)
        if "fit" in wanted:
            throughput(paths, arguments.pairs)
        if "files" in wanted:
            memory_over_files(folder / "files")
        if "memmap" in wanted:
            memory_over_memmap(folder)


if __name__ == "__main__":
    main()
