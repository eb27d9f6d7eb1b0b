from dataclasses import replace
from pathlib import Path

import pytest
import torch

from searchinr.engine.run.deaths import Deaths
from searchinr.engine.store.run_folder import RunFolder
from searchinr.engine.store.tensors import write_tensors
from searchinr.engine.workers.jobs import AssetJob
from searchinr.search.configs import Config
from searchinr.search.search import Job

CONFIG = Config("mlp", {})
JOB = Job(trial="abc", number=0, dataset="photos", config=CONFIG, seed=0, rung=1, steps=300)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path / "run")
    folder.create()
    return folder


def save(folder: RunFolder, steps: int, train_s: float) -> None:
    tensors = {"train_s": torch.tensor(train_s), "fit.steps": torch.tensor(steps)}
    write_tensors(folder.checkpoint_under_way("abc", 1), tensors)


def test_deaths_count_until_the_checkpoint_gets_further(folder: RunFolder) -> None:
    deaths = Deaths(folder)
    assert [deaths.another(JOB) for _ in range(2)] == [1, 2]
    save(folder, steps=100, train_s=60.0)
    assert [deaths.another(JOB) for _ in range(2)] == [1, 2]
    save(folder, steps=200, train_s=120.0)
    assert deaths.another(JOB) == 1


def test_a_checkpoint_written_again_at_the_same_step_is_no_progress(folder: RunFolder) -> None:
    deaths = Deaths(folder)
    for count in (1, 2, 3):
        save(folder, steps=100, train_s=60.0 * count)
        assert deaths.another(JOB) == count


def test_a_damaged_checkpoint_is_no_progress(folder: RunFolder) -> None:
    deaths = Deaths(folder)
    deaths.another(JOB)
    folder.checkpoint_under_way("abc", 1).write_bytes(b"torn")
    assert deaths.another(JOB) == 2


def test_every_job_has_a_count_of_its_own(folder: RunFolder) -> None:
    deaths = Deaths(folder)
    others = [
        replace(JOB, rung=2, steps=900),
        replace(JOB, trial="def", number=1),
        replace(JOB, seed=1, confirms=True),
        AssetJob(asset="supernet-0", name="supernet", dataset="photos", config=CONFIG, seed=0),
    ]
    assert [deaths.another(job) for job in (JOB, *others)] == [1, 1, 1, 1, 1]
    assert deaths.another(JOB) == deaths.another(others[-1]) == 2
