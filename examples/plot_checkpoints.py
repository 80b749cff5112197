"""
A training that is killed, and goes on
======================================

A process that trains is killed three times. Each time the same call of ``fit`` goes on
from the last state that ``checkpoint_dir`` holds. In the end the network is, to the
last bit, the one that a training without any interruption gives.
"""

# %%
# A process of its own trains, and sends itself the signal that no process can catch
# after the epoch that it is told.

import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import MaxNLocator
from sklearn.datasets import load_digits

from sklearn_cnn import CNNClassifier

X, y = load_digits(return_X_y=True)
X, y = X.reshape(-1, 8, 8)[:600], y[:600]

program = """
import os, signal, sys
from sklearn.datasets import load_digits
from skorch.callbacks import Callback
from sklearn_cnn import CNNClassifier

class Kill(Callback):
    def on_batch_begin(self, net, **kwargs):
        if len(net.history) > int(sys.argv[2]):
            os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))

X, y = load_digits(return_X_y=True)
CNNClassifier(
    filters=(8, 16), dropout=0.2, max_iter=15, early_stopping=True, random_state=0,
    checkpoint_dir=sys.argv[1], callbacks=[Kill()],
).fit(X.reshape(-1, 8, 8)[:600], y[:600])
"""

directory = tempfile.TemporaryDirectory()
killed_after = [4, 7, 11]
for epoch in killed_after:
    run = subprocess.run([sys.executable, "-c", program, directory.name, str(epoch)])
    print(f"after epoch {epoch}: ended by signal {-run.returncode}")

# %%
# This process goes on with the twelfth epoch.

parameters = {
    "filters": (8, 16),
    "dropout": 0.2,
    "max_iter": 15,
    "early_stopping": True,
    "random_state": 0,
}
resumed = CNNClassifier(**parameters, checkpoint_dir=directory.name).fit(X, y)
whole = CNNClassifier(**parameters).fit(X, y)
same = np.array_equal(resumed.predict_proba(X), whole.predict_proba(X))
print(f"probabilities of both networks are equal to the last bit: {same}")

# %%
# The two curves lie on each other, across all three ends of the process.

figure, axes = plt.subplots(figsize=(6.4, 4), layout="constrained")
history = whole.history_
axes.plot(
    history.index,
    history["valid_loss"],
    color="0.75",
    linewidth=6,
    label="without interruption",
)
starts = [1, *(epoch + 1 for epoch in killed_after)]
ends = [*killed_after, len(history)]
for number, (start, end) in enumerate(zip(starts, ends, strict=True), start=1):
    part = resumed.history_.loc[start:end, "valid_loss"]
    axes.plot(part.index, part, marker="o", label=f"process {number}")
for epoch in killed_after:
    axes.axvline(epoch + 0.5, color="0.4", linewidth=0.8, linestyle=":")
axes.set(xlabel="epoch", ylabel="validation loss", title="Killed after epochs 4, 7, 11")
axes.xaxis.set_major_locator(MaxNLocator(integer=True))
axes.legend()
plt.show()

# %%
# The directory holds the last state and the best network.

for path in sorted(Path(directory.name).glob("*/*.safetensors")):
    print(f"{path.name}: {path.stat().st_size:,} bytes")
directory.cleanup()
