"""The MLflow database in a run folder: it is there whole or not at all, and one that is broken is made again."""

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from searchinr.files import write_atomic

_PARTS = ("", "-journal", "-wal", "-shm")  # SQLite's files of one database; an old journal would spoil a new database


def sqlite_address(path: Path) -> str:
    """The address of a database, with a quoted name: MLflow and SQLAlchemy unquote it."""
    from sqlalchemy import URL

    # The driver is named, since for plain `sqlite:` MLflow would make the folder of the quoted name.
    return URL.create("sqlite+pysqlite", database=str(path)).render_as_string()


def make_store(path: Path, artifacts: Path) -> bool:
    """Makes sure that there is a database which this MLflow can open.

    MLflow makes its tables in many steps. If it is killed between two of them, or the disk is full, it leaves a
    database that it never opens again. So the tables are made elsewhere, and the file then gets its name.

    Args:
        path: The database.
        artifacts: The folder of the artifacts.

    Returns:
        Whether one was there that cannot be opened; it is now `*.damaged`.

    Raises:
        OSError: A disk is full or gone.
        sqlalchemy.exc.OperationalError: The same.
    """
    found = path.exists()
    if found and _is_whole(path):
        return False
    for part in _PARTS:
        if (old := path.with_name(f"{path.name}{part}")).exists():
            old.replace(path.with_name(f"{path.name}.damaged{part}"))
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    with tempfile.TemporaryDirectory(prefix="searchinr-mlflow-") as folder:
        made = Path(folder) / "mlflow.db"
        store = SqlAlchemyStore(sqlite_address(made), artifacts.resolve().as_uri())  # type: ignore[no-untyped-call]  # MLflow has none
        store.engine.dispose()
        write_atomic(path, made.read_bytes())
    return found


def _is_whole(path: Path) -> bool:
    """Whether a database is not damaged and has the tables of this MLflow.

    MLflow itself would not say: it tries again for minutes, and raises the same for a full disk as for half a database.
    """
    import mlflow
    from alembic.script import ScriptDirectory

    migrations = ScriptDirectory(str(Path(mlflow.__file__).parent / "store" / "db_migrations"))
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True)) as database:
            versions = database.execute("SELECT version_num FROM alembic_version").fetchall()
            checked = database.execute("PRAGMA quick_check(1)").fetchall()
    except sqlite3.OperationalError as error:  # it is locked or out of reach, say, and may be whole
        return error.sqlite_errorcode != sqlite3.SQLITE_ERROR
    except sqlite3.DatabaseError:
        return False
    return versions == [(migrations.get_current_head(),)] and checked == [("ok",)]
