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
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from searchinr.engine.catalog import read_space
from searchinr.engine.store.ledger import read_ledger
from searchinr.engine.store.place import LocalPlace
from searchinr.engine.store.run_folder import RunFolder
from searchinr.engine.store.tensors import read_tensors
from searchinr.search.lines import AssetBuilt, AssetFailed, AssetWork, Fit, FitFailed, Line, Measured, Point, parse_line

Result = Measured | FitFailed | AssetBuilt | AssetFailed
"""A ledger line that tells what came of a job."""

_SESSION = re.compile(r"searchinr [^ ]+: .*, (\d+) ledger lines on record$")
_STARTED = re.compile(r" (?:building (\S+): .*|(trial .*) started)$")
_ENDED = re.compile(
    r" INFO (trial \w+ at \d+ steps(?: with seed \d+)?|\S+)"
    r"(?:(?P<result>: .* dB| failed: .*| is built: .*| is taken from .*)| is put back.*| is left to be built again .*)$"
)


class RunProcess:
    """One `searchinr run`, or another command that makes one, in a session of its own, of which nothing is left."""

    def __init__(
        self,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        start: "Callable[..., subprocess.Popen[bytes]]" = subprocess.Popen,
    ) -> None:
        """Starts Python with these arguments. Ray's files are in a folder of a short name, removed in the end."""
        self._files = Path(tempfile.mkdtemp(prefix="sr-"))
        everything = os.environ | {"OMP_NUM_THREADS": "1", "RAY_TMPDIR": str(self._files)} | dict(environment or {})
        everything.pop("RAY_ADDRESS", None)
        with (self._files / "out").open("wb") as out, (self._files / "err").open("wb") as err:
            files = {"stdin": subprocess.DEVNULL, "stdout": out, "stderr": err}
            self.process = start([sys.executable, *arguments], **files, start_new_session=True, env=everything)

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

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Sends a signal to the driver alone."""
        os.kill(self.process.pid, number)

    def kill_all(self, number: int = signal.SIGKILL) -> None:
        """Sends a signal to the driver, Ray and all workers."""
        for pid in self.members():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def __enter__(self) -> "RunProcess":
        return self

    def __exit__(self, *_: object) -> None:
        """Ends what is left of it."""
        self.kill_all()
        self.process.wait()
        shutil.rmtree(self._files, ignore_errors=True)


@dataclass(frozen=True)
class Recorded:
    """What was finished at a moment, on record or delivered, and how far the rest was.

    Attributes:
        lines: The ledger.
        delivered: Lines that workers have delivered and the driver has not folded in.
        checkpoints: Steps of the checkpoints on the way to a rung, or to the end of a building, by their files' names.
    """

    lines: list[Line]
    delivered: list[Line]
    checkpoints: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path) -> "Recorded":
        """What a run folder holds now; of one that is being written, a moment of it."""
        delivered, checkpoints = [], {}
        for path in sorted((folder / "inbox").glob("*.zip")):
            with contextlib.suppress(FileNotFoundError), zipfile.ZipFile(path) as archive:
                delivered.append(parse_line(archive.read("line.json")))
        for path in (folder / "trials").glob("*.partial.safetensors"):
            if (tensors := read_tensors(LocalPlace(path))) is not None:
                checkpoints[path.name] = int(tensors["steps"])
        # The ledger comes last, so that nothing falls between it and the inbox.
        return cls(read_ledger(folder / "ledger.jsonl"), delivered, checkpoints)

    def counts(self) -> Counter[str]:
        """How many lines of the ledger there are of each kind."""
        return Counter(line.kind for line in self.lines)

    def results(self) -> dict[str, Line]:
        """Every result on record, be it a failure, by what the driver's log calls its job."""
        return {_job(line): line for line in self.lines if isinstance(line, Result)}


def under_way(log: str) -> list[str] | None:
    """Jobs that the newest driver of a log has started and not seen the end of; None before it has started any."""
    jobs: list[str] | None = None
    for text in log.rpartition(" ledger lines on record\n")[2].splitlines():
        if found := _STARTED.search(text):
            jobs = [*(jobs or []), found[1] or found[2]]
        elif jobs and (found := _ENDED.search(text)) and found[1] in jobs:
            jobs.remove(found[1])
    return jobs


def lost(before: Recorded, folder: Path) -> list[str]:
    """What was finished at an earlier moment and is not on record now, once and unchanged and in its place."""
    now = read_ledger(folder / "ledger.jsonl")
    problems = [
        f"ledger line {number} is gone or another"
        for number, line in enumerate(before.lines)
        if now[number:][:1] != [line]
    ]
    known = before.results()
    problems += [
        f"the delivery of {_job(line)} is not on record"
        for line in before.delivered
        if isinstance(line, Result) and _job(line) not in known and now.count(line) != 1
    ]
    return problems


def repeated(folder: Path, *moments: Recorded) -> list[str]:
    """Every rung that was fitted again, and every asset that was built again, though that was done already.

    Three witnesses know nothing of each other. The ledger has no result twice, nor the driver's log a job's start after
    its result. And of each result the worker says from which step it went on: never from before the rung below, nor
    from before the checkpoint that there was at one of the earlier moments.
    """
    lines = read_ledger(folder / "ledger.jsonl")
    counts = Counter(_job(line) for line in lines if isinstance(line, Result))
    problems = [f"{job} is on record {count} times" for job, count in counts.items() if count > 1]
    rungs = (0, *read_space(folder / "space.yaml").fidelity.rungs)
    problems += [
        f"{_job(line)} went on from step {line.resumed_at}"
        for line in lines
        if isinstance(line, Point) and line.resumed_at < rungs[line.rung]
    ]
    problems += [problem for before in moments for problem in _begun_again(lines, before, RunFolder(folder))]
    return problems + _started_again(lines, (folder / "log.txt").read_text())


def _begun_again(lines: Sequence[Line], before: Recorded, folder: RunFolder) -> Iterator[str]:
    """Jobs that had a checkpoint and no result yet, and have not gone on from there."""
    done = {_job(line) for line in (*before.lines, *before.delivered) if isinstance(line, Result)}
    for line in lines:
        if isinstance(line, Measured | AssetBuilt) and _job(line) not in done:
            work = (line.fit_name, line.rung) if isinstance(line, Measured) else (line.asset, 0)
            steps = before.checkpoints.get(folder.checkpoint_under_way(*work).name, 0)
            if line.resumed_at < steps:
                yield f"{_job(line)} went on from step {line.resumed_at}, though its checkpoint was at {steps}"


def _started_again(lines: Sequence[Line], log: str) -> list[str]:
    """Jobs that the driver has started though their result was on record."""
    known: set[str] = set()
    problems = []
    for text in log.splitlines():
        if found := _SESSION.search(text):
            known |= {_job(line) for line in lines[: int(found[1])] if isinstance(line, Result)}
        elif (found := _ENDED.search(text)) and found["result"]:
            known.add(found[1])
        elif (found := _STARTED.search(text)) and (job := found[1] or found[2]) in known:
            problems.append(f"{job} was started again")
    return problems


def _job(work: Fit | AssetWork) -> str:
    """What the driver's log calls a job."""
    if isinstance(work, AssetWork):
        return work.asset
    return f"trial {work.trial} at {work.steps} steps{f' with seed {work.seed}' * work.confirms}"
