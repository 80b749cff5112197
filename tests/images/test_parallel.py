import pytest
from joblib import cpu_count

from sklearn_cnn.images.parallel import threads_here

ALL = cpu_count()


@pytest.mark.parametrize(
    "told, expected",
    [("1", 1), ("1,4", 1), ("", ALL), ("0", ALL), ("many", ALL), ("1000000", ALL)],
)
def test_a_process_has_the_threads_that_its_environment_says(
    monkeypatch, told, expected
):
    monkeypatch.setenv("OMP_NUM_THREADS", told)
    assert threads_here() == expected
