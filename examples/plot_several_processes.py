"""
One fit by two processes
========================

A script is started twice by ``torchrun``, as it would be once for each of several GPUs.
Both processes train one network together: each computes its share of every batch, and
all take the same steps. The network is, to the last bit, the one that a single process
trains. See :doc:`/user_guide/big_fits`.
"""

# %%
# The script makes a process group. That is all that tells a fit of one process from one
# of several. The first process keeps what came out.

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import MaxNLocator
from sklearn.datasets import load_digits

from sklearn_cnn import CNNClassifier, load

script = """
import sys
import sklearn_cnn
from sklearn.datasets import load_digits
from sklearn_cnn import CNNClassifier
from torch import distributed

distributed.init_process_group("gloo")

X, y = load_digits(return_X_y=True)
X = X.reshape(-1, 8, 8)
cnn = CNNClassifier(
    filters=(64, 128), batch_size=256, augmentation=None, max_iter=8, random_state=0
)
cnn.fit(X[:1200], y[:1200], X_val=X[1200:], y_val=y[1200:])

print(f"process {distributed.get_rank()}: {cnn.score(X[1200:], y[1200:]):.4f}")
if distributed.get_rank() == 0:
    sklearn_cnn.save(cnn, sys.argv[1])
distributed.destroy_process_group()
"""

with tempfile.TemporaryDirectory() as folder:
    train, file = Path(folder, "train.py"), Path(folder, "digits.cnn")
    train.write_text(script)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    started = subprocess.run(
        [*torchrun, "--nproc-per-node=2", train, file],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    together = load(file)
print(started.stdout)

# %%
# The same fit in this process.

X, y = load_digits(return_X_y=True)
X = X.reshape(-1, 8, 8)
alone = CNNClassifier(
    filters=(64, 128), batch_size=256, augmentation=None, max_iter=8, random_state=0
)
alone.fit(X[:1200], y[:1200], X_val=X[1200:], y_val=y[1200:])
same = np.array_equal(alone.predict_proba(X), together.predict_proba(X))
print(f"probabilities of both networks are equal to the last bit: {same}")

# %%
# So the curves lie on each other.

figure, axes = plt.subplots(figsize=(6.4, 4), layout="constrained")
for name, color in (("train_loss", "C0"), ("valid_loss", "C1")):
    of_one, of_two = alone.history_[name], together.history_[name]
    axes.plot(of_one.index, of_one, color="0.8", linewidth=7)
    axes.plot(of_two.index, of_two, color=color, marker="o", label=name)
axes.plot([], [], color="0.8", linewidth=7, label="the same in one process")
axes.set(xlabel="epoch", ylabel="loss", title="Two processes train one network")
axes.xaxis.set_major_locator(MaxNLocator(integer=True))
axes.legend()
plt.show()
