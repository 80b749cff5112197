"""scikit-learn cannot tell the steps from its own, and images are treated alike."""

import pytest
from sklearn.utils import estimator_checks as sklearn_checks

from sklearn_cnn.transforms import (
    CenterCrop,
    ChannelScaler,
    ColorMoments,
    Flatten,
    Grayscale,
    HOGDescriptor,
    Pad,
    PatchKMeans,
    Rescale,
    Resize,
    SelectChannels,
    Unflatten,
)
from sklearn_cnn.utils import estimator_checks

HOG = HOGDescriptor(pixels_per_cell=2, cells_per_block=2)

PATCHES = PatchKMeans(2, grid_size=1, random_state=0)

#: Flat rows are signals to these, of any length.
STEPS = [
    CenterCrop(1),
    ChannelScaler(),
    ColorMoments(1),
    Flatten(),
    Grayscale(),
    Pad(1),
    PATCHES,
    Rescale(),
    Resize(4),
    SelectChannels([0]),
    Unflatten((1, -1, 1)),
]


@sklearn_checks.parametrize_with_checks(STEPS, xfail_strict=True)
def test_scikit_learn_contract(estimator, check):
    check(estimator)


class HOGOfRows(HOGDescriptor):
    """Reads flat rows as images of one pixel's width, as the suite has only rows."""

    input_shape = (-1, 1)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        return tags


@sklearn_checks.parametrize_with_checks(
    [HOGOfRows(pixels_per_cell=1, cells_per_block=1)], xfail_strict=True
)
def test_scikit_learn_contract_of_hog(estimator, check):
    check(estimator)


@pytest.mark.parametrize("step", [*STEPS, HOG], ids=lambda step: type(step).__name__)
def test_checks_that_scikit_learn_runs_on_its_own(step):
    sklearn_checks.check_param_validation(type(step).__name__, step)


# some of these fit a DataFrame and transform an array, or the other way round
@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names")
@pytest.mark.parametrize(
    "check",
    [
        sklearn_checks.check_transformer_get_feature_names_out,
        sklearn_checks.check_transformer_get_feature_names_out_pandas,
        sklearn_checks.check_get_feature_names_out_error,
        sklearn_checks.check_set_output_transform,
        sklearn_checks.check_set_output_transform_pandas,
        sklearn_checks.check_global_output_transform_pandas,
    ],
    ids=lambda check: check.__name__,
)
def test_names_of_flattened_values(check):
    check("Flatten", Flatten())


def test_the_whole_suite_runs():
    for step in STEPS:
        checks = list(sklearn_checks.estimator_checks_generator(step))
        assert len(checks) > 40, step


IMAGE_STEPS = [
    CenterCrop((3, 4)),
    ChannelScaler(),
    ColorMoments((2, 3)),
    Flatten(),
    Grayscale(),
    HOG,
    Pad(1),
    PATCHES,
    Rescale(1 / 3, -2),
    Resize((5, 11)),
    Resize(3, interpolation="nearest"),
    SelectChannels([0, 0]),
]
ANY_STEPS = [
    CenterCrop(3),
    ChannelScaler(),
    ColorMoments(2),
    Flatten(),
    Pad(1),
    PATCHES,
    Rescale(),
    Resize(3),
    SelectChannels([1, 0]),
]


@estimator_checks.parametrize_with_checks(IMAGE_STEPS)
def test_images(estimator, check):
    check(estimator)


@estimator_checks.parametrize_with_checks(
    [*ANY_STEPS, Grayscale()], sample_shape=(8, 8, 3)
)
def test_images_of_three_channels(estimator, check):
    check(estimator)


@estimator_checks.parametrize_with_checks(
    [
        step
        if isinstance(step, Flatten)
        else step.__class__(**{**step.get_params(), "spatial_dims": 1})
        for step in ANY_STEPS
    ],
    sample_shape=(12, 2),
)
def test_signals(estimator, check):
    check(estimator)


@estimator_checks.parametrize_with_checks(ANY_STEPS, sample_shape=(4, 4, 4, 2))
def test_volumes(estimator, check):
    check(estimator)
