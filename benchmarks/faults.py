"""Kills a search again and again, at random moments and in every way, and counts what is lost and what is fitted again.

    python -m benchmarks.faults --kills 50 --json reports/faults.json --markdown reports/faults.md

Both must be 0. A search is started over and over in one folder until it is finished, then the next one in a new folder,
until there were so many kills. It takes about 20 s a kill on two cores. Linux only.
"""

import contextlib
import itertools
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.command import Command, Filling, Found
from benchmarks.fault_run import Recorded, RunProcess, lost, repeated, running, searchinr, under_way
from searchinr.search.lines import Line, Measured, TrialStarted

_PATIENCE_S = 600.0  # for a run to end
_STARTING, _STARTING_S = 0.2, 12.0  # part of the kills that come while a run starts, and how long that takes at most
_MOST_RESULTS, _SPAN_S = 12, 3.0  # the others come after up to so many further results, within so many seconds

_WORKER = "SIGKILL to a worker"
KINDS: dict[str, Callable[[RunProcess], None]] = {
    "SIGKILL to driver, Ray and workers": lambda run: run.kill_all(signal.SIGKILL),
    "SIGKILL to the driver": lambda run: run.kill(signal.SIGKILL),
    _WORKER: lambda run: os.kill(run.workers()[0], signal.SIGKILL),
    "SIGTERM to the driver": lambda run: run.kill(signal.SIGTERM),
    "SIGTERM to driver, Ray and workers": lambda run: run.kill_all(signal.SIGTERM),
}


class Killer:
    """Kills searches at random moments, each kind in its turn.

    Attributes:
        reference: What the search that was left alone has found.
    """

    def __init__(self, reference: Recorded, seed: int) -> None:
        self.reference = reference
        self._moments, self._kinds = random.Random(seed), itertools.cycle(KINDS)

    def kill_until_finished(self, command: Sequence[str], folder: Path, most: int) -> Found:
        """Gives a search's command until it is finished, and kills it at most so many times on the way.

        Returns:
            A JSON object: `runs`, how often the command was given; `kills`, see `_strike`; `points` and
            `confirmations` on record in the end; `repeated`, rungs that were fitted again though they were on record;
            `same_trials`, whether it tried the configs of the search that was left alone; `compared`, results that both
            have, and `different`, those of them whose files are others; `unclear`, ends of a run that were neither
            success nor a clear interruption.
        """
        kills: list[tuple[Found, Recorded]] = []
        unclear: list[str] = []
        runs = 0
        with contextlib.ExitStack() as started:  # what is left of a run may go on beside the next one
            while True:
                runs += 1
                run = started.enter_context(running(*command))
                struck = _WORKER
                while struck == _WORKER and len(kills) < most:  # after which a run goes on
                    struck = self._strike(run, folder, kills)
                run.process.wait(_PATIENCE_S)
                code, _, err = run.finish()
                if code == -signal.SIGKILL:  # only now nothing more is recorded
                    kills[-1] = (kills[-1][0], Recorded.of(folder))
                elif (code, err) == (0, ""):
                    break
                elif not (struck.startswith("SIGTERM") and code == 130 and err.startswith("searchinr: interrupted")):
                    unclear.append(f"{struck or 'left alone'}: exit code {code}: {err[-500:]}")
        for kill, then in kills:
            kill |= {"on_record": len(then.results()), "delivered": len(then.delivered), "lost": lost(then, folder)}
        now = Recorded.of(folder)
        results, expected = now.results(), self.reference.results()
        both = results.keys() & expected.keys()
        return {
            "runs": runs,
            "kills": [kill for kill, _ in kills],
            "points": now.points(),
            "confirmations": sum(line.kind == "confirmation" for line in now.lines),
            "repeated": repeated(folder),
            "same_trials": _trials(now) == _trials(self.reference),
            "compared": len(both),
            "different": sum(_files(results[key]) != _files(expected[key]) for key in both),
            "unclear": unclear,
        }

    def _strike(self, run: RunProcess, folder: Path, kills: list[tuple[Found, Recorded]]) -> str:
        """Waits for a random moment and kills; the kind, or nothing where the run has ended before.

        The moment is some seconds after the command, while the run starts, or some seconds after so many results:
        where that many are not to come, after the last one, while the run ends. Of a kill it is noted how it was done
        (`kind`), what the run was doing (`phase`: starting, fitting, or between fits), and the seconds after the
        command (`after_s`); later how many results were `on_record` or `delivered` by workers when the driver was dead
        (for a worker's death, when it was killed), and what of these was `lost` in the end.
        """
        moments, started, kind = self._moments, time.monotonic(), next(self._kinds)
        while_starting = moments.random() < _STARTING
        wait_s = moments.uniform(0, _STARTING_S if while_starting else _SPAN_S)
        target = min(_results(folder) + moments.randint(0, _MOST_RESULTS), len(self.reference.results()))
        since = started if while_starting else None  # from when the seconds count
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                run.process.wait(0.05)
                return ""
            if since is None and under_way(folder) >= 0 and _results(folder) >= target:
                since = time.monotonic()
            if since is not None and time.monotonic() > since + wait_s and (kind != _WORKER or run.workers()):
                phase = {-1: "starting", 0: "between"}.get(under_way(folder), "fitting")
                then = Recorded.of(folder)
                KINDS[kind](run)
                kills.append(({"kind": kind, "phase": phase, "after_s": time.monotonic() - started}, then))
                print(f"{len(kills)}: {kind}, while {phase}, {len(then.results())} results", file=sys.stderr)
                return kind


def _results(folder: Path) -> int:
    return len(Recorded.of(folder).results())


def _trials(recorded: Recorded) -> set[str]:
    return {line.trial for line in recorded.lines if isinstance(line, TrialStarted)}


def _files(line: Line) -> list[str]:
    return [row.sha256 for row in line.signals] if isinstance(line, Measured) else []


def measure(kills: int, seed: int, workers: int) -> Found:
    """Leaves one search alone, then kills others."""
    started = time.monotonic()
    searches: list[Found] = []
    with tempfile.TemporaryDirectory(prefix="faults-") as path:
        alone, space = Path(path) / "alone", Path(__file__).with_suffix(".yaml")
        command = searchinr("run", str(space), "--workers", str(workers), "--out")
        with running(*command, str(alone)) as run:
            code, _, err = run.finish()
        if code != 0:
            raise SystemExit(f"the search that was left alone: exit code {code}\n{err}")
        alone_s, killer = time.monotonic() - started, Killer(Recorded.of(alone), seed)
        while (done := sum(len(search["kills"]) for search in searches)) < kills:
            folder = Path(path) / f"run-{len(searches)}"
            searches.append(killer.kill_until_finished((*command, str(folder)), folder, kills - done))
    return {
        "seed": seed,
        "workers": workers,
        "seconds": round(time.monotonic() - started),
        "alone": {"seconds": round(alone_s), "results": len(killer.reference.results())},
        "searches": searches,
    }


def fill(found: Found) -> Filling:
    """The kills of all searches, and those of each kind; and what may not be."""
    kills = [kill for search in found["searches"] for kill in search["kills"]]
    by_kind = {kind: [kill for kill in kills if kill["kind"] == kind] for kind in KINDS}
    return {"kills": kills, "by_kind": {**by_kind, "all": kills}, "problems": problems(found)}


def problems(found: Found) -> list[str]:
    """What may not be, and how a run has ended that was neither finished nor clearly interrupted."""
    searches = found["searches"]
    lost = (kill["lost"] for search in searches for kill in search["kills"])
    return [*itertools.chain(*lost, *(search[key] for search in searches for key in ("repeated", "unclear")))]


if __name__ == "__main__":
    command = Command(__file__, __doc__)
    command.add_argument("--kills", type=int, default=50, help="how often to kill [50]")
    command.add_argument("--seed", type=int, default=0, help="of the moments [0]")
    command.add_argument("--workers", type=int, default=2, help="jobs at the same time [2]")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started is removed
    _, kept = command.run(lambda given: measure(given.kills, given.seed, given.workers), fill)
    raise SystemExit(any(problems(kept)))
