"""How long a search will take and what it will cost: an estimate from probes and simulated searches.

The search is run many times without training (`search/simulator.py`): the real scheduler decides who is trained how
long, and a trial takes as long as one of the probes, drawn at random. Results are invented along a line of rate and
quality, since who is promoted matters less to the time than how many are. Before each simulation the probes themselves
are drawn anew with replacement (the bootstrap), so that the spread of the answers tells how little few probes say.
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
_MOST_NODES = 8  # where no cluster says how many there can be


@dataclass(frozen=True)
class Row:
    """The search on so many nodes.

    Attributes:
        nodes: Nodes that run trials.
        at_once: Trials at the same time.
        hours: From start to end.
        cost: Of head and nodes for as long; None where prices are not known.
    """

    nodes: int
    at_once: int
    hours: Estimate
    cost: Estimate | None


@dataclass(frozen=True)
class Plan:
    """What a search will probably take.

    Attributes:
        trials: Trials, of all datasets.
        results: Measurements at rungs and confirmations.
        fit_hours: Hours of training, added up over trials.
        probes: How many probes it comes from.
        device: What they ran on.
        currency: Of the costs.
        rows: By number of nodes.
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
    """Estimates a search.

    Args:
        space: The search space.
        probes: Of each dataset, by label; at least one of each.
        places: Trials that a node takes at the same time.
        cluster: Where it is to run; None for nodes such as this machine, without prices.
        device: What the probes ran on.
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
    """What a job takes, by the probe that its trial has drawn, and an invented result."""
    rng = random.Random(job.trial)
    probe = rng.choice(probes[job.dataset])
    octave, luck = rng.uniform(-3, 3), rng.gauss(0, 1)
    below = 0 if job.rung == 0 or job.confirms else rungs[job.rung - 1]
    training_s = probe.step_s * (job.steps - below + probe.branch * below)
    spent.append(training_s)
    figures = Figures.invented(psnr_db=30 + 4 * octave + luck + job.rung, rate=2.0**octave)
    return Outcome(figures, training_s, max(training_s + probe.rung_s, 1e-6))


def _node_counts(most: int) -> list[int]:
    """1, 2, 4, ... and the most there can be."""
    return sorted({2**power for power in range(max(1, most).bit_length())} | {max(1, most)})


def _prices(cluster: Cluster | None) -> tuple[float, float] | None:
    """Of the head and of a worker for an hour; the first kind of workers that has a price counts for all."""
    if cluster is None or cluster.head.price is None:
        return None
    return next(((cluster.head.price, kind.price) for kind in cluster.workers if kind.price is not None), None)
