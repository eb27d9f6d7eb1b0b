"""How many trials a node can run at the same time, given what each of them takes."""

import math
from typing import NamedTuple

from searchinr.space import Resources

_ROUNDING = 1e-9  # so that ten times 0.1 is not more than 1
_TRIALS_WITHOUT_GPU = 8


class NodeSize(NamedTuple):
    """The size of a node that suits the trials of a space: how many of them it runs at once, its cores and its GPUs."""

    trials: int
    cpu: int
    gpu: int


def node_for(resources: Resources) -> NodeSize:
    """A node with one GPU and the cores that its trials need; if trials need no GPU, a node for eight of them."""
    trials = (trials_per_gpu(resources) or 1) if resources.gpu > 0 else _TRIALS_WITHOUT_GPU
    return NodeSize(trials, cores(resources, trials), math.ceil(resources.gpu))


def cores(resources: Resources, trials: int) -> int:
    """How many cores so many trials take together."""
    return max(1, math.ceil(trials * resources.cpu - _ROUNDING))


def trials_per_gpu(resources: Resources) -> int:
    """How many trials share a GPU; 0 if a trial takes more than one GPU, or none."""
    return math.floor(1 / resources.gpu + _ROUNDING) if 0 < resources.gpu <= 1 else 0


def idle_share(resources: Resources) -> float:
    """The part of a GPU that no trial can use. What is lost by writing 0.333 for a third counts as 0."""
    share = 1 - trials_per_gpu(resources) * resources.gpu if 0 < resources.gpu <= 1 else 0.0
    return share if share > 0.01 else 0.0


def trials_per_node(resources: Resources, cpu: int, gpu: int) -> int:
    """How many trials a node with so many cores and GPUs runs at the same time, given what one trial takes."""
    by_cpu = math.floor(cpu / resources.cpu + _ROUNDING)
    if resources.gpu == 0:
        return by_cpu
    by_gpu = trials_per_gpu(resources) * gpu if resources.gpu <= 1 else math.floor(gpu / resources.gpu)
    return min(by_cpu, by_gpu)
