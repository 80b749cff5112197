"""Steps of a pipeline as operators of ONNX."""

import warnings
from dataclasses import replace
from math import prod

import numpy as np
from onnx import helper
from sklearn.base import clone, is_classifier, is_regressor

from sklearn_cnn import transforms
from sklearn_cnn.estimators import CNNClassifier, CNNFeatures, CNNRegressor
from sklearn_cnn.export._onnx_graph import ML_OPSET, OPSET, Value
from sklearn_cnn.export._onnx_network import add_network
from sklearn_cnn.utils._axes import per_axis
from sklearn_cnn.utils._framing import inner_shape, outer_shape, widths_around
from sklearn_cnn.utils._parameters import has_parameters


def add_step(graph, value, step, name):
    """Add a fitted transformer; gives what it makes of a value.

    Raises
    ------
    ValueError
        If ONNX cannot express it; the message gives its ``name`` in the pipeline.
    """
    if is_passed_through(step):
        return value
    if type(step) in _OURS:
        return _OURS[type(step)](graph, value, step)
    return add_sklearn(graph, value, step, name)[0]


def is_passed_through(step):
    """Tell what a pipeline has in the place of a step that does nothing."""
    return step is None or (isinstance(step, str) and step == "passthrough")


def require_expressible(step, name):
    """Refuse transformers of which is known that ONNX cannot express them."""
    if is_passed_through(step):
        return
    kind = type(step)
    if kind not in _OURS and not kind.__module__.startswith("sklearn."):
        raise ValueError(
            f"The step {name!r}, {kind.__name__}, cannot be expressed in ONNX. "
            f"{_remedy(step)}"
        )
    shape = getattr(step, "input_shape_", ())
    if None in shape:
        raise ValueError(
            f"The step {name!r}, {kind.__name__}, was fitted on images of several "
            f"sizes, {shape}, but ONNX needs one. Fit it on images of one size, or "
            "export the steps after it."
        )


def require_no_network_inside(step, name):
    """Refuse what combines networks by code of its own, which skl2onnx can't take."""
    if type(step) in _OURS or not has_parameters(step):
        return
    inner = step.get_params().values()
    if any(isinstance(value, CNNClassifier | CNNRegressor) for value in inner):
        raise ValueError(
            f"The step {name!r}, {type(step).__name__}, has networks of this library "
            "inside, which cannot be expressed in ONNX. Export each of its fitted "
            "networks, or save it as a whole by sklearn_cnn.save."
        )


def _remedy(step):
    if isinstance(step, transforms.ImageReader):
        return "Export the steps after it, pipeline[1:], and read the files before."
    if is_classifier(step) or is_regressor(step):
        return "Take another predictor; or save this one by sklearn_cnn.export.save."
    return "Export the steps after it, and apply it before."


# --- steps that move pixels -----------------------------------------------------------


def _moved(graph, value, step):
    places = _places(step, value.shape)
    return graph.taken(value, places.ravel(), places.shape)


def _padded(graph, value, step):
    if step.padding_mode != "constant":
        return _moved(graph, value, step)
    n = prod(value.shape)
    places = _places(clone(step).set_params(fill=n), value.shape)
    # one more pixel, which all of the border is taken from
    flat = graph.reshape(value, (n,))
    fill = np.asarray(step.fill, value.dtype)
    name = graph.op("Pad", flat.name, np.array([0, 0, 0, 1]), fill)
    flat = replace(flat, name=name, shape=(n + 1,))
    return graph.taken(flat, places.ravel(), places.shape)


def _unflattened(graph, value, step):
    blank = np.zeros((1, *value.shape))
    return graph.reshape(value, clone(step).fit_transform(blank).shape[1:])


def _places(step, shape):
    """See where a step that moves pixels takes each of them from."""
    places = np.arange(prod(shape)).reshape(1, *shape)
    return step._transform(places, step._read_layout(places.shape))[0]


# --- steps that compute ---------------------------------------------------------------


def _rescaled(graph, value, step):
    value, dtype = _in_float64(graph, value)
    value = graph.elementwise("Mul", value, step.scale)
    return graph.cast(graph.elementwise("Add", value, step.offset), dtype)


def _standardized(graph, value, step):
    layout = step._read_layout((1, *value.shape))
    shape = [1] * len(value.shape)
    if len(shape) > len(layout.spatial_shape):
        shape[0 if layout.channels_first else -1] = -1
    value, dtype = _in_float64(graph, value)
    if step.with_mean:
        value = graph.elementwise("Sub", value, step.mean_.reshape(shape))
    if step.with_std:
        value = graph.elementwise("Div", value, step.scale_.reshape(shape))
    return graph.cast(value, dtype)


def _in_float64(graph, value):
    """Cast as the steps do, which round once; gives the type of their result too."""
    dtype = value.dtype
    if dtype.kind != "f":
        dtype = np.result_type(dtype, np.float32)
    return graph.cast(value, np.float64), dtype


def _grey(graph, value, step):
    layout = step._read_layout((1, *value.shape))
    if layout.n_channels == 1:
        return value
    dtype = value.dtype if value.dtype != bool else np.dtype(np.float32)
    value = graph.cast(value, _computing(dtype))
    axis = 1 if layout.channels_first else len(value.shape)
    parts = [
        replace(value, name=graph.op("Gather", value.name, np.array([i]), axis=axis))
        for i in range(3)
    ]
    parts = [
        graph.elementwise("Mul", part, weight)
        for part, weight in zip(parts, (0.2989, 0.587, 0.114), strict=True)
    ]
    name = graph.op("Add", graph.op("Add", *(p.name for p in parts[:2])), parts[2].name)
    shape = replace(layout, n_channels=1).shape
    return _rounded(graph, replace(value, name=name, shape=shape), dtype)


def _resized(graph, value, step):
    layout = step._read_layout((1, *value.shape))
    axes = {
        "spatial_dims": len(layout.spatial_shape),
        "data_format": step.data_format,
    }
    size = per_axis(step.size, len(layout.spatial_shape), "size", minimum=1)
    fit = outer_shape if step.resize == "crop" else inner_shape
    inner = size if step.resize == "stretch" else fit(layout.spatial_shape, size)
    if step.resize == "pad" and inner != size and isinstance(step.fill, str):
        raise ValueError(
            f"{step!r} surrounds each image by the median of its border, which cannot "
            "be expressed in ONNX. Pass a number for fill, or export the steps after "
            "it, and apply it before."
        )
    value = _stretched(
        graph, value, clone(step).set_params(size=inner, resize="stretch")
    )
    if inner == size:
        return value
    if step.resize == "crop":
        return _moved(graph, value, transforms.CenterCrop(size, **axes))
    widths = widths_around(inner, size)
    return _padded(graph, value, transforms.Pad(widths, fill=step.fill, **axes))


def _stretched(graph, value, step):
    if step.interpolation == "nearest":
        return _moved(graph, value, step)
    layout = step._read_layout((1, *value.shape))
    n_dims = len(layout.spatial_shape)
    size = per_axis(step.size, n_dims, "size", minimum=1)
    dtype = value.dtype if value.dtype != bool else np.dtype(np.float32)
    levels = dtype == np.uint8 and n_dims == 2 and min(size) > 1
    has_channels = len(value.shape) > n_dims
    first = 1 + (has_channels and layout.channels_first)
    value = graph.cast(value, np.float64 if levels else _computing(dtype))
    for axis, wanted in reversed([*enumerate(size, first)]):
        line = transforms.Resize(
            wanted,
            interpolation=step.interpolation,
            antialias=step.antialias,
            spatial_dims=1,
        )
        # row by row, what a single bright pixel becomes
        weights = line.fit_transform(np.eye(value.shape[axis - 1]))
        if value.shape[axis - 1] == wanted:
            continue
        if levels:
            value = _mixed_levels(graph, value, weights, axis)
        else:
            value = _mixed(graph, value, weights, axis)
    return _rounded(graph, value, dtype)


def _mixed(graph, value, weights, axis):
    """Make the pixels along an axis weighted sums of the old ones."""
    order = [*range(len(value.shape) + 1)]
    order.append(order.pop(axis))
    name = graph.op("Transpose", value.name, perm=order)
    name = graph.op("MatMul", name, weights.astype(value.dtype))
    name = graph.op("Transpose", name, perm=np.argsort(order).tolist())
    shape = list(value.shape)
    shape[axis - 1] = weights.shape[1]
    return replace(value, name=name, shape=tuple(shape))


def _mixed_levels(graph, value, weights, axis):
    """Do the same as torch does with 8 bits: by integers of 16, rounded to levels."""
    bits = 0
    while bits < 22 and int(0.5 + weights.max() * 2 ** (bits + 1)) < 1 << 15:
        bits += 1
    weights = np.trunc(weights * 2**bits + np.copysign(0.5, weights))
    value = _mixed(graph, value, weights, axis)
    value = graph.elementwise("Add", value, 2 ** (bits - 1))
    value = graph.elementwise("Mul", value, 0.5**bits)
    value = replace(value, name=graph.op("Floor", value.name))
    return _clipped(graph, value, np.uint8)


def _computing(dtype):
    return np.float32 if dtype in (np.uint8, np.float32) else np.float64


def _rounded(graph, value, dtype):
    """Give the nearest values that a dtype holds."""
    if dtype.kind in "iu":
        value = replace(value, name=graph.op("Round", value.name))
        value = _clipped(graph, value, dtype)
    return graph.cast(value, dtype)


def _clipped(graph, value, dtype):
    limits = np.iinfo(dtype)
    low, high = (np.asarray(n, value.dtype) for n in (limits.min, limits.max))
    return replace(value, name=graph.op("Clip", value.name, low, high))


def _features(graph, value, step):
    value = add_network(graph, value, step._predictor, step._compute)
    return graph.cast(value, np.float32)


_OURS = {
    CNNFeatures: _features,
    transforms.CenterCrop: _moved,
    transforms.ChannelScaler: _standardized,
    transforms.Flatten: _moved,
    transforms.Grayscale: _grey,
    transforms.Pad: _padded,
    transforms.Rescale: _rescaled,
    transforms.Resize: _resized,
    transforms.SelectChannels: _moved,
    transforms.Unflatten: _unflattened,
}


# --- scikit-learn's -------------------------------------------------------------------


def add_sklearn(graph, value, step, name):
    """Add a fitted step or predictor of scikit-learn; gives all of its outputs."""
    if len(value.shape) != 1:
        raise ValueError(
            f"The step {name!r}, {type(step).__name__}, takes flat rows, but gets "
            f"samples of shape {value.shape}. Put sklearn_cnn.transforms.Flatten "
            "before it."
        )
    dtype = value.dtype if value.dtype == np.float32 else np.dtype(np.float64)
    value = graph.cast(value, dtype)
    model = _converted(step, value, name)
    names = graph.include(model, value.name)
    return [
        Value(output, *_declared(entry))
        for output, entry in zip(names, model.graph.output, strict=True)
    ]


def _declared(entry):
    tensor = entry.type.tensor_type
    shape = tuple(dim.dim_value for dim in tensor.shape.dim[1:])
    return shape, np.dtype(helper.tensor_dtype_to_np_dtype(tensor.elem_type))


def _converted(step, value, name):
    """Let skl2onnx write a step of scikit-learn, or say that it cannot."""
    try:
        from skl2onnx import convert_sklearn
        from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType
    except ImportError as error:
        raise ImportError(
            f"The step {name!r}, {type(step).__name__}, needs skl2onnx: pip install "
            "'sklearn_cnn[onnx]'"
        ) from error
    kind = FloatTensorType if value.dtype == np.float32 else DoubleTensorType
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return convert_sklearn(
                step,
                initial_types=[("input", kind([None, *value.shape]))],
                target_opset={"": OPSET, "ai.onnx.ml": ML_OPSET},
                options={id(step): {"zipmap": False}} if is_classifier(step) else None,
            )
        except Exception as error:  # whatever skl2onnx raises
            reason = str(error).strip().partition("\n")[0].partition(". ")[0]
            raise ValueError(
                f"The step {name!r}, {type(step).__name__}, cannot be expressed in "
                f"ONNX by skl2onnx: {reason or type(error).__name__}. {_remedy(step)}"
            ) from error
