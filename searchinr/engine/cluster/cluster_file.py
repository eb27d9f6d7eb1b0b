"""The cluster file, which `ray up` takes. It is checked as a whole and offline, before anything is launched."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from searchinr.engine.cluster.ray_files import EXTERNAL, defaults, provider_types, schema_findings
from searchinr.engine.cluster.settings import ClusterSettings
from searchinr.space import Document, Finding, SpaceError, nearest, read_safe_yaml, shown, unknown, validated

SECTION = ("metadata", "searchinr")
_RAYS_MAX_WORKERS = 2


@dataclass(frozen=True)
class NodeType:
    """A kind of nodes.

    Attributes:
        name: Name in the file; with the provider `local` it is `head` or `worker`.
        max_nodes: The most workers of this kind; 1 for the head.
        cpu: Number of cores of a node; None if the file leaves it to Ray to find out.
        gpu: Number of GPUs of a node; None if the file leaves it to Ray to find out.
        spot: Whether the provider may take such a node away at any time.
        price: Price of an hour; None if it is unknown.
    """

    name: str
    max_nodes: int
    cpu: int | None
    gpu: int | None
    spot: bool
    price: float | None


@dataclass(frozen=True)
class Cluster:
    """A cluster file that `ray up` accepts.

    Attributes:
        config: The file's content, as Ray reads it.
        settings: The file's settings for searchinr.
        provider: Kind of the provider.
        head: The head node.
        workers: The kinds of workers.
        max_workers: The most workers at once, of all kinds together.
        document: The file as read, which knows the line of every key.
    """

    config: dict[str, Any]
    settings: ClusterSettings
    provider: str
    head: NodeType
    workers: tuple[NodeType, ...]
    max_workers: int
    document: Document

    def commands(self, key: str) -> list[str]:
        """The commands that `ray up` runs for a key of the top level: those of the file, or else Ray's defaults."""
        found: list[str] | None = self.config[key] if key in self.config else defaults(self.provider).get(key)
        return found or []


def is_cluster_file(path: Path) -> bool:
    """Whether a file is a cluster file, by its content; False if it cannot be read."""
    try:
        value = read_safe_yaml(path).value
    except SpaceError:
        return False
    return isinstance(value, Mapping) and not {"cluster_name", "provider"}.isdisjoint(value)


def load_cluster(path: Path) -> Cluster:
    """Reads and checks a cluster file.

    Raises:
        SpaceError: Everything that is wrong with the file, one line each, in the order of the lines.
    """
    document = read_safe_yaml(path)
    config = document.value if isinstance(document.value, dict) else {}
    findings: list[Finding] = []
    if config is not document.value:
        findings.append(((), f"found {shown(document.value)}; allowed a mapping with cluster_name and provider"))
    else:
        findings += schema_findings(_as_validated(config))
    given = config.get("metadata", {}).get("searchinr", {}) if isinstance(config.get("metadata", {}), dict) else {}
    settings, wrong = validated(ClusterSettings, given)
    findings += [((*SECTION, *loc), text) for loc, text in wrong]
    if not findings:
        findings += _what_the_schema_leaves_out(config)
    if not findings and settings is not None:
        names = [kind.name for kind in _node_types(config, settings)]
        findings += [
            ((*SECTION, "prices", name), unknown("node type", name, names))
            for name in settings.prices
            if name not in names
        ]
    problems = document.problems + [document.problem(loc, text) for loc, text in findings]
    if problems or settings is None:
        raise SpaceError(problems)
    head, *workers = _node_types(config, settings)
    return Cluster(
        config=config,
        settings=settings,
        provider=config["provider"]["type"],
        head=head,
        workers=tuple(workers),
        max_workers=min(_max_workers(config), sum(kind.max_nodes for kind in workers)),
        document=document,
    )


def _as_validated(config: dict[str, Any]) -> dict[str, Any]:
    """The config that Ray checks against its schema: for the provider `local`, it is without `min_workers`."""
    provider = config.get("provider")
    local = isinstance(provider, dict) and provider.get("type") == "local"
    return {key: value for key, value in config.items() if not (local and key == "min_workers")}


def _what_the_schema_leaves_out(config: dict[str, Any]) -> list[Finding]:
    """Finds errors that Ray's schema does not, and that Ray would report later with a trace or halfway through."""
    provider, kinds = config["provider"], config.get("available_node_types")
    kind = provider["type"]
    if kind not in provider_types():
        allowed = f"{', '.join(provider_types())}{nearest(kind, provider_types())}"
        return [(("provider", "type"), f"found {kind!r}; allowed {allowed}")]
    needed = {"local": ("head_ip", "worker_ips"), "aws": ("region",), EXTERNAL: ("module",)}.get(kind, ())
    if "coordinator_address" in provider:
        needed = ()
    findings: list[Finding] = [
        (("provider", key), f"missing, and a provider of type {kind} needs it") for key in needed if key not in provider
    ]
    if kind == "local":
        if kinds:
            findings.append(
                (("available_node_types",), "found with the provider local, whose nodes are all of one kind")
            )
        return findings
    if kinds is None:
        return [*findings, (("available_node_types",), "missing; allowed the kinds of nodes, with their resources")]
    head = config.get("head_node_type")
    if head not in kinds:
        found = "missing" if head is None else f"found {head!r}"
        findings.append((("head_node_type",), f"{found}; allowed {', '.join(kinds)}{nearest(head, kinds)}"))
    least = sum(node.get("min_workers", 0) for node in kinds.values())
    if least > _max_workers(config):
        found = config.get("max_workers", f"missing, which means {_RAYS_MAX_WORKERS}")
        findings.append((("max_workers",), f"found {found}; allowed {least} or more, the sum of all min_workers"))
    return findings


def _node_types(config: dict[str, Any], settings: ClusterSettings) -> list[NodeType]:
    """The kind of the head, and the kinds of workers."""
    prices = settings.prices
    if config["provider"]["type"] == "local":
        return [
            NodeType(name, nodes, None, None, spot=False, price=prices.get(name))
            for name, nodes in (("head", 1), ("worker", _max_workers(config)))
        ]
    kinds, head = config["available_node_types"], config["head_node_type"]

    def node_type(name: str, nodes: int) -> NodeType:
        node = kinds[name]
        resources = node["resources"]
        return NodeType(
            name,
            nodes,
            cpu=resources.get("CPU"),
            gpu=resources.get("GPU", 0) if "CPU" in resources else resources.get("GPU"),
            spot=_is_spot(node["node_config"]),
            price=prices.get(name),
        )

    workers = {
        name: node.get("max_workers", 0 if name == head else _max_workers(config)) for name, node in kinds.items()
    }
    return [node_type(head, 1), *(node_type(name, nodes) for name, nodes in workers.items() if nodes > 0)]


def _max_workers(config: Mapping[str, Any]) -> int:
    """The most workers that there can be in all."""
    addresses = config["provider"].get("worker_ips")
    if addresses is None:
        return int(config.get("max_workers", _RAYS_MAX_WORKERS))
    return int(min(config.get("max_workers", len(addresses)), len(addresses)))


def _is_spot(node_config: Mapping[str, Any]) -> bool:
    """Whether the provider may take a node away, as AWS, GCP and Azure each write it."""
    market = node_config.get("InstanceMarketOptions")
    scheduling = node_config.get("scheduling")
    azure = node_config.get("azure_arm_parameters")
    return (
        (isinstance(market, Mapping) and market.get("MarketType") == "spot")
        or (isinstance(scheduling, Mapping) and scheduling.get("preemptible") is True)
        or (isinstance(azure, Mapping) and str(azure.get("priority", "")).lower() == "spot")
    )
