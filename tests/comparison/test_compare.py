"""One table for all estimators: same folds, same threads, and every failure in it."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from contextlib import suppress

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import ttest_rel
from sklearn import config_context, get_config
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.cluster import KMeans
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import get_scorer, log_loss, make_scorer
from sklearn.model_selection import GroupKFold, ShuffleSplit, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from threadpoolctl import threadpool_info

from sklearn_cnn import CNNClassifier
from sklearn_cnn.comparison import compare_estimators
from sklearn_cnn.comparison.checks import check_contest
from sklearn_cnn.transforms import Flatten


class Recorder(ClassifierMixin, BaseEstimator):
    """Writes down what it is given; may fail, or be interrupted, in a later fit."""

    def __init__(self, log, raises=None, in_fit=0, random_state=None):
        self.log = log
        self.raises = raises
        self.in_fit = in_fit
        self.random_state = random_state

    def __sklearn_clone__(self):  # the log is shared
        return Recorder(self.log, self.raises, self.in_fit, self.random_state)

    def fit(self, X, y):
        if self.raises and len(self.log) == self.in_fit:
            raise self.raises
        pools = {pool["num_threads"] for pool in threadpool_info()}
        self.log.append(
            {
                "train": X[:, 0].tolist(),
                "threads": (torch.get_num_threads(), *pools),
                "seed": self.random_state,
            }
        )
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        self.log[-1]["test"] = X[:, 0].tolist()
        return np.full(len(X), self.classes_[0])


@pytest.fixture
def data():
    """Rows that can be told apart, in the order of their classes."""
    return np.arange(60.0).reshape(30, 2), np.repeat([0, 1, 2], 10)


@pytest.fixture(scope="module")
def flat(digits):
    X, y = digits
    return X.reshape(len(X), -1), y


def test_all_see_the_same_shuffled_folds(data):
    first, second = [], []
    compare_estimators(
        {"a": Recorder(first), "b": Recorder(second)}, *data, cv=3, random_state=0
    )
    assert [(fit["train"], fit["test"]) for fit in first] == [
        (fit["train"], fit["test"]) for fit in second
    ]
    X, _ = data
    for fit in first:
        assert sorted(fit["train"] + fit["test"]) == X[:, 0].tolist()
        # ten rows of three classes that stand in order: neither block nor bias
        assert max(np.diff(fit["test"])) > 2
        assert {int(row) // 20 for row in fit["test"]} == {0, 1, 2}
    assert sorted(row for fit in first for row in fit["test"]) == X[:, 0].tolist()


@pytest.mark.parametrize("masks", [True, False])
def test_splits_of_ones_own(data, masks):
    X, y = data
    splits = list(GroupKFold(3).split(X, y, groups=np.arange(30) // 5))
    if masks:
        splits = [tuple(np.isin(range(30), part) for part in s) for s in splits]
    log = []
    results = compare_estimators({"a": Recorder(log)}, X, y, cv=splits)
    assert [fit["n_train"] for fit in results.attrs["folds"]] == [20, 20, 20]
    assert log[0]["train"] == X[splits[0][0], 0].tolist()


def test_only_the_rows_of_a_fold_are_taken(data):
    class OnDisk:
        shape = data[0].shape
        taken = []  # noqa: RUF012

        def __len__(self):
            return len(data[0])

        def __getitem__(self, key):
            rows = data[0][key]
            self.taken.append(len(rows))
            return rows

    results = compare_estimators({"bayes": GaussianNB()}, OnDisk(), data[1], cv=3)
    assert results["error"].isna().all()
    assert sorted(OnDisk.taken) == [10] * 3 + [20] * 3


@pytest.mark.parametrize("n_threads", [1, 2, np.int64(2)])
def test_all_have_the_same_threads_which_are_restored(data, n_threads):
    before = torch.get_num_threads(), threadpool_info()
    first, second = [], []
    compare_estimators(
        [("a", Recorder(first)), ("b", Recorder(second))],
        *data,
        cv=2,
        n_threads=n_threads,
    )
    assert {fit["threads"] for fit in first + second} == {(n_threads, n_threads)}
    assert (torch.get_num_threads(), threadpool_info()) == before


def test_seeds(data):
    def seeds(random_state, own=None):
        log = []
        pipeline = make_pipeline(FunctionTransformer(), Recorder(log, random_state=own))
        compare_estimators({"a": pipeline}, *data, cv=2, random_state=random_state)
        return [fit["seed"] for fit in log]

    assert seeds(None) == [None, None]
    assert seeds(0) == seeds(0) and isinstance(seeds(0)[0], int)
    assert seeds(0) != seeds(1)
    assert seeds(0, own=7) == [7, 7]


def test_the_global_generator_is_left_alone(data):
    before = np.random.get_state()
    compare_estimators({"bayes": GaussianNB()}, *data, cv=2)
    np.testing.assert_equal(np.random.get_state(), before)


def test_results_are_those_of_cross_val_score_and_of_the_t_test(flat):
    X, y = flat
    models = {"neighbours": KNeighborsClassifier(), "bayes": GaussianNB()}
    cv = ShuffleSplit(5, test_size=50, train_size=200, random_state=0)
    results = compare_estimators(models, X, y, cv=cv, scoring=["accuracy", "f1_macro"])
    assert list(results.index) == ["neighbours", "bayes"]
    scores = {
        name: cross_val_score(model, X, y, cv=cv) for name, model in models.items()
    }
    for name, row in results.iterrows():
        assert row["mean_test_accuracy"] == pytest.approx(scores[name].mean())
        assert row["std_test_accuracy"] == pytest.approx(scores[name].std())
    difference = scores["bayes"] - scores["neighbours"]
    assert results.loc["bayes", "difference_accuracy"] == difference.mean()
    # t shrinks from mean / sqrt(var / 5) to mean / sqrt(var * (1 / 5 + 50 / 200))
    t = ttest_rel(scores["bayes"], scores["neighbours"]).statistic
    t *= np.sqrt((1 / 5) / (1 / 5 + 50 / 200))
    low, high = results.loc["bayes", ["low_accuracy", "high_accuracy"]]
    # 2.776445 is the 97.5 % quantile with 4 degrees of freedom
    assert difference.mean() / ((high - low) / 2 / 2.776445) == pytest.approx(t)
    assert results.loc["neighbours", "difference_f1_macro"] == 0
    assert np.isnan(results.loc["neighbours", "p_value_accuracy"])


def test_costs(digits):
    X, y = digits
    models = {
        "CNN": CNNClassifier(filters=(4,), max_iter=2),
        "linear": make_pipeline(
            Flatten(), LogisticRegression(solver="newton-cholesky")
        ),
    }
    results = compare_estimators(models, X, y, cv=2, random_state=0)
    assert (results[["fit_time", "predict_time", "peak_memory", "model_size"]] > 0).all(
        axis=None
    )
    assert results.loc["CNN", "n_parameters"] == (
        CNNClassifier(filters=(4,), max_iter=1).fit(X, y).n_parameters_
    )
    assert results.loc["linear", "n_parameters"] == 10 * 65
    assert results["error"].isna().all()


def test_regressors(flat):
    X, y = flat
    results = compare_estimators(
        {"ridge": Ridge(), "mean": DummyRegressor()}, X, y, cv=3, random_state=0
    )
    assert results["mean_test_r2"].idxmax() == "ridge"


def test_the_table_is_the_same_in_several_processes(flat):
    def configured(X):
        assert get_config()["assume_finite"]
        return X

    X, y = flat
    models = {
        "forest": RandomForestClassifier(5),
        "neighbours": make_pipeline(
            FunctionTransformer(configured), KNeighborsClassifier()
        ),
    }

    def scores(n_jobs):
        results = compare_estimators(
            models, X, y.astype(str), cv=2, random_state=0, n_jobs=n_jobs
        )
        assert results["error"].isna().all()
        return results.filter(like="accuracy")

    with config_context(assume_finite=True):
        pd.testing.assert_frame_equal(scores(1), scores(2))


def test_a_failing_estimator_is_a_row(data):
    models = {
        "sound": DummyClassifier(),
        "broken": Recorder(log := [], raises=ValueError("no luck"), in_fit=1),
        "last": DummyClassifier(strategy="uniform"),
    }
    with pytest.warns(FitFailedWarning, match=r"broken \(ValueError: no luck\)"):
        results = compare_estimators(models, *data, cv=3, random_state=0)
    assert results.loc["broken", "error"] == "ValueError: no luck"
    assert results.loc["broken"].drop("error").isna().all()
    assert results.loc[["sound", "last"], "mean_test_accuracy"].notna().all()
    assert len(log) == 1  # its third fold was not tried
    # a frame that holds frames could not be printed or written
    assert "broken" in repr(results)


def test_a_score_that_is_not_a_number_is_a_failure(data):
    def undefined(y, predicted):
        return np.nan

    scoring = {"accuracy": "accuracy", "undefined": make_scorer(undefined)}
    with pytest.warns(FitFailedWarning, match="undefined is nan in fold 0"):
        results = compare_estimators({"a": DummyClassifier()}, *data, scoring=scoring)
    assert results["mean_test_accuracy"].isna().all()


def test_an_interrupt_keeps_what_is_finished(data):
    models = {
        "finished": DummyClassifier(),
        "stopped": Recorder([], raises=KeyboardInterrupt(), in_fit=2),
        "never begun": DummyClassifier(),
    }
    with pytest.warns(FitFailedWarning, match="stopped .*KeyboardInterrupt.*never"):
        results = compare_estimators(models, *data, cv=3, random_state=0)
    assert results["error"].isna().tolist() == [True, False, False]
    assert results["mean_test_accuracy"].notna().tolist() == [True, False, False]


def test_an_interrupt_before_anything_is_finished_is_raised(data):
    models = {"a": Recorder([], raises=KeyboardInterrupt(), in_fit=2)}
    with pytest.raises(KeyboardInterrupt):
        compare_estimators(models, *data, cv=3)


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_ctrl_c():
    """A real one, to the whole group of processes, as a terminal sends it."""
    script = textwrap.dedent(
        """
        import os
        import signal
        import time
        import warnings
        import numpy as np
        from sklearn.dummy import DummyClassifier
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import FunctionTransformer
        from sklearn_cnn.comparison import compare_estimators

        signal.signal(signal.SIGINT, signal.default_int_handler)  # it may be ignored
        warnings.simplefilter("ignore")

        def wait(X):
            os.write(1, b"waiting\\n")  # two processes, and lines stay whole
            time.sleep(60)
            return X

        results = compare_estimators(
            {
                "quick": DummyClassifier(),
                "slow": make_pipeline(FunctionTransformer(wait), DummyClassifier()),
            },
            np.zeros((20, 2)), np.arange(20) % 2, cv=2, n_jobs=2,
        )
        print(results["error"].isna().tolist())
        """
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        # both processes wait, so that both quick fits are done
        assert [process.stdout.readline() for _ in range(2)] == ["waiting\n"] * 2
        time.sleep(0.5)
        os.killpg(process.pid, signal.SIGINT)
        rest, _ = process.communicate(timeout=50)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    assert rest.splitlines()[-1] == "[True, False]"


def test_a_progress_bar_is_shown_if_asked_for(data, capsys):
    compare_estimators({"model": DummyClassifier()}, *data, cv=3)
    assert capsys.readouterr().err == ""
    compare_estimators({"model": DummyClassifier()}, *data, cv=3, verbose=1)
    assert "model: 100%" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"estimators": {}}, r"estimators=\{\} must be a dict of at least one"),
        ({"estimators": None}, "must be a dict of at least one"),
        ({"estimators": [GaussianNB()]}, "must be a dict of at least one"),
        (
            {"estimators": [("a", GaussianNB()), ("a", GaussianNB())]},
            "holds the name 'a' more than once",
        ),
        (
            {"estimators": {"a": GaussianNB(), "b": Ridge()}},
            "mixes classifiers and regressors.*'a': 'classifier', 'b': 'regressor'",
        ),
        ({"estimators": {"a": KMeans()}}, r"'a'\]=KMeans\(\) must be a classifier"),
        ({"estimators": {"a": GaussianNB}}, r"the class GaussianNB.* GaussianNB\(\)"),
        ({"scoring": "acc"}, "Did you mean 'accuracy'"),
        ({"scoring": "acuracy"}, "scoring='acuracy' is no metric. Did you mean 'accu"),
        ({"scoring": ["accuracy", "nonsense"]}, "scoring='nonsense' is no metric"),
        ({"scoring": []}, "at least one metric"),
        ({"y": None}, "y is None"),
        ({"y": [0, 1]}, "inconsistent numbers of samples"),
        ({"n_threads": 0}, "n_threads"),
        ({"cv": "five"}, "cv"),
        ({"cv": []}, r"cv=\[\] gives no folds"),
    ],
)
def test_bad_input(data, arguments, message):
    X, y = data
    arguments = {"estimators": {"a": GaussianNB()}, "X": X, "y": y, **arguments}
    with pytest.raises((ValueError, TypeError), match=message):
        compare_estimators(**arguments)


def test_optional_packages_are_loaded_when_they_are_needed():
    # scikit-learn tries to import pandas, so what counts is to do without it
    script = (
        "import sys\n"
        "sys.modules.update(dict.fromkeys(['matplotlib', 'pandas', 'skimage']))\n"
        "import sklearn_cnn.comparison\n"
        "print('imported')"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment
    )
    assert done.stdout == "imported\n", done.stderr


@pytest.mark.parametrize("cv", [None, 3, GroupKFold(3)])
def test_groups_stay_together(digits, cv):
    X, y = digits
    groups = np.repeat(np.arange(len(y) // 10), 10)
    flat = np.c_[X.reshape(len(X), -1), groups]
    folds = check_contest(
        {"knn": KNeighborsClassifier()},
        flat,
        y,
        groups=groups,
        cv=cv,
        scoring=None,
        random_state=0,
    ).folds
    assert len(folds) == (5 if cv is None else 3)
    for train, test in folds:
        assert not set(groups[train]) & set(groups[test])
    results = compare_estimators(
        {"knn": KNeighborsClassifier()}, flat, y, groups=groups, cv=cv, random_state=0
    )
    assert results["error"].isna().all()
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        compare_estimators({"knn": KNeighborsClassifier()}, flat, y, groups=groups[1:])


@pytest.fixture
def routing():
    with config_context(enable_metadata_routing=True):
        yield


def test_metadata_go_to_those_who_have_requested_them(flat, routing):
    X, y = flat
    weight = np.linspace(0.1, 5, len(y))
    weighted = LogisticRegression(max_iter=200)
    contenders = {
        "weighted": weighted.set_fit_request(sample_weight=True),
        "splitter": LogisticRegression(max_iter=200).set_fit_request(
            sample_weight=False
        ),
    }
    scorer = get_scorer("neg_log_loss").set_score_request(sample_weight=True)
    results = compare_estimators(
        contenders,
        X,
        y,
        params={"sample_weight": weight, "groups": np.arange(len(y)) // 5},
        cv=GroupKFold(3),
        scoring={"loss": scorer},
    )
    for name, estimator in contenders.items():
        expected = []
        for train, test in GroupKFold(3).split(X, y, np.arange(len(y)) // 5):
            given = weight[train] if name == "weighted" else None
            fitted = clone(estimator).fit(X[train], y[train], sample_weight=given)
            proba = fitted.predict_proba(X[test])
            loss = log_loss(y[test], proba, sample_weight=weight[test])
            expected.append(-loss)
        assert results["mean_test_loss"][name] == pytest.approx(np.mean(expected))
    assert results["mean_test_loss"].nunique() == 2


def test_metadata_that_nobody_has_requested_are_refused(flat, routing):
    contenders = {"lr": LogisticRegression().set_fit_request(sample_weight=True)}
    with pytest.raises(TypeError, match=r"unexpected argument.*colour"):
        compare_estimators(contenders, *flat, params={"colour": flat[1]})


def test_metadata_need_routing(flat):
    weight = np.ones(len(flat[1]))
    with pytest.raises(ValueError, match=r"params has \['sample_weight'\].*set_config"):
        compare_estimators(
            {"lr": LogisticRegression()}, *flat, params={"sample_weight": weight}
        )
