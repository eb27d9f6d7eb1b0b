import subprocess
import sys

import searchinr

HEAVY = ("torch", "numpy", "ray", "mlflow", "pandas", "optuna", "PIL", "yaml", "pydantic")


def test_importing_it_imports_nothing_heavy() -> None:
    code = f"import sys, searchinr; dir(searchinr); print([name for name in {HEAVY} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"


def test_a_user_without_a_home_folder_gets_one() -> None:
    """As in a container with `--user`: MLflow and Ray Tune ask for it."""
    code = "import os, pwd; os.environ.pop('HOME'); pwd.getpwuid = lambda user: {}[user]\n"
    code += "import searchinr; from pathlib import Path; print(Path.home())"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "/\n"


def test_everything_that_is_promised_is_there() -> None:
    assert dir(searchinr) == sorted(searchinr.__all__)
    for name in searchinr.__all__:
        assert getattr(searchinr, name) is not None
    names: dict[str, object] = {}
    exec("from searchinr import *", names)
    assert set(searchinr.__all__) <= set(names)
    assert not hasattr(searchinr, "decoed")
