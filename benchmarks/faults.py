"""Kills a search again and again, at random moments and in every way, and counts what is lost and what is done again.

Both must be 0. A search, which builds supernets and priors on its way, is started over and over in one folder until it
is finished. Then MLflow's database is compared with the ledger, and the next one begins in a new folder, until there
were so many kills. Linux only.
"""

import argparse
import contextlib
import itertools
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from benchmarks.command import Command, Filling, Found
from benchmarks.fault_record import compare
from benchmarks.fault_run import Recorded, RunProcess, lost, repeated, under_way
from searchinr.search.lines import AssetBuilt, Line, Measured, TrialStarted

_PATIENCE_S = 600.0  # for a run to end
_STARTING, _STARTING_S = 0.2, 12.0  # part of the kills that come while a run starts, and how long that takes at most
_MOST_RESULTS, _SPAN_S = 4, 2.0  # the others come after up to so many further results, within so many seconds

_WORKER = "SIGKILL to a worker"
KINDS: dict[str, Callable[[RunProcess], None]] = {
    "SIGKILL to driver, Ray and workers": lambda run: run.kill_all(signal.SIGKILL),
    "SIGKILL to the driver": lambda run: run.kill(signal.SIGKILL),
    _WORKER: lambda run: os.kill(run.workers()[0], signal.SIGKILL),
    "SIGTERM to the driver": lambda run: run.kill(signal.SIGTERM),
    "SIGTERM to driver, Ray and workers": lambda run: run.kill_all(signal.SIGTERM),
}
WITHOUT_RAY = ("SIGKILL to the driver", "SIGTERM to the driver")


class Killer:
    """Kills searches at random moments, each kind in its turn."""

    def __init__(self, alone: Recorded, seed: int, kinds: Iterable[str]) -> None:
        self._alone = alone  # the search that was left alone
        self._moments, self._kinds = random.Random(seed), itertools.cycle(kinds)

    def kill_until_finished(self, command: Sequence[str], folder: Path, most: int) -> Found:
        """Gives a search's command until it is finished, and kills it at most so many times on the way.

        Returns:
            A JSON object: `runs`, how often the command was given; `kills`, see `_strike`; `lines`, how many of each
            kind are on record in the end; `repeated`, rungs that were fitted again, and `rebuilt`, assets that were
            built again, see `fault_run.repeated`; `same_trials`, whether it tried the configs of the search that was
            left alone; `compared`, results that both have, and `different`, those of them whose files or work are
            others; `entries` and `differences` of MLflow, see `fault_record.compare`; `unclear`, ends of a run that
            were neither success nor a clear interruption.
        """
        kills: list[tuple[Found, Recorded]] = []
        unclear: list[str] = []
        runs = 0
        with contextlib.ExitStack() as started:  # what is left of a run may go on beside the next one
            while True:
                runs, logged = runs + 1, len(_log(folder))
                run = started.enter_context(RunProcess(*command))
                struck = _WORKER
                while struck == _WORKER and len(kills) < most:  # after which a run goes on
                    struck = self._strike(run, folder, logged, kills)
                run.process.wait(_PATIENCE_S)
                code, _, err = run.finish()
                if (code, err) == (0, ""):
                    break
                if struck:  # only now nothing more is recorded
                    kills[-1] = (kills[-1][0], Recorded.of(folder))
                if not (struck and _is_clear(kills[-1][0], code, err)):
                    unclear.append(f"{struck or 'left alone'}: exit code {code}: {err[-500:]}")
        for kill, then in kills:
            kill |= {"on_record": len(then.results()), "delivered": len(then.delivered), "lost": lost(then, folder)}
        now = Recorded.of(folder)
        results, expected = now.results(), self._alone.results()
        both = results.keys() & expected.keys()
        trials = [{line.trial for line in of.lines if isinstance(line, TrialStarted)} for of in (now, self._alone)]
        again = repeated(folder, *(then for _, then in kills))
        return {
            "runs": runs,
            "kills": [kill for kill, _ in kills],
            "lines": now.counts(),
            "repeated": [problem for problem in again if problem.startswith("trial ")],
            "rebuilt": [problem for problem in again if not problem.startswith("trial ")],
            "same_trials": trials[0] == trials[1],
            "compared": len(both),
            "different": sum(_content(results[key]) != _content(expected[key]) for key in both),
            **compare(folder),
            "unclear": unclear,
        }

    def _strike(self, run: RunProcess, folder: Path, logged: int, kills: list[tuple[Found, Recorded]]) -> str:
        """Waits for a random moment and kills; the kind, or nothing where the run has ended before.

        The moment is some seconds after the command, while the run starts, or some seconds after so many results, for
        half of the kills after a building if one is seen before: where neither comes, while the run ends. Of a kill it
        is noted how it was done (`kind`), what the run was doing (`phase`: starting, building, which may be beside a
        fit, fitting, or between jobs), and the seconds after the command (`after_s`); later how many results were
        `on_record` or `delivered` by workers when the driver was dead (for a worker's death, when it was killed), and
        what of these was `lost` in the end.
        """
        moments, started, kind = self._moments, time.monotonic(), next(self._kinds)
        while_starting = moments.random() < _STARTING
        wait_s = moments.uniform(0, _STARTING_S if while_starting else _SPAN_S)
        known, most = (len(each.results()) for each in (Recorded.of(folder), self._alone))
        target = min(known + moments.randint(0, _MOST_RESULTS), most)
        since = started if while_starting else None  # from when the seconds count
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                run.process.wait(0.1)
                return ""
            phase, then = _phase(under_way(_log(folder)[logged:])), Recorded.of(folder)
            is_there = len(then.results()) >= target or (phase == "building" and wait_s < _SPAN_S / 2)
            if since is None and phase != "starting" and is_there:
                since = time.monotonic()
            if since is not None and time.monotonic() > since + wait_s:
                with contextlib.suppress(IndexError, ProcessLookupError):  # there is no worker just now
                    KINDS[kind](run)
                    kills.append(({"kind": kind, "phase": phase, "after_s": time.monotonic() - started}, then))
                    print(f"{len(kills)}: {kind}, {phase}, {len(then.results())} results", file=sys.stderr)
                    return kind


def _log(folder: Path) -> str:
    log = folder / "log.txt"
    return log.read_text(errors="replace") if log.is_file() else ""


def _phase(jobs: list[str] | None) -> str:
    if not jobs:
        return "starting" if jobs is None else "between"
    return "fitting" if all(job.startswith("trial ") for job in jobs) else "building"


def _is_clear(kill: Found, code: int, err: str) -> bool:
    """Whether a run has ended as this kill must end it: before Python is ready, SIGTERM ends it as SIGKILL does."""
    if not kill["kind"].startswith("SIGTERM"):
        return code == -signal.SIGKILL
    interrupted = code == 130 and err.startswith("searchinr: interrupted")
    return interrupted or (kill["phase"] == "starting" and (code, err) == (-signal.SIGTERM, ""))


def _content(line: Line) -> object:
    """Hashes of what a result has given, and the work, which is less where something was begun again on the way."""
    if isinstance(line, AssetBuilt):
        return line.sha256, line.cost.macs
    return ([row.sha256 for row in line.signals], line.cost.macs) if isinstance(line, Measured) else None


def measure(options: argparse.Namespace) -> Found:
    """Leaves one search alone, then kills others."""
    started = time.monotonic()
    searches: list[Found] = []
    how = "--debug" if options.debug else "--workers=2"
    with tempfile.TemporaryDirectory(prefix="faults-") as path:
        alone, space = Path(path) / "alone", Path(__file__).with_suffix(".yaml")

        def command(folder: Path) -> tuple[str, ...]:  # with a cache of its own, or no asset would be built again
            return ("-m", "searchinr", "run", str(space), how, "--out", str(folder), "--assets", f"{folder}-assets")

        with RunProcess(*command(alone)) as run:
            code, _, err = run.finish()
        if code != 0:
            raise SystemExit(f"the search that was left alone: exit code {code}\n{err}")
        alone_s, found = time.monotonic() - started, Recorded.of(alone)
        killer = Killer(found, options.seed, WITHOUT_RAY if options.debug else KINDS)
        while (done := sum(len(search["kills"]) for search in searches)) < options.kills:
            folder = Path(path) / f"run-{len(searches)}"
            searches.append(killer.kill_until_finished(command(folder), folder, options.kills - done))
            print(f"search {len(searches)}: {problems({'searches': searches[-1:]}) or 'well'}", file=sys.stderr)
    return {
        "seed": options.seed,
        "how": "without Ray, one job at a time" if options.debug else "with Ray and two workers",
        "seconds": round(time.monotonic() - started),
        "alone": {"seconds": round(alone_s), "results": len(found.results())},
        "searches": searches,
    }


def fill(found: Found) -> Filling:
    """The kills of all searches, and those of each kind; and what may not be."""
    kills = [kill for search in found["searches"] for kill in search["kills"]]
    by_kind = {kind: of for kind in KINDS if (of := [kill for kill in kills if kill["kind"] == kind])}
    return {"kills": kills, "by_kind": {**by_kind, "all": kills}, "problems": problems(found)}


def problems(found: Found) -> list[str]:
    """What may not be, and how a run has ended that was neither finished nor clearly interrupted."""
    searches = found["searches"]
    lost = (kill["lost"] for search in searches for kill in search["kills"])
    others = (search[key] for search in searches for key in ("repeated", "rebuilt", "differences", "unclear"))
    return [*itertools.chain(*lost, *others)]


if __name__ == "__main__":
    command = Command(__file__, __doc__)
    command.add_argument("--kills", type=int, default=50, help="how often to kill [50]")
    command.add_argument("--seed", type=int, default=0, help="of the moments [0]")
    command.add_argument("--debug", action="store_true", help="without Ray, one job after another in the driver")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started is removed
    _, kept = command.run(measure, fill)
    raise SystemExit(any(problems(kept)))
