import subprocess
import sys
from collections.abc import Callable

import pytest

from searchinr import __version__

COMMANDS = [
    "run",
    "attach",
    "stop",
    "fetch",
    "status",
    "front",
    "verify",
    "report",
    "compare",
    "export",
    "ui",
    "render",
    "plan",
    "encode",
    "decode",
    "trim",
    "inspect",
    "check",
    "ids",
]
COMMANDS += ["asset", "asset list", "asset show", "asset export", "data", "data list", "data get"]


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_has_an_example_of_the_command(searchinr: Callable, command: str) -> None:
    result = searchinr(*command.split(), "--help")
    assert result.code == 0
    assert result.err == ""
    assert f"Example: searchinr {command}" in result.out
    assert "completion" not in result.out
    assert max(map(len, result.out.splitlines())) <= 80


def test_help_lists_every_command_in_whole_sentences(searchinr: Callable) -> None:
    listed = searchinr().out.split("Commands:\n")[1].splitlines()
    assert [line.split()[0] for line in listed] == [command for command in COMMANDS if " " not in command]
    assert all(line.endswith(".") and not line.endswith("...") for line in listed)


def test_version(searchinr: Callable) -> None:
    assert searchinr("--version").out == f"searchinr {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "kept_out"),
    [
        (["--help"], ["torch", "ray", "mlflow", "optuna", "numpy"]),
        (["encode", "--help"], ["torch", "ray", "mlflow", "optuna", "numpy"]),
        (["data", "list"], ["torch", "ray", "mlflow", "optuna"]),
        (["inspect", "no-such-file.inr"], ["ray", "mlflow"]),
        (["front", "no-such-run"], ["ray", "mlflow"]),
        (["check", "clusters/aws.yaml"], ["torch", "ray", "mlflow", "optuna"]),
    ],
)
def test_nothing_heavy_is_imported_before_it_is_needed(arguments: list[str], kept_out: list[str]) -> None:
    code = (
        "import sys; from searchinr.cli.app import execute; execute(sys.argv[1:]);"
        "print([name for name in ('torch', 'ray', 'mlflow', 'optuna', 'numpy') if name in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True).stdout
    imported = out.splitlines()[-1]
    assert not [name for name in kept_out if f"'{name}'" in imported]
