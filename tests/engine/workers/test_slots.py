import pytest

from searchinr.engine.workers.slots import NodeSize, cores, node_for, trials_per_node
from searchinr.space import Resources


@pytest.mark.parametrize(
    ("cpu", "gpu", "node", "trials"),
    [
        (1, 0, (8, 0), 8), (1, 0, (8, 2), 8), (2, 0, (7, 0), 3), (0.5, 0, (4, 0), 8), (9, 0, (8, 0), 0),
        (1, 0.25, (4, 1), 4), (1, 0.25, (3, 1), 3), (1, 0.25, (64, 2), 8), (1, 0.3, (64, 2), 6), (1, 0.1, (64, 1), 10),
        (1, 1, (4, 2), 2), (1, 2, (4, 3), 1), (1, 0.5, (4, 0), 0),
    ],
)  # fmt: skip
def test_trials_on_a_node(cpu: float, gpu: float, node: tuple[int, int], trials: int) -> None:
    assert trials_per_node(Resources(cpu=cpu, gpu=gpu), *node) == trials


@pytest.mark.parametrize(("cpu", "gpu"), [(1, 0), (1, 0.25), (0.5, 0.3), (2, 1), (1, 2), (0.25, 0)])
def test_a_node_made_for_a_space_takes_what_it_says(cpu: float, gpu: float) -> None:
    resources = Resources(cpu=cpu, gpu=gpu)
    node = node_for(resources)
    assert trials_per_node(resources, node.cpu, node.gpu) == node.trials > 0


@pytest.mark.parametrize(("cpu", "trials", "expected"), [(2.5, 1, 3), (0.5, 3, 2), (1.1, 10, 11), (0.01, 1, 1)])
def test_no_trial_waits_for_a_part_of_a_core(cpu: float, trials: int, expected: int) -> None:
    assert cores(Resources(cpu=cpu), trials) == expected


def test_one_gpu_a_node() -> None:
    assert node_for(Resources(cpu=1, gpu=0.25)) == NodeSize(trials=4, cpu=4, gpu=1)
