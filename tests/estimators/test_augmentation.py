"""The parameter ``augmentation``: what it acts on, and what it never sees."""

import copy
import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from torchvision.transforms import v2

from sklearn_cnn import CNNClassifier, CNNFeatures, CNNRegressor
from sklearn_cnn.augmentation import (
    ColorJitter,
    Compose,
    CutMix,
    MixUp,
    RandomAffine,
    RandomCrop,
    RandomFlip,
)
from sklearn_cnn.transforms import Rescale

PARAMETERS = {"filters": (8, 16), "max_iter": 3, "random_state": 7}
SEVERAL = [("crop", RandomCrop(1)), ("affine", RandomAffine()), ("mix", MixUp())]

#: Numbers of the images that ``record`` has seen; it is copied by reference.
seen = set()


def record(images):
    seen.update(images[:, 0, 0, 0].tolist())
    return images


def numbered(digits):
    """Digits whose first pixel is their number."""
    X, y = digits
    X = X.astype(np.float32)
    X[:, 0, 0, 0] = np.arange(len(X))
    return X, y


def cnn(augmentation=None, **parameters):
    return CNNClassifier(**{**PARAMETERS, **parameters}, augmentation=augmentation)


def weights(cnn):
    tensors = cnn.module_.state_dict().values()
    return b"".join(tensor.numpy().tobytes() for tensor in tensors)


def test_only_training_rows_are_seen_in_cross_validation(digits):
    X, y = numbered(digits)
    seen.clear()
    train, test = np.arange(200), np.arange(200, 300)
    cross_val_score(cnn(record), X, y, cv=[(train, test)])
    assert seen == set(train.tolist())


def test_only_training_rows_are_seen_with_early_stopping(digits):
    X, y = numbered(digits)
    seen.clear()
    cnn(record, early_stopping=True, validation_fraction=0.2).fit(X, y)
    assert len(seen) == 240


def test_validation_data_and_samples_without_weight_are_not_seen(digits):
    X, y = numbered(digits)
    seen.clear()
    kept = np.arange(200) % 2
    fitted = cnn(record)
    fitted.fit(X[:200], y[:200], kept, X_val=X[200:], y_val=y[200:])
    assert seen == set(np.flatnonzero(kept).tolist())


def test_predictions_and_features_are_not_augmented(digits):
    X, y = numbered(digits)
    fitted = cnn(record).fit(X, y)
    seen.clear()
    with_augmentation = fitted.predict_proba(X)
    fitted.score(X, y)
    CNNFeatures(estimator=FrozenEstimator(fitted)).fit_transform(X)
    assert seen == set()
    fitted.set_params(augmentation=None)
    np.testing.assert_array_equal(with_augmentation, fitted.predict_proba(X))


def test_without_augmentation_nothing_changes(digits):
    X, y = digits
    assert weights(cnn().fit(X, y)) == weights(cnn(RandomCrop(0)).fit(X, y))


@pytest.mark.parametrize(
    "augmentation",
    [
        Compose(SEVERAL),
        v2.RandomHorizontalFlip(),
        torch.nn.Dropout2d(0.5),
    ],
    ids=["ours", "torchvision", "module"],
)
def test_the_same_bits_twice_and_nothing_global_is_touched(digits, augmentation):
    X, y = digits
    before, shown = torch.get_rng_state(), repr(augmentation)
    first = weights(cnn(augmentation).fit(X, y))
    assert weights(cnn(augmentation).fit(X, y)) == first
    assert weights(cnn(augmentation, random_state=8).fit(X, y)) != first
    assert weights(cnn().fit(X, y)) != first
    assert torch.equal(torch.get_rng_state(), before)
    assert repr(augmentation) == shown


def test_the_same_bits_in_parallel_and_on_any_number_of_threads(digits):
    X, y = digits
    # steps of 500 million multiply-adds, which are cut into pieces
    wide = cnn(
        Compose(SEVERAL),
        filters=(64, 64),
        blocks_per_stage=2,
        batch_size=150,
        max_iter=1,
    )
    searches = [
        GridSearchCV(wide, {"augmentation__mix__alpha": [0.2, 1.0]}, cv=2, n_jobs=n)
        for n in (1, 2)
    ]
    bits = [weights(search.fit(X, y).best_estimator_) for search in searches]
    before = torch.get_num_threads()
    try:
        for n_threads in (1, 2, 3):
            torch.set_num_threads(n_threads)
            bits.append(weights(clone(searches[0].best_estimator_).fit(X, y)))
    finally:
        torch.set_num_threads(before)
    assert len(set(bits)) == 1


def test_parameters_are_reached_by_name(digits):
    X, y = digits
    search = GridSearchCV(
        cnn(Compose([("flip", RandomFlip()), RandomCrop(1)])),
        {
            "augmentation__flip__p": [0.0, 0.5],
            "augmentation__randomcrop": [RandomCrop(2)],
        },
        cv=2,
    )
    search.fit(X[:100], y[:100])
    found = search.best_estimator_.augmentation.get_params()
    assert found["randomcrop__padding"] == 2
    assert found["flip__p"] == search.best_params_["augmentation__flip__p"]
    assert search.estimator.augmentation.get_params()["flip__p"] == 0.5
    copied = pickle.loads(pickle.dumps(search.best_estimator_))
    assert repr(copied) == repr(search.best_estimator_)
    assert "RandomCrop" in search.best_estimator_._repr_html_()


def test_every_way_to_train_augments(digits):
    X, y = numbered(digits)
    model = cnn(record, warm_start=True).fit(X, y)
    for train in (model.fit, model.partial_fit):
        seen.clear()
        train(X, y)
        assert len(seen) == 300
    drawn = []
    for _ in range(2):
        model = cnn(RandomAffine(), learning_rate=1e-30, warm_start=True)
        drawn.append([model.fit(X, y).loss_curve_[-1] for _ in range(2)])
    assert drawn[0] == drawn[1] and drawn[0][0] != drawn[0][1]


@pytest.mark.parametrize("parameters", [{"freeze": "backbone"}, {"freeze_epochs": 2}])
def test_a_frozen_backbone_sees_augmented_images(digits, parameters):
    X, y = digits
    plain = cnn(max_iter=1).fit(X, y)
    models = {}
    for name, augmentation in {
        "none": None,
        "as it is": RandomCrop(0),
        "crop": RandomCrop(1),
    }.items():
        model = copy.deepcopy(plain).set_params(augmentation=augmentation)
        model.set_params(max_iter=3, warm_start=True, **parameters)
        models[name] = model.fit(X, y)
    # a head learns the same from remembered features as from images
    loss = {name: np.array(m.loss_curve_[1:]) for name, m in models.items()}
    np.testing.assert_allclose(loss["none"], loss["as it is"], rtol=1e-4)
    assert np.abs(loss["crop"] / loss["none"] - 1).max() > 1e-2
    if "freeze" in parameters:
        stages = [dict(m.module_.stages.state_dict()) for m in (plain, models["crop"])]
        for key, tensor in stages[0].items():
            assert torch.equal(tensor, stages[1][key])


@pytest.mark.parametrize("Mix", [MixUp, CutMix])
def test_mixing_trains_all_kinds_of_targets(digits, Mix):
    X, y = digits
    mix = Mix(p=0.5)
    assert cnn(mix, max_iter=10, class_weight="balanced").fit(X, y).score(X, y) > 0.8
    labels = np.column_stack([y % 2, y > 4])
    assert cnn(mix, max_iter=10).fit(X, labels).score(X, labels) > 0.7
    model = CNNRegressor(**{**PARAMETERS, "max_iter": 15}, augmentation=mix)
    assert model.fit(X, y, sample_weight=np.ones(len(y))).score(X, y) > 0.5


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int64", "float16", "bool"])
def test_all_dtypes_of_images(digits, dtype):
    X, y = digits
    X = (X > 7).astype(dtype) if dtype == "bool" else X.astype(dtype)
    still = RandomAffine(0, translate=0, scale=0)
    model = cnn(Compose([RandomFlip(p=0), still]), max_iter=1).fit(X, y)
    # what changes nothing must not lose anything of the values either
    assert np.isclose(model.loss_curve_, cnn(max_iter=1).fit(X, y).loss_curve_).all()


def test_signals_and_volumes(signals, volumes):
    for X, y in (signals, volumes):
        model = cnn(Compose([RandomCrop(), ColorJitter()]), max_iter=1)
        model.set_params(spatial_dims=X.ndim - 1).fit(X, y)
        plain = cnn(max_iter=1, spatial_dims=X.ndim - 1).fit(X, y)
        assert np.isfinite(model.loss_curve_).all()
        assert model.loss_curve_ != plain.loss_curve_


class _Fails(torch.nn.Module):
    def forward(self, images):
        raise RuntimeError("out of luck")


def only_floats(images):
    if not images.is_floating_point():
        raise TypeError("floats, please")
    return images


def test_floats_are_asked_for_where_they_would_do(digits):
    X, y = digits
    with pytest.raises(ValueError, match=r"floats, please. .* X.astype\('float32'\)"):
        cnn(only_floats).fit(X.astype("uint8"), y)
    cnn(only_floats, max_iter=1).fit(X.astype("float32"), y)


def test_scaled_integers_are_warned_of(digits):
    X, y = digits
    scaling = v2.ToDtype(torch.float32, scale=True)
    with pytest.warns(UserWarning, match="seems to scale integers: .* from 5.* to 0.0"):
        cnn(scaling, max_iter=1).fit(X.astype("uint8"), y)


@pytest.mark.parametrize(
    "transform",
    [
        v2.RandomAffine(10),
        v2.RandomRotation(10),
        v2.GaussianBlur(3),
        v2.RandomErasing(),
    ],
    ids=lambda transform: type(transform).__name__,
)
def test_transforms_of_torchvision_are_parameters(digits, transform):
    # they have a get_params, which draws random numbers
    X, y = digits
    model = make_pipeline(Rescale(1.0), cnn(transform, max_iter=1))
    copied = clone(model)[-1]
    assert type(copied.augmentation) is type(transform)
    assert copied.augmentation is not transform
    search = GridSearchCV(model, {"cnnclassifier__dropout": [0.1]}, cv=2)
    assert np.isfinite(search.fit(X, y).best_score_)
    assert "augmentation" in repr(model) and model._repr_html_()


@pytest.mark.parametrize(
    "augmentation, message",
    [
        ("flip", r"augmentation='flip' must be one augmentation: .*Compose"),
        (5, r"augmentation=5 must be one augmentation"),
        ([("flip", RandomFlip())], r"augmentation=\[.*\] must be one .*Compose"),
        (RandomFlip, r"augmentation=RandomFlip is a class, .* instance"),
        (ColorJitter(hue=0.1), r"hue=0.1 needs images of three channels .* have 1"),
        (RandomFlip(axis=2), r"axis=2 must name spatial axes"),
        (_Fails(), r"shape \(2, 1, 8, 8\) .* torch.float64: out of luck"),
        (v2.RandomCrop(6), r"returned a batch of shape \(2, 1, 6, 6\)"),
        (lambda images: images[:1], r"returned a batch of shape \(1, 1, 8, 8\)"),
        (lambda images: images.numpy(), r"returned ndarray, but must return a tensor"),
        (lambda images: images + 1j, r"complex128, which is not real"),
    ],
    # not the address of a lambda, which differs from process to process
    ids=lambda value: getattr(value, "__name__", repr(value)[:30]),
)
def test_bad_augmentations_leave_the_estimator_as_it_was(digits, augmentation, message):
    X, y = digits
    fitted = cnn(max_iter=1).fit(X, y)
    before = weights(fitted)
    fitted.set_params(augmentation=augmentation)
    with pytest.raises(ValueError, match=message):
        fitted.fit(X, y)
    assert weights(fitted) == before
