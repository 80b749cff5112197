"""What is predicted: labels, label sets or numbers, from y to codes and back.

Codes are what is trained on, one row for each of ``y``. Outputs are what the network
gives, an array of shape (n_samples, n_outputs) in float64.
"""

from dataclasses import dataclass, replace
from numbers import Real

import numpy as np
import scipy.sparse
from scipy.special import expit, log_expit, log_softmax, softmax
from sklearn.utils import (
    assert_all_finite,
    check_array,
    check_consistent_length,
    column_or_1d,
)
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import (
    check_classification_targets,
    type_of_target,
    unique_labels,
)

from sklearn_cnn.images import require_numbers
from sklearn_cnn.utils._fitting import naming


def is_multilabel(y):
    """Tell whether y has a column of 0 and 1 for each label."""
    if type(y) is np.ndarray and y.ndim == 1 and y.dtype.kind in "biuU":
        return False  # type_of_target takes as long as all other checks together
    if not scipy.sparse.issparse(y):
        # type_of_target would stumble over NaN, infinity and None
        array = np.asarray(y)
        if array.ndim == 1 and array.dtype.kind == "O":
            _require_labels(array)
        assert_all_finite(array, input_name="y")
    return type_of_target(y, input_name="y") == "multilabel-indicator"


def require_moderate(values, name):
    """Refuse numbers whose squares float64 cannot hold."""
    largest = float(np.abs(values).max(initial=0))
    if largest > 1e100 or 0 < largest < 1e-100:
        raise ValueError(
            f"{name} has absolute values up to {largest:.3g}, whose squares are out of "
            f"the range of float64. Multiply {name} by a factor that brings them to "
            "about 1."
        )


def _weights_of(classes, class_weight):
    """Check a dict of weights; give one for each class, 1 where it has none."""
    unknown = [name for name in class_weight if name not in classes]
    if unknown:
        raise ValueError(
            f"class_weight names {unknown}, which do not occur in y: the classes are "
            f"{classes}. Leave them out, or check their type."
        )
    weights = [class_weight.get(name, 1) for name in classes]
    valid = all(isinstance(w, Real) and np.isfinite(w) and w >= 0 for w in weights)
    if not valid or not any(weights):
        raise ValueError(
            f"class_weight={class_weight!r} must have finite numbers of at least 0, "
            "which are not all 0. 0 leaves a class out of the loss, 1 is the default."
        )
    weights = np.asarray(weights, dtype=np.float64)
    require_moderate(weights, "class_weight")
    return weights


def named_classes(classes):
    """Give the labels that ``partial_fit`` is told of, once each and in order."""
    with naming("classes"):
        if np.asarray(classes).dtype.kind == "f":
            assert_all_finite(np.asarray(classes))
        return unique_labels(classes)


def _require_unicode(label):
    """Refuse names that no file can hold, as those of folders in another encoding."""
    try:
        str(label).encode()
    except UnicodeEncodeError:
        raise ValueError(
            f"y holds the label {label!r}, which is no valid Unicode, so that a model "
            "of it could not be saved. Rename it; of a folder, rename the folder."
        ) from None


def _require_labels(y):
    from pandas import isna  # loads much

    if isna(y).any():
        raise ValueError(
            "Input y contains NaN, None or NA, but must hold a label for each sample. "
            "Leave these samples out, or name a class of their own."
        )


@dataclass(frozen=True, eq=False)
class Labels:
    """Labels that exclude each other; codes are their numbers in ``classes``."""

    classes: np.ndarray
    multilabel = False
    task = "classification"
    #: What makes predictions of outputs.
    link = "softmax"

    @staticmethod
    def checked(y, array, estimator, known=False):
        """Check y, which has a value for each sample of ``array``.

        Where its classes are known, ``encode`` finds what is none of them.
        """
        y = column_or_1d(y, warn=True)
        check_consistent_length(array, y)
        if not known or y.dtype.kind not in "biuU":
            check_classification_targets(y)
        return y

    @classmethod
    def of(cls, y, classes, estimator):
        """Learn which labels there are, from y or from what is said."""
        targets = cls(np.unique(y) if classes is None else named_classes(classes))
        for name in targets.classes.tolist():
            _require_unicode(name)
        if len(targets.classes) < 2:
            (only,) = targets.classes.tolist()
            raise ValueError(
                f"{type(estimator).__name__} needs samples of at least 2 classes in "
                f"the data, but the data contains only one class: {only!r}."
            )
        return targets

    @property
    def n_outputs(self):
        """One for each class."""
        return len(self.classes)

    def encode(self, y, rows, estimator):
        """Turn y into codes; only those of ``rows`` count."""
        unknown = np.setdiff1d(y[rows], self.classes)
        if len(unknown):
            raise ValueError(
                f"y holds the labels {unknown.tolist()}, which are not in classes_ "
                f"{self.classes.tolist()}. Begin anew with all of them: with fit and "
                "warm_start=False, or as classes of the first partial_fit."
            )
        codes = np.zeros(len(y), np.int64)
        codes[rows] = np.searchsorted(self.classes, y[rows])
        return codes

    def decode(self, codes):
        """Give the labels."""
        return self.classes[codes]

    def strata(self, codes):
        """Give what a split should keep the shares of: labels, for error messages."""
        return self.decode(codes)

    def class_weights(self, class_weight, codes):
        """Give the weight of the class of each sample."""
        if class_weight == "balanced":
            return compute_sample_weight("balanced", codes)
        if not isinstance(class_weight, dict):
            raise ValueError(
                f"class_weight={class_weight!r} has a dict for each label of a "
                "multi-label problem, but y has one label a sample. Pass one dict, or "
                "'balanced'."
            )
        return _weights_of(self.classes.tolist(), class_weight)[codes]

    def scaled_to(self, codes, sample_weight):
        """Learn scales of numbers; labels have none."""
        return self

    def scale(self, codes):
        """Give what the loss compares with outputs."""
        return codes

    def loss(self, label_smoothing):
        """Give what is minimised."""
        from sklearn_cnn.training import CrossEntropy

        return CrossEntropy(label_smoothing)

    def decide(self, outputs):
        """Turn outputs into codes."""
        return outputs.argmax(axis=1)

    def probabilities(self, outputs):
        """Turn outputs into probabilities of the classes."""
        return softmax(outputs, axis=1)

    def log_probabilities(self, outputs):
        """Turn outputs into their logarithms, without rounding them to zero first."""
        return log_softmax(outputs, axis=1)

    def decision(self, outputs):
        """Give outputs, or for two classes the log-odds of the second, as users see."""
        return outputs[:, 1] - outputs[:, 0] if self.n_outputs == 2 else outputs

    def score(self, codes, outputs, sample_weight):
        """Compute the accuracy."""
        from sklearn.metrics import accuracy_score  # loads much

        decided = self.decide(outputs)
        return float(accuracy_score(codes, decided, sample_weight=sample_weight))


@dataclass(frozen=True, eq=False)
class LabelSets(Labels):
    """Any number of labels a sample; codes are 0 or 1 for each of them."""

    multilabel = True
    task = "multilabel"
    link = "sigmoid"

    @staticmethod
    def checked(y, array, estimator, known=False):
        y = check_array(y, accept_sparse="csr", input_name="y")
        check_consistent_length(array, y)
        y = y.toarray() if scipy.sparse.issparse(y) else y
        found = np.unique(y)
        if not np.isin(found, (0, 1)).all():
            raise ValueError(
                f"y has several columns with the values {found.tolist()}, but sets of "
                "labels are marked by 0 and 1. Make them so, as by (y == "
                f"{found.tolist()[-1]}).astype(int)."
            )
        return y

    @classmethod
    def of(cls, y, classes, estimator):
        return cls(np.arange(y.shape[1]))

    def encode(self, y, rows, estimator):
        if y.shape[1] != self.n_outputs:
            raise ValueError(
                f"y has {y.shape[1]} labels, but {type(estimator).__name__} was fitted "
                f"on {self.n_outputs}."
            )
        return y.astype(np.float32)

    def decode(self, codes):
        return codes.astype(int)

    def strata(self, codes):
        return None

    def class_weights(self, class_weight, codes):
        if class_weight == "balanced":
            return compute_sample_weight("balanced", codes.astype(int))
        given = class_weight if isinstance(class_weight, list) else []
        if len(given) != self.n_outputs or not all(isinstance(w, dict) for w in given):
            raise ValueError(
                f"class_weight={class_weight!r} must be 'balanced' or a list of "
                f"{self.n_outputs} dicts, one with the weights of 0 and 1 for each "
                "label."
            )
        marks = codes.astype(int).T
        factors = [_weights_of([0, 1], w)[m] for w, m in zip(given, marks, strict=True)]
        product = np.prod(factors, axis=0)
        require_moderate(product, "class_weight")
        return product

    def loss(self, label_smoothing):
        from sklearn_cnn.training import BinaryCrossEntropy

        return BinaryCrossEntropy(label_smoothing)

    def decide(self, outputs):
        return (outputs > 0).astype(int)

    def probabilities(self, outputs):
        return expit(outputs)

    def log_probabilities(self, outputs):
        return log_expit(outputs)

    def decision(self, outputs):
        return outputs


@dataclass(frozen=True, eq=False)
class Numbers:
    """One or many numbers a sample; codes are y itself, outputs are standardised.

    Parameters
    ----------
    mean, spread : ndarray of shape () or (n_outputs,)
        Mean and standard deviation of the training targets; 1 where one is constant.
    """

    mean: np.ndarray
    spread: np.ndarray
    task = "regression"
    link = "identity"

    @staticmethod
    def checked(y, array, estimator, known=False):
        """Check y, which has one or more values for each sample of ``array``."""
        require_numbers(y, "y")
        y = check_array(
            y, ensure_2d=False, dtype=np.float64, input_name="y", estimator=estimator
        )
        check_consistent_length(array, y)
        require_moderate(y, "y")
        if y.ndim > 2:
            raise ValueError(
                f"y has shape {y.shape}, but it must be (n_samples,) or (n_samples, "
                "n_outputs)."
            )
        return y

    @classmethod
    def of(cls, y, classes, estimator):
        """Learn how many numbers there are; ``scaled_to`` learns the rest."""
        return cls(np.zeros(y.shape[1:]), np.ones(y.shape[1:]))

    @property
    def n_outputs(self):
        """One for each target."""
        return self.mean.size

    def encode(self, y, rows, estimator):
        """Leave y as it is."""
        if y.shape[1:] != self.mean.shape:
            raise ValueError(
                f"y has shape {y.shape}, but {type(estimator).__name__} was fitted on "
                f"targets of shape (n_samples, {self.n_outputs})."
            )
        return y

    def decode(self, outputs):
        """Bring outputs to the units, and the shape, of y."""
        return outputs.reshape(-1, *self.mean.shape) * self.spread + self.mean

    def strata(self, codes):
        """Give what a split should keep the shares of: nothing."""
        return None

    def scaled_to(self, codes, sample_weight):
        """Learn mean and spread of the training targets."""
        mean = np.asarray(np.average(codes, axis=0, weights=sample_weight))
        variance = np.average((codes - mean) ** 2, axis=0, weights=sample_weight)
        constant = variance <= (10 * np.finfo(float).eps * mean) ** 2
        return replace(self, mean=mean, spread=np.where(constant, 1, np.sqrt(variance)))

    def scale(self, codes):
        """Standardise."""
        scaled = (codes - self.mean) / self.spread
        return scaled.reshape(-1, self.n_outputs)

    def loss(self, name):
        """Give what is minimised."""
        from sklearn_cnn.training import RegressionLoss

        return RegressionLoss(name)

    def decide(self, outputs):
        """Leave outputs as they are."""
        return outputs

    def probabilities(self, outputs):
        """Leave outputs as they are: skorch asks for them."""
        return outputs

    def score(self, codes, outputs, sample_weight):
        """Compute R^2, of standardised targets."""
        from sklearn.metrics import r2_score  # loads much

        if len(codes) < 2:
            return np.nan
        return float(r2_score(self.scale(codes), outputs, sample_weight=sample_weight))
