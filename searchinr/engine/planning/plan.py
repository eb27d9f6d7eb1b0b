"""Estimates how long a search will take and what it will cost, from probes and simulated searches.

The search is run many times without training (`search/simulator.py`): the real scheduler decides which trials are
trained for how long, and a trial takes as long as a randomly drawn probe. Results are invented along a line of rate and
quality, since the time depends more on how many trials are promoted than on which. Before each simulation the probes
are drawn anew with replacement (the bootstrap), so that the spread of the estimates shows how uncertain they are.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from searchinr.engine.catalog import canonicalise
from searchinr.engine.cluster.cluster_file import Cluster
from searchinr.engine.planning.estimate import Estimate
from searchinr.engine.planning.probe import Probe
from searchinr.search.figures import Figures
from searchinr.search.search import Job, Search
from searchinr.search.simulator import Outcome, simulate
from searchinr.space import Space

_REPLICATES = 12
_MOST_NODES = 8  # if there is no cluster file that gives the largest number of nodes


@dataclass(frozen=True)
class Row:
    """The estimate for one number of nodes that run trials, and of trials at the same time.

    It is of the hours from start to end, and of what the head and the nodes cost meanwhile, if prices are known.
    """

    nodes: int
    at_once: int
    hours: Estimate
    cost: Estimate | None


@dataclass(frozen=True)
class Plan:
    """The estimate for a search.

    Attributes:
        trials: Number of trials on all datasets.
        results: Number of measurements at rungs, and of confirmations.
        fit_hours: Hours of training, summed over trials.
        probes: Number of probes on which the estimate is based.
        device: Name of the device on which they ran.
        currency: Currency of the costs.
        rows: Estimates for several numbers of nodes.
    """

    trials: int
    results: Estimate
    fit_hours: Estimate
    probes: int
    device: str
    currency: str
    rows: tuple[Row, ...]


def make_plan(
    space: Space, probes: Mapping[str, Sequence[Probe]], *, places: int, cluster: Cluster | None, device: str
) -> Plan:
    """Estimates a search from the probes of each dataset, by its label; there must be at least one of each.

    A node takes `places` trials at the same time. Without a cluster the nodes are like this machine and have no prices.
    `device` is the name of that on which the probes ran.
    """
    prices = _prices(cluster)
    rows, results, fit_s = [], [], []
    for nodes in _node_counts(cluster.max_workers if cluster else _MOST_NODES):
        runs = [_simulated(space, probes, nodes * places, seed) for seed in range(_REPLICATES)]
        hours = Estimate.of([seconds / 3600 for seconds, _, _ in runs])
        cost = None if prices is None else hours.times(prices[0] + nodes * prices[1])
        rows.append(Row(nodes, nodes * places, hours, cost))
        fit_s += [trained_s for _, trained_s, _ in runs]
        results += [float(count) for _, _, count in runs]
    return Plan(
        trials=space.search.trials * len(probes),
        results=Estimate.of(results),
        fit_hours=Estimate.of(fit_s).times(1 / 3600),
        probes=sum(map(len, probes.values())),
        device=device,
        currency=cluster.settings.currency if cluster else "",
        rows=tuple(rows),
    )


def _simulated(
    space: Space, probes: Mapping[str, Sequence[Probe]], workers: int, seed: int
) -> tuple[float, float, int]:
    """Seconds from start to end, seconds of training added up, and the number of results of one simulated search."""
    rng = random.Random(seed)
    drawn = {label: rng.choices(found, k=len(found)) for label, found in probes.items()}
    plain = space.model_copy(
        update={
            "objectives": {"psnr_db": "max", "rate": "min"},
            "reference_point": {"psnr_db": 0.0, "rate": 2.0**16},
            "constraints": None,
            "search": space.search.model_copy(update={"sampler": "random", "seed": seed}),
        }
    )
    search = Search(plain, list(probes), canonicalise)
    spent: list[float] = []
    results, seconds = 0, 0.0
    for event in simulate(search, partial(_outcome, space.fidelity.rungs, drawn, spent), workers):
        results, seconds = results + 1, event.seconds
    return seconds, sum(spent), results


def _outcome(rungs: Sequence[int], probes: Mapping[str, Sequence[Probe]], spent: list[float], job: Job) -> Outcome:
    """The time that a job takes, from the probe that was drawn for its trial, and an invented result."""
    rng = random.Random(job.trial)
    probe = rng.choice(probes[job.dataset])
    octave, luck = rng.uniform(-3, 3), rng.gauss(0, 1)
    below = 0 if job.rung == 0 or job.confirms else rungs[job.rung - 1]
    training_s = probe.step_s * (job.steps - below + probe.branch * below)
    spent.append(training_s)
    figures = Figures.invented(psnr_db=30 + 4 * octave + luck + job.rung, rate=2.0**octave)
    return Outcome(figures, training_s, max(training_s + probe.rung_s, 1e-6))


def _node_counts(most: int) -> list[int]:
    """The numbers of nodes to estimate: 1, 2, 4, ... and the largest possible number."""
    return sorted({2**power for power in range(max(1, most).bit_length())} | {max(1, most)})


def _prices(cluster: Cluster | None) -> tuple[float, float] | None:
    """The prices of the head and of a worker for an hour; all workers cost as much as the first kind with a price."""
    if cluster is None or cluster.head.price is None:
        return None
    return next(((cluster.head.price, kind.price) for kind in cluster.workers if kind.price is not None), None)
