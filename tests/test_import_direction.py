"""Imports run downward only: a walk over every import of the package."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import sklearn_cnn

ROOT = Path(sklearn_cnn.__file__).parent

#: What each folder may import of the package. Anything else runs up or sideways.
ALLOWED = {
    "utils": set(),
    "images": {"utils"},
    "architectures": {"utils"},
    "augmentation": {"utils"},
    "transforms": {"images", "utils"},
    "inference": {"architectures", "images", "utils"},
    "training": {"augmentation", "inference", "architectures", "images", "utils"},
    "estimators": {"training", "inference", "architectures", "images", "utils"},
    "inspection": {
        "estimators",
        "training",
        "inference",
        "architectures",
        "images",
        "utils",
    },
    "comparison": {"transforms", "utils"},
    "export": {
        "augmentation",  # whose types a saved model may hold
        "estimators",
        "transforms",
        "training",
        "inference",
        "architectures",
        "images",
        "utils",
    },
}
#: Which folders may import these packages.
ONLY_IN = {"skorch": {"training"}}
NEVER_IN = {
    "architectures": {"sklearn", "skorch"},
    "augmentation": {"sklearn", "skorch"},
    "inference": {"sklearn", "skorch", "torch.optim"},
}
#: Its modules stand alone, so that a folder loads no more than the one it needs.
WITHOUT_DOOR = {"utils"}


def modules():
    return sorted(path for path in ROOT.rglob("*.py") if path.parent != ROOT)


def imports_of(path):
    """Each import as the module that is named and the names that are taken from it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, []) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module, [alias.name for alias in node.names]


def folder_of(path):
    return path.relative_to(ROOT).parts[0]


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_run_downward(path):
    folder = folder_of(path)
    for module, names in imports_of(path):
        package, *rest = module.split(".")
        assert folder in ONLY_IN.get(package, {folder}), module
        for name in (module, *(f"{module}.{name}" for name in names)):
            parts = name.split(".")
            paths = {".".join(parts[: i + 1]) for i in range(len(parts))}
            assert not paths & NEVER_IN.get(folder, set()), name
        if package != "sklearn_cnn":
            continue
        for target in rest[:1] or names:
            assert target == folder or target in ALLOWED[folder], module
            through_door = len(rest) < 2 or target in WITHOUT_DOOR
            assert target == folder or through_door, f"{module}: not by its __init__"


def test_every_folder_has_a_rule():
    assert {folder_of(path) for path in modules()} == set(ALLOWED)


def test_importing_the_package_loads_nothing_heavy():
    code = (
        "import sys, sklearn_cnn\n"
        "assert 'CNNClassifier' in dir(sklearn_cnn)\n"
        "heavy = {'torch', 'sklearn', 'skorch', 'pandas'} & set(sys.modules)\n"
        "sys.exit(f'loaded: {heavy}' if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_folders_are_reached_from_the_package():
    code = (
        "import sklearn_cnn as s\n"
        "s.transforms.Resize, s.images.ImageFiles, s.augmentation.RandomFlip\n"
        "s.inspection.summary, s.comparison.compare_estimators, s.export.to_onnx\n"
        "s.training.PruningCallback, s.architectures.Network\n"
        "s.utils.estimator_checks.check_estimator, s.utils.joblib_backends\n"
        "from importlib.metadata import version\n"
        "assert s.__version__ == version('sklearn_cnn')"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    folders = {path.name for path in ROOT.iterdir() if (path / "__init__.py").exists()}
    assert folders <= set(dir(sklearn_cnn))


def test_unknown_names_are_refused():
    with pytest.raises(AttributeError, match="has no attribute 'CNNRegresor'"):
        sklearn_cnn.CNNRegresor  # noqa: B018
