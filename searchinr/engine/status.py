"""How far a run is, from its folder alone."""

from pathlib import Path
from typing import Any

from searchinr.engine.catalog import canonicalise
from searchinr.engine.opened import open_run
from searchinr.engine.search.search import Search
from searchinr.errors import UserError


def run_status(path: Path) -> dict[str, Any]:
    """State of a run and, per dataset, trials by state, confirmations, points, front, hypervolume, failures."""
    run = open_run(path)
    search = Search(run.space, run.labels, canonicalise)
    search.replay(run.lines)
    try:
        with run.folder.locked():
            state = "finished" if search.finished else "interrupted: the same command again continues it"
    except UserError:
        state = "running"
    rows = []
    for label in run.labels:
        counts = search.counts(label)
        rows.append(
            {
                "dataset": label,
                "total": counts.total,
                "done": counts.done,
                "paused": counts.paused,
                "failed": counts.failed,
                "confirmed": counts.confirmed,
                "to_confirm": counts.to_confirm,
                "points": len(search.points(label)),
                "front": len(search.front(label)),
                "hypervolume": search.hypervolume(label),
                "failures": search.failures(label),
            }
        )
    return {"run": str(path), "state": state, "datasets": rows}
