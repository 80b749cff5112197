"""What must hold for each generated program, whatever it passes."""

import os
import re
import signal
import tempfile
import traceback
import warnings
import zlib
from contextlib import contextmanager

import numpy as np
import torch
from _strategies import GOOD_X, PRELUDE

SECONDS = 20
_MOST_LETTERS = 1500
_MOST_WARNINGS = 5
#: Lines that make what is passed; all others are calls of the library.
_MAKES = re.compile(r"[\w, ]+ = |pathlib")
#: What a message may name beside the parameters that the program gives.
_NAMES = (
    r"\b(X|y|X_val|y_val|sample_weight\w*|class_weight|classes|images?|paths?|samples?|"
    r"n_features|fill|input|array|step)\b|Found (input )?(array|variables)|"
    r"Expected \dD array|not fitted|Invalid parameter|cannot be read as an image|"
    r"has no parameters"
)
#: What the messages of others say, which name nothing that the user gave.
_FOREIGN = (
    "setting an array element|inhomogeneous|could not convert|object arrays|"
    "Can't convert|ambiguous|must be real number|iterable|Cannot convert|unhashable|"
    "not supported between|unsupported operand|has no attribute|subscriptable|"
    "an integer is required|int too large|cannot be interpreted as an integer"
)


class Hang(BaseException):
    """A program took longer than it may."""


@contextmanager
def limited(seconds):
    """Interrupt what takes longer."""

    def interrupt(number, frame):
        raise Hang

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def outcome_of(kind, lines):
    """Run a program. Give "works", "refused", "not made", or what is wrong with it."""
    here = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            with warnings.catch_warnings(record=True) as told, limited(SECONDS):
                warnings.simplefilter("always")
                return _outcome(kind, lines, told)
        except Hang:
            return f"hang: more than {SECONDS} seconds"
        except Exception as error:
            return f"no outcome: {type(error).__name__} at {_place(error)}: {error}"
        finally:
            os.chdir(here)


def _outcome(kind, lines, told):
    names = {}
    exec(PRELUDE, names)
    for line in lines:
        if _MAKES.match(line):
            with np.errstate(all="ignore"):
                try:
                    exec(line, names)
                except Exception:  # no input can be made of it
                    return "not made"
            continue
        del told[:]
        outcome = _call(line, names, _parameters(lines, names))
        if outcome != "works":
            return outcome
        if (complaint := _warned(told)) is not None:
            return complaint
    return _checked(kind, lines, names)


def _parameters(lines, names):
    est = names.get("est")
    own = est.get_params(deep=False) if hasattr(est, "get_params") else {}
    return {*re.findall(r"\b(\w+)=", " ".join(lines)), *own}


def _call(line, names, parameters):
    est = names.get("est")
    attributes, world, predicted = _attributes(est), _world(), _predictions(est)
    try:
        try:
            names["found"] = eval(line, names)
        finally:
            changed = [
                a for a, b in zip(world, _world(), strict=True) if not _same(a, b)
            ]
    except Exception as error:
        wrong = _wrong_with(error, parameters)
        if wrong is None and "set_params" not in line:
            wrong = _changed_by_refusal(est, attributes, predicted)
        return wrong or (
            "refused" if not changed else f"the process changed: {changed}"
        )
    return f"the process changed: {changed}" if changed else "works"


def _wrong_with(error, parameters):
    message = str(error)
    place = _place(error)
    if isinstance(error, IndexError) and place.endswith("__getitem__"):
        return None  # as of any sequence
    if not isinstance(error, ValueError | TypeError | OSError):
        return f"{type(error).__name__} at {place}: {message[:200]}"
    if isinstance(error, OSError) and not isinstance(
        error, FileNotFoundError | PermissionError | IsADirectoryError
    ):
        return f"{type(error).__name__} at {place}: {message[:200]}"
    if len(message) > _MOST_LETTERS:
        return f"{len(message)} letters at {place}: {message[:200]}"
    named = re.search(_NAMES, message) or any(
        re.search(rf"\b{name}\b", message) for name in parameters
    )
    if not named or (re.match(_FOREIGN, message) and not _is_ours(error)):
        return f"{type(error).__name__} that names nothing at {place}: {message[:200]}"
    return None


def _place(error):
    """Name the line of ours nearest to where it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if f"sklearn_cnn{os.sep}" in f.filename]
    frame = (ours or frames)[-1]
    inner = "" if frame is frames[-1] else f" (in {frames[-1].name})"
    return f"{os.path.basename(frame.filename)}:{frame.name}{inner}"


def _is_ours(error):
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"sklearn_cnn{os.sep}" in last.filename


def _warned(told):
    if len(told) > _MOST_WARNINGS:
        return f"{len(told)} warnings, such as {str(told[0].message)[:200]}"
    for warning in told:
        if issubclass(warning.category, RuntimeWarning | DeprecationWarning):
            place = f"{os.path.basename(warning.filename)}:{warning.lineno}"
            return f"{warning.category.__name__} at {place}: {warning.message}"
    return None


# --- what stays as it was -----------------------------------------------------------


def _world():
    return (
        np.random.get_state()[1:3],
        torch.get_rng_state(),
        torch.get_default_dtype(),
        torch.get_num_threads(),
        torch.is_grad_enabled(),
        list(warnings.filters),
        os.getcwd(),
        np.geterr(),
    )


def _same(a, b):
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, tuple):
        return np.array_equal(a[0], b[0]) and a[1:] == b[1:]
    return a == b


def _attributes(est):
    return dict(getattr(est, "__dict__", {}))


def _predictions(est):
    if not hasattr(est, "predict") or not hasattr(est, "_learner"):
        return None
    shape = est.input_shape_
    if len(shape) == 2 and 1 in shape:  # signals of one channel are flat rows
        shape = (np.prod(shape),)
    try:
        return est.predict(np.zeros((2, *shape)))
    except ValueError:  # parameters say now that images are of another kind
        return None


def _changed_by_refusal(est, attributes, predicted):
    now = _attributes(est)
    changed = [
        k for k in now.keys() | attributes if now.get(k) is not attributes.get(k)
    ]
    if changed:
        return f"attributes changed by a refusal: {changed}"
    if predicted is not None and not np.array_equal(predicted, _predictions(est)):
        return "predictions changed by a refusal"
    return None


# --- what works ---------------------------------------------------------------------


def _checked(kind, lines, names):
    """Check the contract of what a program has made."""
    est, X, found = names.get("est"), names["X"], names.get("found")
    told = []
    try:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            if kind == "go on" and "X is far outside" in _refusal(est, X):
                return "refused"
            if kind in ("fit", "go on"):
                est = found if "clone" in lines[-1] else est
                _check_network(est, X)
                _check_bits(est, lines, names)
            elif kind == "predict":
                _require(np.isfinite(found).all() or _is_text(found), "finite")
            elif kind in ("features", "transform"):
                _check_transformed(kind, lines, est, X, found)
            elif kind == "augment" and isinstance(found, torch.Tensor):
                _require(
                    (found.shape, found.dtype) == (X.shape, X.dtype), "of the same kind"
                )
                wide = found.double() if not found.is_complex() else found
                finite = wide.isfinite().all() or not X.isfinite().all()
                _require(finite or "1e30" in str(lines), "finite")
    except AssertionError as error:
        return f"broken: what {lines[-1].split('(')[0]} gives is not {error}"
    except Exception as error:
        return f"then {type(error).__name__} at {_place(error)}: {str(error)[:200]}"
    return _warned(told) or "works"


def _require(holds, what):
    if not holds:
        raise AssertionError(what)


def _is_text(found):
    return np.asarray(found).dtype.kind not in "biuf"


def _refusal(est, X):
    try:
        est.predict(X)
    except ValueError as error:
        return str(error)
    return ""


def _n_rows(X):
    return X.shape[0] if hasattr(X, "shape") else len(X)


def _check_network(est, X):
    n, y = _n_rows(X), est.predict(X)
    _require(len(y) == n, "one prediction a row")
    if not hasattr(est, "classes_"):
        _require(y.dtype == np.float64 and np.isfinite(y).all(), "finite")
        return
    p, decision = est.predict_proba(X), est.decision_function(X)
    _require(np.isfinite(p).all() and np.isfinite(decision).all(), "finite")
    _require(p.shape == (n, len(est.classes_)), "one probability for each class")
    _require(((p >= 0) & (p <= 1)).all(), "a probability")
    if est.multilabel_:
        _require(y.shape == p.shape and np.isin(y, (0, 1)).all(), "sets of labels")
        return
    _require(np.allclose(p.sum(axis=1), 1), "probabilities that sum to 1")
    _require((est.classes_[p.argmax(axis=1)] == y).all(), "the most probable class")
    _require(np.array_equal(est.classes_, np.sort(est.classes_)), "sorted classes")


def _check_bits(est, lines, names):
    """See in one of eight programs whether a second fit gives the same bits."""
    text = " ".join(lines)
    if zlib.crc32(text.encode()) % 8 or lines[-1][:8] != "est.fit(":
        return
    if "random_state=0" not in text or "warm_start" in text or "lambda" in text:
        return
    y = est.predict(names["X"])
    eval(lines[-1], names)
    _require(np.array_equal(y, est.predict(names["X"])), "the same bits again")


def _check_transformed(kind, lines, est, X, found):
    if "transform(X)" in lines[-1]:
        _require(len(found) == _n_rows(X), "one result a row")
    values = np.asarray(found)
    _require(values.dtype.kind in "biuf", "of numbers")
    _require(np.isfinite(values).all(), "finite")
    if values.ndim == 2 and kind == "features":
        names = est.get_feature_names_out()
        _require(len(names) == values.shape[1], "a column for each name")


def program_of(lines):
    """Write a program that anybody can run."""
    return "\n".join([PRELUDE.strip(), *lines])


__all__ = ["GOOD_X", "SECONDS", "outcome_of", "program_of"]
