"""One fit by several processes of torch.distributed, on this machine."""

import os
import re
import signal
from time import sleep

import numpy as np
import pytest
import several_processes as tasks
from skorch.callbacks import Callback
from torch import distributed

from sklearn_cnn.training import process_group

TOGETHER = [
    "large",
    "small",
    "random",
    "validation",
    "networks",
    "head",
    "stream",
    "weighted_numbers",
    "unused",
    "files",
    "verbose",
    "resumed",
    "refused",
]


class PowerFailure(Callback):
    def on_epoch_end(self, net, **_):
        if len(net.history) == 2:
            raise RuntimeError("no power")


def begin(folder):
    """Leave the state of a training by one process in a folder."""
    with pytest.raises(RuntimeError, match="no power"):
        tasks.resumed(folder, "cpu", callbacks=[PowerFailure()])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("processes")


@pytest.fixture(scope="module")
def found(folder):
    """What came out of the tasks in each of two processes, and what they printed.

    One of them is killed in the midst of one more.
    """
    begin(folder)
    (folder / "files").mkdir()
    tasks.make_files(folder / "files")
    launcher = tasks.started(folder, "cpu", *TOGETHER, "long")
    try:
        while not any(folder.glob("killed/*/last.safetensors")):
            assert launcher.poll() is None, launcher.communicate()[0]
            sleep(0.01)
        os.kill(int((folder / "1.pid").read_text()), signal.SIGKILL)
        printed, _ = launcher.communicate(timeout=60)
    finally:
        launcher.terminate()
        launcher.communicate()
    assert launcher.returncode != 0
    return *tasks.results(folder), printed


@pytest.mark.parametrize("task", [t for t in TOGETHER if t not in ("verbose", "files")])
def test_all_processes_have_the_same_estimator(task, found):
    first, second, _ = found
    for own, other in zip(first[task], second[task], strict=True):
        np.testing.assert_array_equal(own, other)


@pytest.mark.parametrize("task", ["large", "validation"])
def test_two_processes_compute_what_one_computes_in_two_ghost_batches(task, found):
    alone = getattr(tasks, task)(None, "cpu")
    for own, together in zip(alone, found[0][task], strict=True):
        np.testing.assert_array_equal(own, together)


@pytest.mark.parametrize(
    "task", ["small", "head", "stream", "weighted_numbers", "unused"]
)
def test_small_steps_differ_by_rounding(task, found):
    alone = getattr(tasks, task)(None, "cpu")
    for own, together in zip(alone, found[0][task], strict=True):
        np.testing.assert_allclose(together, own, rtol=1e-3, atol=1e-4)


def test_each_process_reads_its_share_of_the_files(found):
    alone, (n_rows,) = tasks.large(None, "cpu")[0], tasks.digits()[1].shape
    for each in found[:2]:
        n_read, losses = each["files"]
        # half of all for the statistics, and in each epoch; some to compare them
        assert n_read <= (tasks.LARGE["max_iter"] + 1) * n_rows / 2 + 20
        np.testing.assert_allclose(losses, alone, rtol=0.05)


def test_one_process_prints(found):
    *_, printed = found
    assert printed.count("architecture='simple'") == 1
    assert printed.count("0/3 [00:00<?, ?epoch/s]") == 1


def test_one_that_is_killed_ends_the_other_with_an_error(found):
    *_, printed = found
    assert "ConnectionError: Process 0 of 2 that fit together" in printed
    assert "fit again, with the same data and parameters" in printed


def test_two_processes_go_on_with_what_one_has_begun(found, tmp_path):
    whole = tasks.resumed(tmp_path, "cpu")
    for own, together in zip(whole, found[0]["resumed"], strict=True):
        np.testing.assert_array_equal(own, together)


def test_one_process_goes_on_with_what_two_have_begun(found, folder, tmp_path):
    more = {"max_iter": 9}
    again = tasks.resumed(folder, "cpu", checkpoint_dir=folder / "killed", **more)
    for own, whole in zip(again, tasks.resumed(tmp_path, "cpu", **more), strict=True):
        np.testing.assert_array_equal(own, whole)


REFUSALS = {
    "rows": r"X has n_samples=1, fewer than the 2 processes .* Start fewer",
    "batches": "batch_size=1 leaves a batch of 1 samples, fewer .* larger batch_size",
    "solved": "with architecture='minirocket'.* pass architecture='simple'",
    "max_time": r"with max_time=3\.0.* Pass max_iter",
    "callbacks": "with callbacks: .* Pass callbacks=None",
    "data": r"differ in (X, )?y\. .* pass a random_state",
    "pixels": r"differ in X\. ",
    "parameters": r"differ in max_iter\. ",
    "device": "device='cuda:77' cannot be used here. Pass device='auto'",
    "directory": "checkpoint_dir=.* cannot be the path of a directory",
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_cannot_be_is_refused_by_all_before_training(name, found):
    for each in found[:2]:
        assert re.search(REFUSALS[name], each["refused"][name])


def test_a_launcher_without_a_group_is_warned_of(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_RANK", "0")
    with pytest.warns(UserWarning, match="2 processes, and this one fits alone"):
        assert process_group() is None


def test_a_group_of_one_process_fits_alone(monkeypatch):
    distributed.init_process_group(
        "gloo", store=distributed.HashStore(), rank=0, world_size=1
    )
    try:
        assert process_group() is None
    finally:
        distributed.destroy_process_group()
