"""What augmentation costs, and what it gains.

Run from the root of the repository::

    python tests/benchmarks/augmentation.py --mnist PATH

PATH is a file with MNIST's arrays ``X_train``, ``y_train``, ``X_test`` and ``y_test``;
without it the images come from ``sklearn.datasets.fetch_openml("mnist_784")``.
Alternatives run in turn, in rounds, and medians over the rounds are shown. kornia is
compared with where it is installed.
"""

import argparse
import statistics
from functools import partial

import numpy as np
import torch
from _contenders import available, reference_cnn
from _data import mnist
from _measure import interleaved, machine, rows, show
from torchvision.transforms import v2

from sklearn_cnn import CNNClassifier
from sklearn_cnn.augmentation import Compose, RandomAffine, RandomCrop, RandomFlip

BATCH = 256
#: Batches in one timed call.
N_BATCHES = 10
#: Microseconds per image that are allowed on two cores.
GOALS = {(1, 28, 28): 8, (3, 32, 32): 16}


def ours():
    """The augmentations that are timed."""
    return {
        "flip + crop": Compose([RandomFlip(), RandomCrop(4)]),
        "affine": RandomAffine(),
    }


def torchvision(shape):
    """Those of torchvision, for one image: a batch would share one draw."""
    crop = v2.RandomCrop(shape[1:], padding=4)
    return {
        "flip + crop": v2.Compose([v2.RandomHorizontalFlip(), crop]),
        "affine": v2.RandomAffine(
            10,
            (0.1, 0.1),
            (0.9, 1.1),
            interpolation=v2.InterpolationMode.BILINEAR,
        ),
    }


def kornia(shape):
    """Those of kornia, which take batches of floats."""
    import kornia.augmentation as K

    crop = K.RandomCrop(shape[1:], padding=4)
    return {
        "flip + crop": K.AugmentationSequential(K.RandomHorizontalFlip(), crop),
        "affine": K.RandomAffine(10, (0.1, 0.1), (0.9, 1.1), p=1.0),
    }


def cost(arguments):
    """Microseconds per image of batches of uint8."""
    print("| augmentation | images | ours | goal | torchvision, by image | kornia |")
    for shape, goal in GOALS.items():
        images = torch.randint(256, (BATCH, *shape), dtype=torch.uint8)
        for name, augmentation in ours().items():
            generator = torch.Generator().manual_seed(0)
            contenders = {
                "ours": partial(batches, augmentation, images, generator),
                "torchvision": partial(one_by_one, torchvision(shape)[name], images),
            }
            if available("kornia"):
                contenders["kornia"] = partial(batches, kornia(shape)[name], images / 1)
            found = {
                name: statistics.median(seconds) / N_BATCHES / BATCH * 1e6
                for name, seconds in interleaved(contenders, arguments.pairs).items()
            }
            others = f"{found['torchvision']:.1f} | {found.get('kornia', np.nan):.1f}"
            print(f"| {name} | {shape} | {found['ours']:.1f} | {goal} | {others} |")


def batches(augmentation, *arguments):
    """Augment whole batches."""
    for _ in range(N_BATCHES):
        augmentation(*arguments)


def one_by_one(augmentation, images):
    """Augment image by image, and stack them."""
    for _ in range(N_BATCHES):
        torch.stack([augmentation(image) for image in images])


def step(arguments):
    """Training of the reference CNN with augmentation, and without."""
    X, _, y, _ = mnist(arguments.mnist)
    X, y = X[: 20 * BATCH], y[: 20 * BATCH]
    table = []
    for name, augmentation in ours().items():
        contenders = {
            label: partial(
                reference_cnn(
                    max_iter=1, batch_size=BATCH, precision=precision, augmentation=a
                ).fit,
                X,
                y,
            )
            for precision in ("float32", "auto")
            for label, a in (
                (f"{name}, {precision}", augmentation),
                (f"none, {precision}", None),
            )
        }
        rounds = interleaved(contenders, arguments.pairs)
        for precision in ("float32", "auto"):
            pair = {
                label: seconds
                for label, seconds in rounds.items()
                if label.endswith(precision)
            }
            goals = {f"none, {precision}": 1.1}
            table += rows("reference CNN, 20 steps of 256", pair, goals)
    show(table)


def accuracy(arguments):
    """Test accuracy on MNIST after training on 1,000 images, all defaults."""
    X, X_test, y, y_test = mnist(arguments.mnist)
    both = Compose([RandomCrop(), RandomAffine()])
    print("| MNIST, 1,000 training images | seed | accuracy |")
    means = {}
    for name, augmentation in {"none": None, "crop + affine": both}.items():
        scores = []
        for seed in range(3):
            chosen = np.random.default_rng(seed).choice(len(X), 1000, replace=False)
            cnn = CNNClassifier(augmentation=augmentation, random_state=seed)
            cnn.fit(X[chosen], y[chosen])
            scores.append(cnn.score(X_test, y_test))
            print(f"| {name} | {seed} | {scores[-1]:.4f} |", flush=True)
        means[name] = np.mean(scores)
    gain = means["crop + affine"] - means["none"]
    print(f"gain of crop + affine: {100 * gain:.2f} points (goal 0.5)")


TASKS = {"cost": cost, "step": step, "accuracy": accuracy}


def main():
    """Run the tasks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mnist", help="file with MNIST's arrays")
    parser.add_argument("--pairs", type=int, default=5, help="rounds that count")
    parser.add_argument("--tasks", nargs="*", choices=TASKS, help="default all")
    arguments = parser.parse_args()
    print(machine())
    for name in arguments.tasks or TASKS:
        TASKS[name](arguments)


if __name__ == "__main__":
    main()
