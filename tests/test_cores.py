import os
from pathlib import Path

import pytest

from searchinr.cores import usable_cores


@pytest.fixture(autouse=True)
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)))


def groups(root: Path, of_process: str, **quotas: str) -> Path:
    """A root whose control groups are as these say: path of a file below `sys/fs/cgroup`, with `__` for `/`."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(of_process)
    for name, text in quotas.items():
        file = root / "sys/fs/cgroup" / name.replace("__", "/").replace("_max", ".max").replace("_cfs", ".cfs")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


def test_affinity_alone(tmp_path: Path) -> None:
    assert usable_cores(tmp_path) == 8
    assert usable_cores(groups(tmp_path, "0::/user\n", cpu_max="max 100000\n", user__cpu_max="max 100000\n")) == 8


def test_the_tightest_quota_of_a_group_and_those_above_it(tmp_path: Path) -> None:
    root = groups(tmp_path, "0::/job/step\n", job__cpu_max="250000 100000\n", job__step__cpu_max="max 100000\n")
    assert usable_cores(root) == 3


def test_a_container_sees_its_own_group_as_the_root(tmp_path: Path) -> None:
    assert usable_cores(groups(tmp_path, "0::/docker/1234\n", cpu_max="50000 100000\n")) == 1


def test_groups_of_version_1(tmp_path: Path) -> None:
    quota = {"cpu__job__cpu_cfs_quota_us": "200000\n", "cpu__job__cpu_cfs_period_us": "100000\n"}
    none = {"cpu__cpu_cfs_quota_us": "-1\n", "cpu__cpu_cfs_period_us": "100000\n"}
    assert usable_cores(groups(tmp_path, "5:memory:/other\n4:cpu,cpuacct:/job\n0::/\n", **quota, **none)) == 2
