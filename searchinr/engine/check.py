"""What `check` finds of a file: a search space, alone or for a cluster, or a cluster file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from searchinr.engine.cluster.cluster_file import Cluster, NodeType, is_cluster_file, load_cluster
from searchinr.engine.cluster.pitfalls import cluster_warnings, fit_warnings, resource_warnings
from searchinr.errors import UserError
from searchinr.space import Space, read_yaml


@dataclass(frozen=True)
class Report:
    """A file in which nothing is wrong.

    Attributes:
        summary: What it says, for programs.
        text: The same for people, in a line.
        warnings: What will hurt, a line each.
    """

    summary: dict[str, Any]
    text: str
    warnings: tuple[str, ...]


def check_file(path: Path, cluster_file: Path | None) -> Report:
    """Checks a file, whichever kind it is of.

    Args:
        path: A space or a cluster file.
        cluster_file: The cluster on which the space is to run; None for any machine.

    Raises:
        UserError: Everything that is wrong with it, one line each.
    """
    if is_cluster_file(path):
        if cluster_file is not None:
            raise UserError(f"{path}: a cluster file found where --cluster needs a search space; name the space first")
        cluster = load_cluster(path)
        return Report({"file": str(path), **_cluster_summary(cluster)}, _cluster_text(cluster), _warned(cluster))
    from searchinr.engine.catalog import read_space  # which imports all codecs

    space = read_space(path)
    given = None if cluster_file is None else load_cluster(cluster_file)
    findings = [*resource_warnings(space.resources), *(fit_warnings(space.resources, given) if given else ())]
    document = read_yaml(path)
    warnings = tuple(str(document.problem(*finding)) for finding in findings)
    return Report(
        {"file": str(path), **_space_summary(space), **({"cluster": _cluster_summary(given)} if given else {})},
        _space_text(space) + (f"; on {cluster_file}: {_cluster_text(given)}" if given else ""),
        warnings + (_warned(given) if given else ()),
    )


def _warned(cluster: Cluster) -> tuple[str, ...]:
    return tuple(map(str, cluster_warnings(cluster)))


def _space_summary(space: Space) -> dict[str, Any]:
    return {
        "name": space.name,
        "datasets": [entry.label for entry in space.datasets],
        "codecs": {codec: len(domains) for codec, domains in space.codecs.items()},
        "trials": space.search.trials,
        "rungs": list(space.fidelity.rungs),
        "constraints": {name: str(bound) for name, bound in (space.constraints or {}).items()},
        "confirm_seeds": space.confirm.seeds if space.confirm else 0,
    }


def _space_text(space: Space) -> str:
    labels = ", ".join(entry.label for entry in space.datasets)
    rungs = ", ".join(map(str, space.fidelity.rungs))
    bounds = ", ".join(f"{name} {bound}" for name, bound in (space.constraints or {}).items())
    return (
        f"{space.search.trials} trials on {labels}; rungs at {rungs} steps"
        + (f"; on the front only {bounds}" if bounds else "")
        + (f"; the front is fitted again with {space.confirm.seeds} further seeds" if space.confirm else "")
    )


def _cluster_summary(cluster: Cluster) -> dict[str, Any]:
    return {
        "cluster": cluster.config["cluster_name"],
        "provider": cluster.provider,
        "max_workers": cluster.max_workers,
        "workers": {kind.name: {"cpu": kind.cpu, "gpu": kind.gpu, "spot": kind.spot} for kind in cluster.workers},
        "storage": cluster.settings.storage,
        "teardown": cluster.settings.teardown,
    }


def _cluster_text(cluster: Cluster) -> str:
    workers = " or ".join(map(_node_text, cluster.workers)) or "no workers"
    count = f"up to {cluster.max_workers} of " if cluster.workers else ""
    storage = cluster.settings.storage or "none"
    kept = "kept" if cluster.settings.teardown == "keep" else "torn down"
    return f"{cluster.provider}, a head and {count}{workers}; storage {storage}; {kept} at the end"


def _node_text(kind: NodeType) -> str:
    if kind.cpu is None:
        return kind.name
    return f"{kind.name} ({kind.cpu} CPU, {kind.gpu} GPU{', spot' if kind.spot else ''})"
