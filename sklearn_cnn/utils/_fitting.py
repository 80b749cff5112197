"""What a fit leaves behind when it fails, and whom it names."""

import re
from contextlib import contextmanager
from textwrap import shorten

import numpy as np
from sklearn import base
from sklearn.callback import CallbackSupportMixin

from sklearn_cnn.utils._messages import in_few_words
from sklearn_cnn.utils._parameters import defaults_of


@contextmanager
def unchanged_on_error(estimator):
    """Give an estimator back what it had learned before, if a fit fails inside.

    That is all attributes that end in an underscore, and those that its class lists in
    ``_learned``. A ``RandomState`` of the user's goes back as well.
    """
    random_state = getattr(estimator, "random_state", None)
    drawn_from = isinstance(random_state, np.random.RandomState)
    numbers = random_state.get_state() if drawn_from else None
    private = getattr(estimator, "_learned", ())

    def learned():
        attributes = vars(estimator).items()
        return {k: v for k, v in attributes if k.endswith("_") or k in private}

    before = learned()
    try:
        with in_few_words():
            yield
    except BaseException:
        for name in learned():
            delattr(estimator, name)
        vars(estimator).update(before)
        if drawn_from:
            random_state.set_state(numbers)
        raise


@contextmanager
def naming(argument, *others):
    """Let errors say which argument they are about, in a few lines at most.

    ``others`` are words that say so too.
    """
    try:
        yield
    except (ValueError, TypeError, OverflowError, RuntimeError) as error:
        message = str(error)
        words = "|".join([argument, *others])
        if re.search(rf"\b({words})\b", message) and len(message) < 1000:
            raise
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(
            f"{argument} is not as it must be. {shorten(message, 300)}"
        ) from error


@contextmanager
def as_task(estimator, X, y=None, *, max_subtasks=0):
    """Let callbacks of scikit-learn hear that a fit begins, and that it has ended."""
    context = estimator._init_callback_context(max_subtasks=max_subtasks)
    context.call_on_fit_task_begin(estimator=estimator, X=X, y=y)
    yield context
    context.call_on_fit_task_end(
        estimator=estimator, X=X, y=y, reconstruction_attributes={}
    )


class BaseEstimator(CallbackSupportMixin, base.BaseEstimator):
    """scikit-learn's, whose errors would print long values whole.

    It takes callbacks: a fit has to be within ``as_task``, or tell them by itself.
    """

    def __setstate__(self, state):
        # one that an earlier version has saved has fewer parameters
        super().__setstate__({**defaults_of(type(self)), **state})

    def _validate_params(self):
        with in_few_words():
            super()._validate_params()
