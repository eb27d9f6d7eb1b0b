"""With Ray or without: runs are killed in a process of their own, and go on without Ray in that of the test."""

import pytest
from forked import Forked

from benchmarks.fault_run import RunProcess
from searchinr.cli.app import execute

HERE, ON_RAY = "--debug", "--workers=2"
BOTH = [HERE, pytest.param(ON_RAY, marks=pytest.mark.slow)]
"""For what does not depend on who executes the jobs: in the default suite without Ray."""


def starting(command: tuple[str, ...]) -> RunProcess:
    """The command in a process of its own, to be killed."""
    return RunProcess(*command, start=Forked) if HERE in command else RunProcess(*command)


def finish(command: tuple[str, ...]) -> None:
    """Runs a command to its end, which must be a good one."""
    if HERE in command:
        assert execute(command[2:]) == 0
        return
    with starting(command) as run:
        code, _, err = run.finish()
    assert (code, err) == (0, "")
