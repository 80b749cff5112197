"""From a fitted estimator to the bytes of an ONNX file."""

import copy
import json
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version

import numpy as np
from sklearn.base import is_classifier, is_regressor
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from sklearn_cnn.estimators import CNNClassifier, CNNFeatures, CNNRegressor
from sklearn_cnn.export._onnx_check import (
    require_agreement,
    require_likeness,
    typical_samples,
)
from sklearn_cnn.export._onnx_file import sealed
from sklearn_cnn.export._onnx_graph import GraphWriter, Value
from sklearn_cnn.export._onnx_model import FORMAT, LABEL_TYPES, OnnxModel
from sklearn_cnn.export._onnx_network import add_network
from sklearn_cnn.export._onnx_steps import (
    add_sklearn,
    add_step,
    is_passed_through,
    require_expressible,
    require_no_network_inside,
)
from sklearn_cnn.export.onnx_estimators import estimator_of
from sklearn_cnn.images import ImageInput, take_rows

_LIBRARIES = ("sklearn_cnn", "numpy", "onnx", "onnxruntime", "scikit-learn", "torch")


def written(model, input_dtype, quantize):
    """Write, check and, if that is wanted, quantise. Gives the bytes of the file."""
    pipeline = _pipeline_of(model)
    for name, step in pipeline.steps[:-1]:
        require_expressible(step, name)
    name, predictor = pipeline.steps[-1]
    if not isinstance(predictor, CNNClassifier | CNNRegressor):
        require_no_network_inside(predictor, name)
    about = {**_about_targets(pipeline.steps[-1][1]), **_about(pipeline)}
    form, shape, dtype = _input_of(pipeline, input_dtype)
    samples = typical_samples(pipeline, shape, dtype)
    graph = GraphWriter(shape, dtype)
    value = graph.input
    *steps, (name, predictor) = pipeline.steps
    for step_name, step in steps:
        value = add_step(graph, value, step, step_name)
    if isinstance(predictor, CNNClassifier | CNNRegressor):
        outputs = _add_cnn(graph, value, predictor)
    else:
        shape = pipeline.predict(samples[:1]).shape[1:]
        outputs = _add_classical(graph, value, predictor, name, shape)
    about["input"] = form
    onnx_model = graph.model(
        outputs, {f"sklearn_cnn.{k}": json.dumps(v) for k, v in about.items()}
    )
    content = _sealed(onnx_model)
    written = OnnxModel(content)
    require_agreement(written, pipeline, samples)
    if quantize is None:
        return content
    return _quantized(onnx_model, written, quantize)


def _quantized(onnx_model, written, quantize):
    from sklearn_cnn.export._onnx_quantize import quantized

    estimator = estimator_of(written)
    try:
        array, _ = estimator._check_images(quantize, reset=False)
        images = written.as_input(take_rows(array, slice(None)))
    except ValueError as error:
        raise ValueError(
            f"quantize must hold images as predict takes them. {error}"
        ) from error
    content = _sealed(quantized(onnx_model, images))
    require_likeness(OnnxModel(content), written, images)
    return content


# --- what is exported -----------------------------------------------------------------


def _pipeline_of(model):
    """Give any estimator as a pipeline, in whose place the graph is to be."""
    model = _unwrapped(model)
    check_is_fitted(model)
    steps = model.steps if isinstance(model, Pipeline) else [("model", model)]
    steps = [(name, _as_reference(_unwrapped(step))) for name, step in steps]
    last = steps[-1][1]
    if not (is_classifier(last) or is_regressor(last)):
        raise TypeError(
            f"model={type(model).__name__} ends in {type(last).__name__}, which does "
            "not predict, but to_onnx takes a CNNClassifier, a CNNRegressor, or a "
            "Pipeline that ends in one or in a predictor of scikit-learn."
        )
    return Pipeline(steps)


def _unwrapped(model):
    if isinstance(model, FrozenEstimator):
        return _unwrapped(model.estimator)
    if hasattr(model, "best_estimator_"):
        return _unwrapped(model.best_estimator_)
    if isinstance(model, type) or not hasattr(model, "get_params"):
        if is_passed_through(model):
            return model
        raise TypeError(
            f"model={model!r} is no fitted estimator. Pass a CNNClassifier, a "
            "CNNRegressor, or a Pipeline that ends in one."
        )
    return model


def _as_reference(step):
    """Give a step that predicts as the graph should: in float32 where in 16 bits."""
    has_network = isinstance(step, CNNClassifier | CNNRegressor | CNNFeatures)
    if not has_network or step._predictor.precision not in ("bfloat16", "float16"):
        return step
    step = copy.copy(step)
    if isinstance(step, CNNFeatures):
        step._predictor = _in_float32(step._predictor)
    else:
        step._learner, *step._further_learners = map(copy.copy, step._learners)
        for learner in step._learners:
            learner.predictor = _in_float32(learner.predictor)
    return step


def _in_float32(predictor):
    return predictor.replaced(predictor.module, "float32", compile=False)


# --- what the graph takes -------------------------------------------------------------


def _input_of(pipeline, input_dtype):
    """Give what is checked of X, and the shape of a sample and the type in the graph.

    Both are those of the fit, which steps of this library remember.
    """
    steps = [step for _, step in pipeline.steps if hasattr(step, "fit")]
    first = getattr(steps[0], "estimator_", steps[0])
    forms = [getattr(getattr(s, "estimator_", s), "_input_form", None) for s in steps]
    dtype = next((form[1] for form in forms if form is not None), "float64")
    if isinstance(first, ImageInput):
        shape = forms[0][0] if forms[0] is not None else first.input_shape_
        form = {
            name: getattr(first, name)
            for name in (
                "input_shape_",
                "input_shape",
                "spatial_dims",
                "data_format",
                "unequal_length",
            )
        }
    else:
        shape = (first.n_features_in_,)
        form = {
            "input_shape_": (*shape, 1),
            "input_shape": None,
            "spatial_dims": 1,
            "data_format": "channels_last",
            "unequal_length": False,
        }
    names = getattr(first, "feature_names_in_", None)
    form["n_features_in_"] = first.n_features_in_
    form["feature_names_in_"] = None if names is None else names.tolist()
    form["input_shape"] = form["input_shape"] and [*map(int, form["input_shape"])]
    return form, shape, _checked_dtype(dtype, input_dtype)


def _checked_dtype(fitted, given):
    if given is None:
        return np.dtype("float64" if fitted in ("longdouble", "float128") else fitted)
    try:
        dtype = np.dtype(given)
    except TypeError:
        dtype = np.dtype(object)
    if dtype.kind not in "biuf" or dtype.itemsize > 8:
        raise ValueError(
            f"input_dtype={given!r} must be a type of numbers that ONNX knows, such as "
            "'uint8', 'float32' or 'float64'; None is that of the fit, "
            f"{fitted!r}."
        )
    return dtype.newbyteorder("=")


# --- what it gives --------------------------------------------------------------------


def _add_cnn(graph, value, cnn):
    if cnn.test_time_augmentation:
        raise ValueError(
            "to_onnx writes a graph that computes each sample once, without the views "
            "of test_time_augmentation=True. Export "
            "model.set_params(test_time_augmentation=False), or a model of several "
            "networks (n_networks), which one graph holds."
        )
    outputs, targets = add_network(graph, value, cnn._predictor), cnn._targets
    if isinstance(cnn, CNNRegressor):
        value = graph.reshape(graph.cast(outputs, np.float64), targets.mean.shape)
        value = graph.elementwise("Mul", value, targets.spread)
        return {"target": graph.elementwise("Add", value, targets.mean)}
    if targets.multilabel:
        zero = np.zeros((), outputs.dtype)
        marks = graph.op("Greater", outputs.name, zero)
        marks = replace(outputs, name=marks, dtype=np.dtype(bool))
        labels = graph.cast(marks, np.int64)
        probabilities = graph.op("Sigmoid", outputs.name)
    else:
        classes = _graph_labels(targets.classes)
        chosen = graph.op("ArgMax", outputs.name, axis=1, keepdims=0)
        labels = Value(graph.op("Gather", classes, chosen), (), classes.dtype)
        probabilities = graph.op("Softmax", outputs.name, axis=1)
    return {"label": labels, "probabilities": replace(outputs, name=probabilities)}


def _graph_labels(classes):
    """Give labels as types that ONNX's users expect: integers of 64 bits or strings."""
    if classes.dtype.kind in "OU":
        return classes.astype(object)
    return classes.astype(np.float64 if classes.dtype.kind == "f" else np.int64)


def _add_classical(graph, value, predictor, name, shape):
    outputs = add_sklearn(graph, value, predictor, name)
    if is_classifier(predictor):
        label, probabilities = outputs
        return {
            "label": replace(label, shape=()),
            "probabilities": replace(
                probabilities, shape=(len(_about_targets(predictor)["classes"]),)
            ),
        }
    return {"target": graph.reshape(graph.cast(outputs[0], np.float64), shape)}


def _about_targets(predictor):
    if is_regressor(predictor):
        return {"task": "regressor"}
    classes = predictor.classes_
    if isinstance(classes, list):
        raise ValueError(
            f"{type(predictor).__name__} predicts several labels a sample, which only "
            "a CNNClassifier can in ONNX."
        )
    labels = classes.tolist()
    kind = "str" if classes.dtype.kind == "U" else classes.dtype.name
    texts = all(isinstance(label, str) for label in labels)
    if kind not in LABEL_TYPES or (kind == "object" and not texts):
        raise ValueError(
            f"classes_ holds labels of type {kind}, such as {labels[0]!r}, which no "
            "ONNX file can hold. Fit on strings or numbers."
        )
    task = "multilabel" if getattr(predictor, "multilabel_", False) else "classifier"
    return {"task": task, "classes": labels, "label_type": kind}


def _about(pipeline):
    """Describe for people, and for a reader of the next release, what was exported."""
    cnn = pipeline.steps[-1][1]
    about = {"format": FORMAT, "versions": _versions(), "quantized": False}
    steps = [f"{name}: {step!r}" for name, step in pipeline.steps]
    about["preprocessing"], about["model"] = steps[:-1], steps[-1]
    prepare = getattr(getattr(cnn, "_predictor", None), "prepare", None)
    if prepare is not None and prepare.mean is not None:
        about["input_mean"] = np.asarray(prepare.mean, float).tolist()
        about["input_scale"] = np.asarray(prepare.scale, float).tolist()
    return about


def _versions():
    found = {}
    for library in _LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:  # a checkout that is not installed
            found[library] = "unknown"
    return found


def _sealed(model):
    try:
        return sealed(model.SerializeToString())
    except Exception as error:  # protobuf's own, which is not public
        raise ValueError(
            "The graph is larger than 2 GiB, which is the most that a file of ONNX can "
            "hold. Fit a network of fewer weights."
        ) from error
