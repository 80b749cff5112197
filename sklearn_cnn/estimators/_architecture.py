"""Which network architecture="auto" is, and what a network with a solved head obeys."""

from sklearn.base import is_classifier

from sklearn_cnn import architectures, training
from sklearn_cnn.utils._parameters import as_builtin


def chosen_architecture(estimator, layout, n_samples, *, by_steps=False):
    """Give the architecture of an estimator, with "auto" resolved.

    ``by_steps`` asks for one that is trained step by step.
    """
    given = estimator.architecture
    if not is_auto(given):
        return given
    if by_steps:
        return training.STEPWISE
    names = {*estimator._network_parameters, *training.BY_STEPS}
    return training.default_architecture(
        layout.spatial_shape, n_samples, any(_is_changed(estimator, n) for n in names)
    )


def is_auto(given):
    """Tell whether a parameter is left to the library."""
    return isinstance(given, str) and given == "auto"


def setting_of(estimator, architecture, layout, n_samples=0, *, partial=False):
    """Describe what the values of "auto" depend on."""
    targets = vars(estimator).get("_targets")
    usual = "classification" if is_classifier(estimator) else "regression"
    learns_all = (estimator.weights, estimator.freeze) == (None, None)
    return training.Setting(
        architecture,
        usual if targets is None else targets.task,
        n_samples,
        layout.n_channels,
        layout.spatial_shape,
        learns_all and not (estimator.freeze_epochs or partial),
    )


def require_solvable(estimator, architecture, *, partial):
    """Refuse what a network with a solved head cannot obey."""
    if not architectures.solves_head(architecture):
        return
    name = architecture if isinstance(architecture, str) else "minirocket"
    if partial:
        raise ValueError(
            f"partial_fit cannot train architecture={name!r}, whose head is solved for "
            "all samples at once. Call fit on all of them; or pass "
            f"architecture={training.STEPWISE!r}; or put "
            f"CNNFeatures(architecture={name!r}) before an SGDClassifier."
        )
    for parameter in training.WITHOUT_STEPS:
        if _is_changed(estimator, parameter):
            value, default = (
                getattr(e, parameter) for e in (estimator, type(estimator))
            )
            raise ValueError(
                f"{parameter}={value!r} has no effect on architecture={name!r}, whose "
                f"head is solved and not trained by steps. Leave it at {default!r}, or "
                f"pass architecture={training.STEPWISE!r}."
            )


def _is_changed(estimator, name):
    """Tell whether a parameter, if there is one of this name, is not at its default."""
    value, default = (getattr(e, name, None) for e in (estimator, type(estimator)))
    return value is not default and bool(as_builtin(value) != default)
