"""What is submitted: the same id for the same run, and all that it needs."""

from pathlib import Path

import pytest

from searchinr.engine.cluster.cluster_file import load_cluster
from searchinr.engine.cluster.job import RunJob, own_files, places
from searchinr.errors import UserError
from searchinr.space import DatasetEntry, Resources, Space

CLUSTER = """\
cluster_name: c
provider: {type: aws, region: r}
max_workers: 3
head_node_type: head
available_node_types:
  head: {resources: {CPU: 1}, node_config: {}}
  big: {resources: {CPU: 8}, node_config: {}, max_workers: 2}
  small: {resources: SMALL, node_config: {}}
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which searchinr is started."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def job(here: Path, toy_space: Space) -> RunJob:
    (here / "toy.yaml").write_text("name: toy")
    own = toy_space.model_copy(update={"datasets": (DatasetEntry(name="photos"), DatasetEntry(path="mine/*.png"))})
    (here / "mine").mkdir()
    (here / "mine" / "one.png").write_bytes(b"1")
    return RunJob(own, here / "toy.yaml", here / "storage", "run 1", workers=5, log_level="info")


def test_the_id_is_that_of_the_search_in_its_place(job: RunJob) -> None:
    more_trials = RunJob(
        job.space.overridden(99, None), job.space_file, job.storage, job.name, workers=None, log_level="debug"
    )
    assert more_trials.id == job.id
    assert job.id.startswith("searchinr-toy-")
    for seed, name in ((8, job.name), (None, "run 2")):
        space = job.space.overridden(None, seed)
        assert RunJob(space, job.space_file, job.storage, name, workers=5, log_level="info").id != job.id


def test_the_command_and_its_environment(job: RunJob) -> None:
    assert job.command.endswith('--workers 5 --address "$RAY_ADDRESS" --out "$HOME"/\'searchinr-runs/run 1\'')
    assert f"--storage {job.storage} --trials 3 --seed 0" in job.command
    assert not [name for name in job.environment if "TOKEN" in name or "KEY" in name]


def test_code_space_and_own_files_travel(job: RunJob, tmp_path: Path) -> None:
    job.pack(tmp_path / "packed")
    found = {path.relative_to(tmp_path / "packed").as_posix() for path in (tmp_path / "packed").rglob("*")}
    assert found >= {"space.yaml", "mine/one.png", "searchinr/cli/app.py", "searchinr/py.typed"}
    assert not [name for name in found if "__pycache__" in name]


@pytest.mark.parametrize("path", ["/data/*.png", "~/photos", "../photos"])
def test_files_elsewhere_are_refused(here: Path, toy_space: Space, path: str) -> None:
    space = toy_space.model_copy(update={"datasets": (DatasetEntry(path=path),)})
    with pytest.raises(UserError, match=f"path {path.replace('*', '.')} found; allowed with --cluster is a path below"):
        own_files(space)


def test_a_cluster_takes_so_many_trials_with_all_of_its_nodes(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(CLUSTER.replace("SMALL", "{CPU: 2}"))
    cluster = load_cluster(tmp_path / "c.yaml")
    assert places(cluster, Resources(cpu=1)) == 2 * 8 + 2 + 1
    assert places(cluster, Resources(cpu=2)) == 2 * 4 + 1
    with pytest.raises(UserError, match="no node takes a trial of 9 CPU"):
        places(cluster, Resources(cpu=9))
    (tmp_path / "c.yaml").write_text(CLUSTER.replace("SMALL", "{}"))
    assert places(load_cluster(tmp_path / "c.yaml"), Resources(cpu=1)) is None
