"""Writes a search as a manifest for KubeRay: a RayJob with a cluster of its own, and the space in a ConfigMap."""

import re
import shlex
from importlib.metadata import version
from pathlib import Path

import yaml

from searchinr.engine.catalog import read_space
from searchinr.engine.store.place import parse_place
from searchinr.engine.workers.slots import node_for
from searchinr.errors import UserError

_GIB_PER_CORE = 4
_HEAD_CORES = 2


class _Literal(str):
    """Text that YAML writes as a block of lines."""


class _Dumper(yaml.SafeDumper):
    pass


_Dumper.add_representer(
    _Literal, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|")
)


def kuberay_manifest(path: Path, *, nodes: int, image: str | None, storage: str | None) -> str:
    """Writes the manifest for a space file and so many workers, each of the size that suits the space's resources.

    The container image has searchinr in it, and the run is kept at the storage. `UserError` if one of them is missing,
    or if the space or the storage is wrong.
    """
    space = read_space(path)
    if image is None:
        raise UserError("--target kuberay: --image is missing; give a container image that has searchinr in it")
    if storage is None:
        raise UserError("--target kuberay: --storage is missing; give a URL, since the disks of pods go with them")
    kept = parse_place(storage) / space.name
    name = f"searchinr-{re.sub(r'[^a-z0-9]+', '-', space.name.lower()).strip('-') or 'search'}"[:40].rstrip("-")
    size = node_for(space.resources)
    command = ["searchinr", "run", "/etc/searchinr/space.yaml", "--address", "auto", "--storage", storage]
    command += ["--workers", str(nodes * size.trials)]
    head = _pod("ray-head", image, _HEAD_CORES, 0)
    head["spec"]["containers"][0]["volumeMounts"] = [{"name": "space", "mountPath": "/etc/searchinr"}]
    head["spec"]["volumes"] = [{"name": "space", "configMap": {"name": name}}]
    config_map = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name},
        "data": {"space.yaml": _Literal(path.read_text(encoding="utf-8-sig"))},
    }
    job = {
        "apiVersion": "ray.io/v1",
        "kind": "RayJob",
        "metadata": {"name": name},
        "spec": {
            "entrypoint": shlex.join(command),
            "shutdownAfterJobFinishes": True,
            "ttlSecondsAfterFinished": 600,
            "backoffLimit": 3,
            "rayClusterSpec": {
                "rayVersion": version("ray"),
                "authOptions": {"mode": "token"},
                "headGroupSpec": {"rayStartParams": {"num-cpus": "0"}, "template": head},
                "workerGroupSpecs": [
                    {
                        "groupName": "workers",
                        "replicas": nodes,
                        "minReplicas": nodes,
                        "maxReplicas": nodes,
                        "rayStartParams": {},
                        "template": _pod("ray-worker", image, size.cpu, size.gpu),
                    }
                ],
            },
        },
    }
    comment = [
        "kubectl apply -f THIS-FILE    needs KubeRay 1.5.1 or newer; its pods need a role that may write the storage",
        f"searchinr fetch {shlex.quote(str(kept))}    brings the run here, whenever you like",
        "",
        f"Each of the {nodes} workers takes {size.trials} trials of {space.resources.cpu:g} CPU and "
        f"{space.resources.gpu:g} GPU. If the head is lost KubeRay",
        "starts anew, up to three times, and the run goes on from the storage.",
    ]
    comment += [
        f"The files of {entry.path} have to be in the image, at that path." for entry in space.datasets if entry.path
    ]
    heading = "".join(f"# {line}".rstrip() + "\n" for line in comment)
    documents = [yaml.dump(part, Dumper=_Dumper, sort_keys=False, allow_unicode=True) for part in (config_map, job)]
    return heading + "---\n" + "---\n".join(documents)


def _pod(container: str, image: str, cores: int, gpus: int) -> dict[str, dict[str, list[dict[str, object]]]]:
    """A pod template; requests and limits are the same, and Ray takes them as the pod's resources."""

    def amounts() -> dict[str, object]:  # called twice, since YAML would write an alias for the same object
        gpu = {"nvidia.com/gpu": gpus} if gpus else {}
        return {"cpu": str(cores), "memory": f"{cores * _GIB_PER_CORE}Gi", **gpu}

    return {
        "spec": {
            "containers": [
                {
                    "name": container,
                    "image": image,
                    "env": [{"name": "RAY_USAGE_STATS_ENABLED", "value": "0"}],
                    "resources": {"requests": amounts(), "limits": amounts()},
                }
            ]
        }
    }
