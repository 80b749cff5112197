"""classical_baselines."""

from numbers import Integral

import numpy as np
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import (
    LogisticRegression,
    Ridge,
    RidgeClassifierCV,
    RidgeCV,
)
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler
from sklearn.svm import SVC, SVR

from sklearn_cnn.comparison.series import SeriesFeatures
from sklearn_cnn.transforms import (
    ColorMoments,
    Flatten,
    HOGDescriptor,
    PatchKMeans,
    Resize,
)
from sklearn_cnn.utils._sklearn import StrOptions, validate_params

# 6,667 images of MNIST: an accuracy of 0.9605, where the default of 1 has 0.9595
_C = 10
# 1,260 pictures of clip art in 5 folds: 0.640, with 0.3 as with 1 less, without 0.615
_WEIGHT_OF_COLOUR = 0.5
# from hardly any penalty to much; digits take 30 and clip art 1,000
_ALPHAS = np.logspace(-1, 5, 13)
_LARGEST_SIDE_FOR_PATCHES = 48


@validate_params(
    {
        "task": [StrOptions({"classification", "regression"})],
        "data": [StrOptions({"images", "series"})],
        "input_shape": [tuple, list, None],
        "random_state": [Integral, None],
    },
    prefer_skip_nested_validation=True,
)
def classical_baselines(
    task="classification", *, data="images", input_shape=None, random_state=0
):
    """Make the pipelines that a network should be compared with.

    Parameters
    ----------
    task : {"classification", "regression"}, default="classification"
        What the pipelines predict.
    data : {"images", "series"}, default="images"
        What X holds.
    input_shape : tuple of int, default=None
        Shape of an image, (height, width) or (height, width, channels), if X holds flat
        rows. None takes the shape from X.
    random_state : int or None, default=0
        Seeds forests, boosting, MLP, k-means and MiniRocket.

    Returns
    -------
    baselines : dict of {str: sklearn.pipeline.Pipeline}
        Unfitted. All take X of shape (n_samples, ...) and flatten it themselves:

        - "logistic regression" ("ridge regression") on values scaled to [0, 1];
        - "SVC on pixels" ("SVR on pixels", and "on values" for series), C=10;
        - "random forest" and "gradient boosting" with histograms, with scikit-learn's
          defaults;
        - "MLP" with a hidden layer of 100, on values scaled to [0, 1], for at most 500
          epochs.

        For images also:

        - "SVC on HOG" ("SVR on HOG"), C=10: histograms of oriented gradients [1]_ with
          9 orientations, blocks of 2x2 cells, and cells of a seventh of the shorter
          side, but at least 2 pixels;
        - "SVC on HOG + colour" ("SVR on HOG + colour"): the same, and mean and standard
          deviation of each channel in the four quadrants, standardised and of half
          weight;
        - "k-means patch features" [2]_: a dictionary of 400 patches, and ridge with the
          best of 13 penalties, by leaving rows out; images whose shorter side is above
          48 pixels are reduced to 32x32.

        For series of shape (n_samples, length) or (n_samples, length, channels) also:

        - "1-nearest neighbour" by Euclidean distance;
        - "MiniRocket" [3]_: 10,000 features of random convolutions, and ridge as above;
        - "QUANT" [4]_: quantiles of intervals, and 200 extremely randomised trees.

    Raises
    ------
    ValueError
        If a parameter has a value that is not among these, or ``input_shape`` is given
        for series.

    See Also
    --------
    compare_estimators : Compares them.

    Notes
    -----
    Those on HOG need scikit-image, ``pip install 'sklearn_cnn[scikit-image]'``, and
    MiniRocket and QUANT need aeon, ``pip install 'sklearn_cnn[series]'``. Without it,
    they are made all the same, and say so when they are fitted; in
    :func:`compare_estimators` their rows have that as the ``error``. MiniRocket takes
    series of 9 values or more. In a fresh process its first fit takes seconds longer,
    as it is compiled then.

    SVR and MLP for regression scale the targets. Ridge, in place of the linear SVC of
    [2]_, is as good here and quicker, with no C to search for: 1,000 images of MNIST
    gave 0.950, against 0.942 with the better of two C.

    References
    ----------
    .. [1] N. Dalal and B. Triggs, "Histograms of oriented gradients for human
       detection", CVPR 2005.
    .. [2] A. Coates, H. Lee and A. Y. Ng, "An analysis of single-layer networks in
       unsupervised feature learning", AISTATS 2011.
    .. [3] A. Dempster, D. F. Schmidt and G. I. Webb, "MiniRocket: a very fast (almost)
       deterministic transform for time series classification", KDD 2021.
    .. [4] A. Dempster, D. F. Schmidt and G. I. Webb, "QUANT: a minimalist interval
       method for time series classification", Data Mining and Knowledge Discovery 38,
       2024.

    Examples
    --------
    >>> from sklearn_cnn.comparison import classical_baselines
    >>> list(classical_baselines())
    ['logistic regression', 'SVC on pixels', 'SVC on HOG', 'SVC on HOG + colour',
    'k-means patch features', 'random forest', 'gradient boosting', 'MLP']
    >>> list(classical_baselines("regression", data="series"))
    ['ridge regression', 'SVR on values', 'random forest', 'gradient boosting',
    'MLP', '1-nearest neighbour', 'MiniRocket', 'QUANT']
    """
    if input_shape is not None and data == "series":
        raise ValueError(
            f"input_shape={input_shape!r} is for images, but data='series'. Leave it "
            "out: series are flattened anyway."
        )
    classify = task == "classification"
    models = (_classifiers if classify else _regressors)(random_state)
    linear, support, *rest = models
    unit = "pixels" if data == "images" else "values"
    baselines = {
        linear: make_pipeline(Flatten(), MinMaxScaler(), models[linear]),
        f"{support} on {unit}": make_pipeline(Flatten(), models[support]),
    }
    if data == "images":
        on_images = _support_on_images(models[support], input_shape)
        baselines |= {f"{support} on {seen}": on_images[seen] for seen in on_images}
        baselines |= _on_patches(classify, input_shape, random_state)
    for name in rest:
        scale = [MinMaxScaler()] if name == "MLP" else []
        baselines[name] = make_pipeline(Flatten(), *scale, models[name])
    if data == "series":
        baselines |= _on_series(classify, random_state)
    return baselines


def _classifiers(seed):
    return {
        "logistic regression": LogisticRegression(max_iter=1000),
        "SVC": SVC(C=_C),
        "random forest": RandomForestClassifier(random_state=seed),
        "gradient boosting": HistGradientBoostingClassifier(random_state=seed),
        "MLP": MLPClassifier(max_iter=500, random_state=seed),
    }


def _regressors(seed):
    return {
        "ridge regression": Ridge(),
        "SVR": _on_scaled_targets(SVR(C=_C)),
        "random forest": RandomForestRegressor(random_state=seed),
        "gradient boosting": HistGradientBoostingRegressor(random_state=seed),
        "MLP": _on_scaled_targets(MLPRegressor(max_iter=500, random_state=seed)),
    }


def _on_scaled_targets(model):
    return TransformedTargetRegressor(model, transformer=StandardScaler())


def _support_on_images(machine, input_shape):
    hog = FunctionTransformer(hog_features, kw_args={"input_shape": input_shape})
    shaped = FunctionTransformer(as_images, kw_args={"input_shape": input_shape})
    both = FeatureUnion(
        [
            ("hog", clone(hog)),
            ("colour", make_pipeline(shaped, ColorMoments(), StandardScaler())),
        ],
        transformer_weights={"colour": _WEIGHT_OF_COLOUR},
    )
    return {
        "HOG": make_pipeline(hog, clone(machine)),
        "HOG + colour": make_pipeline(both, clone(machine)),
    }


def _on_patches(classify, input_shape, seed):
    small = FunctionTransformer(small_images, kw_args={"input_shape": input_shape})
    ridge = (RidgeClassifierCV if classify else RidgeCV)(_ALPHAS)
    patches = PatchKMeans(random_state=seed)
    return {
        "k-means patch features": make_pipeline(small, patches, StandardScaler(), ridge)
    }


def _on_series(classify, seed):
    """Make the usual opponents, with the predictors that their authors put behind."""
    neighbour = KNeighborsClassifier if classify else KNeighborsRegressor
    ridge = (RidgeClassifierCV if classify else RidgeCV)(np.logspace(-3, 3, 10))
    options = {"n_estimators": 200, "max_features": 0.1, "random_state": seed}
    trees = (
        ExtraTreesClassifier(criterion="entropy", **options)
        if classify
        else ExtraTreesRegressor(**options)
    )
    rocket = SeriesFeatures("MiniRocket", random_state=seed)
    return {
        "1-nearest neighbour": make_pipeline(Flatten(), neighbour(n_neighbors=1)),
        "MiniRocket": make_pipeline(rocket, StandardScaler(with_mean=False), ridge),
        "QUANT": make_pipeline(SeriesFeatures("QUANT"), trees),
    }


def as_images(images, input_shape=None):
    """Give flat rows the shape of images, (n_samples, height, width[, channels])."""
    array = np.asarray(images)
    array = array.reshape(len(array), *(input_shape or array.shape[1:]))
    if array.ndim not in (3, 4):
        raise ValueError(
            "X must hold images of shape (height, width[, channels]), but has samples "
            f"of {array.shape[1:]}. For flat rows pass input_shape to "
            "classical_baselines."
        )
    return array


def small_images(images, input_shape=None):
    """Reduce images whose shorter side is above 48 pixels to 32x32."""
    array = as_images(images, input_shape)
    if min(array.shape[1:3]) <= _LARGEST_SIDE_FOR_PATCHES:
        return array
    return Resize(32).fit_transform(array)


def hog_features(images, input_shape=None):
    """Describe images by nine directions of edges in every cell of every block.

    Flat rows need ``input_shape``. The result has the shape (n_samples, n_features).
    """
    array = as_images(images, input_shape)
    cell = max(2, min(array.shape[1:3]) // 7)
    return HOGDescriptor(pixels_per_cell=cell, cells_per_block=2).fit_transform(array)
