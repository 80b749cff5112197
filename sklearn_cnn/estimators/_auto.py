"""What "auto" is for one estimator, and what a network with a solved head obeys."""

import warnings
from math import ceil

from sklearn.base import is_classifier, is_regressor

from sklearn_cnn import training
from sklearn_cnn.architectures import is_of_library, solves_head
from sklearn_cnn.utils._parameters import as_builtin

#: Parameters that are chosen together, where all of them are left alone.
_TOGETHER = ("filters", "dropout", "conv_dropout")


def chosen_architecture(estimator, layout, n_samples, *, by_steps):
    """Give the architecture of an estimator, with "auto" resolved.

    ``by_steps`` asks for one that is trained step by step.
    """
    if not is_auto(estimator.architecture):
        return as_builtin(estimator.architecture)
    names = {*estimator._network_parameters, *training.BY_STEPS} - {"unequal_length"}
    return training.default_architecture(
        "regression" if is_regressor(estimator) else "classification",
        layout.spatial_shape,
        n_samples,
        by_steps or any(_is_changed(estimator, name) for name in names),
    )


def chosen_dropout(estimator, architecture, layout, n_samples, *, partial=False):
    """Give ``conv_dropout`` in a dict, where it is chosen."""
    # of other widths, or with other dropout, it was not tried
    if any(getattr(estimator, name, 0) is not None for name in _TOGETHER):
        return {}
    of = estimator, architecture, layout, n_samples
    chosen = training.default_conv_dropout(setting_of(*of, partial=partial))
    return {} if chosen is None else {"conv_dropout": chosen}


def planned(estimator, shape):
    """Give the parameters of an estimator that "auto" stands for, before any fit.

    ``shape`` is that of X, and the target is one label or number for each sample.
    """
    layout, n = estimator._read_layout(shape), shape[0]
    if estimator.early_stopping:
        n -= ceil(estimator.validation_fraction * n)
    architecture = chosen_architecture(estimator, layout, n, by_steps=False)
    of = estimator, architecture, layout, n
    recipe = training.recipe(setting_of(*of))
    values = {
        name: recipe.resolve(name, getattr(estimator, name))
        for name in ("batch_size", "max_iter", "augmentation")
    }
    return {"architecture": architecture, **values, **chosen_dropout(*of)}


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
        estimator.weights is not None and is_of_library(architecture),
    )


def chosen_schedule(estimator, epochs, *, partial):
    """Give the schedule of a training, and warn where it ends before its time."""
    name = estimator.lr_schedule
    if partial:
        return "constant"
    if is_auto(name):
        return "plateau" if estimator.early_stopping else "one_cycle"
    patience = estimator.n_iter_no_change
    if estimator.early_stopping and name in training.PLANNED and patience < epochs:
        warnings.warn(
            f"lr_schedule={name!r} reaches its best at the end of max_iter={epochs} "
            "epochs, and its high rates before look like no improvement, so that "
            f"early_stopping with n_iter_no_change={patience} may end it too soon. "
            "Pass lr_schedule='auto', or early_stopping=False.",
            UserWarning,
            stacklevel=2,
        )
    return name


def freezes_batch_norm(estimator, module, recipe):
    """Tell whether batch normalisation keeps the statistics that it has."""
    given = estimator.freeze_batch_norm
    if not is_auto(given) and given:
        training.require_statistics(module)
    return bool(recipe.resolve("freeze_batch_norm", given))


def chosen_values(estimator, of):
    """Say what "auto" stands for in one training, parameter by parameter."""
    plan, predictor = of.learner.plan, of.learner.predictor
    chosen = {"architecture": predictor.blueprint.architecture}
    if not solves_head(predictor.module):
        chosen |= {
            "augmentation": of.recipe.augmentation,
            "weight_decay": plan.weight_decay,
            "learning_rate": plan.learning_rate,
            "lr_schedule": plan.lr_schedule,
            "batch_size": plan.batch_size,
        }
    chosen |= {
        "max_iter": plan.epochs,
        "device": predictor.prepare.device,
        "precision": plan.precision,
    }
    if plan.freeze_batch_norm:
        chosen["backbone_learning_rate"] = plan.backbone_learning_rate
        chosen["freeze_batch_norm"] = True
    left = {name: v for name, v in chosen.items() if is_auto(getattr(estimator, name))}
    built_with = predictor.blueprint.parameters
    if estimator.conv_dropout is None and built_with["conv_dropout"] is not None:
        left["conv_dropout"] = built_with["conv_dropout"]
    return ", ".join(f"{name}={value!r}" for name, value in left.items())


def require_solvable(estimator, module, architecture, *, by_steps):
    """Refuse what a network with a solved head cannot obey; others obey it."""
    if not solves_head(module):
        return
    name = architecture if isinstance(architecture, str) else type(module).__name__
    if by_steps:
        raise ValueError(
            f"partial_fit cannot train architecture={name!r}, whose head is solved for "
            "all samples at once. Call fit with all of them, pass "
            f"architecture={training.STEPWISE!r}, or put CNNFeatures(architecture="
            f"{name!r}), fitted once, before an SGDClassifier or SGDRegressor."
        )
    for parameter in training.WITHOUT_STEPS:
        if _is_changed(estimator, parameter):
            default = getattr(type(estimator), parameter)
            raise ValueError(
                f"{parameter}={getattr(estimator, parameter)!r} has no effect on "
                f"architecture={name!r}, whose head is solved and not trained in "
                f"steps. Leave it at {default!r}, or pass "
                f"architecture={training.STEPWISE!r}."
            )


def _is_changed(estimator, name):
    """Tell whether a parameter, if there is one of this name, is not at its default."""
    value, default = (getattr(e, name, None) for e in (estimator, type(estimator)))
    if default is None and isinstance(value, list) and not value:
        return False  # no callbacks
    return value is not default and bool(as_builtin(value) != default)
