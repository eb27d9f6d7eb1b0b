"""How many trials a node takes at the same time."""

import math
from dataclasses import dataclass

from searchinr.space import Resources

_ROUNDING = 1e-9  # 10 times 0.1 is no more than 1
_TRIALS_WITHOUT_GPU = 8


@dataclass(frozen=True)
class NodeSize:
    """A node made for a space's trials.

    Attributes:
        trials: How many it takes at the same time.
        cpu: Cores.
        gpu: GPUs.
    """

    trials: int
    cpu: int
    gpu: int


def node_for(resources: Resources) -> NodeSize:
    """A node with one GPU and the cores that its trials need; without GPUs one for eight trials."""
    trials = (trials_per_gpu(resources) or 1) if resources.gpu > 0 else _TRIALS_WITHOUT_GPU
    return NodeSize(trials, max(1, math.ceil(trials * resources.cpu - _ROUNDING)), math.ceil(resources.gpu))


def trials_per_gpu(resources: Resources) -> int:
    """Trials that share a GPU; 0 where a trial takes more than one, or none."""
    return math.floor(1 / resources.gpu + _ROUNDING) if 0 < resources.gpu <= 1 else 0


def idle_share(resources: Resources) -> float:
    """The part of a GPU that no trial can have; 0 for what is lost by writing 0.333 for a third."""
    share = 1 - trials_per_gpu(resources) * resources.gpu if 0 < resources.gpu <= 1 else 0.0
    return share if share > 0.01 else 0.0


def trials_per_node(resources: Resources, cpu: int, gpu: int) -> int:
    """Trials that a node with so many cores and GPUs takes.

    Args:
        resources: What one trial takes.
        cpu: Cores of the node.
        gpu: GPUs of the node.
    """
    by_cpu = math.floor(cpu / resources.cpu + _ROUNDING) if resources.cpu > 0 else cpu
    if resources.gpu == 0:
        return by_cpu
    by_gpu = trials_per_gpu(resources) * gpu if resources.gpu <= 1 else math.floor(gpu / resources.gpu)
    return min(by_cpu, by_gpu) if resources.cpu > 0 else by_gpu
