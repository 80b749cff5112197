"""Heads that are solved."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge, RidgeCV

from sklearn_cnn.training.losses import BinaryCrossEntropy, CrossEntropy
from sklearn_cnn.training.ridge import ALPHAS, fit_ridge


def standardized(X, weight):
    mean = np.average(X, axis=0, weights=weight)
    return (X - mean) / np.sqrt(np.average((X - mean) ** 2, axis=0, weights=weight))


@pytest.mark.parametrize("n, p", [(20, 50), (20, 20), (60, 15)])
@pytest.mark.parametrize("weighted", [False, True])
def test_ridge_is_that_of_scikit_learn(n, p, weighted):
    rng = np.random.default_rng(0)
    X = rng.normal(1, 3, size=(n, p))
    Y = rng.normal(size=(n, 3)) + X[:, :3]
    weight = rng.uniform(0.5, 2, size=n) if weighted else np.ones(n)
    ridge = fit_ridge(*map(torch.from_numpy, (X, Y, weight)))
    Z = standardized(X, weight)
    reference = RidgeCV(alphas=ALPHAS.numpy()).fit(Z, Y, weight)
    np.testing.assert_allclose(ridge.alpha, reference.alpha_)
    outputs = X @ ridge.weight.numpy().T + ridge.bias.numpy()
    np.testing.assert_allclose(outputs, reference.predict(Z), atol=1e-10)
    for i in range(n):
        others = np.arange(n) != i
        one = Ridge(alpha=reference.alpha_).fit(Z[others], Y[others], weight[others])
        np.testing.assert_allclose(
            ridge.left_out[i], one.predict(Z[i : i + 1])[0], atol=1e-9
        )


def test_targets_may_have_strengths_of_their_own():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 60))
    Y = np.c_[X[:, 0], rng.normal(size=40)]
    ridge = fit_ridge(*map(torch.from_numpy, (X, Y)), alpha_per_target=True)
    alone = [fit_ridge(*map(torch.from_numpy, (X, Y[:, [i]]))) for i in range(2)]
    assert ridge.alpha.tolist() == [float(one.alpha) for one in alone]
    np.testing.assert_allclose(ridge.weight[1], alone[1].weight[0], atol=1e-12)


def test_constant_features_and_targets_are_harmless():
    X, Y = torch.ones(9, 12, dtype=torch.float64), torch.ones(9, 1, dtype=torch.float64)
    ridge = fit_ridge(X, Y)
    assert not ridge.weight.any()
    torch.testing.assert_close(ridge.bias, Y[0])


def test_outputs_are_multiplied_until_probabilities_are_honest():
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(4000, 3, generator=generator, dtype=torch.float64)
    labels = torch.distributions.Categorical(logits=logits)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        codes = labels.sample()
    factor = CrossEntropy().fit_factor(logits / 5, codes, None)
    assert factor.shape == (3,) and 4.5 < factor[0] < 5.5
    with torch.random.fork_rng():
        torch.manual_seed(0)
        marks = torch.bernoulli(logits[:, :2].sigmoid())
    factors = BinaryCrossEntropy().fit_factor(
        logits[:, :2] * torch.tensor([0.5, 3]), marks, None
    )
    assert 1.7 < factors[0] < 2.3 and 0.29 < factors[1] < 0.38


def test_outputs_that_are_all_right_stay_finite():
    outputs = torch.tensor([[1.0, -1], [-1, 1]] * 10, dtype=torch.float64)
    factor = CrossEntropy().fit_factor(outputs, torch.tensor([0, 1] * 10), None)
    assert 0.5 < factor[0] < 5
