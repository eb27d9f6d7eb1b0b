"""What the engine costs: seconds per trivial trial, against a plain Ray Tune script with defaults.

    python -m benchmarks.overhead --json reports/overhead.json --markdown reports/overhead.md

About seven minutes on two cores. The three programs run one after the other, in turns, each in a process of its own
with a Ray of its own.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.command import Command, Filling, Found, spread
from benchmarks.machine import describe_machine

Runs = Mapping[str, Sequence[Mapping[str, float]]]
"""The `Seconds` of each program, by turn."""

SPACE = """\
name: trivial
datasets: [{{name: photos, downscale: [16, 16], limit: 1}}]
reference_point: {{psnr_db: 0, rate: 100}}
fidelity: {{min_steps: 1, max_steps: 1}}
search: {{sampler: random, scheduler: fifo, trials: {trials}}}
codecs: {{mlp: {{depth: 2, width: 8, lr: {{log: [1.0e-4, 1.0e-2]}}}}}}
"""


@dataclass(frozen=True)
class Moments:
    """When things happened in one run of a program, in seconds since the epoch.

    Attributes:
        started: The command was given.
        ready: Trials could be handed out.
        results: The trials' results were there, ascending.
        ended: The program had ended.
    """

    started: float
    ready: float
    results: list[float]
    ended: float


@dataclass(frozen=True)
class Seconds:
    """Where the time of one run of a program went.

    Attributes:
        start_up: From the command until trials could be handed out: imports, Ray's start.
        first_result: From there to the first result: a worker's start, its imports, one trial.
        per_trial: From the same moment to the last result, divided by the trials.
        per_later_trial: From the first to the last result, divided by the trials after the first.
        wind_down: From the last result to the program's end.
    """

    start_up: float
    first_result: float
    per_trial: float
    per_later_trial: float
    wind_down: float

    @classmethod
    def between(cls, moments: Moments) -> "Seconds":
        """The durations between moments."""
        first, last, trials = moments.results[0], moments.results[-1], len(moments.results)
        return cls(
            start_up=moments.ready - moments.started,
            first_result=first - moments.ready,
            per_trial=(last - moments.ready) / trials,
            per_later_trial=(last - first) / (trials - 1),
            wind_down=moments.ended - last,
        )


def _script(name: str, trials: int, workers: int) -> Moments:
    """Runs a module that prints its moments."""
    started, output, ended = _execute("-m", f"benchmarks.{name}", str(trials), str(workers))
    found = json.loads(output.splitlines()[-1])
    return Moments(started, found["ready"], found["results"], ended)


def _search(trials: int, workers: int) -> Moments:
    """Runs a search; its ledger has the moments."""
    with tempfile.TemporaryDirectory() as folder:
        space, out = Path(folder) / "trivial.yaml", Path(folder) / "run"
        space.write_text(SPACE.format(trials=trials))
        arguments = ("-m", "searchinr", "run", str(space), "--out", str(out), "--workers", str(workers))
        started, _, ended = _execute(*arguments)
        lines = [json.loads(line) for line in (out / "ledger.jsonl").read_text().splitlines()]
    times = {kind: sorted(line["time"] for line in lines if line["kind"] == kind) for kind in ("trial", "point")}
    return Moments(started, times["trial"][0], times["point"], ended)


def _execute(*arguments: str) -> tuple[float, str, float]:
    """Runs Python; when it started, what it printed, when it had ended."""
    environment = os.environ | {"RAY_USAGE_STATS_ENABLED": "0", "OMP_NUM_THREADS": "1"}
    environment.pop("RAY_ADDRESS", None)
    started = time.time()
    done = subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True)
    ended = time.time()
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)}: exit code {done.returncode}\n{done.stderr[-2000:]}")
    return started, done.stdout, ended


PROGRAMS: dict[str, Callable[[int, int], Moments]] = {
    "plain Ray Tune script": partial(_script, "plain_tune"),
    "engine alone": partial(_script, "engine_jobs"),
    "searchinr run": _search,
}


def measure(trials: int, workers: int, turns: int) -> Found:
    """Runs the programs in turns."""
    machine = describe_machine("torch", "ray")
    runs: dict[str, list[Seconds]] = {name: [] for name in PROGRAMS}
    for turn in range(turns):
        for name, program in PROGRAMS.items():
            moments = program(trials, workers)
            if len(moments.results) != trials:
                raise SystemExit(f"{name}: {len(moments.results)} results of {trials} trials")
            runs[name].append(Seconds.between(moments))
            print(f"turn {turn + 1} of {turns}, {name}: {moments.ended - moments.started:.0f} s", file=sys.stderr)
    machine["load_after"] = round(os.getloadavg()[0], 1)
    return {"machine": machine, "trials": trials, "workers": workers, "turns": turns, "runs": runs}


def fill(found: Found) -> Filling:
    """The figures of the report."""
    runs: Runs = found["runs"]
    plain, *others = runs
    columns = list(runs[plain][0])
    return {
        **{key: str(found[key]) for key in ("trials", "workers", "turns")},
        "columns": [column.replace("_", " ") for column in columns],
        "table": [[name, *(spread([run[column] for run in of]) for column in columns)] for name, of in runs.items()],
        "ratios": " ".join(
            f"{name}: {_ratio(runs, plain, name, 'per_trial')} times as fast per trial, "
            f"{_ratio(runs, plain, name, 'per_later_trial')} times after the first."
            for name in others
        ),
    }


def _ratio(runs: Runs, slower: str, faster: str, column: str) -> str:
    """Median ratio of two programs' seconds within a turn."""
    pairs = zip(runs[slower], runs[faster], strict=True)
    return f"{statistics.median(a[column] / b[column] for a, b in pairs):.1f}"


def main() -> None:
    command = Command(__file__, __doc__)
    command.add_argument("--trials", type=int, default=60, help="trials of each program, 2 or more [60]")
    command.add_argument("--workers", type=int, default=2, help="trials at the same time [2]")
    command.add_argument("--turns", type=int, default=2, help="how often each program runs [2]")
    command.run(lambda given: measure(max(2, given.trials), max(1, given.workers), max(1, given.turns)), fill)


if __name__ == "__main__":
    main()
