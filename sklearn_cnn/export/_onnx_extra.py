"""The libraries of the extra "onnx", which not everybody has."""

from importlib import import_module


def require(module, needed_by):
    """Import a module, or say what to install."""
    try:
        return import_module(module)
    except ImportError as error:
        raise ImportError(
            f"{needed_by} needs {module.partition('.')[0]}: pip install "
            "'sklearn_cnn[onnx]'"
        ) from error
