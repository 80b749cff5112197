"""to_onnx: a fitted estimator, or a whole pipeline, as one graph in a file."""

from sklearn_cnn.export._onnx_extra import require
from sklearn_cnn.utils._files import replacing


def to_onnx(model, path, *, quantize=None, input_dtype=None):
    """Write a fitted estimator as an ONNX file, which other runtimes predict from.

    The graph takes what ``predict`` takes, and does all that it does: the steps of a
    pipeline, the scaling of the input, the network, and what makes labels,
    probabilities or targets in the user's units of its outputs. The number of samples
    is free. Before the file is written, ONNX Runtime's results for some random images
    are compared with those of ``model``.

    Parameters
    ----------
    model : estimator instance
        A fitted :class:`~sklearn_cnn.CNNClassifier` or
        :class:`~sklearn_cnn.CNNRegressor`, a :class:`~sklearn.pipeline.Pipeline` that
        ends in one, or in a predictor of scikit-learn behind
        :class:`~sklearn_cnn.CNNFeatures` or transforms; a search over such, whose best
        one is taken; or a :class:`~sklearn.frozen.FrozenEstimator` of such. Steps may
        be those of :mod:`sklearn_cnn.transforms` and of scikit-learn that ONNX can
        express, on images of one size.
    path : str or path-like
        The file to write, in a directory that exists.
    quantize : array-like of shape (n_samples, ...), default=None
        Some hundred images as ``predict`` takes them, of all classes: convolutions and
        dense layers are then computed with integers of 8 bits, whose ranges these
        images tell [1]_. The file is a quarter as large, and computed faster on
        processors with VNNI or AMX; probabilities change a little.
    input_dtype : dtype-like, default=None
        Type of the numbers that the graph takes; None is that of the images that were
        fitted on, so that uint8 stays uint8.

    Raises
    ------
    NotFittedError
        If ``model`` is not fitted.
    ValueError
        If ONNX cannot express a step or the network, which the message names with the
        reason, or if ONNX Runtime's results differ from those of ``model``.
    TypeError
        If ``model`` is no estimator that can be exported.
    OSError
        If the file cannot be written; what was there is then as it was.
    ImportError
        If the libraries for ONNX are missing: ``pip install 'sklearn_cnn[onnx]'``.

    See Also
    --------
    load_onnx : Gives an estimator that predicts from the file.

    Notes
    -----
    The input of the graph is called ``X``. A classifier gives ``label`` (of shape
    (n_samples,): int64, strings, or for several labels a sample 0 and 1 for each of
    them) and ``probabilities``; a regressor gives ``target``. Class names, parameters
    of the steps and versions of the libraries stand in the metadata.

    Networks are computed in float32: those that were trained in bfloat16 have such
    weights, and for those in float64 ONNX Runtime has no convolutions on a CPU.

    References
    ----------
    .. [1] B. Jacob et al., "Quantization and training of neural networks for efficient
       integer-arithmetic-only inference", CVPR 2018.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_cnn import CNNRegressor
    >>> from sklearn_cnn.export import load_onnx, to_onnx
    >>> digits = load_digits()
    >>> X, y = digits.images[:300], digits.images[:300].mean(axis=(1, 2))
    >>> cnn = CNNRegressor(filters=(8,), max_iter=3, random_state=0).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     to_onnx(cnn, Path(folder) / "ink.onnx")
    ...     model = load_onnx(Path(folder) / "ink.onnx")
    >>> model.predict(X[:3]).shape
    (3,)
    """
    for library in ("onnx", "onnxruntime", "onnxscript"):
        require(library, "to_onnx")
    from sklearn_cnn.export._onnx_writing import written  # loads torch and onnx

    with replacing(path) as file:
        file.write(written(model, input_dtype, quantize))
