"""The console script: collects the commands and turns errors into one clear line."""

import signal
import sys
from collections.abc import Sequence
from types import FrameType

import typer

from searchinr import __version__
from searchinr.cli import codec_commands, data_commands, run_commands
from searchinr.errors import UserError

OK, FAILED, WRONG_INPUT, INTERRUPTED = 0, 1, 2, 130

# Typer's own usage errors have no public name but that of a subclass.
_UsageError: type[typer.BadParameter] = typer.BadParameter.__bases__[0]

app = typer.Typer(
    name="searchinr",
    help="Search for the best neural codec of your signals, and use it.\n\n"
    "Example: searchinr run spaces/quickstart.yaml",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
run_commands.register(app)
codec_commands.register(app)
data_commands.register(app)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"searchinr {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    pass


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one command and exits: 0 done, 2 wrong input (one line), 130 interrupted, 1 anything else."""
    signal.signal(signal.SIGTERM, _as_interrupt)
    sys.exit(_run(arguments))


def _run(arguments: Sequence[str] | None) -> int:
    try:
        result = app(args=None if arguments is None else list(arguments), standalone_mode=False)
    except UserError as error:
        for line in str(error).splitlines():
            print(f"searchinr: {line}", file=sys.stderr)
        return WRONG_INPUT
    except _UsageError as error:
        command = error.ctx.command_path if error.ctx else "searchinr"
        print(f"searchinr: {error.format_message()} (see {command} --help)", file=sys.stderr)
        return WRONG_INPUT
    except (KeyboardInterrupt, typer.Abort):
        print("searchinr: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output has gone, e.g. `| head`
        sys.stderr.close()
        return FAILED
    return result if isinstance(result, int) else OK


def _as_interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
