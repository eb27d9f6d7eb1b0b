"""A job that is to run alone on a real Ray: nobody beside it, and nobody before it for ever."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """\
import sys, time
from pathlib import Path
from searchinr.search.configs import Config
from searchinr.search.search import Job
from searchinr.engine.workers.tune import run_on_ray
from searchinr.space import Resources

class Source:
    def __init__(self):
        self.left = [
            Job(trial=str(n), number=n, dataset="d", config=Config("mlp", {}), seed=0, rung=0, steps=1, alone=n == 2)
            for n in range(6)
        ]
        self.running = 0
    def next_job(self, workers):
        self.running += bool(self.left)
        return self.left.pop(0) if self.left else None
    def asset(self, job): return None
    def finished(self): return not self.left and not self.running
    def job_ended(self, job, error): self.running -= 1
    def tick(self): pass
    def abandon(self, reason): raise SystemExit(reason)

def run_job(job, resources, shared, signals, asset):
    start = time.time()
    time.sleep(2 if job.trial == "1" else 0.3)
    (Path(shared) / job.trial).write_text(f"{start} {time.time()}")

run_on_ray(Source(), run_job, Resources(cpu=1), Path(sys.argv[1]), {"d": []}, workers=2)
"""


@pytest.mark.slow
def test_a_job_that_is_to_run_alone_has_the_whole_machine(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(tmp_path)], start_new_session=True)
    try:
        assert process.wait() == 0
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    spans = {path.name: tuple(map(float, path.read_text().split())) for path in tmp_path.iterdir()}
    assert sorted(spans) == list("012345")
    start, end = spans.pop("2")
    assert all(other_end <= start or other_start >= end for other_start, other_end in spans.values())
    assert sum(other_start >= end for other_start, _ in spans.values()) == 3  # none has overtaken it
