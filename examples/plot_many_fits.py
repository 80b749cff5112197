"""
A search on a cluster that loses a worker
=========================================

A grid search of 24 fits runs on two processes of Dask, as it would on those of many
machines. One of them is killed in the middle. Its fit is done again, and all scores
are, to the last bit, those of a search without a cluster.
"""

# %%
# A program of its own makes the cluster, as each of the processes imports it. After six
# fits comes the signal that no process can catch. Without ``register_dask`` the search
# might end there, as it would miss what was sent to the dead process alone.

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt

program = """
import json, os, signal, threading, time
import joblib
from dask.distributed import Client, LocalCluster
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn_cnn import CNNClassifier
from sklearn_cnn.utils.joblib_backends import register_dask


def kill_one(client, killed):
    victim = list(client.run(os.getpid).values())[0]
    while len(client.get_task_stream()) < 6:
        time.sleep(0.05)
    os.kill(victim, getattr(signal, "SIGKILL", signal.SIGTERM))
    killed.append(time.time())


if __name__ == "__main__":
    X, y = load_digits(return_X_y=True)
    cnn = CNNClassifier(filters=(8, 16), max_iter=8, random_state=0)
    grid = {"dropout": [0.0, 0.2, 0.4], "learning_rate": [0.003, 0.01]}
    search = GridSearchCV(cnn, grid, cv=4, refit=False)
    X = X.reshape(-1, 8, 8)
    alone = search.fit(X, y).cv_results_["mean_test_score"].tolist()
    register_dask()
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0"}
    with LocalCluster(**options, silence_logs=50) as cluster, Client(cluster) as client:
        client.get_task_stream()  # from now on
        killer = threading.Thread(target=kill_one, args=(client, killed := []))
        killer.start()
        with joblib.parallel_config(backend="dask"):
            scores = search.fit(X, y).cv_results_["mean_test_score"].tolist()
        killer.join()
        fits = [
            (task["worker"], step["start"], step["stop"])
            for task in client.get_task_stream()
            for step in task["startstops"]
            if step["action"] == "compute"
        ]
    found = {"alone": alone, "scores": scores, "fits": fits, "killed": killed}
    print(json.dumps(found))
"""

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "program.py"
    path.write_text(program)
    run = subprocess.run([sys.executable, path], capture_output=True, text=True)
found = json.loads(run.stdout.splitlines()[-1])

# %%
# Nothing is missing, and nothing differs.

print("candidates with a score:", len(found["scores"]))
print("the same scores, bit by bit:", found["scores"] == found["alone"])

# %%
# Each bar is a fit. After the signal one process goes on alone, while Dask starts
# another, which has PyTorch to import first.

(killed,) = found["killed"]
fits = sorted(found["fits"], key=lambda fit: fit[1])
workers = list(dict.fromkeys(worker for worker, *_ in fits))
figure, ax = plt.subplots(figsize=(7, 2.6), layout="constrained")
for number, worker in enumerate(workers):
    own = [(start, stop) for name, start, stop in fits if name == worker]
    spans = [(start - killed, stop - start) for start, stop in own]
    ax.broken_barh(spans, (number - 0.35, 0.7), color="tab:blue", edgecolor="white")
ax.axvline(0, color="tab:orange", label="one process is killed")
ax.set_yticks(range(len(workers)), [f"process {i + 1}" for i in range(len(workers))])
ax.invert_yaxis()
ax.set_xlabel("seconds after the signal")
ax.legend(loc="lower left")
plt.show()
