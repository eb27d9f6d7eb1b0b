"""The progress of a run, from its folder alone or, for one that is on a cluster, as the cluster says."""

from pathlib import Path
from typing import Any

from searchinr.engine.catalog import canonicalise
from searchinr.engine.results.opened import OpenedRun, open_run
from searchinr.search.search import Search


def run_status(path: Path, *, on_cluster: str | None = None) -> dict[str, Any]:
    """The state of a run and, by dataset, trials by state, confirmations, points, front, hypervolume and failures.

    Args:
        path: The run folder.
        on_cluster: The state as the run's cluster says, after the record was fetched; None for what the folder says.
    """
    run = open_run(path)
    search = _replayed(run)
    return {"run": str(path), "state": on_cluster or _state(run, search), "datasets": _rows(run, search)}


def recorded(run: OpenedRun) -> list[dict[str, Any]]:
    """The entries of `run_status` about each dataset, from the folder alone."""
    return _rows(run, _replayed(run))


def _replayed(run: OpenedRun) -> Search:
    search = Search(run.space, run.labels, canonicalise)
    search.replay(run.lines)
    return search


def _state(run: OpenedRun, search: Search) -> str:
    if run.folder.is_locked():
        return "running"
    if search.finished:
        return "finished"
    if run.folder.cluster.exists():
        return "on a cluster, and this is what was fetched; --cluster FILE asks it"
    return "interrupted: the same command again continues it"


def _rows(run: OpenedRun, search: Search) -> list[dict[str, Any]]:
    keys = ("total", "done", "paused", "failed", "confirmed", "to_confirm")
    return [
        {
            "dataset": label,
            **{key: getattr(search.counts(label), key) for key in keys},
            "points": len(search.points(label)),
            "front": len(search.front(label)),
            "hypervolume": search.hypervolume(label),
            "failures": search.failures(label),
        }
        for label in run.labels
    ]
