"""Files of earlier versions load, with the predictions that they had."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from sklearn_cnn import load

FILES = sorted((Path(__file__).parent / "data").glob("*.cnn"))


def test_files_are_there():
    assert [path.stem for path in FILES] == ["v1_module", "v1_pipeline", "v1_regressor"]
    assert sum(path.stat().st_size for path in FILES) < 60_000


# a newer scikit-learn says so of its own Pipeline
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.InconsistentVersionWarning")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_old_files(path):
    images, labels = load_digits(return_X_y=True)
    images, labels = images.reshape(-1, 8, 8), labels[:100]
    model = load(path)
    method = getattr(model, "predict_proba", model.predict)
    # other processors round otherwise
    expected = np.load(path.with_suffix(".npy"))
    np.testing.assert_allclose(method(images[:10]), expected, rtol=1e-4, atol=1e-6)
    cnn = model[-1] if path.stem == "v1_pipeline" else model
    assert cnn.n_iter_ == len(cnn.history_) > 1
    if path.stem == "v1_regressor":  # with its optimizer
        assert cnn._learner._optimizer_state["state"]
        cnn.partial_fit(images[:100], labels / 2)
