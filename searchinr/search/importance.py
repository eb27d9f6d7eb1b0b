"""Which parameters matter: what the best configs have in common that the others have not."""

import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import optuna
from optuna.trial import FrozenTrial, TrialState

from searchinr.search.configs import ConfigSpace
from searchinr.search.lines import Point
from searchinr.search.objectives import Objectives
from searchinr.search.optuna_study import distributions_of, make_study, point_of, quiet, told
from searchinr.search.samplers import Observation

METHOD = "PED-ANOVA"
FRONT = "front"
"""The name of being on the front, beside the names of the objectives."""

BEST = 0.25
"""Share of the trials that counts as the best."""

ENOUGH = 20
"""Trials below which nothing is said: five are then among the best."""

_ALL = 0.9  # of the trials must have reached a rung, or it holds a selection


@dataclass(frozen=True)
class Importance:
    """How much each parameter decides whether a config is among the best, at one training length.

    Attributes:
        steps: The training length.
        trials: Trials that were measured there.
        shares: What the best are best in (`FRONT`: the ranks of all objectives together; or an objective) -> open
            parameter -> its share, between 0 and 1, of a sum of 1; parameters by falling share for the front.
    """

    steps: int
    trials: int
    shares: Mapping[str, Mapping[str, float]]


def importance(points: Sequence[Point], configs: ConfigSpace, objectives: Objectives) -> Importance | None:
    """The importance of every open parameter, from what is on record.

    Watanabe, Bansal and Hutter, "PED-ANOVA" (IJCAI 2023), as Optuna implements it, also for parameters that only some
    configs have: how far the values among the best quarter of the trials differ from those of all trials that were
    tried, so that a sampler's preferences do not count. Trials of one training length only, the longest that nearly all
    have reached: at a longer one the scheduler has left a selection.

    Args:
        points: The operating points of one dataset.
        configs: The space.
        objectives: What is searched for.

    Returns:
        None with fewer than `ENOUGH` trials, or if only one value of everything was ever tried.
    """
    counts = Counter(point.rung for point in points)
    if counts[0] < ENOUGH:
        return None
    # It brings scikit-learn with it: a second and a half that most commands can do without.
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

    rung = max(rung for rung, count in counts.items() if count >= max(ENOUGH, _ALL * counts[0]))
    here = [point for point in points if point.rung == rung]
    distributions = distributions_of(configs)
    trials = [
        told(TrialState.COMPLETE, point_of(seen.config, configs), distributions, seen)
        for seen in (_observation(point, objectives) for point in here)
    ]
    with quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that low is good, which it is; that the evaluator is young
        study = make_study(optuna.samplers.RandomSampler(), len(objectives.names), trials)
        evaluator = PedAnovaImportanceEvaluator(target_quantile=BEST)
        shares = {FRONT: get_param_importances(study, evaluator=evaluator)}
        for k, name in enumerate(objectives.names):
            shares[name] = get_param_importances(study, evaluator=evaluator, target=_objective(k))
    if not shares[FRONT]:
        return None
    order = sorted(shares[FRONT], key=lambda name: -shares[FRONT][name])
    tidy = {target: {name: float(found.get(name, 0.0)) for name in order} for target, found in shares.items()}
    return Importance(here[0].steps, len(here), tidy)


def _objective(k: int) -> Callable[[FrozenTrial], float]:
    return lambda trial: float(trial.values[k])


def _observation(point: Point, objectives: Objectives) -> Observation:
    return Observation(point.trial, point.config, point.rung, objectives.vector(point), objectives.excess(point))
