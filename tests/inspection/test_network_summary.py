"""summary, and the table in a notebook."""

import numpy as np
import pytest
import torch
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_cnn import CNNClassifier, CNNRegressor
from sklearn_cnn.inspection import summary


def test_before_and_after_fit_are_alike(fitted, digits):
    before = CNNClassifier(filters=(6, 9), input_shape=(8, 8), random_state=0)
    state, parameters = torch.get_rng_state(), before.get_params()
    expected = summary(before, n_outputs=10)
    assert torch.equal(torch.get_rng_state(), state)
    assert before.get_params() == parameters and not hasattr(before, "net_")

    found = summary(fitted)
    assert found.equals(expected)
    assert found["parameters"].sum() == fitted.n_parameters_
    assert found["multiply_adds"].sum() == fitted._predictor.sample_cost
    assert found.columns.tolist() == [
        "layer",
        "type",
        "output_shape",
        "kernel_size",
        "stride",
        "padding",
        "parameters",
        "multiply_adds",
        "receptive_field",
    ]
    first = found.iloc[0]
    assert first["output_shape"] == (6, 8, 8)
    assert first["kernel_size"] == (3, 3) and first["padding"] == (1, 1)
    assert dict(fitted.module_.named_modules())[first["layer"]].out_channels == 6


@pytest.mark.parametrize(
    "estimator, n_outputs",
    [
        (CNNClassifier(input_shape=(8, 8)), 2),
        (CNNRegressor(input_shape=(8, 8)), 1),
        (CNNClassifier(input_shape=(3, 16), data_format="channels_first"), 2),
        (CNNRegressor("lenet", input_shape=(6, 6, 6, 2)), 1),
    ],
)
def test_what_is_assumed_before_a_fit(estimator, n_outputs):
    if estimator.data_format == "channels_first":
        estimator.spatial_dims = 1
    layers = summary(estimator)
    assert layers["output_shape"].iloc[-1] == (n_outputs,)
    n_dims = {2: 2, 4: 3}[len(estimator.input_shape)]
    n_dims = 1 if estimator.spatial_dims == 1 else n_dims
    assert len(layers["receptive_field"].iloc[0]) == n_dims


def test_the_network_may_be_the_end_of_a_pipeline(fitted):
    pipeline = make_pipeline(FunctionTransformer(), fitted)
    assert summary(pipeline).equals(summary(fitted))
    nested = make_pipeline(FunctionTransformer(), pipeline)
    assert summary(nested).equals(summary(fitted))


@pytest.mark.parametrize(
    "estimator, options, error, message",
    [
        (CNNClassifier(), {}, ValueError, r"input_shape=None.*input_shape=\(28, 28"),
        (CNNClassifier(input_shape=(8, -1)), {}, ValueError, r"input_shape=\(8, -1\)"),
        (
            CNNClassifier(input_shape=(8, 8)),
            {"n_outputs": 0},
            ValueError,
            "n_outputs=0",
        ),
        (
            CNNClassifier(input_shape=(8, 8), padding="full"),
            {},
            ValueError,
            "'padding' parameter",
        ),
        (RandomForestClassifier(), {}, TypeError, "ends in RandomForestClassifier"),
        (
            make_pipeline(FunctionTransformer()),
            {},
            TypeError,
            "ends in FunctionTransformer",
        ),
        (GridSearchCV(CNNClassifier(), {}), {}, TypeError, "best_estimator_"),
    ],
)
def test_bad_input(estimator, options, error, message):
    with pytest.raises(error, match=message):
        summary(estimator, **options)


def test_a_fitted_network_has_its_own_outputs(fitted):
    assert summary(fitted, n_outputs=10).equals(summary(fitted))
    with pytest.raises(ValueError, match=r"n_outputs=3, but .* with 10 outputs"):
        summary(fitted, n_outputs=3)


def test_notebooks_show_the_layers_of_a_fitted_network(fitted):
    unfitted = CNNClassifier()._repr_mimebundle_()["text/html"]
    assert "sklearn-cnn-layers" not in unfitted
    html = fitted._repr_mimebundle_()["text/html"]
    diagram, table = html.split('<details class="sklearn-cnn-layers"')
    assert "sk-top-container" in diagram
    layers = summary(fitted)
    assert f"{len(layers)} layers, {fitted.n_parameters_:,} parameters" in table
    assert table.count("<tr>") == 1 + len(layers)
    assert all(f"<td>{layer}</td>" in table for layer in layers["layer"])
    assert "<td>6 × 8 × 8</td>" in table  # noqa: RUF001
    assert hasattr(fitted, "_repr_html_")


def test_a_deep_network_in_a_pipeline_shows_the_diagram_alone(fitted):
    html = make_pipeline(FunctionTransformer(), fitted)._repr_html_()
    assert "sklearn-cnn-layers" not in html


def test_a_network_that_cannot_be_walked_shows_the_diagram_and_why(digits):
    class Detached(torch.nn.Module):
        def __init__(self, n_outputs):
            super().__init__()
            self.dense = torch.nn.Linear(64, n_outputs)

        def forward(self, x):
            return self.dense(torch.from_numpy(np.tanh(x.numpy())).flatten(1))

    cnn = CNNClassifier(lambda channels, shape, n: Detached(n), max_iter=1)
    html = cnn.fit(*digits)._repr_html_()
    assert "sk-top-container" in html
    assert "The layers cannot be listed. RuntimeError: Can&#x27;t call numpy" in html


def test_summary_does_not_change_predictions(fitted, digits):
    X, _ = digits
    before = fitted.predict_proba(X)
    summary(fitted)
    fitted._repr_html_()
    np.testing.assert_array_equal(fitted.predict_proba(X), before)
