"""Checks of everything that is fitted on, before anything is built."""

from abc import abstractmethod

import numpy as np

from sklearn_cnn.estimators._misreadings import (
    warn_of_misread_axes,
    warn_of_one_hot,
)
from sklearn_cnn.estimators._samples import Samples
from sklearn_cnn.estimators._targets import LabelSets, require_moderate
from sklearn_cnn.images import ImageInput, as_values, as_weights
from sklearn_cnn.utils._fitting import naming


class SampleInput(ImageInput):
    """Checks of X, y and sample_weight together."""

    def _check_samples(
        self, X, y, sample_weight, *, reset, min_samples=1, classes=None
    ):
        array, layout = self._check_images(X, reset=reset, min_samples=min_samples)
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is "
                "None."
            )
        if reset:
            warn_of_misread_axes(array.shape, layout, self.input_shape)
        rows = np.arange(len(array))
        if sample_weight is not None:
            sample_weight = as_weights(sample_weight, array)
            require_moderate(sample_weight, "sample_weight")
            rows = np.flatnonzero(sample_weight)
        if len(rows) < min_samples:
            raise ValueError(
                f"sample_weight leaves n_samples={len(rows)} with a positive weight, "
                f"while a minimum of {min_samples} is required."
            )
        with naming("y", "classes is not"):
            codes = self._encode(as_values(y, "y"), array, rows, reset, classes)
        return Samples(array, layout, rows, codes, sample_weight)

    def _encode(self, y, array, rows, reset, classes):
        given, kind = y, self._kind_of_targets(y)
        if not reset and type(self._targets) is not kind:
            raise ValueError(
                f"y is {'' if kind.multilabel else 'not '}multi-label, unlike the y "
                f"that {type(self).__name__} was fitted on."
            )
        known = classes is not None or not reset
        y = kind.checked(y, array, self, known)
        if reset and kind is LabelSets:
            warn_of_one_hot(y, given)
        if reset:
            self._targets = kind.of(y[rows], classes, self)
        return self._targets.encode(y, rows, self)

    def _check_validation(self, validation):
        X, y, sample_weight = validation
        if X is None and y is None and sample_weight is None:
            return None
        if X is None or y is None:
            missing = "X_val" if X is None else "y_val"
            raise ValueError(
                f"{missing} is None: validation needs both X_val and y_val."
            )
        try:
            return self._check_samples(X, y, sample_weight, reset=False)
        except ValueError as error:
            raise ValueError(f"X_val, y_val or sample_weight_val: {error}") from error

    @abstractmethod
    def _kind_of_targets(self, y):
        """Choose one of the classes in ``_targets``."""
