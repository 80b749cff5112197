"""Fits in whatever mode the user has torch in, and leave it there."""

import multiprocessing
import os
import signal
import threading

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback

from sklearn_cnn import CNNClassifier, CNNFeatures
from sklearn_cnn.utils import _generators

SMALL = {"filters": (4, 8), "max_iter": 2, "random_state": 0}


@pytest.fixture
def expected(digits):
    X, y = digits
    return CNNClassifier(**SMALL).fit(X, y).predict_proba(X)


@pytest.fixture
def float64_by_default():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_fits_without_gradients(digits, expected, mode):
    X, y = digits
    with mode():
        cnn = CNNClassifier(**SMALL).fit(X, y)
        np.testing.assert_array_equal(cnn.predict_proba(X), expected)
        assert not torch.is_grad_enabled()
        cnn.partial_fit(X, y).set_params(warm_start=True).fit(X, y)
        CNNFeatures(estimator=CNNClassifier(**SMALL)).fit_transform(X, y)
    assert torch.is_grad_enabled()
    cnn.fit(X, y)


def test_another_default_dtype_changes_nothing(digits, expected, float64_by_default):
    X, y = digits
    cnn = CNNClassifier(**SMALL).fit(X, y)
    np.testing.assert_array_equal(cnn.predict_proba(X), expected)
    assert next(cnn.module_.parameters()).dtype == torch.float32
    assert torch.get_default_dtype() == torch.float64


def test_another_default_device_changes_nothing(digits, expected):
    X, y = digits
    torch.set_default_device("meta")
    try:
        cnn = CNNClassifier(**SMALL, device="cpu").fit(X, y)
        assert torch.get_default_device().type == "meta"
    finally:
        torch.set_default_device(None)
    np.testing.assert_array_equal(cnn.predict_proba(X), expected)


def test_flags_of_cudnn_stay_the_users(digits):
    cudnn = torch.backends.cudnn
    before = cudnn.allow_tf32, cudnn.enabled, cudnn.benchmark
    cudnn.allow_tf32, cudnn.enabled, cudnn.benchmark = False, False, True
    try:
        CNNClassifier(**SMALL).fit(*digits)
        assert (cudnn.allow_tf32, cudnn.enabled, cudnn.benchmark) == (
            False,
            False,
            True,
        )
    finally:
        cudnn.allow_tf32, cudnn.enabled, cudnn.benchmark = before


class Interrupt(Callback):
    def on_batch_end(self, net, **kwargs):
        signal.raise_signal(signal.SIGINT)


def test_an_interrupted_fit_leaves_the_modes(digits):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with torch.no_grad(), pytest.raises(KeyboardInterrupt):
            CNNClassifier(**SMALL, callbacks=[Interrupt()]).fit(*digits)
        assert torch.is_grad_enabled()
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_refused_fit_draws_no_numbers(digits):
    X, y = digits
    numbers = np.random.RandomState(3)
    cnn = CNNClassifier(filters=(4,), padding="valid", kernel_size=9, max_iter=1)
    with pytest.raises(ValueError, match="too small"):
        cnn.set_params(random_state=numbers).fit(X, y)
    assert numbers.randint(1000) == np.random.RandomState(3).randint(1000)


def predict(queue, cnn, X):
    # of 12 samples, a step so large is left to all threads of torch
    large = CNNClassifier(filters=(256, 256), max_iter=1, precision="float32")
    large.fit(X[:12], y_of(X[:12]))
    queue.put((cnn.predict_proba(X), large.n_iter_))


def y_of(X):
    return np.arange(len(X)) % 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_process_predicts_and_fits():
    rng = np.random.default_rng(0)
    X = rng.random((64, 32, 32), dtype=np.float32)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    held = threading.Event()
    done = threading.Event()

    def hold():
        with _generators.seeded(0, "cpu"):
            held.set()
            done.wait()

    holder = threading.Thread(target=hold)
    try:
        torch.randn(2000, 2000) @ torch.randn(2000, 2000)  # starts torch's threads
        cnn = CNNClassifier("resnet18", filters=(16, 32), max_iter=1, random_state=0)
        expected = cnn.fit(X, y_of(X)).predict_proba(X)
        holder.start()
        held.wait()
        context = multiprocessing.get_context("fork")
        queue = context.Queue()
        child = context.Process(target=predict, args=(queue, cnn, X))
        child.start()
        found, n_epochs = queue.get(timeout=60)
        child.join(60)
        assert child.exitcode == 0 and n_epochs == 1
        np.testing.assert_array_equal(found, expected)
    finally:
        done.set()
        holder.join()
        torch.set_num_threads(before)
