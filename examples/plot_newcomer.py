"""
From a folder of pictures to a saved model
==========================================

Folders of real pictures hold what nobody planned: files that are cut off, notes, links,
pictures of every size. This script begins with such a folder and ends with a model in a
file: it reads what can be read, compares a network with classical models, looks at the
worst errors, starts from a network that knows other pictures, and stops in time.
"""

# %%
# A folder as it is found
# -----------------------
# Six kinds of shapes, drawn at any size and place, on paper that is not quite white.
# Three of them are for later. Among the files are a download that stopped halfway, a
# note with the name of a picture, and a link.

import tempfile
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from PIL import Image, ImageDraw
from sklearn.model_selection import train_test_split

import sklearn_cnn
from sklearn_cnn import CNNClassifier
from sklearn_cnn.comparison import classical_baselines, compare_estimators
from sklearn_cnn.images import image_folder
from sklearn_cnn.inspection import PredictionDisplay, TrainingCurveDisplay

temporary = tempfile.TemporaryDirectory()
root = Path(temporary.name)
rng = np.random.default_rng(0)
CORNERS = {"triangle": 3, "square": 4, "pentagon": 5, "hexagon": 6, "circle": 40}


def drawing(kind):
    """A shape on paper, turned by any angle."""
    height, width = rng.integers(40, 90, size=2)
    picture = Image.new("RGB", (width, height), tuple(rng.integers(225, 256, size=3)))
    radius = rng.uniform(0.25, 0.42) * min(height, width)
    middle = np.array([width, height]) / 2 + rng.uniform(-4, 4, size=2)
    n = 10 if kind == "star" else 2 * CORNERS[kind]
    angles = 2 * np.pi * np.arange(n) / n + rng.uniform(0, 7)
    inside = 0.45 if kind == "star" else np.cos(2 * np.pi / n)
    radii = np.where(np.arange(n) % 2, inside, 1.0) * radius
    points = middle + radii[:, None] * np.stack([np.cos(angles), np.sin(angles)], 1)
    ink = tuple(rng.integers(0, 160, size=3))
    ImageDraw.Draw(picture).polygon([tuple(p) for p in points], fill=ink)
    noise = rng.normal(0, 12, size=(height, width, 3))
    return Image.fromarray(np.clip(np.asarray(picture) + noise, 0, 255).astype("u1"))


def draw_folder(name, kinds, n):
    for kind in kinds:
        (root / name / kind).mkdir(parents=True)
        for i in range(n):
            drawing(kind).save(root / name / kind / f"{i:03}.png")


draw_folder("shapes", ["pentagon", "hexagon", "star"], 130)
folder = root / "shapes"
whole = (folder / "star" / "007.png").read_bytes()
(folder / "star" / "007.png").write_bytes(whole[: len(whole) // 2])
(folder / "hexagon" / "note.png").write_text("ask Ann about these")
(folder / "pentagon" / "again.png").symlink_to(folder / "pentagon" / "000.png")

# %%
# Reading it
# ----------
# All pictures come to 32x32 pixels; ``resize="pad"`` keeps their proportions, and goes
# on with the colour of the paper. What cannot be read is left out, rows and labels
# alike.

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    X, y = image_folder(folder, size=32, resize="pad", mode="RGB", on_error="skip")
for warning in caught:
    print("Warning:", str(warning.message).replace(str(root), "..."))
print(X)
for path, reason in X.skipped.items():
    print(Path(path).relative_to(root), "-", reason.partition(": ")[2][:40])

rows = np.arange(len(X))
train, test = train_test_split(rows, test_size=0.3, stratify=y, random_state=0)

# %%
# Is a network worth it?
# ----------------------
# On the same folds as two classical models, with all defaults.

baselines = classical_baselines()
contenders = {
    "CNN": CNNClassifier(max_iter=25),
    **{name: baselines[name] for name in ("SVC on pixels", "SVC on HOG")},
}
results = compare_estimators(contenders, X[train], y[train], cv=3, random_state=0)
print(results[["mean_test_accuracy", "fit_time"]].round(2))

# %%
# The worst errors
# ----------------
# What is it sure of, and wrong? Hexagons and pentagons are told apart by a single
# corner.

cnn = CNNClassifier(max_iter=25, random_state=0).fit(X[train], y[train])
print(f"{cnn.score(X[test], y[test]):.3f} of the test pictures are right")
PredictionDisplay.from_estimator(cnn, X[test], y[test], n_shown=6)
plt.show()

# %%
# A network that knows other shapes
# ---------------------------------
# Triangles, squares and circles have edges and corners too. A network that has learned
# them leaves its weights in a file, and another one starts from it: first its head
# alone for five epochs, then all of it. With 60 pictures that helps.

draw_folder("others", ["triangle", "square", "circle"], 150)
others, kinds = image_folder(root / "others", size=32, resize="pad", mode="RGB")
first = CNNClassifier(max_iter=15, random_state=0).fit(others, kinds)
torch.save(first.module_.state_dict(), root / "shapes.pt")

few, _ = train_test_split(train, train_size=60, stratify=y[train], random_state=0)
for name, parameters in {
    "from scratch": {},
    "from the file": {"weights": root / "shapes.pt", "freeze_epochs": 5},
}.items():
    model = CNNClassifier(max_iter=40, random_state=0, **parameters)
    accuracy = model.fit(X[few], y[few]).score(X[test], y[test])
    print(f"60 pictures, {name}: {accuracy:.3f}")

# %%
# Stopping in time, and saving
# ----------------------------
# A tenth of the training pictures is held out, and the learning rate falls once they
# stop improving. The circle is the best epoch, whose weights are kept. The 28 pictures
# held out are missing in the training: with so few it costs more than it saves.

final = CNNClassifier(early_stopping=True, random_state=0).fit(X[train], y[train])
print(f"{final.n_iter_} epochs, the best was {final.best_iter_}")
TrainingCurveDisplay.from_estimator(final)
plt.show()

for name, model in {"stopped": final, "25 epochs": cnn}.items():
    sklearn_cnn.save(model, root / "shapes.cnn")
    loaded = sklearn_cnn.load(root / "shapes.cnn")
    print(
        f"{name}: {loaded.score(X[test], y[test]):.3f} of the test pictures are right"
    )
temporary.cleanup()
