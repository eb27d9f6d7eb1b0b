"""A run as a job for Ray's job server: its id, what travels with it, and the command that runs on the head."""

import hashlib
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

from searchinr import version
from searchinr.engine.cluster.cluster_file import Cluster
from searchinr.engine.store.place import Place
from searchinr.engine.store.run_folder import safe_name
from searchinr.engine.terminal.log import LEVEL_VARIABLE
from searchinr.engine.workers.slots import trials_per_node
from searchinr.errors import UserError
from searchinr.signals.datasets import files_here
from searchinr.space import Resources, Space, space_hash

_MAX_BYTES = 400 * 2**20  # Ray takes half a gibibyte, compressed, through the head's memory
_STOP_S = 40  # time that a driver has to stop, in which running trials write their checkpoints


@dataclass(frozen=True)
class RunJob:
    """A run that is submitted as a job.

    The space has the changes that the command line makes. The run is kept under its name in the storage. If `workers`
    is None, as many trials run at the same time as fit on the nodes that are up.
    """

    space: Space
    space_file: Path
    storage: Place
    name: str
    workers: int | None
    log_level: str

    @property
    def id(self) -> str:
        """The beginning of the job's id: it is the same for a search in a storage, whoever submits it."""
        key = f"{space_hash(self.space)} {self.storage / self.name}"
        return f"searchinr-{safe_name(self.space.name)}-{hashlib.sha256(key.encode()).hexdigest()[:10]}"

    @property
    def command(self) -> str:
        """The command that runs on the head, in a copy of the folder that `pack` has filled.

        The driver needs a copy, since Ray makes the folder anew when a driver joins the cluster. The run folder stays
        on the head, so that MLflow's record of an interrupted run is continued as well.
        """
        search = self.space.search
        words = ["python", "-m", "searchinr", "run", "space.yaml", "--storage", str(self.storage)]
        words += ["--trials", str(search.trials), "--seed", str(search.seed)]
        words += ["--workers", str(self.workers)] if self.workers else []
        run, code = (f'"$HOME"/{shlex.quote(f"searchinr-runs/{name}")}' for name in (self.name, f".{self.name}"))
        copied = f'rm -rf {code} && mkdir -p "$HOME"/searchinr-runs && cp -R . {code} && cd {code}'
        return f'{copied} && exec {shlex.join(words)} --address "$RAY_ADDRESS" --out {run}'

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables for the job. No secret is among them, since Ray shows them to everybody who asks."""
        return {
            "RAY_JOB_STOP_WAIT_TIME_S": str(_STOP_S),
            "RAY_USAGE_STATS_ENABLED": "0",
            LEVEL_VARIABLE: self.log_level,
        }

    def pack(self, folder: Path) -> None:
        """Puts into a folder what the job needs: this very searchinr, the space, and the user's own files.

        Raises:
            UserError: The user's own files cannot travel with the job, see `own_files`.
        """
        package = Path(version.__file__).parent
        shutil.copytree(package, folder / package.name, ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "space.yaml").write_bytes(self.space_file.read_bytes())
        for path in own_files(self.space):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, folder / path)


def own_files(space: Space) -> list[Path]:
    """The user's own files that a space names, as paths from this folder; named datasets are looked for on the head.

    Raises:
        UserError: A path leads out of this folder, so that the file has no place beside the space on the head; or the
            files are too large to travel with the job.
    """
    files: list[Path] = []
    for entry in space.all_datasets:
        if entry.path is None:
            continue
        if Path(entry.path).is_absolute() or entry.path.startswith("~") or ".." in Path(entry.path).parts:
            raise UserError(
                f"datasets: path {entry.path} found; allowed with --cluster is a path below the folder in which "
                "searchinr is started, whose files travel with the job"
            )
        files += files_here(entry).values()
    size = sum(path.stat().st_size for path in files)
    if size > _MAX_BYTES:
        raise UserError(
            f"{space.name}: {size / 2**20:.0f} MB of own files found; allowed are {_MAX_BYTES // 2**20} MB to travel "
            "with a job; give datasets a `limit`, or the run a dataset with a name"
        )
    return files


def places(cluster: Cluster, resources: Resources) -> int | None:
    """The number of trials that fit on all nodes of a cluster at the same time; None if the file does not tell.

    Raises:
        UserError: No trial fits any node.
    """
    kinds = [*cluster.workers, cluster.head]
    if any(kind.cpu is None or kind.gpu is None for kind in kinds):
        return None
    left, most = cluster.max_workers, 0
    per_node = [(trials_per_node(resources, kind.cpu or 0, kind.gpu or 0), kind.max_nodes) for kind in cluster.workers]
    for trials, nodes in sorted(per_node, reverse=True):
        most += trials * min(nodes, left)
        left -= min(nodes, left)
    most += trials_per_node(resources, cluster.head.cpu or 0, cluster.head.gpu or 0)
    if most == 0:
        raise UserError(
            f"{cluster.document.file}: no node takes a trial of {resources.cpu:g} CPU and {resources.gpu:g} GPU; lower "
            "the space's resources, or name larger nodes"
        )
    return most
