"""What `check` finds of a file: a search space, alone or for a cluster, or a cluster file."""

from collections.abc import Mapping
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
        data: What the user's own paths stand for here, a line each.
    """

    summary: dict[str, Any]
    text: str
    warnings: tuple[str, ...]
    data: tuple[str, ...] = ()


def check_file(path: Path, cluster_file: Path | None, data_dir: Path | None = None) -> Report:
    """Checks a file, whichever kind it is of. The signals of a space are read if they are on this machine.

    Args:
        path: A space or a cluster file.
        cluster_file: The cluster on which the space is to run; None for any machine.
        data_dir: Where datasets are looked for first.

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
    rows, troubles = _data(space, data_dir)
    summary = {"file": str(path), **_space_summary(space), "data": rows}
    return Report(
        {**summary, **({"cluster": _cluster_summary(given)} if given else {})},
        _space_text(space) + (f"; on {cluster_file}: {_cluster_text(given)}" if given else ""),
        (*warnings, *troubles, *(_warned(given) if given else ())),
        tuple(_data_text(row) for row in rows if row["from"] is not None or row["left_out"]),
    )


def _data(space: Space, data_dir: Path | None) -> tuple[list[dict[str, Any]], list[str]]:
    """What is taken for each dataset that is on this machine, and what is wrong or flat there."""
    from searchinr.signals.datasets import is_here, load_dataset, taken_files

    rows, troubles = [], []
    for entry in space.all_datasets:
        if not is_here(entry, data_dir):
            continue
        try:
            taken = taken_files(entry, data_dir)
            flat = load_dataset(entry, data_dir).uncounted
        except UserError as error:  # it may be there where the space will run
            troubles.append(f"dataset {entry.label}: {error}")
            continue
        left_out = {why: list(map(str, paths)) for why, paths in taken.left_out.items()}
        files = {name: str(file) for name, file in taken.files.items()}
        rows.append({"dataset": entry.label, "from": entry.path, "signals": files, "left_out": left_out})
        troubles += [flat] if flat else []
    return rows, troubles


def _data_text(row: Mapping[str, Any]) -> str:
    """What is taken and what is left out, in a line."""
    files = list(row["signals"].values())
    ends = files[0] if len(files) == 1 else f"{files[0]} to {files[-1]}"
    left_out = ", ".join(
        f"{len(paths)} {why} ({paths[0]}{', ...' * (len(paths) > 1)})" for why, paths in row["left_out"].items()
    )
    return f"{row['dataset']}: {len(files)} taken, {ends}" + (f"; left out: {left_out}" if left_out else "")


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
