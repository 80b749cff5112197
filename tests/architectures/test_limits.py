"""What a network is built of is checked before memory is asked for."""

import numpy as np
import pandas as pd
import pytest

from sklearn_cnn import CNNClassifier
from sklearn_cnn.architectures import build

X = np.random.default_rng(0).normal(size=(24, 8, 8))
y = np.arange(24) % 2


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"blocks_per_stage": 2**31}, "blocks_per_stage=2147483648 makes .* 10,000"),
        (
            {"filters": (2, 2), "blocks_per_stage": (2**40, 1)},
            r"blocks_per_stage=\(1099511627776, 1\) makes",
        ),
        ({"filters": (1,) * 20_000}, r"filters=\(1, .*\.\.\. makes 20,000 blocks"),
        ({"filters": (2**31,)}, r"filters=\(2147483648,\).* weights, more than"),
        ({"filters": (10**400,)}, r"filters=\(1000.*more weights than can be counted"),
        ({"filters": (2**40, 2**40)}, "more weights than can be counted"),
        ({"hidden_layer_sizes": (10**9,)}, r"hidden_layer_sizes=\(1000000000,\)"),
        ({"kernel_size": 60_000}, "kernel_size=60000 and images"),
        (
            {"architecture": "resnet50", "blocks_per_stage": 2**31},
            "blocks_per_stage=2147483648 makes",
        ),
    ],
)
def test_what_no_memory_holds_is_refused_before_it_is_built(parameters, message):
    cnn = CNNClassifier(**parameters)
    with pytest.raises(ValueError, match=message) as caught:
        cnn.fit(X, y)
    assert len(str(caught.value)) < 500


def test_large_images_count_too():
    with pytest.raises(ValueError, match=r"images of \(4000, 4000\) has .* weights"):
        build("vgg11", 3, (4000, 4000), 2, {}, {})


def test_what_fits_is_built():
    cnn = CNNClassifier(filters=(1100,), max_iter=1).fit(X, y)
    assert cnn.module_.stages[0][0].conv.conv.weight.shape[0] == 1100


@pytest.mark.parametrize("name", ["filters", "hidden_layer_sizes", "blocks_per_stage"])
@pytest.mark.parametrize("value", [[1, [2]], (True,), (2.5,), ("a",), (2, None), {3}])
def test_sequences_of_integers(name, value):
    message = rf"{name}=.* sequence of positive integers, such as \(32, 64\)"
    with pytest.raises(ValueError, match=message):
        CNNClassifier(**{"filters": (2, 2), name: value}).fit(X, y)


@pytest.mark.parametrize("name", ["kernel_size", "stride"])
@pytest.mark.parametrize("value", [(3.5, 3.5), [3, [3]], (True, 1), True, (0, 1)])
def test_an_integer_for_each_axis(name, value):
    message = rf"{name}=.* positive integer, or .*such as \(3, 3\), one for each spati"
    with pytest.raises(ValueError, match=message):
        CNNClassifier(**{name: value}).fit(X, y)


def test_integers_of_numpy_and_pandas_and_ranges_are_taken():
    for filters in (np.array([2, 3]), pd.Series([2, 3]), range(2, 4)):
        cnn = CNNClassifier(filters=filters, kernel_size=np.array(3), max_iter=1)
        assert cnn.fit(X, y).module_.head.output.in_features == 3
