"""What the engine costs: seconds per trivial trial, against a plain Ray Tune script with defaults.

    python benchmarks/overhead.py --json reports/overhead.json --markdown reports/overhead.md

About three minutes on two cores. The three programs run one after the other, in turns, each in a process of its own
with a Ray of its own.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from machine import describe_machine, machine_line
from tables import save, spread, table

HERE = Path(__file__).parent
PLAIN, ENGINE, RUN = "plain Ray Tune script", "our engine alone", "`searchinr run`"

_SPACE = """\
name: trivial
datasets: [{{name: photos, downscale: [16, 16], limit: 1}}]
reference_point: {{psnr_db: 0, rate: 100}}
fidelity: {{min_steps: 1, max_steps: 1}}
search: {{sampler: random, scheduler: fifo, trials: {trials}}}
codecs: {{mlp: {{depth: 2, width: 8, lr: {{log: [1.0e-4, 1.0e-2]}}}}}}
"""


@dataclass(frozen=True)
class Timeline:
    """One run of a program; all in seconds.

    Attributes:
        start_up: From the command until trials could be handed out: imports, Ray's start, Tune's.
        first_result: From there to the first result: starting a worker, importing PyTorch, one trial.
        per_trial: From the same moment to the last result, divided by the trials.
        later_trials: From the first to the last result, divided by the trials without the first.
        wind_down: From the last result until the program had ended.
    """

    start_up: float
    first_result: float
    per_trial: float
    later_trials: float
    wind_down: float


def _script(name: str, trials: int, workers: int, _: Path) -> tuple[list[str], Callable[[str], Mapping[str, Any]]]:
    command = [sys.executable, str(HERE / name), str(trials), str(workers)]
    return command, lambda output: json.loads(output.splitlines()[-1])


def _run(trials: int, workers: int, folder: Path) -> tuple[list[str], Callable[[str], Mapping[str, Any]]]:
    space, out = folder / "trivial.yaml", folder / "run"
    space.write_text(_SPACE.format(trials=trials))
    command = [sys.executable, "-m", "searchinr", "run", str(space), "--out", str(out), "--workers", str(workers)]

    def read(output: str) -> Mapping[str, Any]:
        lines = [json.loads(line) for line in (out / "ledger.jsonl").read_text().splitlines()]
        times = {kind: sorted(line["time"] for line in lines if line["kind"] == kind) for kind in ("trial", "point")}
        return {"ready": times["trial"][0], "results": times["point"]}

    return command, read


def time_program(program: str, trials: int, workers: int) -> Timeline:
    """Runs one program and says where its time went."""
    with tempfile.TemporaryDirectory() as folder:
        if program == RUN:
            command, read = _run(trials, workers, Path(folder))
        else:
            command, read = _script({PLAIN: "plain_tune.py", ENGINE: "engine_jobs.py"}[program], trials, workers, Path(folder))
        environment = os.environ | {"RAY_USAGE_STATS_ENABLED": "0", "OMP_NUM_THREADS": "1"}
        environment.pop("RAY_ADDRESS", None)
        started = time.time()
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        ended = time.time()
        if done.returncode:
            raise SystemExit(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr[-2000:]}")
        times = read(done.stdout)
    ready, results = times["ready"], times["results"]
    if len(results) != trials:
        raise SystemExit(f"{program}: {len(results)} results of {trials} trials")
    return Timeline(
        start_up=ready - started,
        first_result=results[0] - ready,
        per_trial=(results[-1] - ready) / trials,
        later_trials=(results[-1] - results[0]) / (trials - 1),
        wind_down=ended - results[-1],
    )
