"""Learning rate schedules."""

import numpy as np
import pytest

from sklearn_cnn.training.schedules import SCHEDULES, Schedule


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("n_steps", [1, 2, 7, 1000])
def test_factors_are_positive_and_at_most_one(name, n_steps):
    factors = [Schedule(name, n_steps)(step) for step in range(n_steps + 1)]
    assert all(0 <= factor <= 1 for factor in factors)
    assert all(factor > 0 for factor in factors[:-1])
    assert max(factors) >= 0.1  # even a training of one step learns


def test_one_cycle_rises_and_falls():
    factors = np.array([Schedule("one_cycle", 1000)(step) for step in range(1000)])
    assert factors.argmax() in (299, 300)
    assert (np.diff(factors[:299]) > 0).all() and (np.diff(factors[301:]) < 0).all()
    assert factors[0] == pytest.approx(1 / 25, abs=1e-3)
    assert factors[300] == pytest.approx(1, abs=1e-3)
    assert factors[-1] == pytest.approx(0, abs=1e-3)


def test_cosine_falls_from_one_to_zero_through_a_half():
    factors = [Schedule("cosine", 1000)(step) for step in (0, 500, 999)]
    np.testing.assert_allclose(factors, [1, 0.5, 0], atol=2e-3)


def test_step_falls_to_a_tenth_twice():
    factors = [Schedule("step", 30)(step) for step in range(30)]
    np.testing.assert_allclose(factors, [1] * 10 + [0.1] * 10 + [0.01] * 10)


def test_a_plateau_falls_at_its_end_or_as_soon_as_it_is_told_to():
    planned = Schedule("plateau", 100)
    factors = np.array([planned(step) for step in range(100)])
    assert (factors[:70] == 1).all() and (np.diff(factors[70:]) < 0).all()
    assert planned.waits(69) and not planned.waits(70)
    told = Schedule("plateau", 100)
    told.fall(21, n_batches=10)
    assert told.n_steps == 30 and not told.waits(21)
    assert [told(20), told(25), told(30)] == pytest.approx([1, 0.5, 0])
    assert not any(Schedule(n, 9).waits(0) for n in SCHEDULES if n != "plateau")


def test_constant_stays():
    assert {Schedule("constant", 9)(step) for step in range(9)} == {1.0}
