"""The engine alone on trivial trials: jobs, workers, deliveries and ledger, without sampler, MLflow and view.

    python -m benchmarks.engine_jobs TRIALS WORKERS

Each trial is a whole one on a 16 x 16 picture: a training step, a file, its decoding, a delivery, a line of the ledger.
Prints one JSON object: when the first job was asked for, and when each result was in the ledger (seconds since the
epoch).
"""

import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from searchinr.codecs.mlp import MlpCodec
from searchinr.engine.store.ledger import Ledger
from searchinr.engine.store.run_folder import RunFolder, open_delivery
from searchinr.engine.workers.jobs import AssetJob
from searchinr.engine.workers.tune import RayTune
from searchinr.engine.workers.worker import run_job
from searchinr.search.search import Job
from searchinr.signals.signal import Layout, Signal
from searchinr.space import Resources, canonical_params

_LABEL = "noise"


class _TrivialJobs:
    """A source of jobs (`searchinr.engine.workers.executor.JobSource`) that folds results as a run does."""

    def __init__(self, trials: int, folder: RunFolder, ledger: Ledger) -> None:
        self._trials, self._folder, self._ledger = trials, folder, ledger
        self._params = canonical_params(MlpCodec.Params, {"width": 8, "depth": 2})
        self._started = 0
        self.ready = 0.0
        self.results: list[float] = []

    def next_job(self, workers: int) -> Job | None:
        self.ready = self.ready or time.time()
        if self._started == self._trials:
            return None
        number, self._started = self._started, self._started + 1
        return Job(
            f"{number:08d}", number, _LABEL, codec=MlpCodec.name, params=self._params, seed=number, rung=0, steps=1
        )

    def asset(self, job: Job | AssetJob) -> None:
        """The trials share nothing."""

    def finished(self) -> bool:
        return len(self.results) == self._trials

    def job_ended(self, job: Job | AssetJob, error: Exception | None) -> None:
        if error is not None:
            raise error
        for path in self._folder.delivered():
            line, _ = open_delivery(path)
            if line["kind"] != "point":
                raise RuntimeError(line["reason"])
            self._ledger.append(line)
            path.unlink()
            self.results.append(time.time())

    def tick(self) -> None:
        """Nothing to look after."""

    def abandon(self, reason: str) -> None:
        raise SystemExit(reason)


def main() -> None:
    trials, workers = map(int, sys.argv[1:])
    samples = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    signal = Signal("noise", samples, Layout("image", (16, 16), channels=3, bit_depth=8))
    with tempfile.TemporaryDirectory() as path:
        folder = RunFolder(Path(path))
        folder.create()
        with Ledger(folder.ledger) as ledger:
            jobs = _TrivialJobs(trials, folder, ledger)
            RayTune(workers).run(jobs, run_job, shared=folder.path, signals={_LABEL: [signal]}, resources=Resources())
    print(json.dumps({"ready": jobs.ready, "results": jobs.results}))


if __name__ == "__main__":
    main()
