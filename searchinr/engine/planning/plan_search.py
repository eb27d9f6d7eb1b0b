"""`searchinr plan`: runs probes on this machine and leaves an estimate in the run folder."""

import json
from dataclasses import asdict
from pathlib import Path

import torch

from searchinr.cores import usable_cores
from searchinr.engine.catalog import read_space
from searchinr.engine.cluster.cluster_file import Cluster, load_cluster
from searchinr.engine.planning.plan import Plan, make_plan
from searchinr.engine.planning.probe import device_here, probe
from searchinr.engine.store.asset_cache import AssetCache, cache_folder
from searchinr.engine.store.run_folder import RunFolder
from searchinr.engine.store.training import training_name, training_signals
from searchinr.engine.workers.slots import trials_per_node
from searchinr.errors import UserError
from searchinr.signals.datasets import load_dataset
from searchinr.signals.files import make_folder, write_file
from searchinr.space import Resources
from searchinr.trial import device_name


def plan_search(
    space_file: Path,
    cluster_file: Path | None,
    *,
    out: Path | None,
    probes: int,
    data_dir: Path | None,
    assets_dir: Path | None = None,
) -> tuple[Plan, tuple[str, ...]]:
    """Estimates a search by so many probes of each dataset, and leaves the estimate in its run folder.

    Without a cluster file the nodes are like this machine. The other arguments are those of `searchinr.search`.

    Returns:
        The estimate, and a sentence for each thing that it leaves out.

    Raises:
        UserError: Something is wrong with a file or a dataset, or no config can be fitted.
    """
    space = read_space(space_file)
    cluster = None if cluster_file is None else load_cluster(cluster_file)
    folder = RunFolder(out or Path("runs") / space.name)
    make_folder(folder.path)
    datasets = {entry.label: load_dataset(entry, data_dir) for entry in space.datasets}
    places, notes = _places(space.resources, cluster)
    training = training_signals(space, datasets, data_dir)
    cache = AssetCache(cache_folder(assets_dir), folder.path, notes.append)
    found = {
        label: list(probe(space, dataset, probes, training.get(training_name(label)), cache))
        for label, dataset in datasets.items()
    }
    for label, of_dataset in found.items():
        if not of_dataset:
            raise UserError(f"{space_file}: none of {probes} configs could be fitted to {label}; check its parameters")
    device = device_here(space.resources)
    made = make_plan(space, found, places=places, cluster=cluster, device=device_name(device))
    notes.append(f"probed on this machine ({made.device}), one trial at a time; nodes are taken to be as fast")
    if space.resources.gpu > 0 and device.type == "cpu":
        notes.append("trials ask for GPUs, and there is none here: on nodes with GPUs expect less time, not more")
    if cluster is not None and made.rows[0].cost is None:
        notes.append(f"{cluster_file}: no prices of head and workers under metadata.searchinr.prices, so no costs")
    write_file(folder.plan, json.dumps(asdict(made), indent=1).encode())
    return made, tuple(notes)


def _places(resources: Resources, cluster: Cluster | None) -> tuple[int, list[str]]:
    """The number of trials that a node takes at the same time, and the assumptions that had to be made."""
    if cluster is not None:
        known = [kind for kind in cluster.workers if kind.cpu is not None]
        if known:
            places = trials_per_node(resources, known[0].cpu or 0, known[0].gpu or 0)
            if places == 0:
                raise UserError(
                    f"{cluster.document.file}: no trial fits a {known[0].name!r} node; see `searchinr check`"
                )
            return places, ([f"all workers are taken to be of the kind {known[0].name!r}"] if len(known) > 1 else [])
    count, gpus = usable_cores(), torch.cuda.device_count()
    here = resources if gpus else resources.model_copy(update={"gpu": 0.0})
    return max(1, trials_per_node(here, count, gpus)), [f"a node is taken to be such as this machine: {count} cores"]
