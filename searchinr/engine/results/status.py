"""The progress of a run, from its folder and, if it is on a cluster, from the cluster."""

from pathlib import Path
from typing import Any

from searchinr.engine.catalog import canonicalise
from searchinr.engine.results.opened import OpenedRun, open_run
from searchinr.engine.store.run_folder import RunFolder
from searchinr.search.search import Search


def run_status(path: Path) -> dict[str, Any]:
    """The state of a run and, by dataset, trials by state, confirmations, points, front, hypervolume and failures."""
    on_cluster = _on_cluster(path)
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
    return "finished" if search.finished else "interrupted: the same command again continues it"


def _on_cluster(path: Path) -> str | None:
    """The state of the job if the run is on a cluster, after its new record was fetched; None for any other run."""
    if not RunFolder(path).cluster.is_file():
        return None
    from searchinr.engine.cluster.remote_run import RemoteRun  # this imports Ray

    run = RemoteRun.of(path)
    return None if run is None else run.status()


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
