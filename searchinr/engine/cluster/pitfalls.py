"""Warnings about settings of a cluster file that are allowed but cause trouble, each with its line and a remedy."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from searchinr.engine.cluster.cluster_file import SECTION, Cluster
from searchinr.engine.store.place import LocalPlace, parse_place
from searchinr.engine.workers.slots import idle_share, trials_per_gpu, trials_per_node
from searchinr.errors import UserError
from searchinr.signals.files import user_path
from searchinr.space import Finding, Loc, Problem, Resources

FILL_IN = "FILL-IN"
"""In the cluster files that we ship, this text stands in places that the user must fill in."""

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_SSH = 22
_EVERYBODY = ("0.0.0.0/0", "::/0")


def cluster_warnings(cluster: Cluster) -> list[Problem]:
    """Everything in a cluster file that will cause trouble, by line."""
    checks = (_not_filled_in(cluster.config), _storage(cluster), _spot(cluster), _network(cluster), _mounts(cluster))
    problems: dict[tuple[Loc, str], Problem] = {}
    for loc, text in (finding for check in checks for finding in check):
        problems.setdefault((loc[-1:], text), cluster.document.problem(loc, text))  # once, even if aliases repeat it
    return sorted(problems.values(), key=lambda problem: problem.line or 0)


def launch_problems(cluster: Cluster) -> list[Problem]:
    """The warnings with which no run is launched, by line: settings that cannot work or would be unsafe."""
    findings = [*_not_filled_in(cluster.config), *_network(cluster), *_mounts(cluster)]
    return [cluster.document.problem(*finding) for finding in findings]


def resource_warnings(resources: Resources) -> Iterator[Finding]:
    """Warnings about a space's resources that hold on any machine."""
    if (idle := idle_share(resources)) > 0:
        shared = trials_per_gpu(resources)
        yield (
            ("resources", "gpu"),
            f"found {resources.gpu:g}, which does not divide 1: of a GPU {shared} trial{'s' * (shared > 1)} make use, "
            f"and {idle:.0%} is never used; allowed without loss is 1/{shared} = {1 / shared:.4g}",
        )


def fit_warnings(resources: Resources, cluster: Cluster) -> Iterator[Finding]:
    """Warnings about a space's resources that hold on this cluster."""
    known = {
        kind: trials_per_node(resources, kind.cpu, kind.gpu)
        for kind in cluster.workers
        if kind.cpu is not None and kind.gpu is not None
    }
    for kind, places in known.items():
        wanted = trials_per_gpu(resources) * (kind.gpu or 0)
        if 0 < places < wanted:
            yield (
                ("resources", "cpu"),
                f"found {resources.cpu:g}: a {kind.name!r} node has {kind.cpu} CPUs, enough for {places} trials, where "
                f"its GPUs would take {wanted}",
            )
    if known and len(known) == len(cluster.workers) and not any(known.values()):
        nodes = ", ".join(f"{kind.name} {kind.cpu} CPU and {kind.gpu} GPU" for kind in known)
        yield (
            ("resources",),
            f"a trial takes {resources.cpu:g} CPU and {resources.gpu:g} GPU, which no node of {cluster.document.file} "
            f"has ({nodes}): no trial would ever start",
        )


def _not_filled_in(value: object, loc: Loc = ()) -> Iterator[Finding]:
    if isinstance(value, str) and FILL_IN in value:
        yield loc, f"found {value!r}; still to be filled in"
    elif isinstance(value, dict):
        for key, below in value.items():
            yield from _not_filled_in(below, (*loc, key))
    elif isinstance(value, list):
        for index, below in enumerate(value):
            yield from _not_filled_in(below, (*loc, index))


def _storage(cluster: Cluster) -> Iterator[Finding]:
    storage = cluster.settings.storage
    loc = (*SECTION, "storage")
    if cluster.max_workers == 0:
        return
    remedy = "give s3://BUCKET/PATH, or a folder that all nodes mount"
    if storage is None:
        yield loc, f"missing, and every node would write to a disk of its own; {remedy}"
        return
    place = parse_place(storage)
    if not isinstance(place, LocalPlace):
        return
    commands = "\n".join(command for key in _COMMANDS for command in cluster.config.get(key) or [])
    mounts = [str(folder) for folder in (place, *place.parents) if folder != Path(place.anchor)]
    if not any(re.search(rf"mount.*{re.escape(folder)}(/?\s|$)", commands, re.MULTILINE) for folder in mounts):
        yield (
            loc,
            f"found {storage!r}, which may be each node's own disk; {remedy}, and let initialization_commands mount it "
            f"or make sure of it: mountpoint -q {mounts[-1]}",
        )


_COMMANDS = ("initialization_commands", "setup_commands", "head_setup_commands", "worker_setup_commands")


def _spot(cluster: Cluster) -> Iterator[Finding]:
    if cluster.head.spot:
        yield (
            ("available_node_types", cluster.head.name),
            "found the head among the spot nodes: with it the run and the cluster go; make it on-demand",
        )
    spot = [kind for kind in cluster.workers if kind.spot]
    provider = cluster.config["provider"]
    zones = str(provider.get("availability_zone", "")).split(",")
    if len(spot) == 1 and len(cluster.workers) == 1 and zones != [""] and len(zones) == 1:
        yield (
            ("provider", "availability_zone"),
            f"found one zone for one kind of spot workers: while {zones[0]} has none left nothing replaces the lost "
            "ones; name several zones, or a second kind of workers",
        )
    if cluster.provider == "aws" and provider.get("cache_stopped_nodes", True):
        found = "found true" if "cache_stopped_nodes" in provider else "missing, which means true"
        yield (
            ("provider", "cache_stopped_nodes"),
            f"{found}: nodes are stopped instead of ended, and their disks go on costing; set it to false",
        )


def _network(cluster: Cluster) -> Iterator[Finding]:
    for key in ("head_start_ray_commands", "worker_start_ray_commands"):
        missing = "" if key in cluster.config else f"missing, and Ray's own for {cluster.provider} "
        commands = "\n".join(cluster.commands(key))
        hosts = re.findall(r"--dashboard-host[= ]+(\S+)", commands)
        if any(host.strip("'\"") not in _LOOPBACK for host in hosts):
            yield (
                (key,),
                f"{missing or 'found a command that '}opens the dashboard to the network "
                f"(--dashboard-host={hosts[-1]}), where it runs whatever it is given; "
                "give --dashboard-host=127.0.0.1, which a tunnel reaches",
            )
        if "RAY_AUTH_MODE=token" not in commands:
            yield (
                (key,),
                f"{missing or 'found commands that '}let{'s' * bool(missing)} Ray run without a token, so that whoever "
                "reaches one of its ports runs code; begin with: export RAY_AUTH_MODE=token;",
            )
    group = cluster.config["provider"].get("security_group")
    for index, rule in enumerate(_list(group.get("IpPermissions") if isinstance(group, dict) else None)):
        if isinstance(rule, dict) and _is_open(rule):
            yield (
                ("provider", "security_group", "IpPermissions", index),
                "found ports other than SSH open to everybody; name the addresses that need them",
            )


def _is_open(rule: dict[str, Any]) -> bool:
    """Whether a rule of an AWS security group lets everybody reach more than SSH."""
    ranges = [
        entry.get("CidrIp") or entry.get("CidrIpv6")
        for key in ("IpRanges", "Ipv6Ranges")
        for entry in _list(rule.get(key))
        if isinstance(entry, dict)
    ]
    ports = rule.get("FromPort"), rule.get("ToPort")
    return ports != (_SSH, _SSH) and any(str(entry) in _EVERYBODY for entry in ranges)


def _list(value: object) -> list[Any]:
    """A list that Ray's schema says nothing about; empty if it is none."""
    return value if isinstance(value, list) else []


def _mounts(cluster: Cluster) -> Iterator[Finding]:
    for remote, local in (cluster.config.get("file_mounts") or {}).items():
        if not _is_here(str(local)):
            yield ("file_mounts", remote), f"found {local!r}, which is not here: `ray up` cannot copy it"


def _is_here(path: str) -> bool:
    try:
        return user_path(path).exists()
    except (UserError, OSError):  # nobody's home folder, a name that is too long
        return False
