"""A run as a real process that can be killed in many ways, and what its folder says of lost and repeated work.

Used by `faults.py` and by the tests in `tests/faults`. Linux only: processes are looked up in /proc.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any, BinaryIO

from searchinr.engine.catalog import read_space
from searchinr.engine.store.ledger import read_ledger
from searchinr.search.lines import Confirmation, Fit, FitFailed, Line, Point, parse_line

Result = Point | Confirmation | FitFailed
"""A ledger line that tells what came of a fit."""
Key = tuple[str, int, int | None]
"""What was fitted: trial, rung, and the seed of a confirmation."""

_SESSION = re.compile(r"searchinr [^ ]+: .*, (\d+) ledger lines on record$")
_STARTED = re.compile(r"trial (\w+) at (\d+) steps(?: with seed (\d+))? started$")
_RESULT = re.compile(r"trial (\w+) at (\d+) steps(?: with seed (\d+))?(?:: .* dB| failed: .*)$")


def _start_python(
    arguments: tuple[str, ...], out: BinaryIO, err: BinaryIO, environment: Mapping[str, str]
) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=err,
        start_new_session=True,
        env=environment,
    )


class RunProcess:
    """One `searchinr run`, or another command that makes one, in a session of its own."""

    def __init__(
        self,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        start: "Callable[..., subprocess.Popen[bytes]]" = _start_python,
    ) -> None:
        """Starts Python with these arguments. Ray's files are in a folder of a short name, removed in the end."""
        self._files = Path(tempfile.mkdtemp(prefix="sr-"))
        everything = os.environ | {"OMP_NUM_THREADS": "1", "RAY_TMPDIR": str(self._files)} | dict(environment or {})
        everything.pop("RAY_ADDRESS", None)
        with (self._files / "out").open("wb") as out, (self._files / "err").open("wb") as err:
            self.process = start(arguments, out, err, everything)

    def finish(self) -> tuple[int, str, str]:
        """Waits for the command's end: exit code, standard output, standard error."""
        code = self.process.wait()
        return code, (self._files / "out").read_text(), (self._files / "err").read_text()

    def members(self) -> dict[int, str]:
        """Title of every process of the session that lives, by its id. Ray's workers have groups of their own."""
        found = {}
        for path in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # it has just ended
                # after the name in brackets: state, parent, group, session
                state, _, _, session = (path / "stat").read_text().rpartition(")")[2].split()[:4]
                if int(session) == self.process.pid and state not in "ZX":
                    found[int(path.name)] = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        return found

    def workers(self) -> list[int]:
        """Processes that run jobs."""
        return sorted(pid for pid, title in self.members().items() if title.startswith("ray::ImplicitFunc"))

    def part(self, name: str) -> int:
        """Ray's process of this name, e.g. `raylet`."""
        (pid,) = (pid for pid, title in self.members().items() if title.split()[0].endswith(f"/{name}"))
        return pid

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Sends a signal to the driver alone."""
        os.kill(self.process.pid, number)

    def kill_all(self, number: int = signal.SIGKILL) -> None:
        """Sends a signal to the driver, Ray and all workers."""
        for pid in self.members():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def remove(self) -> None:
        """Ends what is left of it."""
        self.kill_all()
        self.process.wait()
        shutil.rmtree(self._files, ignore_errors=True)


def searchinr(*arguments: str) -> tuple[str, ...]:
    """The arguments with which Python runs one of our commands."""
    return "-m", "searchinr", *arguments


@contextlib.contextmanager
def running(*arguments: str, **how: Any) -> Iterator[RunProcess]:  # noqa: ANN401  see `RunProcess`
    """A `RunProcess` of which nothing is left in the end."""
    run = RunProcess(*arguments, **how)
    try:
        yield run
    finally:
        run.remove()


@dataclass(frozen=True)
class Recorded:
    """What was finished at a moment, on record or delivered.

    Attributes:
        lines: The ledger.
        delivered: Lines that workers have delivered and the driver has not folded in.
    """

    lines: list[Line]
    delivered: list[Line]

    @classmethod
    def of(cls, folder: Path) -> "Recorded":
        """What a run folder holds now; of one that is being written, a moment of it."""
        delivered = []
        for path in sorted((folder / "inbox").glob("*.zip")):
            with contextlib.suppress(FileNotFoundError), zipfile.ZipFile(path) as archive:
                delivered.append(parse_line(archive.read("line.json")))
        return cls(read_ledger(folder / "ledger.jsonl"), delivered)  # second, so that nothing falls between the two

    def points(self) -> int:
        """How many operating points there are."""
        return sum(isinstance(line, Point) for line in self.lines)

    def results(self) -> dict[Key, Line]:
        """Every result on record: operating points, confirmations and failures."""
        return {_key(line): line for line in self.lines if isinstance(line, Result)}


def under_way(folder: Path) -> int:
    """Jobs that the newest driver has started and whose end it has not seen; -1 before it has started any."""
    log = folder / "log.txt"
    session = log.read_text().rpartition(" ledger lines on record\n")[2] if log.is_file() else ""
    if " started\n" not in session:
        return -1
    texts = session.splitlines()
    ended = sum(bool(_RESULT.search(text)) or " is put back " in text for text in texts)
    return max(0, sum(text.endswith(" started") for text in texts) - ended)


def lost(before: Recorded, folder: Path) -> list[str]:
    """What was finished at an earlier moment and is not on record now, once and unchanged and in its place."""
    now = read_ledger(folder / "ledger.jsonl")
    problems = [
        f"ledger line {number} is gone or another"
        for number, line in enumerate(before.lines)
        if now[number:][:1] != [line]
    ]
    known = [_key(line) for line in before.lines if isinstance(line, Result)]
    problems += [
        f"the delivery of {_key(line)} is not on record"
        for line in before.delivered
        if isinstance(line, Result) and _key(line) not in known and now.count(line) != 1
    ]
    return problems


def repeated(folder: Path) -> list[str]:
    """Every rung that was fitted again though it was on record, from three witnesses that know nothing of each other.

    The ledger has no result twice, nor the driver's log a job's start after its result. Of each result the worker says
    from which step it went on, as its checkpoint had it: never from before the rung below. And the fit counts its
    multiply-accumulates, which are fewer where it had begun again, since a lower rung's decay was not run on the way.
    """
    lines = read_ledger(folder / "ledger.jsonl")
    keys = [_key(line) for line in lines if isinstance(line, Result)]
    problems = [f"{key} is on record {keys.count(key)} times" for key in dict.fromkeys(keys) if keys.count(key) > 1]
    rungs = read_space(folder / "space.yaml").fidelity.rungs
    points = {_key(line): line for line in lines if isinstance(line, Point)}
    for (trial, rung, _), point in points.items():
        if rung > 0 and point.resumed_at < rungs[rung - 1]:
            problems.append(f"trial {trial}: rung {rung} went on from step {point.resumed_at}")
        first = points[trial, 0, None].cost.macs
        steps = [_steps_run(rungs, number, float(point.config.params["decay"])) for number in (0, rung)]
        if abs(point.cost.macs / first - steps[1] / steps[0]) > 1e-9:
            problems.append(f"trial {trial}: rung {rung} cost {point.cost.macs} MACs, rung 0 {first}")
    return problems + _started_again(lines, (folder / "log.txt").read_text(), rungs)


def _steps_run(rungs: Sequence[int], rung: int, decay: float) -> int:
    """Steps behind a rung: those until its decay begins, and every decay up to its own."""
    decays = [ceil(decay * steps) for steps in rungs[: rung + 1]]
    return rungs[rung] - decays[-1] + sum(decays)


def _started_again(lines: Sequence[Line], log: str, rungs: Sequence[int]) -> list[str]:
    """Jobs that the driver has started though their result was on record."""
    known: set[Key] = set()
    problems = []
    for text in log.splitlines():
        if found := _SESSION.search(text):
            known |= {_key(line) for line in lines[: int(found[1])] if isinstance(line, Result)}
        elif found := _RESULT.search(text):
            known.add(_logged(found, rungs))
        elif (found := _STARTED.search(text)) and _logged(found, rungs) in known:
            problems.append(f"{_logged(found, rungs)} was started again")
    return problems


def _key(fit: Fit) -> Key:
    return fit.trial, fit.rung, fit.seed if fit.confirms else None


def _logged(found: "re.Match[str]", rungs: Sequence[int]) -> Key:
    return found[1], rungs.index(int(found[2])), None if found[3] is None else int(found[3])


def wait_until(condition: Callable[[], Any], run: RunProcess) -> None:
    """Waits until a condition holds; `RuntimeError` if the run ends before."""
    while not condition():
        try:
            run.process.wait(0.02)
        except subprocess.TimeoutExpired:
            continue
        if not condition():
            raise RuntimeError(f"the run ended: {run.finish()}")
