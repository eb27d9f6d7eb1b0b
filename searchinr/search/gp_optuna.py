"""Optuna's expected hypervolume improvement, of any config: what of the inner workings of its sampler that takes."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from optuna._gp.acqf import BaseAcquisitionFunc
from optuna.samplers import GPSampler
from optuna.trial import FrozenTrial, TrialState

from searchinr.search.optuna_study import Distributions, Point, make_study, quiet, told

_AT_A_TIME = 256
"""Points whose acquisition is computed at once: each takes as many floats as there are samples times boxes."""

Acquisition = Callable[[Sequence[Point]], NDArray[np.float64]]
"""`(points) -> (n,)`: the logarithm of the expected improvement at points that have every parameter."""


class _Watched(GPSampler):
    """Keeps the acquisition function, and seeks nothing."""

    acquisition: BaseAcquisitionFunc

    def _optimize_acqf(self, acqf: BaseAcquisitionFunc, best_params: NDArray[np.float64] | None) -> NDArray[np.float64]:
        self.acquisition = acqf
        return np.zeros(acqf.search_space.dim)


def fit_acquisition(
    trials: Iterable[FrozenTrial], distributions: Distributions, objectives: int, seed: int
) -> Acquisition:
    """Fits a Gaussian process to each objective and each constraint.

    Args:
        trials: Results, pending and failed trials, each with every parameter.
        distributions: Of all parameters.
        objectives: How many there are.
        seed: Fixes the samples over which expectations are taken.
    """
    sampler = _Watched(seed=seed, n_startup_trials=1)
    with quiet():
        study = make_study(sampler, objectives, trials)
        study.ask().relative_params  # noqa: B018  from which the sampler is asked
    acqf = sampler.acquisition

    def acquisition(points: Sequence[Point]) -> NDArray[np.float64]:
        asked = [told(TrialState.RUNNING, point, distributions) for point in points]
        normalised = acqf.search_space.get_normalized_params(asked)  # (n, d)
        parts = [normalised[start : start + _AT_A_TIME] for start in range(0, len(normalised), _AT_A_TIME)]
        return np.concatenate([acqf.eval_acqf_no_grad(part) for part in parts])

    return acquisition
