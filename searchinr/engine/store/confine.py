"""Keeps what is read and written of a run inside its folder: folders and listings may come from anybody."""

import os
from pathlib import Path

from searchinr.engine.store.place import Place
from searchinr.errors import UserError


def inside(folder: Path, name: str) -> Path:
    """What is called so in a folder; the name may lead through several folders below it.

    Raises:
        UserError: The name leads out of the folder.
    """
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise UserError(
            f"{name!r}: found as the name of a file of a run, and leads out of {folder}; nothing is written"
        )
    return path


def refuse_links_out(folder: Path) -> None:
    """Makes sure that no link leads out of a folder: what is read and written through it could be any file.

    Raises:
        UserError: A link leads out of the folder.
    """
    whole = folder.resolve()
    for at, folders, files in os.walk(whole):
        for path in (Path(at) / name for name in (*folders, *files)):
            if path.is_symlink() and not path.resolve().is_relative_to(whole):
                raise UserError(
                    f"{path}: a link to {path.readlink()} found, which leads out of the run folder; put what it stands "
                    "for in its place"
                )


def refuse_what_no_run_made(root: Place) -> None:
    """A run replaces and removes what has the names of its own files, so it begins only where there is none of them.

    Raises:
        UserError: There is one.
    """
    if (root / "space.yaml").exists() or (root / ".lock").exists():
        return
    files = [root / name for name in ("run.json", "ledger.jsonl", "log.txt", "mlflow.db")]
    rooms = [root / name for name in ("front", "inbox", "trials", "assets", "report", "mlartifacts")]
    for found in [*(file for file in files if file.exists()), *(room for room in rooms if any(room.files()))]:
        raise UserError(f"{found}: found, which no run has made; choose another folder for the run")
