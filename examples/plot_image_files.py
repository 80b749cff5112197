"""
Images on disk, in the place of an array
========================================

A data set of image files, one folder for each class, goes through cross-validation and
a grid search without ever being in memory as a whole. The scores are those that the
same pixels give as an array. A broken file is an error that names it, or is left out.
"""

# %%
# A folder for each class
# -----------------------
# Two photographs are cut into tiles of 32x32 pixels, and each tile is written to a PNG
# file: ``china/03-17.png`` is that of row 3 and column 17. Which photograph is a tile
# from?

import pickle
import tempfile
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from PIL import Image
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_sample_image
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import (
    GridSearchCV,
    StratifiedKFold,
    cross_val_predict,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline

from sklearn_cnn import CNNClassifier
from sklearn_cnn.images import image_folder
from sklearn_cnn.transforms import Flatten, ImageReader

SIDE = 32
temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)
photos = {name: load_sample_image(f"{name}.jpg") for name in ("china", "flower")}
for name, photo in photos.items():
    (folder / name).mkdir()
    for row in range(photo.shape[0] // SIDE):
        for column in range(photo.shape[1] // SIDE):
            top, left = row * SIDE, column * SIDE
            tile = photo[top : top + SIDE, left : left + SIDE]
            path = folder / name / f"{row:02}-{column:02}.png"
            Image.fromarray(tile).save(path)

X, y = image_folder(folder)
print(X)
print(pd.Series(y).value_counts().to_dict())

# %%
# ``X`` is an :class:`~sklearn_cnn.images.ImageFiles`. It has the shape of an array, but
# holds paths: this is what a grid search sends to its processes.

pixels = np.asarray(X)  # reads all, for comparison
print(f"as files: {len(pickle.dumps(X)) / 1024:.0f} KiB")
print(f"as an array: {pixels.nbytes / 1024:.0f} KiB")

# %%
# The same search on files and on the array
# -----------------------------------------

folds = StratifiedKFold(3, shuffle=True, random_state=0)
cnn = CNNClassifier(max_iter=8, random_state=0)
search = GridSearchCV(cnn, {"filters": [(8, 16), (16, 32)]}, cv=folds)
for name, images in {"files": X, "array": pixels}.items():
    search.fit(images, y)
    print(f"{name:6}", search.cv_results_["mean_test_score"])

# %%
# Which tiles are mistaken?
# -------------------------
# Each tile is classified by a network that was not trained on it, and its path says
# where it belongs. Mistakes have a frame; all other tiles are faded.

predicted = cross_val_predict(search.best_estimator_, X, y, cv=folds)
wrong = [Path(path).relative_to(folder) for path in X.paths[predicted != y]]
print(f"{len(wrong)} of {len(X)} tiles are mistaken: {', '.join(map(str, wrong[:4]))}")

figure, axes = plt.subplots(1, 2, figsize=(10, 3.9), layout="constrained")
for ax, (name, photo) in zip(axes, photos.items(), strict=True):
    faded = 255 - (255 - photo) // 3
    mistakes = [path.stem.split("-") for path in wrong if path.parent.name == name]
    for row, column in np.array(mistakes, dtype=int).reshape(-1, 2):
        tile = np.s_[row * SIDE : (row + 1) * SIDE, column * SIDE : (column + 1) * SIDE]
        faded[tile] = photo[tile]
        corner = np.array([column, row]) * SIDE - 0.5
        ax.add_patch(plt.Rectangle(corner, SIDE, SIDE, fill=False, ec="black", lw=1.5))
    ax.imshow(faded)
    other = ({*photos} - {name}).pop()
    tiles = "tile" if len(mistakes) == 1 else "tiles"
    ax.set_title(f"{name}: {len(mistakes)} {tiles} taken for {other}")
    ax.set_axis_off()
plt.show()

# %%
# A broken file
# -------------
# The download of one tile stopped halfway. It never becomes a black image: the fit ends
# with an error, and the estimator is as it was before.

broken = folder / "flower" / "05-05.png"
content = broken.read_bytes()
broken.write_bytes(content[: len(content) // 2])
X_anew, y_anew = image_folder(folder)
try:
    cnn.fit(X_anew, y_anew)
except ValueError as error:
    print(str(error).replace(str(folder), "..."))

# %%
# ``on_error="skip"`` reads all files once, and leaves it out with its label. The
# warning, which is silenced here, counts the files; ``skipped`` has all reasons.

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    readable, labels = image_folder(folder, on_error="skip")
print(f"{len(readable)} of {len(X)} images with {len(labels)} labels; left out:")
print(*(Path(path).name for path in readable.skipped))
broken.write_bytes(content)

# %%
# Paths in a table
# ----------------
# Here the table says where in its photograph each tile was. A
# :class:`~sklearn.compose.ColumnTransformer` reads the files of one column, with
# :class:`~sklearn_cnn.transforms.ImageReader`, and keeps the others beside them.
# Resized to a single pixel, a tile is its mean colour; the place then adds what colour
# lacks: sky is at the top.

table = pd.DataFrame({"path": X.paths})
place = table["path"].str.extract(r"(?P<row>\d+)-(?P<column>\d+)\.png$").astype(int)
table = table.join(place)

read = make_pipeline(ImageReader(size=1), Flatten())
for name, columns in {
    "pixels": make_column_transformer((read, ["path"])),
    "pixels and place": make_column_transformer(
        (read, ["path"]), ("passthrough", ["row", "column"])
    ),
}.items():
    forest = make_pipeline(columns, RandomForestClassifier(random_state=0))
    print(f"{name:18}{cross_val_score(forest, table, y, cv=folds).mean():.3f}")

temporary.cleanup()
