"""Packages whose names load their modules when they are first asked for."""

import sys
from importlib import import_module


def lazy(package, modules, packages=()):
    """Make ``__getattr__`` and ``__dir__`` of a package (PEP 562).

    ``modules`` maps the name of each module to the names that it gives, and
    ``packages`` are reachable as they are.
    """
    homes = {name: module for module, names in modules.items() for name in names}

    def __getattr__(name):
        if name in packages:
            return import_module(f"{package}.{name}")  # which sets it, too
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(f"{package}.{homes[name]}"), name)
        setattr(sys.modules[package], name, value)  # asked for once
        return value

    def __dir__():
        return sorted({*vars(sys.modules[package]), *homes, *packages})

    return __getattr__, __dir__
