"""The expected hypervolume improvement of any config, computed with internal parts of Optuna's sampler."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from optuna._gp.acqf import BaseAcquisitionFunc
from optuna.samplers import GPSampler
from optuna.trial import FrozenTrial, TrialState

from searchinr.search.optuna_study import Distributions, Point, make_study, quiet, told

_AT_A_TIME = 256
"""Number of points whose acquisition is computed at once: each point takes samples times boxes floats of memory."""

Acquisition = Callable[[Sequence[Point]], NDArray[np.float64]]
"""`(points) -> (n,)`: the logarithm of the expected improvement at n points, each with a value of every parameter."""


class _Watched(GPSampler):
    """A sampler that only keeps Optuna's acquisition function and does not optimise it."""

    acquisition: BaseAcquisitionFunc

    def _optimize_acqf(self, acqf: BaseAcquisitionFunc, best_params: NDArray[np.float64] | None) -> NDArray[np.float64]:
        self.acquisition = acqf
        return np.zeros(acqf.search_space.dim)


def fit_acquisition(
    trials: Iterable[FrozenTrial], distributions: Distributions, objectives: int, seed: int
) -> Acquisition:
    """Fits a Gaussian process to each objective and each constraint.

    The trials (with results, pending and failed ones) have a value of every parameter. The seed fixes the random
    samples over which expectations are taken.
    """
    sampler = _Watched(seed=seed, n_startup_trials=1)
    with quiet():
        study = make_study(sampler, objectives, trials)
        study.ask().relative_params  # noqa: B018  reading this property makes Optuna ask the sampler
    acqf = sampler.acquisition

    def acquisition(points: Sequence[Point]) -> NDArray[np.float64]:
        asked = [told(TrialState.RUNNING, point, distributions) for point in points]
        normalised = acqf.search_space.get_normalized_params(asked)  # (n, d)
        parts = [normalised[start : start + _AT_A_TIME] for start in range(0, len(normalised), _AT_A_TIME)]
        return np.concatenate([acqf.eval_acqf_no_grad(part) for part in parts])

    return acquisition
