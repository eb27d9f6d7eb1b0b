"""Commands that only read work in a folder that cannot be written."""

import ctypes
import fcntl
import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="takes root's rights away by prctl")

_PR_CAPBSET_DROP, _CAPABILITIES = 24, (1, 2)  # see prctl(2); CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH
_LIBC = ctypes.CDLL(None)
_RUN_ALL = """
import json, os, sys
from searchinr.cli.app import execute
run, commands = json.loads(sys.argv[1])
print(json.dumps({"writable": os.access(run, os.W_OK), "codes": [execute(arguments) for arguments in commands]}))
"""


def obey_permissions() -> None:
    """Takes from the next program what lets root write everywhere. It has no effect on other users."""
    for capability in _CAPABILITIES:
        _LIBC.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)


def test_commands_that_only_read(run_copy: Path, tmp_path: Path) -> None:
    for path in [run_copy, *run_copy.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    run, file, decoded = str(run_copy), str(next(run_copy.glob("front/photos*/*/*.inr"))), tmp_path / "decoded.png"
    commands = [
        ["status", run, "--json"],
        ["front", run],
        ["verify", run],
        ["compare", run, run],
        ["export", run, "--max-rate", "1000"],
        ["inspect", file],
        ["decode", file, "-o", str(decoded)],
    ]
    with (run_copy / ".lock").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the run goes on
        (run_copy / ".lock").chmod(0)  # it is another user's
        done = subprocess.run(
            [sys.executable, "-c", _RUN_ALL, json.dumps([run, commands])],
            capture_output=True,
            text=True,
            preexec_fn=obey_permissions,
        )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    if found["writable"]:
        pytest.skip("root writes here whatever the permissions are")
    assert found["codes"] == [0] * len(commands), done.stderr
    assert decoded.is_file()
    assert '"state": "running"' in done.stdout
