"""Pieces of the training: snapshots, interruptions, losses, devices."""

import functools
import multiprocessing
import os
import signal

import numpy as np
import pytest
import torch
from torch import nn

from sklearn_cnn import CNNClassifier
from sklearn_cnn.inference import resolve_device, resolve_precision
from sklearn_cnn.training.callbacks import raised_by_callback
from sklearn_cnn.training.losses import CrossEntropy, RegressionLoss
from sklearn_cnn.training.snapshots import Snapshot


def test_weights_go_back_with_their_buffers():
    module = nn.BatchNorm1d(3)
    kept = Snapshot(module)
    module(torch.randn(4, 3))
    with torch.no_grad():
        module.weight += 1
    kept.restore()
    assert module.num_batches_tracked == 0
    assert module.weight.tolist() == [1, 1, 1]
    assert module.running_mean.tolist() == [0, 0, 0]


def test_a_raise_statement_is_told_from_a_signal():
    def callback():
        raise KeyboardInterrupt

    def interrupted():
        signal.raise_signal(signal.SIGINT)

    def handler(*_):
        raise KeyboardInterrupt

    def raises(function):
        with pytest.raises(KeyboardInterrupt) as caught:
            function()
        return caught.value

    assert raised_by_callback(raises(callback))
    assert not raised_by_callback(raises(interrupted))
    before = signal.signal(signal.SIGTERM, functools.partial(handler))
    try:
        interrupt = raises(lambda: signal.raise_signal(signal.SIGTERM))
        assert not raised_by_callback(interrupt)
    finally:
        signal.signal(signal.SIGTERM, before)


def test_losses_are_weighted_means():
    loss = CrossEntropy()
    outputs, targets = torch.randn(4, 3), torch.tensor([0, 1, 2, 0])
    weights = torch.tensor([1.0, 0.0, 2.0, 1.0])
    expected = nn.functional.cross_entropy(outputs, targets, reduction="none") * weights
    torch.testing.assert_close(loss(outputs, targets, weights), expected.mean())
    squared = RegressionLoss("squared_error")(
        torch.zeros(2, 2), torch.tensor([[1.0, 3], [0, 0]])
    )
    assert squared.item() == 2.5


def test_auto_precision_needs_hardware_and_a_large_step():
    assert resolve_precision("auto", "cpu", 1000) == "float32"
    assert resolve_precision("auto", "cpu", 1 << 40) in ("float32", "bfloat16")
    assert resolve_precision("float64", "cpu", 1) == "float64"
    with pytest.raises(ValueError, match="precision='float64' is not available on"):
        resolve_precision("float64", "mps", 1)


def test_auto_device_is_one_that_works():
    torch.empty(1, device=resolve_device("auto"))
    assert resolve_device("cpu") == "cpu"
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match="device='cuda' cannot be used here"):
            resolve_device("cuda")


def _tell_device(queue):
    queue.put(resolve_device("auto"))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="starts processes by fork")
def test_processes_take_turns_at_several_gpus(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert resolve_device("auto") == "cuda"  # whoever starts them has the current one
    context = multiprocessing.get_context("fork")
    queue, devices = context.SimpleQueue(), []
    for _ in range(4):
        process = context.Process(target=_tell_device, args=(queue,))
        process.start()
        devices.append(queue.get())
        process.join()
    assert devices[:2] == devices[2:] and set(devices) == {"cuda:0", "cuda:1"}
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    process = context.Process(target=_tell_device, args=(queue,))
    process.start()
    assert queue.get() == "cuda"
    process.join()


needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


@needs_cuda
def test_cuda_agrees_with_the_cpu(digits):
    from sklearn_cnn import CNNClassifier

    parameters = {"filters": (8, 16), "max_iter": 3, "random_state": 0}
    on_cpu = CNNClassifier(**parameters, device="cpu", precision="float32").fit(*digits)
    on_gpu = CNNClassifier(**parameters, device="cuda", precision="float32")
    before = torch.cuda.get_rng_state()
    on_gpu.fit(*digits)
    assert torch.equal(torch.cuda.get_rng_state(), before)
    difference = on_gpu.predict_proba(digits[0]) - on_cpu.predict_proba(digits[0])
    assert abs(difference).max() < 1e-2


def test_large_predictions_are_those_of_small_ones():
    rng = np.random.default_rng(0)
    X, y = rng.random((300, 28, 28), dtype=np.float32), np.arange(300) % 3
    cnn = CNNClassifier(filters=(16, 32), max_iter=2, random_state=0).fit(X, y)
    # several chunks, with batch normalisation folded, against one row at a time
    alone = np.concatenate([cnn.predict_proba(X[i : i + 1]) for i in range(0, 300, 7)])
    np.testing.assert_allclose(cnn.predict_proba(X)[::7], alone, atol=1e-6)
    before = cnn.predict_proba(X)
    with torch.no_grad():
        cnn.module_.head.output.bias[0] += 5
    assert (cnn.predict_proba(X)[:, 0] > before[:, 0]).all()


def test_hooks_see_every_chunk_in_order():
    X, y = np.zeros((200, 28, 28), np.float32), np.arange(200) % 2
    X[:, 0, 0] = np.arange(200)
    cnn = CNNClassifier(
        filters=(4, 8), max_iter=1, input_scaling=None, random_state=0
    ).fit(X, y)
    seen = []
    cnn.module_.register_forward_pre_hook(lambda _, x: seen.append(x[0][:, 0, 0, 0]))
    cnn.predict(X)
    assert torch.cat(seen).tolist() == list(range(200))
