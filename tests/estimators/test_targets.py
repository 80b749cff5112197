"""From y to codes, and from outputs to predictions."""

import numpy as np
import pytest
import scipy.sparse

from sklearn_cnn.estimators._targets import Labels, LabelSets, Numbers, is_multilabel

OUTPUTS = np.array([[2.0, -1, 0.5], [-3, 4, 1], [0, 0, 0.1]])


def targets_of(kind, y, classes=None):
    y = kind.checked(y, y, None)
    return kind.of(y, classes, None)


def test_labels_are_coded_in_their_order():
    y = np.array(["b", "a", "c", "a"])
    labels = targets_of(Labels, y)
    assert labels.n_outputs == 3 and not labels.multilabel
    codes = labels.encode(y, np.array([0, 1, 2, 3]), None)
    assert codes.tolist() == [1, 0, 2, 0]
    assert labels.decode(codes).tolist() == y.tolist()
    assert labels.strata(codes).tolist() == y.tolist()
    assert labels.decode(labels.decide(OUTPUTS)).tolist() == ["a", "b", "c"]
    assert labels.score(np.array([0, 1, 1]), OUTPUTS, None) == pytest.approx(2 / 3)
    assert labels.score(np.array([0, 1, 1]), OUTPUTS, [1, 1, 0]) == 1


def test_only_rows_that_count_need_known_labels():
    labels = targets_of(Labels, np.array([3, 5]))
    y = np.array([3, 7, 5])
    assert labels.encode(y, np.array([0, 2]), None)[[0, 2]].tolist() == [0, 1]
    with pytest.raises(ValueError, match=r"y holds the labels \[7\]"):
        labels.encode(y, np.arange(3), None)


def test_two_classes_have_one_decision():
    two = targets_of(Labels, np.array([0, 1]))
    assert two.decision(OUTPUTS[:, :2]).tolist() == [-3, 7, 0]
    three = targets_of(Labels, np.array([0, 1]), classes=[0, 1, 2])
    assert three.decision(OUTPUTS) is OUTPUTS


@pytest.mark.parametrize("sparse", [False, True])
def test_sets_of_labels_are_decided_one_by_one(sparse):
    y = np.array([[1, 0, 1], [0, 1, 0], [0, 0, 1]])
    given = scipy.sparse.csr_array(y) if sparse else y
    assert is_multilabel(given) and not is_multilabel(y[:, 0])
    sets = targets_of(LabelSets, given)
    assert sets.classes.tolist() == [0, 1, 2] and sets.multilabel
    codes = sets.encode(LabelSets.checked(given, y, None), np.arange(3), None)
    assert codes.dtype == np.float32 and codes.tolist() == y.tolist()
    assert sets.decode(sets.decide(OUTPUTS)).tolist() == [
        [1, 0, 1],
        [0, 1, 1],
        [0, 0, 1],
    ]
    assert sets.strata(codes) is None and sets.decision(OUTPUTS) is OUTPUTS
    np.testing.assert_allclose(
        np.exp(sets.log_probabilities(OUTPUTS)), sets.probabilities(OUTPUTS)
    )


@pytest.mark.parametrize("shape", [(4,), (4, 1), (4, 2)])
def test_numbers_come_back_in_their_units_and_shape(shape):
    y = np.arange(4.0 * (shape[1:] or (1,))[0]).reshape(shape) * 10 + 500
    numbers = targets_of(Numbers, y).scaled_to(y, None)
    scaled = numbers.scale(y)
    assert scaled.shape == (4, numbers.n_outputs)
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(scaled.std(axis=0), 1)
    decoded = numbers.decode(numbers.decide(scaled))
    assert decoded.shape == y.shape
    np.testing.assert_allclose(decoded, y)
    assert numbers.score(y, scaled, None) == 1


def test_constant_numbers_keep_their_scale():
    y = np.full(5, 3e8)
    numbers = targets_of(Numbers, y).scaled_to(y, np.arange(1.0, 6))
    assert numbers.spread == 1 and numbers.mean == 3e8
