"""Copies a run from its storage."""

from pathlib import Path

from searchinr.engine.store.place import parse_place
from searchinr.engine.store.run_folder import RunFolder
from searchinr.engine.store.stored_run import StoredRun


def fetch_run(url: str, out: Path | None) -> RunFolder:
    """Copies the new part of a run from its storage into a run folder. The run may still be going on elsewhere.

    Without `out`, the run folder is `runs/NAME` in the working directory.

    Raises:
        UserError: There is no run at this place, or the folder holds another run or is in use.
    """
    place = parse_place(url)
    folder = RunFolder(out or Path("runs") / place.name)
    stored = StoredRun(place)
    stored.check()
    folder.create()
    with folder.locked():
        stored.fetch(folder.path)
    return folder
