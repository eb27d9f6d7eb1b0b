"""Estimates against what can be counted by hand, and against a real run."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest

from searchinr.engine.cluster.cluster_file import load_cluster
from searchinr.engine.planning.estimate import compared_with_plan, fit_hours
from searchinr.engine.planning.plan import make_plan
from searchinr.engine.planning.probe import Probe
from searchinr.space import Confirm, Fidelity, Range, SearchSettings, Space

SAME = [Probe(step_s=1.0, rung_s=5.0, branch=0.5)] * 3
CLUSTER = """\
cluster_name: c
provider: {type: aws, region: r}
max_workers: 3
head_node_type: head
available_node_types:
  head: {resources: {CPU: 0}, node_config: {}}
  w: {resources: {CPU: 4}, node_config: {}}
metadata: {searchinr: {prices: {head: 2, w: 10}, currency: EUR}}
"""


@pytest.fixture
def space(toy_space: Space) -> Space:
    return toy_space.model_copy(update={"fidelity": Fidelity(min_steps=100, max_steps=900, reduction=3)})


def many(space: Space, trials: int, scheduler: Literal["fifo", "mo-asha"]) -> Space:
    """A space with enough configs for so many trials."""
    domains = {"mlp": {"lr": Range(1e-4, 1e-2, log=True, integer=False)}}
    return space.model_copy(update={"search": SearchSettings(trials=trials, scheduler=scheduler), "codecs": domains})


def test_every_trial_to_the_end_on_one_worker_is_a_sum(space: Space) -> None:
    plan = make_plan(many(space, 8, "fifo"), {"photos": SAME}, places=1, cluster=None, device="cpu")
    # 900 steps, and half of each rung below once more; three measurements
    fit_s = 8 * (900 + 50 + 150)
    assert plan.fit_hours.median == pytest.approx(fit_s / 3600)
    assert plan.results.median == 8 * 3
    one, two, *_ = plan.rows
    assert one.hours.low == one.hours.high == pytest.approx((fit_s + 8 * 3 * 5) / 3600)
    assert two.hours.median == pytest.approx(one.hours.median / 2)
    assert [row.nodes for row in plan.rows] == [1, 2, 4, 8]
    assert one.cost is None


def test_successive_halving_trains_a_third_at_every_rung(space: Space) -> None:
    plan = make_plan(many(space, 27, "mo-asha"), {"photos": SAME}, places=1, cluster=None, device="cpu")
    assert plan.results.median == 27 + 9 + 3
    assert plan.fit_hours.median == pytest.approx((27 * 100 + 9 * (200 + 50) + 3 * (600 + 150)) / 3600)


def test_confirmations_start_from_scratch(space: Space) -> None:
    plain = make_plan(many(space, 9, "mo-asha"), {"photos": SAME}, places=1, cluster=None, device="cpu")
    confirmed = many(space, 9, "mo-asha").model_copy(update={"confirm": Confirm(seeds=2)})
    plan = make_plan(confirmed, {"photos": SAME}, places=1, cluster=None, device="cpu")
    assert plan.results.low >= plain.results.low + 2
    assert plan.fit_hours.low > plain.fit_hours.high


def test_probes_that_differ_make_a_wide_estimate(space: Space) -> None:
    differing = [Probe(step_s, 0.0, 0.0) for step_s in (0.1, 0.3, 1.0, 3.0)]
    plan = make_plan(many(space, 12, "mo-asha"), {"photos": differing}, places=2, cluster=None, device="cpu")
    for row in plan.rows:
        assert row.hours.low < 0.7 * row.hours.high


def test_costs_are_of_the_head_and_of_all_nodes_while_they_run(space: Space, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(CLUSTER)
    cluster = load_cluster(tmp_path / "c.yaml")
    plan = make_plan(many(space, 8, "fifo"), {"photos": SAME}, places=4, cluster=cluster, device="cpu")
    assert [(row.nodes, row.at_once) for row in plan.rows] == [(1, 4), (2, 8), (3, 12)]
    for row in plan.rows:
        assert row.cost is not None
        assert row.cost.median == pytest.approx(row.hours.median * (2 + 10 * row.nodes))
    assert plan.currency == "EUR"


def test_every_dataset_has_its_own_probes(space: Space) -> None:
    fast, slow = [Probe(0.1, 0, 0)], [Probe(10.0, 0, 0)]
    plan = make_plan(many(space, 3, "fifo"), {"photos": fast, "other": slow}, places=1, cluster=None, device="cpu")
    assert plan.trials == 6
    assert plan.fit_hours.median == pytest.approx(3 * 900 * 10.1 / 3600)


def test_what_it_took_is_counted_once_a_fit(make_point: Callable, confirm: Callable) -> None:
    first, second = make_point("aaa", 100, 1.0, 26.0), make_point("aaa", 300, 1.0, 27.0)
    lines = [first, second, make_point("bbb", 100, 1.0, 26.0), confirm(second, 1, 26.5, 1.0)]
    assert fit_hours(lines) == pytest.approx((3 + 1 + 3) / 3600)  # `train_s` goes on over rungs


def test_an_estimate_is_told_beside_what_it_took(ledger: list[dict[str, object]], tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    assert compared_with_plan(plan, ledger) is None
    plan.write_text("{}")
    assert compared_with_plan(plan, ledger) is None
    plan.write_text(json.dumps({"fit_hours": {"low": 1.0, "median": 2.0, "high": 3.0}}))
    said = compared_with_plan(plan, ledger)
    assert said == f"estimated 2 (1 to 3) hours of training in all; it took {fit_hours(ledger):.3g}"
