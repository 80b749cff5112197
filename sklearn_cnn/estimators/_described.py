"""What a value is, in words that are the same in every process."""

import re
from functools import partial
from hashlib import sha256
from inspect import getclosurevars
from numbers import Number
from types import CodeType, FunctionType, MethodType

import torch

from sklearn_cnn.utils._parameters import as_builtin, has_parameters

#: Whose code counts by its name: a new version of it is no other parameter.
_LIBRARIES = {"abc", "builtins", "numpy", "sklearn", "sklearn_cnn", "torch"}


def described(value):
    """Give the ``repr`` of a value, with what its functions and objects consist of.

    Code counts as it is compiled, with what it refers to in its own module; other
    objects by their class and attributes. No memory address is in it.
    """
    return _Description().of(value)


class _Description:
    def __init__(self):
        self.seen = set()

    def of(self, value):
        if isinstance(value, dict):
            pairs = (f"{key!r}: {self.of(inner)}" for key, inner in value.items())
            return f"{{{', '.join(pairs)}}}"
        if isinstance(value, set | frozenset):
            return f"{{{', '.join(sorted(map(self.of, value)))}}}"
        if isinstance(value, list | tuple):
            return f"({', '.join(map(self.of, as_builtin(value)))})"
        if isinstance(value, partial):
            inner = (value.func, value.args, value.keywords)
            return f"partial({', '.join(map(self.of, inner))})"
        if isinstance(value, MethodType):
            return f"{self.of(value.__self__)}.{self.of(value.__func__)}"
        if isinstance(value, CodeType):
            return self._code(value)
        if hasattr(value, "__qualname__"):
            return self._named(value)
        if has_parameters(value):
            inner = sorted(value.get_params().items())
            found = ", ".join(f"{k}={self.of(v)}" for k, v in inner)
            return f"{type(value).__name__}({found})"
        return self._object(value)

    def _named(self, value):
        """Describe a function or a class: by name, and a hash of its code."""
        name = f"{value.__module__}.{value.__qualname__}"
        if _is_of_a_library(value) or self._was_seen(value):
            return name
        if isinstance(value, type):
            return f"{name} {_short_hash(self._class(value))}"
        if isinstance(value, FunctionType):
            return f"{name} {_short_hash(self._function(value))}"
        return name

    def _function(self, function):
        refers = getclosurevars(function)
        own = {
            name: value
            for name, value in refers.globals.items()
            if _is_plain(value)
            or getattr(value, "__module__", None) == function.__module__
        }
        defaults = function.__defaults__, function.__kwdefaults__
        return self.of([function.__code__, *defaults, refers.nonlocals, own])

    def _code(self, code):
        constants = map(self.of, code.co_consts)
        return f"{code.co_code.hex()} {code.co_names} {', '.join(constants)}"

    def _class(self, kind):
        bases = [c for c in kind.__mro__ if c is kind or not _is_of_a_library(c)]
        members = {}
        for base in reversed(bases):
            for name, member in vars(base).items():
                inner = getattr(member, "fget", getattr(member, "__func__", member))
                is_value = _is_plain(inner) and not name.startswith("__")
                if is_value or isinstance(inner, FunctionType):
                    members[f"{base.__qualname__}.{name}"] = inner
        return self.of(members)

    def _object(self, value):
        if isinstance(value, torch.Tensor):
            return f"tensor({value.tolist()}, {value.dtype})"
        text = re.sub(r" at 0x[0-9a-fA-F]+", "", repr(as_builtin(value)))
        if _is_plain(value):
            return text
        if isinstance(value, torch.nn.Module):
            # the weights that a training begins with are compared by themselves
            parts = [[type(part), _settings(part)] for part in value.modules()]
            return f"{text} {_short_hash(self.of(parts))}"
        if _is_of_a_library(type(value)) or self._was_seen(value):
            return text
        parts = [type(value), getattr(value, "__dict__", {})]
        return f"{text} {_short_hash(self.of(parts))}"

    def _was_seen(self, value):
        if id(value) in self.seen:
            return True
        self.seen.add(id(value))
        return False


def _settings(module):
    inner = vars(module).items()
    return {k: v for k, v in inner if not k.startswith("_") and k != "training"}


def _is_plain(value):
    return value is None or isinstance(value, Number | str | bytes)


def _is_of_a_library(value):
    return (value.__module__ or "builtins").partition(".")[0] in _LIBRARIES


def _short_hash(text):
    return sha256(text.encode()).hexdigest()[:8]
