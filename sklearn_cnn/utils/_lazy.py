"""Packages whose names load their modules when they are first asked for."""

import sys
from importlib import import_module


def lazy(package, modules):
    """Make ``__getattr__`` and ``__dir__`` of a package (PEP 562).

    ``modules`` maps the name of each module to the names that it gives.
    """
    homes = {name: module for module, names in modules.items() for name in names}

    def __getattr__(name):
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(f"{package}.{homes[name]}"), name)
        setattr(sys.modules[package], name, value)  # asked for once
        return value

    def __dir__():
        return sorted({*vars(sys.modules[package]), *homes})

    return __getattr__, __dir__
