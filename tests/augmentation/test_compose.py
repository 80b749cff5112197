"""A sequence of named augmentations."""

from copy import deepcopy
from itertools import permutations

import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from torchvision.transforms import v2

from sklearn_cnn import CNNClassifier
from sklearn_cnn.augmentation import (
    Compose,
    CutMix,
    GaussianNoise,
    MixUp,
    RandomCrop,
    RandomFlip,
)


def test_steps_act_in_order():
    images = torch.arange(6.0).view(1, 1, 2, 3)
    both = Compose([RandomFlip(p=1.0), lambda batch: batch * 10])
    assert torch.equal(both(images), images.flip(-1) * 10)
    assert torch.equal(Compose([])(images), images)


def test_names():
    flip, crop = RandomFlip(), RandomCrop()
    named = Compose([("mirror", flip), crop, RandomFlip(p=0.1), RandomFlip(p=0.2)])
    assert list(named.named_steps) == [
        "mirror",
        "randomcrop",
        "randomflip-1",
        "randomflip-2",
    ]
    parameters = named.get_params()
    assert parameters["mirror"] is flip and parameters["randomflip-2__p"] == 0.2
    assert named.get_params(deep=False) == {"steps": named.steps}


def test_set_params_reaches_steps_and_leaves_clones_alone():
    original = Compose([("flip", RandomFlip()), RandomCrop()])
    copied = clone(original).set_params(flip__p=0.1, randomcrop__padding=3)
    assert copied.get_params()["flip__p"] == 0.1
    assert original.get_params()["flip__p"] == 0.5
    copied.set_params(flip=GaussianNoise(1.0), randomcrop="passthrough")
    assert repr(copied) == (
        "Compose(steps=[('flip', GaussianNoise(std=1.0)), "
        "('randomcrop', 'passthrough')])"
    )
    assert repr(original) == "Compose(steps=[('flip', RandomFlip()), RandomCrop()])"


CHANGES = {
    "randomflip-1": "passthrough",
    "randomflip-2__p": 0.1,
    "randomcrop": RandomFlip(p=0.3),
}


@pytest.mark.parametrize("keys", list(permutations(CHANGES)), ids=str)
def test_names_stay_when_steps_are_replaced(keys):
    steps = [RandomFlip(), RandomFlip(axis=-2), RandomCrop()]
    shared, changed = Compose(steps), Compose(steps)
    names = list(changed.named_steps)
    for _ in range(2):  # also once more, as after a search
        changed.set_params(**{key: CHANGES[key] for key in keys})
        assert list(changed.named_steps) == names
    second = RandomFlip(p=0.1, axis=-2)
    expected = ["passthrough", second, RandomFlip(p=0.3)]
    assert repr(list(changed.named_steps.values())) == repr(expected)
    assert repr(shared) == f"Compose(steps=[RandomFlip(), {second!r}, RandomCrop()])"


NEW = {"steps": [RandomFlip(), RandomCrop()], "randomcrop": RandomCrop(3)}


@pytest.mark.parametrize("keys", list(permutations([*NEW, "randomcrop__padding"])))
def test_new_steps_and_what_is_in_them_at_once(keys):
    parameters = {**deepcopy(NEW), "randomcrop__padding": 2}
    given = list(parameters["steps"])
    changed = Compose([]).set_params(**{key: parameters[key] for key in keys})
    assert changed.get_params()["randomcrop__padding"] == 2
    assert changed.named_steps["randomcrop"] is parameters["randomcrop"]
    assert parameters["steps"] == given


def test_mixing_passes_through():
    images = torch.rand(8, 1, 4, 4)
    generator = torch.Generator().manual_seed(0)
    _, mixing = Compose([MixUp(), RandomFlip()]).augment(images, generator)
    assert mixing is not None
    _, mixing = Compose([Compose([RandomFlip()])]).augment(images, generator)
    assert mixing is None


def _fail(images):
    raise RuntimeError("out of luck")


@pytest.mark.parametrize(
    "steps, message",
    [
        (RandomFlip(), r"steps=RandomFlip\(\) must be a list"),
        ([RandomFlip], r"an instance, not a class"),
        ([("flip", 3)], r"step 'flip' of Compose is 3"),
        ([("flip", RandomFlip(p=2))], r"step 'flip': p=2 must be a probability"),
        ([RandomFlip(), ("odd", _fail)], r"step 'odd': out of luck"),
        ([("outer", Compose([_fail]))], r"step 'outer': step 'function': out of"),
        ([("a", RandomFlip()), ("a", RandomCrop())], r"'a' cannot name a step"),
        ([("a__b", RandomFlip())], r"must not contain '__'"),
        ([("steps", RandomFlip())], r"'steps' is taken"),
        ([MixUp(), ("cut", CutMix())], r"step 'cut' mixes samples, as one before"),
    ],
)
def test_bad_steps(steps, message):
    with pytest.raises(ValueError, match=message):
        Compose(steps)(torch.zeros(2, 1, 4, 4))


TORCHVISION = [
    v2.RandomAffine(10),
    v2.RandomRotation(10),
    v2.RandomCrop(4),
    v2.ColorJitter(0.1),
    v2.RandomErasing(),
    v2.RandomHorizontalFlip(),
]


@pytest.mark.parametrize("transform", TORCHVISION, ids=lambda t: type(t).__name__)
def test_transforms_of_others_are_not_asked_for_parameters(transform):
    original = Compose([("others", transform), RandomFlip()])
    copied = clone(original)
    assert type(copied.named_steps["others"]) is type(transform)
    assert copied.named_steps["others"] is not transform
    assert set(copied.get_params()) == {
        "steps",
        "others",
        "randomflip",
        "randomflip__p",
        "randomflip__axis",
    }
    copied.set_params(randomflip__p=0.1)
    assert copied.get_params()["randomflip__p"] == 0.1
    assert original.get_params()["randomflip__p"] == 0.5
    with pytest.raises(ValueError, match=r"Invalid parameter 'others__p' for"):
        copied.set_params(others__p=1)
    copied.set_params(others=RandomCrop(), others__padding=2)
    assert copied.get_params()["others__padding"] == 2
    assert copied(torch.zeros(2, 3, 4, 4)).shape == (2, 3, 4, 4)


def test_a_class_can_be_replaced_by_an_instance():
    wrong = Compose([("flip", RandomFlip)])
    assert wrong.get_params()["flip"] is RandomFlip
    assert "RandomFlip" in repr(wrong)
    with pytest.raises(ValueError, match=r"Invalid parameter 'flip__p' for"):
        wrong.set_params(flip__p=0.1)
    assert repr(clone(wrong).set_params(flip=RandomFlip(), flip__p=0.1)) == (
        "Compose(steps=[('flip', RandomFlip(p=0.1))])"
    )


def cnn(*steps):
    return CNNClassifier(
        filters=(4,), max_iter=1, augmentation=Compose(list(steps)), random_state=0
    )


def test_transforms_of_others_in_cross_validation_and_searches(digits):
    X, y = digits
    estimator = cnn(v2.RandomAffine(10), RandomFlip())
    scores = cross_val_score(estimator, X, y, cv=2, error_score="raise")
    assert len(scores) == 2
    # scikit-learn clones candidates, which fails for transforms outside of Compose
    candidates = [Compose([v2.RandomAffine(20)]), Compose([v2.ColorJitter(0.1)])]
    grid = {
        "augmentation__randomaffine": candidates,
        "augmentation__randomflip__p": [0.1, 0.2],
    }
    search = GridSearchCV(estimator, grid, cv=2, error_score="raise").fit(X, y)
    again = search.best_estimator_.set_params(**search.best_params_)
    found = again.get_params()["augmentation__randomflip__p"]
    assert found == search.best_params_["augmentation__randomflip__p"]
    assert "RandomFlip" in again._repr_html_()


def test_best_parameters_can_be_set_where_steps_were_replaced(digits):
    X, y = digits
    grid = {
        "augmentation__randomflip-1": ["passthrough"],
        "augmentation__randomflip-2__p": [0.1],
    }
    search = GridSearchCV(cnn(RandomFlip(), RandomFlip(axis=-2)), grid, cv=2)
    best = search.fit(X, y).best_estimator_.set_params(**search.best_params_)
    assert repr(best.augmentation) == (
        "Compose(steps=[('randomflip-1', 'passthrough'), "
        "('randomflip-2', RandomFlip(p=0.1, axis=-2))])"
    )
