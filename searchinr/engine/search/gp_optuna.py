"""Optuna's Gaussian-process sampler, seeking among configs: what of its inner workings that takes."""

import numpy as np
import torch
from numpy.typing import NDArray
from optuna._gp.acqf import BaseAcquisitionFunc
from optuna.samplers import GPSampler
from optuna.trial import TrialState

from searchinr.engine.search.configs import ConfigSpace
from searchinr.engine.search.optuna_study import distributions_of, external, middle, told
from searchinr.space import Choice, Range, Value


class ConfigGpSampler(GPSampler):
    """Optuna's sampler, which takes the best of all configs instead of the best of all points."""

    def __init__(self, configs: ConfigSpace, seed: int) -> None:
        """A sampler for studies whose trials have every open parameter of the space."""
        super().__init__(seed=seed, n_startup_trials=1)
        self._configs = configs

    def _optimize_acqf(self, acqf: BaseAcquisitionFunc, best_params: NDArray[np.float64] | None) -> NDArray[np.float64]:
        of_configs = ConfigAcquisition(acqf, self._configs)
        with np.errstate(invalid="ignore"):  # where all samples but the best are hopeless it divides by 0
            found = super()._optimize_acqf(of_configs, best_params)  # (d,)
        return np.where(of_configs.has(found), found, of_configs.resting)


class ConfigAcquisition(BaseAcquisitionFunc):
    """An acquisition function of configs: parameters that a config does not have make no difference.

    Points are `(..., d)`, normalised to [0, 1], with a column for every open parameter in alphabetical order; choices
    are their numbers.

    Attributes:
        resting: `(d,)`: where the parameters are that a config does not have.
    """

    def __init__(self, acqf: BaseAcquisitionFunc, configs: ConfigSpace) -> None:
        """The acquisition function `acqf` on a space."""
        super().__init__(acqf.length_scales, acqf.search_space)
        self._acqf = acqf
        self._configs = configs
        self._names = sorted(configs.open)
        at_rest = told(TrialState.RUNNING, middle(configs), distributions_of(configs))
        self.resting: NDArray[np.float64] = acqf.search_space.get_normalized_params([at_rest])[0]
        self._deciding = np.flatnonzero(acqf.search_space.is_categorical)
        self._known: dict[bytes, NDArray[np.bool_]] = {}

    def eval_acqf(self, x: torch.Tensor) -> torch.Tensor:
        """Values `(...)` at points `(..., d)`."""
        has = torch.from_numpy(self.has(x.detach().numpy()))
        return self._acqf.eval_acqf(torch.where(has, x, torch.from_numpy(self.resting)))

    def has(self, points: NDArray[np.float64]) -> NDArray[np.bool_]:
        """`(..., d)`: which parameters the config at each point has."""
        if points.ndim > 1:
            return np.stack([self.has(point) for point in points])
        decisions = points[self._deciding]
        key = decisions.tobytes()
        if key not in self._known:
            self._known[key] = self._has(decisions)
        return self._known[key]

    def _has(self, decisions: NDArray[np.float64]) -> NDArray[np.bool_]:
        """`(d,)`: which parameters a config with these choices has."""
        point = dict(middle(self._configs))
        for column, choice in zip(self._deciding, decisions, strict=True):
            point[self._names[column]] = int(choice)
        has = np.zeros(len(self._names), dtype=bool)

        def pick(name: str, domain: Choice | Range) -> Value:
            has[self._names.index(name)] = True
            return external(point[name], domain)

        self._configs.assemble(pick)
        return has
