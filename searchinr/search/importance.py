"""Which parameters matter: how the values of the best configs differ from those of all configs that were tried."""

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import optuna
from optuna.trial import TrialState

from searchinr.search.configs import ConfigSpace
from searchinr.search.lines import Point
from searchinr.search.objectives import Objectives
from searchinr.search.optuna_study import distributions_of, make_study, point_of, quiet, told
from searchinr.search.samplers import Observation

METHOD = "PED-ANOVA"
FRONT = "front"
"""The key under which `Importance.shares` has the front, beside the keys of the objectives."""

BEST = 0.25
"""This share of the trials counts as the best ones."""

ENOUGH = 20
"""With fewer trials no importance is given; with this many, five trials count as the best ones."""

_ALL = 0.9  # this share of the trials must have reached a rung; otherwise the rung holds the scheduler's selection


@dataclass(frozen=True)
class Importance:
    """How much each parameter decides whether a config is among the best, at one training length.

    Attributes:
        steps: The training length.
        trials: Number of trials that were measured at this length.
        shares: `FRONT` (configs are ranked by all objectives together) or an objective -> open parameter -> its share,
            between 0 and 1. The shares sum to 1, and parameters are sorted by falling share for the front.
    """

    steps: int
    trials: int
    shares: Mapping[str, Mapping[str, float]]


def importance(points: Sequence[Point], configs: ConfigSpace, objectives: Objectives) -> Importance | None:
    """Computes the importance of every open parameter from the operating points of one dataset.

    The method is PED-ANOVA (Watanabe, Bansal and Hutter, IJCAI 2023) as Optuna implements it, also for parameters that
    only some configs have. It measures how far the values of the best quarter of the trials differ from the values of
    all trials, so that the sampler's preferences do not count. Only one training length is used: the longest that
    nearly all trials have reached. At longer ones the scheduler has left only a selection.

    Returns:
        None if there are fewer than `ENOUGH` trials, or if only one value of every parameter was tried.
    """
    counts = Counter(point.rung for point in points)
    if counts[0] < ENOUGH:
        return None
    # This imports scikit-learn, which takes a second and a half: most commands can do without it.
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

    rung = max(rung for rung, count in counts.items() if count >= max(ENOUGH, _ALL * counts[0]))
    here = [point for point in points if point.rung == rung]
    distributions = distributions_of(configs)
    trials = [
        told(TrialState.COMPLETE, point_of(seen.config, configs), distributions, seen)
        for seen in (_observation(point, objectives) for point in here)
    ]
    with quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Optuna warns that low is taken as good (it is) and that this is experimental
        study = make_study(optuna.samplers.RandomSampler(), len(objectives.names), trials)
        evaluator = PedAnovaImportanceEvaluator(target_quantile=BEST)
        shares = {FRONT: get_param_importances(study, evaluator=evaluator)}
        for k, name in enumerate(objectives.names):
            value = partial(_value, k)
            shares[name] = get_param_importances(study, evaluator=evaluator, target=value)
    if not shares[FRONT]:
        return None
    order = sorted(shares[FRONT], key=lambda name: -shares[FRONT][name])
    tidy = {target: {name: float(found.get(name, 0.0)) for name in order} for target, found in shares.items()}
    return Importance(here[0].steps, len(here), tidy)


def _value(objective: int, trial: optuna.trial.FrozenTrial) -> float:
    return float(trial.values[objective])


def _observation(point: Point, objectives: Objectives) -> Observation:
    return Observation(point.trial, point.config, point.rung, objectives.vector(point), objectives.excess(point))
