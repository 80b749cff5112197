"""Fitted estimators as files, without pickle: save and load."""

import importlib
import reprlib
import types
from functools import partial

from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from sklearn_cnn.export import _archive
from sklearn_cnn.export._description import described
from sklearn_cnn.export._trust import require_trusted
from sklearn_cnn.utils._files import check_path, replacing
from sklearn_cnn.utils._plain_state import including_optimizer


def save(model, path, *, include_optimizer=False):
    """Write a fitted estimator into one file, without pickle.

    Parameters
    ----------
    model : estimator instance
        A fitted estimator of this library, or any Pipeline, search or other estimator
        of scikit-learn around it. It stays as it is.
    path : str or path-like
        Of the file, such as ``"digits.cnn"``. What is there stays whole until the new
        file is; a process that is killed meanwhile leaves a hidden file beside it,
        which ends in ``.tmp``.
    include_optimizer : bool, default=False
        Whether to store what the optimizer knows of each weight, up to twice the size
        of the weights: ``partial_fit`` then goes on bit for bit. Without it, it begins
        with a new optimizer. ``warm_start`` needs none.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If the model is not fitted.
    ValueError
        If the model holds what no file can: a lambda, a function or class of a script
        or notebook (``__main__``), or a network that was changed after the fit.
    OSError
        If the file cannot be written: the disk is full, or the directory read-only.
    ImportError
        If skops is not installed.

    Warns
    -----
    UserWarning
        If there are ``callbacks``, which are not saved.

    See Also
    --------
    load : Reads the file.

    Notes
    -----
    The file is a zip archive. Weights are in the format of safetensors [1]_, stored
    once and uncompressed; everything else is as skops [2]_ writes it; and
    ``metadata.json`` says what is in it: versions, parameters, shapes, classes, the end
    of the training, and the SHA-256 of every other member.

    References
    ----------
    .. [1] https://github.com/huggingface/safetensors
    .. [2] https://skops.readthedocs.io/en/stable/persistence.html

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn.datasets import load_digits
    >>> import sklearn_cnn
    >>> digits = load_digits()
    >>> cnn = sklearn_cnn.CNNClassifier(filters=(8,), max_iter=2, random_state=0)
    >>> cnn = cnn.fit(digits.images, digits.target)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "digits.cnn"
    ...     sklearn_cnn.save(cnn, path)
    ...     loaded = sklearn_cnn.load(path)
    >>> bool((loaded.predict(digits.images) == cnn.predict(digits.images)).all())
    True
    """
    skops = _import_skops()
    check_path(path)
    _require_fitted(model)
    _require_importable(model)
    with including_optimizer(include_optimizer):
        dumped = _dumped(skops, model)
    schema, members = _archive.from_skops(dumped)
    _require_resolvable(schema)
    with replacing(path) as file:
        _archive.write(file, described(model), members)


def load(path, *, trusted=None):
    """Read an estimator that :func:`save` wrote, without running code of the file.

    Parameters
    ----------
    path : str or path-like
        Of the file.
    trusted : list of (str or type), default=None
        Types and functions that the file may import and use besides those of
        scikit-learn, NumPy and this library, such as ``["package.module.Network"]``
        for a network of your own. They run with all rights that you have.

    Returns
    -------
    model : estimator instance
        As it was saved; its predictions are the same bits on the same machine. A
        network that was trained on a device that isn't here is put where
        ``device="auto"`` would put it.

    Raises
    ------
    ValueError
        If the file is damaged, was changed, is of another format or of a newer
        version, or asks for types that are not trusted. Nothing is executed then, and
        never is anything written.
    OSError
        If the file cannot be read.
    ImportError
        If skops, or a package that the model needs, is not installed.

    See Also
    --------
    save : Writes the file.

    Examples
    --------
    >>> import sklearn_cnn
    >>> cnn = sklearn_cnn.load("digits.cnn")  # doctest: +SKIP
    """
    skops = _import_skops()
    path = check_path(path)
    if isinstance(trusted, str | type):
        raise TypeError(
            f"trusted={trusted!r} must be a list, such as trusted=[{trusted!r}]."
        )
    if isinstance(trusted, bool):
        raise TypeError(
            f"trusted={trusted} must be a list of the types to trust, or None."
        )
    content, _, schema = _archive.read(path)
    try:
        untrusted = skops.get_untrusted_types(data=content)
    except Exception as error:  # what a schema that was made up may cause
        raise _damaged(path, error) from error
    trusted = require_trusted(schema, untrusted, trusted, path)
    try:
        return skops.loads(content, trusted=trusted)
    except ImportError:
        raise
    except Exception as error:  # as above, and whatever code of others raises
        raise _damaged(path, error) from error


def _import_skops():
    try:
        import skops.io
    except ImportError as error:
        raise ImportError(
            "sklearn_cnn.save and load need skops: pip install 'sklearn_cnn[skops]'"
        ) from error
    return skops.io


def _damaged(path, error):
    reason = str(error).strip().partition("\n")[0][:400] or type(error).__name__
    return ValueError(f"{path} cannot be loaded: {reason}")


def _require_fitted(model):
    name = type(model).__name__
    if isinstance(model, type) or not hasattr(model, "fit"):
        raise TypeError(
            f"model must be a fitted estimator, got {reprlib.repr(model)}. Several "
            "models go into a file each."
        )
    try:
        check_is_fitted(model)
    except NotFittedError:
        raise NotFittedError(
            f"This {name} is not fitted, and there is nothing to save. Call fit first; "
            "parameters alone are saved by its get_params."
        ) from None


def _require_importable(model):
    """Refuse parameters that can only be stored by code, and name them."""
    parameters = model.get_params() if hasattr(model, "get_params") else {}
    for name, value in parameters.items():
        value = value.func if isinstance(value, partial) else value
        if isinstance(value, types.FunctionType | type):
            home, path = value.__module__, value.__qualname__
            if home == "__main__" or not _names(home, path, value):
                raise ValueError(
                    f"{name}={value!r} cannot be saved: it is a {_kind(value)}, and a "
                    "file holds no code. Define it by def or class in a module that "
                    f"can be imported, fit again with {name}= that, and save."
                )


def _kind(value):
    if "<lambda>" in value.__qualname__:
        return "lambda"
    if value.__module__ == "__main__":
        return f"{type(value).__name__} of a script or notebook (__main__)"
    return f"{type(value).__name__} that its module does not have by this name"


def _names(module, name, value=None):
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError):
        return False
    return value is None or found is value


def _dumped(skops, model):
    try:
        return skops.dumps(model)
    except (ValueError, OSError, MemoryError):
        raise
    except Exception as error:  # each type has its own way to be refused
        raise ValueError(
            f"{type(model).__name__} cannot be saved: {error}. Replace what is named, "
            "or store the model by pickle, which runs code when it is loaded."
        ) from error


def _require_resolvable(schema):
    """Refuse types that no other process can import."""
    for node in _archive.nodes(schema):
        module, name = node["__module__"], node["__class__"]
        if node["__loader__"] == "JsonNode":
            continue
        if module == "__main__" or not _names(module, name):
            raise ValueError(
                f"The model holds {module}.{name}, which no other process can import. "
                "Define it in a module, and fit again."
            )
