"""The console script: collects the commands and turns errors into one clear line."""

import errno
import os
import signal
import sys
import traceback
from bdb import BdbQuit
from collections.abc import Callable, Sequence
from types import FrameType, TracebackType
from typing import Annotated

import typer

from searchinr.cli import asset_commands, data_commands
from searchinr.cli.cluster_commands import plan, render
from searchinr.cli.codec_commands import decode, encode, inspect, trim
from searchinr.cli.data_commands import check
from searchinr.cli.exit_codes import FAILED, INTERRUPTED, OK, WRONG_INPUT
from searchinr.cli.id_commands import ids
from searchinr.cli.output import printable
from searchinr.cli.result_commands import compare, export, front, report, ui, verify
from searchinr.cli.run_commands import attach, fetch, run, status, stop
from searchinr.errors import UserError
from searchinr.version import __version__

# Typer's own usage errors have no public name but that of a subclass.
_UsageError: type[typer.BadParameter] = typer.BadParameter.__bases__[0]

_NO_PATHS = {errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTDIR, errno.EISDIR}
"""Why a path of the user's is none, whichever command looks at it first."""

app = typer.Typer(
    name="searchinr",
    help="Search for the best neural codec of your signals, and use it.\n\n"
    "Example: searchinr run spaces/quickstart.yaml",
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
_COMMANDS: tuple[Callable[..., object], ...] = (run, attach, stop, fetch, status)
_COMMANDS += (front, verify, report, compare, export, ui)
_COMMANDS += (render, plan, encode, decode, trim, inspect, check, ids)
for _command in _COMMANDS:
    app.command()(_command)
app.add_typer(asset_commands.app, name="asset")
app.add_typer(data_commands.app, name="data")


def _version(value: bool) -> None:
    if value:
        typer.echo(f"searchinr {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Runs the command of the command line and exits with its code."""
    signal.signal(signal.SIGTERM, _as_interrupt)
    # PyTorch's threads wait for each other by spinning, which beside other busy processes takes several times as long.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    sys.exit(execute(sys.argv[1:]))


def execute(arguments: Sequence[str]) -> int:
    """Runs one command.

    Args:
        arguments: The command line after `searchinr`.

    Returns:
        The exit code: 0 done, 2 wrong input (said in one line on stderr), 130 interrupted, 1 anything else.
    """
    try:
        code = _run(list(arguments))
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # the reader of our output has gone, e.g. `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it flushes at exit
        return FAILED
    except (KeyboardInterrupt, BdbQuit):  # the latter is how one leaves the debugger
        return _fail(INTERRUPTED, "interrupted")
    except _UsageError as error:
        command = error.ctx.command_path if error.ctx else "searchinr"
        return _fail(WRONG_INPUT, f"{error.format_message()} (see {command} --help)")
    except UserError as error:
        text = str(error)
        for argument in arguments:  # a line break in a file's name does not make it two problems
            text = text.replace(argument, printable(argument))
        return _fail(WRONG_INPUT, *text.splitlines())
    except MemoryError:
        return _fail(FAILED, "out of memory")
    except Exception as error:
        return _failed(error)


def _run(arguments: list[str]) -> int:
    """Runs one command without Typer's own handling of errors, which hides what was interrupted and by what."""
    command = typer.main.get_command(app)
    try:
        with command.make_context("searchinr", arguments or ["--help"]) as context:
            result = command.invoke(context)
    except typer.Exit as end:
        return end.exit_code
    return result if isinstance(result, int) else OK


def _failed(error: Exception) -> int:
    """Says what has ended a command that it did not foresee: a path that cannot be, the machine, or a bug of ours."""
    if isinstance(error, RuntimeError) and str(error).startswith("Symlink loop"):  # so pathlib says ELOOP
        return _fail(WRONG_INPUT, *f"{error}; choose another path, or mend the link".splitlines())
    if isinstance(error, OSError):
        text = ("" if error.filename is None else f"{error.filename}: ") + (error.strerror or str(error))
        if error.errno in _NO_PATHS:
            return _fail(WRONG_INPUT, *f"{text}; choose another path".splitlines())
        return _fail(FAILED, *text.splitlines())  # the machine's fault: a full disk, too many open files
    traceback.print_exception(type(error), error, _own_trace(error))
    return _fail(FAILED, "this is an error in searchinr itself; please report it with the lines above")


def _fail(code: int, *lines: str) -> int:
    for line in lines:
        print(f"searchinr: {printable(line)}", file=sys.stderr)
    return code


def _own_trace(error: Exception) -> TracebackType | None:
    """The error's trace from the command on, without the way there through Typer."""
    trace = error.__traceback__
    while trace is not None and not _is_command(trace):
        trace = trace.tb_next
    return trace or error.__traceback__


def _is_command(trace: TracebackType) -> bool:
    module = str(trace.tb_frame.f_globals["__name__"])
    return module.startswith("searchinr.") and module != __name__


def _as_interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
