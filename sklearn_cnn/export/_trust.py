"""What loading trusts: types that do nothing when they are made of any state."""

from types import FunctionType

from sklearn_cnn.export._archive import nodes

#: Private types of this library, as skops names them; those that are public join them.
_PRIVATE = (
    "architectures.blueprint.Blueprint",
    "architectures.stored.StoredModule",
    "estimators._targets.LabelSets",
    "estimators._targets.Labels",
    "estimators._targets.Numbers",
    "images.layout.ImageLayout",
    "images.statistics.ChannelStatistics",
    "inference.features.FeatureMaps",
    "inference.predictor.Predictor",
    "inference.preparation.Preparation",
    "training.learner.Learner",
    "training.losses.BinaryCrossEntropy",
    "training.losses.CrossEntropy",
    "training.losses.RegressionLoss",
    "training.plan.TrainingPlan",
)
#: Of what scikit-learn's meta-estimators consist, besides estimators: skops asks for
#: them, though they hold nothing but values. Not the distributions of scipy.stats,
#: which a randomised search may hold: they execute text of their state.
_OF_OTHERS = {
    "ObjectNode": (
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
        "sklearn.calibration._TemperatureScaling",
        "sklearn.compose._column_transformer.make_column_selector",
        "sklearn.metrics._scorer._CurveScorer",
        "sklearn.metrics._scorer._MultimetricScorer",
        "sklearn.metrics._scorer._PassthroughScorer",
        "sklearn.metrics._scorer._Scorer",
        "sklearn.utils._metadata_requests.MetadataRequest",
        "sklearn.utils._metadata_requests.MethodMetadataRequest",
    ),
    "DictNode": ("sklearn.utils._bunch.Bunch",),
    "DTypeNode": ("numpy.dtype",),
    "PartialNode": ("functools.partial",),
}
_PACKAGE = "sklearn_cnn"
#: So many names are given in an error.
_NAMED = 10


def require_trusted(schema, untrusted, trusted, path):
    """Give the names that skops may load, or say which are not trusted.

    Parameters
    ----------
    schema : dict
        What the file holds.
    untrusted : list of str
        The names that skops asks for.
    trusted : list of (str or type) or None
        Those that the user trusts.
    path : path
        Of the file.
    """
    by_user = {_name(given) for given in trusted or ()}
    allowed = {loader: set(names) for loader, names in _OF_OTHERS.items()}
    allowed["ObjectNode"] |= _own_types() | _splitters()
    allowed["FunctionNode"] = _functions()
    known = set().union(*allowed.values()) - by_user
    refused = set(untrusted) - known - by_user
    for node in nodes(schema):
        name = f"{node.get('__module__')}.{node.get('__class__')}"
        # a type may be harmless as an object, and not when it is called
        if name in known and name not in allowed.get(node["__loader__"], ()):
            refused.add(name)
    if refused:
        names = sorted(refused)[:_NAMED]
        raise ValueError(
            f"{path} asks for {names}, which are not trusted by default: they may run "
            "code or crash the process. Nothing was loaded. If you trust whoever made "
            f"the file, load it by load(path, trusted={names})."
        )
    return sorted(untrusted)


def _own_types():
    from sklearn_cnn import augmentation, estimators, transforms

    public = [
        getattr(folder, name)
        for folder in (augmentation, estimators, transforms)
        for name in folder.__all__
    ]
    names = {_name(found) for found in public if isinstance(found, type)}
    return names | {f"{_PACKAGE}.{name}" for name in _PRIVATE}


def _functions():
    """Name the functions that scorers, and selections of features, hold."""
    from sklearn import feature_selection, metrics

    found = (*vars(metrics).values(), *vars(feature_selection).values())
    functions = {_name(f) for f in found if isinstance(f, FunctionType)}
    return {name for name in functions if name.startswith("sklearn.")}


def _splitters():
    """Name the ways to split data, which searches hold."""
    from sklearn import model_selection

    found = vars(model_selection).values()
    return {_name(f) for f in found if isinstance(f, type) and "split" in vars(f)}


def _name(given):
    if isinstance(given, str):
        return given
    try:
        return f"{given.__module__}.{given.__name__}"
    except AttributeError:
        raise TypeError(
            f"trusted has {given!r}, but must be a list of types and of names, such "
            "as 'package.module.Network'."
        ) from None
