"""
A model as a file that is safe to load
======================================

A search is saved without pickle, looked into and loaded. The file is hardly larger than
the weights; a changed byte, or a pickle in its place, is refused.
"""

# %%
# One file for the whole model
# ----------------------------
# A grid search over a Pipeline: what scales the pixels is part of the model.

import json
import pickle
import tempfile
import zipfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline

import sklearn_cnn
from sklearn_cnn.export import model_card
from sklearn_cnn.inspection import TrainingCurveDisplay
from sklearn_cnn.transforms import ChannelScaler

digits = load_digits()
X_train, X_test, y_train, y_test = train_test_split(
    digits.images, digits.target, random_state=0
)
cnn = sklearn_cnn.CNNClassifier(filters=(32, 64), max_iter=6, random_state=0)
search = GridSearchCV(
    make_pipeline(ChannelScaler(), cnn),
    {"cnnclassifier__hidden_layer_sizes": [(), (256,)]},
    cv=3,
).fit(X_train, y_train)

folder = tempfile.TemporaryDirectory()
path = Path(folder.name) / "digits.cnn"
sklearn_cnn.save(search, path)
loaded = sklearn_cnn.load(path)
same = np.array_equal(loaded.predict_proba(X_test), search.predict_proba(X_test))
print(f"accuracy {loaded.score(X_test, y_test):.3f}, the same bits: {same}")

# %%
# What is in it
# -------------
# The file is a zip archive. Its description is text:

with zipfile.ZipFile(path) as archive:
    sizes = {entry.filename: entry.compress_size for entry in archive.infolist()}
    about = json.loads(archive.read("metadata.json"))
print(json.dumps(about["networks"][0], indent=1)[:700], "...")

# %%
# Weights are stored once, and everything else takes little beside them. A pickle also
# keeps what the optimizer knows, which a file has with ``include_optimizer=True`` only;
# and whoever loads a pickle runs what its author wrote.

parts = {
    "weights": sizes["weights-1.safetensors"],
    "scikit-learn's objects": sizes["schema.json"],
    "arrays": sum(size for name, size in sizes.items() if name.endswith(".npy")),
    "description": sizes["metadata.json"],
}
figure, axes = plt.subplots(figsize=(7, 2.4), layout="constrained")
start = 0
for label, size in parts.items():
    axes.barh("file", size / 1000, left=start, label=label)
    start += size / 1000
axes.barh("pickle", len(pickle.dumps(search)) / 1000, color="lightgrey")
axes.set(xlabel="size (kB)", title="What the file consists of")
axes.legend(loc="lower right")
plt.show()

# %%
# The history is part of the model, so that displays draw what was loaded:

TrainingCurveDisplay.from_estimator(loaded.best_estimator_)
plt.show()

# %%
# What is refused
# ---------------
# A changed byte, and a pickle in place of the file:

content = bytearray(path.read_bytes())
content[len(content) // 2] ^= 1
for changed in (bytes(content), pickle.dumps(search)):
    path.write_bytes(changed)
    try:
        sklearn_cnn.load(path)
    except ValueError as error:
        print(str(error).replace(str(path), "digits.cnn"), end="\n\n")

# %%
# A card for people
# -----------------
print(model_card(loaded, X_test, y_test, license="CC BY 4.0"))
folder.cleanup()
