"""Whether ONNX Runtime computes what the estimator does."""

import warnings

import numpy as np
from sklearn.base import is_classifier

from sklearn_cnn.transforms import ChannelScaler, Rescale

#: Largest difference of probabilities, and of targets beside their spread.
TOLERANCE = 1e-4
_N_SAMPLES = 5


def typical_samples(pipeline, shape, dtype):
    """Draw samples from the range that a pipeline was fitted on, as it remembers it."""
    low, high = 0.0, 1.0
    if dtype.kind in "iu":
        high = float(min(255, np.iinfo(dtype).max))
    for _, step in reversed(pipeline.steps):
        prepare = getattr(getattr(step, "_predictor", None), "prepare", None)
        if prepare is not None and prepare.mean is not None:
            low, high = _around(prepare.mean, prepare.scale)
        elif isinstance(step, ChannelScaler) or _scales(step):
            low, high = _around(step.mean_, step.scale_)
        elif isinstance(step, Rescale):
            low, high = sorted((end - step.offset) / step.scale for end in (low, high))
    random = np.random.default_rng(0)
    values = random.uniform(low, high, (_N_SAMPLES, *shape))
    if dtype.kind == "b":
        return values > (low + high) / 2
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        values = np.clip(np.rint(values), limits.min, np.nextafter(limits.max, 0))
    return values.astype(dtype)


def _scales(step):
    return getattr(step, "mean_", None) is not None and (
        getattr(step, "scale_", None) is not None
    )


def _around(mean, scale):
    mean, scale = np.asarray(mean), np.asarray(scale)
    return float((mean - 2 * scale).min()), float((mean + 2 * scale).max())


def require_agreement(model, pipeline, samples):
    """Refuse a graph whose results differ from those of a pipeline.

    Raises
    ------
    ValueError
        If they do.
    """
    for rows in (samples, samples[:1]):
        difference = _difference(model, pipeline, rows)
        if not difference <= TOLERANCE:
            raise ValueError(
                f"ONNX Runtime's results differ by up to {difference:.2g} from those "
                f"of the model, by more than {TOLERANCE:g}, so that nothing was "
                "written. A layer of the network may mean something else in ONNX, or "
                "change with what it has seen; leave out steps or layers to find which."
            )


def _difference(model, pipeline, rows):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of rows that have no names of columns
        if is_classifier(pipeline):
            expected = pipeline.predict_proba(rows)
            return np.abs(model.run(rows, "probabilities", 1) - expected).max()
        expected = pipeline.predict(rows)
    scale = np.abs(expected) + getattr(pipeline.steps[-1][1], "target_scale_", 1.0)
    return (np.abs(model.run(rows, "target", 1) - expected) / scale).max()


def require_likeness(model, original, images):
    """Refuse a graph of integers that decides otherwise than the original.

    Raises
    ------
    ValueError
        If one in ten labels is another, or a tenth of the variance of targets is lost.
    """
    if original.task == "regressor":
        expected, given = (m.run(images, "target", 1) for m in (original, model))
        lost = ((given - expected) ** 2).mean() / (expected.var() + 1e-300)
    else:
        expected, given = (m.run(images, "label", 1) for m in (original, model))
        lost = (given != expected).mean()
    if not lost <= 0.1:
        raise ValueError(
            f"Integers of 8 bits give other results for {lost:.0%} of the "
            f"{len(images)} images in quantize, so that nothing was written. Pass more "
            "images, of all classes, or leave quantize=None."
        )
