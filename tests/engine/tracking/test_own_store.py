import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from searchinr.engine.tracking.own_store import make_store
from searchinr.engine.tracking.record import import_quietly, is_temporary


def changed(*statements: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        with closing(sqlite3.connect(path)) as database, database:
            for statement in statements:
                database.execute(statement)

    return change


HALF_MIGRATED = changed(
    "UPDATE alembic_version SET version_num = 'd3e4f5a6b7c8'", "CREATE TABLE _alembic_tmp_endpoints (id INTEGER)"
)


def opens(path: Path) -> bool:
    """Whether it is found whole, and is then left alone."""
    before = path.read_bytes()
    return not make_store(path, path.parent / "mlartifacts") and path.read_bytes() == before


@pytest.mark.parametrize(
    "damage",
    [
        HALF_MIGRATED,
        changed("DROP TABLE alembic_version"),
        lambda path: path.write_bytes(path.read_bytes()[:100_000]),
        lambda path: path.write_bytes(b"no database" * 1000),
        lambda path: path.write_bytes(b""),
    ],
    ids=["half migrated", "before its first migration", "cut", "no database", "empty"],
)
def test_a_store_that_cannot_be_opened_is_set_aside_with_its_journal(
    empty_store: Path, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    path = tmp_path / "mlflow.db"
    shutil.copyfile(empty_store, path)
    assert opens(path)
    damage(path)
    before = path.read_bytes()
    path.with_name("mlflow.db-wal").write_bytes(b"old")
    assert make_store(path, tmp_path / "mlartifacts")
    assert path.with_name("mlflow.db.damaged").read_bytes() == before
    assert not path.with_name("mlflow.db-wal").exists()
    assert opens(path)


def test_a_store_that_another_process_has_locked_stays(empty_store: Path, tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    shutil.copyfile(empty_store, path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert opens(path)


def test_a_disk_that_is_full_leaves_no_half_store(tmp_path: Path) -> None:
    import resource

    import_quietly()
    path, limits = tmp_path / "mlflow.db", resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises((OSError, OperationalError)) as caught:
            make_store(path, tmp_path / "mlartifacts")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert is_temporary(caught.value)  # so the run tries again
    assert list(tmp_path.iterdir()) == []
    assert not make_store(path, tmp_path / "mlartifacts")
    assert opens(path)
