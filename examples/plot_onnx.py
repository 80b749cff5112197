"""
From a pipeline to a service without PyTorch
============================================

What is trained with PyTorch need not be served with it. A pipeline that brings images
to one size, and classifies them, becomes one graph of ONNX; a process that has never
heard of PyTorch predicts from the file, and with integers of 8 bits in less time.
"""

# %%
# The network learns scikit-learn's digits, enlarged to 16x16 pixels.

import tempfile
from pathlib import Path
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from sklearn_cnn import CNNClassifier
from sklearn_cnn.export import load_onnx, to_onnx
from sklearn_cnn.transforms import Resize

digits = load_digits()
X_train, X_test, y_train, y_test = train_test_split(
    digits.images.astype(np.uint8), digits.target, random_state=0
)
model = make_pipeline(
    Resize(16), CNNClassifier(filters=(32, 64, 128), max_iter=10, random_state=0)
).fit(X_train, y_train)

# %%
# Two files: one computes as the model does, one with integers of 8 bits, whose ranges
# 200 images tell.

folder = tempfile.TemporaryDirectory()
paths = {name: Path(folder.name) / f"{name}.onnx" for name in ("float32", "int8")}
to_onnx(model, paths["float32"])
to_onnx(model, paths["int8"], quantize=X_train[:200])
served = {"PyTorch": model, **{k: load_onnx(path) for k, path in paths.items()}}

# %%
# The same accuracy, in less time and in smaller files.


def milliseconds(predict):
    times = []
    for _ in range(7):
        start = perf_counter()
        predict(X_test)
        times.append(perf_counter() - start)
    return 1e3 * np.median(times)


times = {name: milliseconds(one.predict) for name, one in served.items()}
for name, one in served.items():
    size = f", {paths[name].stat().st_size >> 10} KiB" if name in paths else ""
    print(
        f"{name}: accuracy {one.score(X_test, y_test):.4f}, "
        f"{times[name]:.0f} ms for {len(X_test)} images{size}"
    )

# %%
# What was loaded is an estimator of scikit-learn, for its displays too.

figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
axes[0].barh(list(times), list(times.values()), color="tab:blue")
axes[0].invert_yaxis()
axes[0].set_xlabel(f"milliseconds for {len(X_test)} images")
ConfusionMatrixDisplay.from_estimator(
    served["int8"], X_test, y_test, ax=axes[1], colorbar=False, cmap="Blues"
)
axes[1].set_title("int8")
plt.show()
