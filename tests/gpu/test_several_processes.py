"""One fit by two processes, which share the GPU here; Gloo lets them do that."""

import numpy as np
import pytest
import several_processes as tasks

TOGETHER = ["small", "large", "random", "validation", "head", "resumed"]


@pytest.fixture(scope="module")
def found(device, tmp_path_factory):
    """What came out of the tasks in each process."""
    folder = tmp_path_factory.mktemp("processes")
    launcher = tasks.started(folder, device, *TOGETHER)
    printed, _ = launcher.communicate(timeout=300)
    assert launcher.returncode == 0, printed
    return tasks.results(folder)


@pytest.mark.parametrize("task", TOGETHER)
def test_all_processes_have_the_same_estimator(task, found):
    for own, other in zip(found[0][task], found[1][task], strict=True):
        np.testing.assert_array_equal(own, other)


@pytest.mark.parametrize("task", ["small", "head"])
def test_small_steps_differ_by_rounding(task, found, device):
    alone = getattr(tasks, task)(None, device)
    for own, together in zip(alone, found[0][task], strict=True):
        np.testing.assert_allclose(together, own, rtol=2e-3, atol=2e-3)
