"""Estimators that predict from an ONNX file."""

import copy

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.exceptions import NotFittedError

from sklearn_cnn.export._onnx_extra import require
from sklearn_cnn.export._onnx_file import BrokenFileError
from sklearn_cnn.export._onnx_model import OnnxModel
from sklearn_cnn.images import ImageInput
from sklearn_cnn.utils._files import check_path
from sklearn_cnn.utils._parameters import require_integer


def load_onnx(path, *, n_threads=None):
    """Load an estimator from a file that :func:`to_onnx` wrote.

    It predicts by ONNX Runtime: neither torch nor skorch is loaded. The file is read
    once, whole, and may be moved or deleted afterwards.

    Parameters
    ----------
    path : str or path-like
        The file.
    n_threads : int or None, default=None
        Most threads that a prediction may use; None means one for each core, or
        ``OMP_NUM_THREADS`` if that is fewer.

    Returns
    -------
    estimator : OnnxClassifier or OnnxRegressor
        Fitted, and frozen.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is none that :func:`to_onnx` wrote, was cut off or changed since, was
        written by a newer version, or keeps values in other files. Nothing in it is
        executed but the operators of its graph.
    ImportError
        If ONNX Runtime is missing: ``pip install 'sklearn_cnn[onnx]'``.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_cnn import CNNClassifier
    >>> from sklearn_cnn.export import load_onnx, to_onnx
    >>> digits = load_digits()
    >>> X, y = digits.images[:500], digits.target[:500]
    >>> cnn = CNNClassifier(filters=(8, 16), max_iter=5, random_state=0).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "digits.onnx"
    ...     to_onnx(cnn, path)
    ...     model = load_onnx(path)
    >>> model
    OnnxClassifier()
    >>> bool((model.predict(X) == cnn.predict(X)).all())
    True
    """
    checked = check_path(path)
    require("onnxruntime", "load_onnx")
    content = checked.read_bytes()
    try:
        model = OnnxModel(content)
    except BrokenFileError as error:
        raise ValueError(
            f"path={str(path)!r} cannot be loaded: {error}. Write it again by "
            "sklearn_cnn.export.to_onnx, and copy it whole."
        ) from error
    return estimator_of(model).set_params(n_threads=n_threads)


def estimator_of(model):
    """Make the estimator that predicts from a model."""
    estimator = OnnxRegressor() if model.task == "regressor" else OnnxClassifier()
    estimator._model = model
    return estimator


def _from_file(name, doc):
    """Make an attribute that stands in the file, and is there once one is loaded."""

    def get(self):
        if self._model is None or self._model.form[name] is None:
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        return self._model.form[name]

    return property(get, doc=doc)


class _OnnxEstimator(ImageInput, BaseEstimator):
    """What predicts from a file; subclasses know what is predicted."""

    _model: OnnxModel | None = None
    input_shape_ = _from_file("input_shape_", "Shape of a sample, with its channels.")
    n_features_in_ = _from_file("n_features_in_", "Number of values in a sample.")
    feature_names_in_ = _from_file("feature_names_in_", "Names of the columns.")
    spatial_dims = _from_file("spatial_dims", "Number of spatial axes.")
    data_format = _from_file("data_format", "Where the channels are.")
    unequal_length = _from_file("unequal_length", "Whether NaN may end series.")

    def __init__(self, *, n_threads=None):
        self.n_threads = n_threads

    @property
    def input_shape(self):
        """What flat rows hold; None if samples have the axes that they are given in."""
        return self._model.form["input_shape"]

    @property
    def metadata_(self):
        """What else stands in the file: preprocessing, versions, ...; a dict."""
        self._require_model()
        return copy.deepcopy(self._model.about)

    def fit(self, X, y=None, **fit_params):
        """Do nothing: what was loaded is frozen.

        Parameters
        ----------
        X : object
            Ignored.
        y : object
            Ignored.
        **fit_params : dict
            Ignored.

        Returns
        -------
        self : estimator instance
            As it was.
        """
        self._require_model()
        return self

    def _run(self, X, output):
        self._require_model()
        if self.n_threads is not None:
            require_integer("n_threads", self.n_threads, 1)
        array, _ = self._check_images(X, reset=False)
        result = self._model.run(array, output, self.n_threads)
        if result.dtype.kind == "f":
            _require_finite(result)
        return result

    def _require_model(self):
        if self._model is None:
            name = type(self).__name__
            raise NotFittedError(
                f"This {name} holds no model, and cannot be fitted. Make it by "
                "sklearn_cnn.export.load_onnx(path), of a file that to_onnx wrote."
            )

    def __sklearn_is_fitted__(self):
        return self._model is not None

    def __sklearn_clone__(self):
        return self

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


class OnnxClassifier(ClassifierMixin, _OnnxEstimator):
    """A classifier from an ONNX file, made by :func:`load_onnx`.

    It predicts with numpy and ONNX Runtime alone, and is frozen like a
    :class:`~sklearn.frozen.FrozenEstimator`: ``fit`` does nothing, and
    :func:`sklearn.base.clone` gives it back itself. It checks ``X`` as
    :class:`~sklearn_cnn.CNNClassifier` does. A pickle holds the file's content.

    Parameters
    ----------
    n_threads : int or None, default=None
        Most threads that a prediction may use; None means one for each core, or
        ``OMP_NUM_THREADS`` if that is fewer. Results do not depend on it.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted; 0, ..., n_labels - 1 for a multi-label problem.
    multilabel_ : bool
        Whether each sample has any number of labels.
    input_shape_ : tuple of int
        Shape of a sample, channel axis included.
    n_features_in_ : int
        Number of values in a sample; 1 if X was a column with an image in each cell.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, if the model was fitted on a DataFrame.
    metadata_ : dict
        What else stands in the file: preprocessing, versions of libraries, ...

    See Also
    --------
    load_onnx : Makes one.
    to_onnx : Writes the file.
    OnnxRegressor : The same for numbers.

    Examples
    --------
    >>> from sklearn_cnn.export import OnnxClassifier
    >>> OnnxClassifier().predict([[0.0, 1.0]])
    Traceback (most recent call last):
        ...
    sklearn.exceptions.NotFittedError: This OnnxClassifier holds no model, ...
    """

    def predict(self, X):
        """Predict labels.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Images of the shape that was fitted on.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_labels)
            The most probable class, or all labels of probability above 0.5.
        """
        labels = self._run(X, "label")
        return labels if self.multilabel_ else labels.astype(self.classes_.dtype)

    def predict_proba(self, X):
        """Predict probabilities.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Images of the shape that was fitted on.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes), float64
            Of the classes in the order of ``classes_``, or of every label.
        """
        probabilities = self._run(X, "probabilities").astype(np.float64)
        if not self.multilabel_:
            # they were rounded to float32 in the graph
            probabilities /= probabilities.sum(axis=1, keepdims=True)
        return probabilities

    def predict_log_proba(self, X):
        """Predict logarithms of probabilities.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Images of the shape that was fitted on.

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_classes), float64
            Of the classes in the order of ``classes_``, or of every label; minus
            infinity where a probability is below what the file's numbers hold.
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    @property
    def classes_(self):
        """The labels."""
        if self._model is None:
            raise AttributeError("OnnxClassifier has no attribute 'classes_'")
        return self._model.classes

    @property
    def multilabel_(self):
        """Whether each sample has any number of labels."""
        self._require_model()
        return self._model.task == "multilabel"

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


class OnnxRegressor(RegressorMixin, _OnnxEstimator):
    """A regressor from an ONNX file, made by :func:`load_onnx`.

    It predicts with numpy and ONNX Runtime alone, and is frozen like a
    :class:`~sklearn.frozen.FrozenEstimator`: ``fit`` does nothing, and
    :func:`sklearn.base.clone` gives it back itself. It checks ``X`` as
    :class:`~sklearn_cnn.CNNRegressor` does. A pickle holds the file's content.

    Parameters
    ----------
    n_threads : int or None, default=None
        Most threads that a prediction may use; None means one for each core, or
        ``OMP_NUM_THREADS`` if that is fewer. Results do not depend on it.

    Attributes
    ----------
    input_shape_ : tuple of int
        Shape of a sample, channel axis included.
    n_features_in_ : int
        Number of values in a sample; 1 if X was a column with an image in each cell.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, if the model was fitted on a DataFrame.
    metadata_ : dict
        What else stands in the file: preprocessing, versions of libraries, ...

    See Also
    --------
    load_onnx : Makes one.
    to_onnx : Writes the file.
    OnnxClassifier : The same for classes.

    Examples
    --------
    >>> from sklearn_cnn.export import OnnxRegressor
    >>> OnnxRegressor().predict([[0.0, 1.0]])
    Traceback (most recent call last):
        ...
    sklearn.exceptions.NotFittedError: This OnnxRegressor holds no model, ...
    """

    def predict(self, X):
        """Predict targets.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Images of the shape that was fitted on.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs), float64
            In the units of the targets that were fitted on.
        """
        return self._run(X, "target").astype(np.float64, copy=False)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _require_finite(result):
    finite = np.isfinite(result.reshape(len(result), -1)).all(axis=1)
    if not finite.all():
        raise ValueError(
            f"The graph gives NaN or infinity for {np.sum(~finite)} of {len(finite)} "
            f"samples, the first of them sample {np.argmin(finite)}. X is far outside "
            "the range that the model was fitted on: check the scale of X."
        )
