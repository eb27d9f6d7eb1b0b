"""A run with a script instead of a search: what its jobs do is said by their parameters, and all that happens is noted.

    python scripted_run.py FOLDER

plays the script on Ray, in a process of its own, and leaves its notes in FOLDER; `play` does the same in this process.
"""

import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from listening import answers, as_stranger, listening

from searchinr.codecs.contract import Asset, AssetSpec
from searchinr.engine.workers.executor import Executor
from searchinr.engine.workers.jobs import AnyJob, AssetJob
from searchinr.search.configs import Config
from searchinr.search.search import Job
from searchinr.signals.signal import Layout, Signal
from searchinr.space import Resources, Value

NOTES = "notes.json"
RESOURCES = Resources(cpu=1, timeout_s=7.0)
ASSET = Asset.of(AssetSpec("supernet", {"size": 3}, needed_to_decode=False), {"weight": torch.arange(6.0).view(2, 3)})


def make_signal(name: str, value: int) -> Signal:
    samples = np.full((2, 3, 1), value, np.uint8)
    return Signal(name, samples, Layout("image", (2, 3), 1, 8))


SIGNALS = {"first": [make_signal("a", 10), make_signal("b", 20)], "second": [make_signal("c", 30)], "others": []}


def fit(trial: str, dataset: str = "first", alone: bool = False, **params: Value) -> Job:
    config = Config("mlp", params)
    return Job(trial=trial, number=0, dataset=dataset, config=config, seed=0, rung=0, steps=1, alone=alone)


def building(asset: str, built_from: str) -> AssetJob:
    about = {"asset": asset, "name": "supernet", "dataset": "first", "built_from": built_from}
    return AssetJob(**about, config=Config("mlp", {}), seed=0)


JOBS: list[AnyJob] = [
    fit("plain"),
    fit("other dataset", "second"),
    building("base", "second"),
    fit("with asset", asset=True),
    fit("alone", alone=True),
    fit("disk", does="disk"),
    fit("last"),
]
DEADLY = fit("deadly", does="die")
"""A job that kills its process, as the system does with one that takes too much memory."""


STRANGER = """
for attempt in (
    lambda: os.kill(int(sys.argv[1]), signal.SIGTERM),
    lambda: Path(f"/proc/{sys.argv[1]}/environ").read_bytes(),
    *(lambda folder=folder: os.listdir(folder) for folder in Path(sys.argv[2]).glob("sr-*")),
    *((folder / "x").mkdir for folder in Path(sys.argv[2]).glob("sr-*")),
):
    try:
        print("done", attempt())
    except PermissionError:
        print("refused")
"""
"""What another user of the machine tries."""


def name_of(job: AnyJob) -> str:
    return job.trial if isinstance(job, Job) else job.asset


class Script:
    """Hands the jobs out, and notes each call (`JobSource`)."""

    def __init__(self, jobs: Sequence[AnyJob]) -> None:
        self._left, self._under_way = list(jobs), 0
        self.calls: list[tuple[str, str]] = []
        self.errors: dict[str, str] = {}
        self.ticks = 0
        self.doors: dict[str, list[str]] = {}
        self.stranger = ""

    def next_job(self, workers: int) -> AnyJob | None:
        if not self._left:
            return None
        self._under_way += 1
        self.calls.append(("next", name_of(self._left[0])))
        return self._left.pop(0)

    def asset(self, job: AnyJob) -> Asset | None:
        self.calls.append(("asset", name_of(job)))
        return ASSET if job.config.params.get("asset") else None

    def finished(self) -> bool:
        return not self._left and not self._under_way

    def job_ended(self, job: AnyJob, error: Exception | None) -> None:
        self._under_way -= 1
        self.calls.append(("ended", name_of(job)))
        if error is not None:
            kind = "OSError" if isinstance(error, OSError) else "another"
            self.errors[name_of(job)] = f"{kind}: {error}"

    def tick(self) -> None:
        self.ticks += 1
        if ("ended", "plain") in self.calls and not self.doors:  # a worker is up
            self.doors = {f"{host}:{port}": sorted(answers(port)) for host, port in listening(os.getpid())}
            if (folder := os.environ.get("RAY_TMPDIR")) and os.getuid() == 0:
                self.stranger = as_stranger(STRANGER, os.getpid(), folder)

    def abandon(self, reason: str) -> None:
        raise SystemExit(reason)


def run_job(
    job: AnyJob, resources: Resources, shared: Path, signals: Mapping[str, Sequence[Signal]], asset: Asset | None
) -> None:
    """Does what the job's parameters say, and leaves a note of what it was given."""
    start = time.time()
    does = job.config.params.get("does")
    if does == "disk":
        raise OSError(28, "No space left on device")
    if does == "bug":
        raise ZeroDivisionError("a bug of the codec's")
    if does == "die":
        os._exit(1)
    if does == "disorder":
        torch.set_num_threads(5)
        torch.manual_seed(7)
        np.random.seed(7)  # noqa: NPY002  as a careless codec would
    name, needed = name_of(job), job.built_from if isinstance(job, AssetJob) else job.dataset
    note = {
        "job": asdict(job),
        "resources": resources.model_dump(),
        "signals": {signal.name: int(signal.samples.max()) for signal in signals[needed]},
        "asset": None if asset is None else [asset.sha256, asset.tensors["weight"].tolist()],
        "start": start,
        "end": time.time(),
        "process": os.getpid(),
        "main_thread": threading.current_thread() is threading.main_thread(),
    }
    (shared / f"{name}.json").write_text(json.dumps(note))


def play(execute: Executor, folder: Path, jobs: Sequence[AnyJob]) -> dict[str, Any]:
    """Runs the jobs: the notes of those that came to their end, and what the run was asked and told."""
    script = Script(jobs)
    execute(script, run_job, RESOURCES, folder, SIGNALS)
    notes = {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}
    return {
        "notes": notes, "calls": [list(call) for call in script.calls], "errors": script.errors, "ticks": script.ticks,
        "process": os.getpid(), "doors": script.doors, "stranger": script.stranger,
    }  # fmt: skip


if __name__ == "__main__":
    from searchinr.engine.workers.tune import run_on_ray

    with tempfile.TemporaryDirectory(prefix="sr-") as own:  # so that what others left in /tmp is not looked at
        Path(own).chmod(0o755)
        os.environ["RAY_TMPDIR"] = own
        played = play(partial(run_on_ray, workers=1), Path(sys.argv[1]), [*JOBS, DEADLY])
    (Path(sys.argv[1]) / NOTES).write_text(json.dumps(played))
