"""Generated input works or is refused: the short form of ``generated.py``."""

import pytest
import torch
from _rules import outcome_of
from generated import FINE, run

#: About 30 seconds on one core.
N_INPUTS = 1000


def test_generated_input_works_or_is_refused():
    outcomes = []

    def after(drawn, outcome):
        outcomes.append(outcome)
        if outcome not in FINE:
            surprises.append("\n".join([outcome, *drawn[1]]))

    surprises = []
    run(N_INPUTS, 0, lambda drawn: None, after)
    assert not surprises, "\n\n".join(surprises)
    assert outcomes.count("works") > N_INPUTS / 10
    assert outcomes.count("not made") < N_INPUTS / 10


@pytest.mark.parametrize(
    ("lines", "outcome"),
    [
        (["X = 1", "[][X]"], "IndexError at"),
        (["X = 1", "int('a')"], "ValueError that names nothing"),
        (["X = 1", "CNNClassifier().set_params(**{'a' * 5000: X})"], "letters at"),
        (["X = 1", "torch.manual_seed(X)"], "the process changed"),
        (["X = 1", "np.random.seed(X)"], "the process changed"),
        (["X = 1", "torch.set_default_dtype(torch.float64)"], "the process changed"),
        (["X = 0.0", "np.ones(1) / np.zeros(1)"], "RuntimeWarning"),
        (["est = RandomFlip()", "X = 1", "est.set_params(p=X)"], "works"),
        (["X = np.zeros(int('a'))", "len(X)"], "not made"),
    ],
)
def test_the_rules_notice(lines, outcome):
    dtype = torch.get_default_dtype()
    try:
        assert outcome in outcome_of("fit" if "est" in lines else "", lines)
    finally:
        torch.set_default_dtype(dtype)
