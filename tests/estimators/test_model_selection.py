"""Every tool of scikit-learn takes the estimators, on images and on flat rows."""

import numpy as np
import pytest
from sklearn import config_context
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.frozen import FrozenEstimator
from sklearn.inspection import permutation_importance
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    permutation_test_score,
    validation_curve,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.svm import SVC

from sklearn_cnn import CNNClassifier, CNNRegressor
from sklearn_cnn.comparison import expected_calibration_error


def cnn(**parameters):
    defaults = {"filters": (16, 32), "max_iter": 25, "random_state": 0}
    return CNNClassifier(**{**defaults, **parameters})


def flat_cnn(**parameters):
    return cnn(input_shape=(8, 8), **parameters)


@pytest.fixture(scope="session")
def flat(digits):
    X, y = digits
    return X.reshape(len(X), -1), y


# --- 4-D images -----------------------------------------------------------------------


def test_grid_search_in_a_pipeline(digits):
    X, y = digits
    pipeline = Pipeline([("scale", FunctionTransformer(np.sqrt)), ("cnn", cnn())])
    grid = {"cnn__filters": [(2,), (16, 32)], "cnn__dropout": [0.0, 0.2]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(X, y)
    assert search.best_params_["cnn__filters"] == (16, 32)
    assert search.best_score_ > 0.75
    assert search.score(X, y) > 0.9


def test_randomized_search(digits):
    space = {"learning_rate": [1e-6, 0.02], "normalization": ["batch", None]}
    search = RandomizedSearchCV(cnn(), space, n_iter=4, cv=2, random_state=0)
    assert search.fit(*digits).best_params_["learning_rate"] == 0.02


def test_halving_search_over_epochs(digits):
    search = HalvingGridSearchCV(
        cnn(),
        {"learning_rate": [1e-6, 0.005, 0.02]},
        resource="max_iter",
        max_resources=9,
        min_resources=3,
        cv=2,
        random_state=0,
    ).fit(*digits)
    assert search.best_estimator_.n_iter_ == 9
    assert search.best_score_ > 0.7


def test_cross_validation_returns_estimators(digits):
    X, y = digits
    result = cross_validate(
        cnn(), X, y, cv=2, return_estimator=True, scoring=["accuracy", "neg_log_loss"]
    )
    assert result["test_accuracy"].min() > 0.7
    assert result["estimator"][0].predict(X).shape == y.shape


def test_cross_val_predict(digits):
    X, y = digits
    p = cross_val_predict(cnn(), X, y, cv=2, method="predict_proba")
    assert p.shape == (len(X), 10)
    assert (p.argmax(axis=1) == y).mean() > 0.7


def test_learning_curve(digits):
    X, y = digits
    _, train, test = learning_curve(
        cnn(), X, y, cv=2, train_sizes=[0.4, 1.0], shuffle=True, random_state=0
    )
    assert test.mean(axis=1)[0] < test.mean(axis=1)[1]
    assert train.mean() > 0.8


def test_validation_curve(digits):
    X, y = digits
    _, test = validation_curve(
        cnn(), X, y, param_name="max_iter", param_range=[1, 25], cv=2
    )
    assert test.mean(axis=1)[0] < test.mean(axis=1)[1]


def test_permutation_test_score(zeros_and_ones):
    X, y = zeros_and_ones
    score, _, p_value = permutation_test_score(
        cnn(filters=(8, 16), augmentation=None, conv_dropout=0.0),
        X,
        y,
        cv=2,
        n_permutations=9,
        random_state=0,
    )
    assert score > 0.9 and p_value <= 0.2


def test_voting_and_stacking(digits):
    X, y = digits
    members = [("small", cnn(filters=(8,))), ("large", cnn())]
    for ensemble in (
        VotingClassifier(members, voting="soft"),
        StackingClassifier(members, SVC(), cv=2),
    ):
        assert ensemble.fit(X[:200], y[:200]).score(X[200:], y[200:]) > 0.6


def test_calibration_and_frozen_estimators(digits):
    X, y = digits
    fitted = cnn().fit(X[:200], y[:200])
    calibrated = CalibratedClassifierCV(FrozenEstimator(fitted)).fit(X[200:], y[200:])
    assert calibrated.score(X[200:], y[200:]) > 0.7
    crossed = CalibratedClassifierCV(cnn(), cv=2).fit(X, y)
    np.testing.assert_allclose(crossed.predict_proba(X).sum(axis=1), 1)


@pytest.mark.parametrize("frozen", [True, False])
def test_temperature_scaling_of_images(frozen):
    X, y = load_digits(return_X_y=True)
    noise = np.random.default_rng(0).normal(scale=6, size=X.shape)
    X, y = (X + noise).reshape(-1, 8, 8), y % 2
    plain = {"label_smoothing": 0.0, "augmentation": None, "conv_dropout": 0.0}
    network = cnn(**plain).fit(X[:500], y[:500])
    if frozen:
        estimator, rows, options = FrozenEstimator(network), slice(500, 700), {}
    else:
        options = {"ensemble": False, "cv": 2}
        estimator, rows = network, slice(0, 500)
    scaled = CalibratedClassifierCV(estimator, method="temperature", **options)
    scaled.fit(X[rows], y[rows])
    np.testing.assert_array_equal(scaled.predict(X[700:]), network.predict(X[700:]))
    error, scaled_error = (
        expected_calibration_error(y[700:], model.predict_proba(X[700:]))
        for model in (network, scaled)
    )
    assert scaled_error < 0.06 < 0.1 < error


def test_one_vs_rest(digits):
    X, y = digits
    three = y < 3
    ovr = OneVsRestClassifier(cnn()).fit(X[three], y[three])
    assert len(ovr.estimators_) == 3
    assert ovr.score(X[three], y[three]) > 0.9


def test_multi_output(digits):
    X, y = digits
    targets = np.c_[y % 2, y > 4]
    multi = MultiOutputClassifier(cnn()).fit(X, targets)
    assert multi.score(X, targets) > 0.7


def test_transformed_target(digits):
    X, _ = digits
    y = np.exp(X[:, :4].mean(axis=(1, 2, 3)) / 2)
    cnn = CNNRegressor(
        filters=(8,), global_pooling="flatten", max_iter=30, random_state=0
    )
    model = TransformedTargetRegressor(cnn, func=np.log, inverse_func=np.exp)
    assert model.fit(X, y).score(X, y) > 0.7


def test_tuned_threshold(zeros_and_ones):
    X, y = zeros_and_ones
    tuned = TunedThresholdClassifierCV(cnn(), cv=2)
    assert tuned.fit(X, y).score(X, y) > 0.9


# --- flat rows ------------------------------------------------------------------------


def test_bagging(flat):
    bagging = BaggingClassifier(flat_cnn(), n_estimators=2, random_state=0)
    assert bagging.fit(*flat).score(*flat) > 0.8


def test_boosting(flat):
    boosting = AdaBoostClassifier(flat_cnn(max_iter=8), n_estimators=3, random_state=0)
    assert boosting.fit(*flat).score(*flat) > 0.6


def test_self_training(flat):
    X, y = flat
    partly = np.where(np.arange(len(y)) < 200, y, -1)
    model = SelfTrainingClassifier(flat_cnn(), threshold=0.8, max_iter=2)
    assert model.fit(X, partly).score(X[200:], y[200:]) > 0.7


def test_column_transformer(flat):
    X, y = flat
    rows = np.c_[X, y]  # the last column is a leak that the transformer drops
    split = ColumnTransformer([("pixels", MinMaxScaler(), slice(0, 64))])
    model = make_pipeline(split, flat_cnn()).fit(rows, y)
    assert model.score(rows, y) > 0.8


def test_permutation_importance(flat):
    X, y = flat
    fitted = flat_cnn().fit(X, y)
    importance = permutation_importance(fitted, X, y, n_repeats=2, random_state=0)
    assert importance.importances_mean[0] == 0  # a corner that is always white
    assert importance.importances_mean.max() > 0.02


def test_pixels_may_be_scaled_first(flat):
    X, y = flat
    model = make_pipeline(StandardScaler(), flat_cnn())
    assert cross_val_score(model, X, y, cv=2).mean() > 0.7


def test_signals_after_a_transformer(flat):
    X, y = flat
    model = make_pipeline(PCA(16), cnn())
    assert model.fit(X, y).score(X, y) > 0.7


# --- metadata -------------------------------------------------------------------------


def test_sample_weight_reaches_the_loss_through_routing(digits):
    X, y = digits
    weights = np.where(y == 0, 0.0, 1.0)
    with config_context(enable_metadata_routing=True):
        routed = cnn(max_iter=2).set_fit_request(sample_weight=True)
        search = GridSearchCV(
            make_pipeline(FunctionTransformer(), routed),
            {"cnnclassifier__dropout": [0.0]},
            cv=2,
            scoring=lambda model, X, y: len(model.classes_),
        ).fit(X, y, sample_weight=weights)
    # a class without weight is not there at all
    assert search.best_score_ == 9
    assert 0 not in search.best_estimator_.classes_


def test_groups_are_routed(digits):
    X, y = digits
    with config_context(enable_metadata_routing=True):
        result = cross_validate(
            cnn(max_iter=2),
            X,
            y,
            cv=GroupKFold(3),
            params={"groups": np.arange(300) // 10},
        )
    assert len(result["test_score"]) == 3


def test_validation_data_are_transformed_by_the_pipeline(digits):
    X, y = digits
    with config_context(enable_metadata_routing=True):
        request = cnn(max_iter=3).set_fit_request(X_val=True, y_val=True)
        scale = FunctionTransformer(lambda X: (X - X.mean()) / 100)
        pipeline = Pipeline(
            [("scale", scale), ("cnn", request)], transform_input=["X_val"]
        )
        pipeline.fit(X[:200], y[:200], X_val=X[200:], y_val=y[200:])
    fitted = pipeline["cnn"]
    score = fitted.score(scale.transform(X[200:]), y[200:])
    assert fitted.validation_scores_[-1] == pytest.approx(score)
