"""Imports run downward only: a walk over every import of the package."""

import ast
from pathlib import Path

import pytest

import sklearn_cnn

ROOT = Path(sklearn_cnn.__file__).parent

#: What each folder may import of the package. Anything else runs up or sideways.
ALLOWED = {
    "images": {"utils"},
    "architectures": {"utils"},
    "training": {"architectures", "images", "utils"},
    "estimators": {"training", "architectures", "images", "utils"},
    "transforms": {"images", "utils"},
    "augmentation": {"utils"},
    "inspection": {"estimators", "training", "architectures", "images", "utils"},
    "comparison": {"transforms", "architectures", "utils"},
    "utils": set(),
}
#: Which folders may import these packages.
ONLY_IN = {"skorch": {"training"}}
NEVER_IN = {
    "architectures": {"sklearn", "skorch"},
    "augmentation": {"sklearn", "skorch"},
}


def modules():
    return sorted(path for path in ROOT.rglob("*.py") if path.parent != ROOT)


def imports_of(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def folder_of(path):
    return path.relative_to(ROOT).parts[0]


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_run_downward(path):
    folder = folder_of(path)
    for name in imports_of(path):
        package, *rest = name.split(".")
        if package == "sklearn_cnn":
            target = rest[0]
            assert target == folder or target in ALLOWED[folder], name
        assert folder in ONLY_IN.get(package, {folder}), name
        assert package not in NEVER_IN.get(folder, set()), name


def test_every_folder_has_a_rule():
    assert {folder_of(path) for path in modules()} == set(ALLOWED)
