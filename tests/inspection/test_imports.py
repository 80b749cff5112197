"""What seeing inside costs those who do not."""

import subprocess
import sys

OPTIONAL = ("matplotlib", "captum", "pandas")

SCRIPT = f"""
import builtins, sys

original = builtins.__import__

def watch(name, globals=None, locals=None, fromlist=(), level=0):
    caller = (globals or {{}}).get("__name__", "")
    if caller.startswith("sklearn_cnn") and name.split(".")[0] in {OPTIONAL}:
        sys.exit(f"{{caller}} imports {{name}}")
    return original(name, globals, locals, fromlist, level)

builtins.__import__ = watch
import sklearn_cnn, sklearn_cnn.inspection
loaded = {{name.split(".")[0] for name in sys.modules}} & {{"matplotlib", "captum"}}
sys.exit(f"loaded: {{loaded}}" if loaded else 0)
"""


def test_importing_loads_no_optional_package():
    # scikit-learn itself imports pandas where that is installed
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
