"""Which of the metadata goes where: to a fit, a score or the split."""

from sklearn import get_config
from sklearn.metrics import check_scoring
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    process_routing,
)


def route(params, named, metrics, splitter):
    """Share metadata out as its consumers have requested it.

    Returns
    -------
    fit : dict of {str: dict}
        For each estimator by its name.
    score, split : dict
    """
    if not params:
        return {name: {} for name in named}, {}, {}
    if not get_config()["enable_metadata_routing"]:
        raise ValueError(
            f"params has {sorted(params)}, but no estimator can have requested them: "
            "call sklearn.set_config(enable_metadata_routing=True), then set_fit_"
            "request on the estimators that are to have them."
        )
    router = MetadataRouter(owner="compare_estimators")
    # names of one's choice might be those of the others here
    keys = {name: f"estimator {name}" for name in named}
    for name, estimator in named.items():
        router.add(method_mapping=_fit_calls("fit"), **{keys[name]: estimator})
    router.add(method_mapping=_fit_calls("split"), splitter=splitter)
    router.add(
        method_mapping=_fit_calls("score"), scorer=check_scoring(scoring=metrics)
    )
    routed = process_routing(router, "fit", **params)
    fit = {name: routed[key].fit for name, key in keys.items()}
    return fit, routed.scorer.score, routed.splitter.split


def _fit_calls(method):
    return MethodMapping().add(caller="fit", callee=method)
