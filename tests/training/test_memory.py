"""What an epoch and a prediction leave in memory while they run."""

import gc

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from skorch.callbacks import Callback

from sklearn_cnn import CNNClassifier
from sklearn_cnn.inference import gathered

X, y = load_digits(return_X_y=True)
X = X.reshape(-1, 8, 8)


class LiveTensors(Callback):
    """Counts the tensors that are alive after every step."""

    def initialize(self):
        self.counts = []
        return self

    def on_batch_end(self, net, training, **kwargs):
        self.counts.append(live_tensors())


def live_tensors():
    return sum(type(known) is torch.Tensor for known in gc.get_objects())


def counting_classifier():
    return CNNClassifier(
        filters=(2,), batch_size=10, max_iter=1, callbacks=[LiveTensors()]
    )


def counts_of(cnn):
    ((_, counter),) = cnn.net_.callbacks_
    return counter.counts


def assert_nothing_is_kept(counts):
    # small blocks between large ones let the heap of glibc grow by hundreds of MB
    assert len(counts) >= 20
    assert max(counts[-3:]) < min(counts[1:4]) + 10


def test_nothing_is_kept_from_each_step():
    cnn = counting_classifier()
    cnn.fit(X[:250], y[:250])
    assert_nothing_is_kept(counts_of(cnn))


def test_nothing_is_kept_from_each_batch_of_validation():
    cnn = counting_classifier()
    cnn.fit(X[:10], y[:10], X_val=X[:250], y_val=y[:250])
    assert_nothing_is_kept(counts_of(cnn))


def test_nothing_is_kept_from_each_batch_of_a_prediction():
    cnn = CNNClassifier(filters=(2,), max_iter=1, random_state=0).fit(X, y)
    counts = []
    hook = cnn.module_.register_forward_hook(lambda *_: counts.append(live_tensors()))
    cnn.predict(np.tile(X, (12, 1, 1)))
    hook.remove()
    assert_nothing_is_kept(counts)


@pytest.mark.parametrize("sizes", [[5], [2, 2, 1]])
def test_gathered_is_what_the_batches_gave(sizes):
    values = torch.arange(10.0).view(5, 2)
    whole = gathered((part for part in values.split(sizes)), 5)
    assert np.array_equal(whole, values.numpy()) and whole.flags.owndata


def test_what_batches_hold_is_released_at_an_error():
    released = []

    def parts():
        try:
            yield torch.zeros(2, 3)
            yield torch.zeros(2, 4)  # of another shape
        finally:
            released.append(True)

    with pytest.raises(ValueError, match="broadcast"):
        gathered(parts(), 4)
    assert released
