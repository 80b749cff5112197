"""What may stand for X, and what is said of what may not."""

import numpy as np
import pandas as pd
import pytest

from sklearn_cnn import CNNClassifier
from sklearn_cnn.images import ImageFiles
from sklearn_cnn.transforms import Flatten, ImageReader, Resize, Unflatten

MASKED = np.ma.masked_equal(np.arange(4 * 6 * 6.0).reshape(4, 6, 6), 7)


@pytest.mark.parametrize(
    "X",
    [
        MASKED,
        list(MASKED),
        [list(image) for image in MASKED],
        pd.Series(list(MASKED)),
        MASKED.reshape(4, 36),
    ],
)
@pytest.mark.parametrize(
    "step", [CNNClassifier(filters=(4,), max_iter=1), Resize(4), Flatten()]
)
def test_a_mask_is_not_lost(step, X):
    with pytest.raises(ValueError, match=r"masked.*X\.filled\(value\)"):
        step.fit(X, [0, 1, 0, 1])


def test_a_mask_is_not_lost_between_rows_and_images():
    with pytest.raises(ValueError, match=r"X\.filled\(value\)"):
        Unflatten((6, 6)).fit(MASKED.reshape(4, 36))
    flatten = Flatten().fit(MASKED.data)
    with pytest.raises(ValueError, match=r"X\.filled\(value\)"):
        flatten.inverse_transform(MASKED.reshape(4, 36))
    with pytest.raises(ValueError, match=r"X\.filled\(value\)"):
        ImageReader().transform(np.ma.array(["a", "b"], object, mask=[0, 1]))


def test_a_mask_of_nothing_is_no_matter():
    X = np.ma.array(MASKED.data, mask=np.zeros(MASKED.shape, bool))
    assert type(Flatten().fit_transform(X)) is np.ndarray
    assert type(ImageFiles.from_array(X)[:]._source.array) is np.ndarray
    np.testing.assert_array_equal(
        Resize(4).fit_transform(X), Resize(4).fit_transform(X.data)
    )
