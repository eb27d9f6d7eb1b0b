"""The folder for the files and sockets of Ray and Tune."""

import tempfile
from pathlib import Path

import pytest

from searchinr.engine.workers.local_ray import private_folder
from searchinr.errors import UserError


def test_it_is_closed_and_removed_with_those_of_starts_that_were_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    killed, other = private_folder("a run", for_ray=False), private_folder("another", for_ray=False)
    left, kept = killed.__enter__(), other.__enter__()
    with private_folder("a run", for_ray=False) as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        assert sorted(tmp_path.iterdir()) == sorted([folder, kept])
        assert left != folder
    assert list(tmp_path.iterdir()) == [kept]


def test_names_of_sockets_are_short_where_that_of_the_usual_folder_is_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with private_folder("a run", for_ray=True) as folder:
        assert folder.parent == Path("/tmp")
    with private_folder("a run", for_ray=False) as folder:
        assert folder.parent == tmp_path


@pytest.mark.parametrize(("given", "reason"), [("/none/ray", "No such file"), (f"/{'x' * 80}", "allowed are 18")])
def test_a_folder_that_cannot_be_used_is_named(given: str, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_TMPDIR", given)
    with pytest.raises(UserError, match=f"RAY_TMPDIR: {given}.*{reason}"), private_folder("a run", for_ray=True):
        pass
    with private_folder("a run", for_ray=False):  # where a Ray is joined, it does not matter
        pass
