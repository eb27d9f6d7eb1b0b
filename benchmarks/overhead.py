"""What the engine costs: seconds per trivial trial, against a plain Ray Tune script with defaults.

The programs run in turns, each in a process of its own, and those with a Ray have one of their own.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.command import Command, Found

PROGRAMS = {
    "plain Ray Tune script": "`benchmarks/plain_tune.py`, a function that imports PyTorch and adds up 256 numbers,"
    " random search, everything else as Ray Tune has it by default, except that usage reports are off",
    "without Ray": "`searchinr run --debug`, one trial at a time",
    "searchinr run": "the whole command on whole trials (one training step on a 16 x 16 picture, a file, its decoding),"
    " with sampler, MLflow, view and, in the end, the report",
}
"""What the programs are."""


def _seconds(program: str, trials: int, workers: int) -> dict[str, float]:
    """Runs a program; where the time went.

    `start_up`: from the command until trials could be handed out: imports, Ray's start; `first_result`: from there to
    the first result; `per_trial`: from the same moment to the last result, divided by the trials; `per_later_trial`:
    from the first to the last result, divided by the trials after the first; `wind_down`: from there to the end.
    """
    environment = os.environ | {"RAY_USAGE_STATS_ENABLED": "0", "OMP_NUM_THREADS": "1"}
    environment.pop("RAY_ADDRESS", None)
    with tempfile.TemporaryDirectory() as folder:
        space, out = Path(__file__).with_suffix(".yaml"), Path(folder) / "run"
        search = ["searchinr", "run", str(space), "--out", str(out), "--trials", str(trials)]
        command = {
            "plain Ray Tune script": ["benchmarks.plain_tune", str(trials), str(workers)],
            "without Ray": [*search, "--debug"],
            "searchinr run": [*search, "--workers", str(workers)],
        }[program]
        started = time.time()
        done = subprocess.run([sys.executable, "-m", *command], env=environment, capture_output=True, text=True)
        ended = time.time()
        if done.returncode:
            raise SystemExit(f"{program}: exit code {done.returncode}\n{done.stderr[-2000:]}")
        if out.is_dir():
            lines = [json.loads(line) for line in (out / "ledger.jsonl").read_text().splitlines()]
            ready = min(line["time"] for line in lines if line["kind"] == "trial")
            results = sorted(line["time"] for line in lines if line["kind"] == "point")
        else:
            found = json.loads(done.stdout.splitlines()[-1])
            ready, results = found["ready"], found["results"]
    if len(results) != trials:
        raise SystemExit(f"{program}: {len(results)} results of {trials} trials")
    return {
        "start_up": ready - started,
        "first_result": results[0] - ready,
        "per_trial": (results[-1] - ready) / trials,
        "per_later_trial": (results[-1] - results[0]) / (trials - 1),
        "wind_down": ended - results[-1],
    }


def measure(options: argparse.Namespace) -> Found:
    """Runs the programs in turns."""
    trials, workers, turns = max(2, options.trials), max(1, options.workers), max(1, options.turns)
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in PROGRAMS}
    for _ in range(turns):
        for name, of in runs.items():
            of.append(_seconds(name, trials, workers))
    return {"trials": trials, "workers": workers, "turns": turns, "programs": PROGRAMS, "runs": runs}


def ratio(runs: Found, faster: str, column: str) -> str:
    """Median ratio of the first program's seconds and those of another one within a turn."""
    pairs = zip(next(iter(runs.values())), runs[faster], strict=True)
    return f"{statistics.median(a[column] / b[column] for a, b in pairs):.1f}"


if __name__ == "__main__":
    command = Command(__file__, __doc__)
    command.add_argument("--trials", type=int, default=60, help="trials of each program, 2 or more [60]")
    command.add_argument("--workers", type=int, default=2, help="trials at the same time [2]")
    command.add_argument("--turns", type=int, default=2, help="how often each program runs [2]")
    command.run(measure, lambda _: {"ratio": ratio})
