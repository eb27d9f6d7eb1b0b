"""Writes a search as a job of a system that exists already: Kubernetes with KubeRay, or Slurm."""

from pathlib import Path
from typing import Literal

from searchinr.engine.catalog import read_space
from searchinr.engine.cluster.kuberay import kuberay_manifest
from searchinr.engine.cluster.slurm import slurm_script
from searchinr.engine.store.place import parse_place
from searchinr.errors import UserError

Target = Literal["kuberay", "slurm"]


def render_job(space: Path, target: Target, *, nodes: int, image: str | None, storage: str | None) -> str:
    """Writes the file of a job that runs trials on so many nodes, from a space file.

    The container image, with searchinr in it, is for Kubernetes. Without a storage a Slurm job keeps the run in a
    folder that all nodes see.

    Raises:
        UserError: The space is wrong, or something is missing.
    """
    found = read_space(space)
    if storage is not None:
        parse_place(storage)
    if target == "slurm":
        return slurm_script(found, space, nodes=nodes, storage=storage)
    if image is None:
        raise UserError("--target kuberay: --image is missing; give a container image that has searchinr in it")
    if storage is None:
        raise UserError("--target kuberay: --storage is missing; give a URL, since the disks of pods go with them")
    return kuberay_manifest(found, space.read_text(encoding="utf-8-sig"), nodes=nodes, image=image, storage=storage)
