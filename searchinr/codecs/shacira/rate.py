"""The rate of latents as training sees it: a factorised model with a learned cumulative (SHACIRA, equation 5).

SHACIRA takes the cumulative of Balle et al. 2018, a small network for each latent dimension, trained for 60,000 steps.
Here it is a mixture of three logistic functions about zero, for each dimension and, if wanted, each level: it stands
for a peak and its tail, is learnt within some hundred steps, and is what files can hold in a few bytes. Its scales
follow the bits of what is coded, never the mean magnitude, which misjudges latents that are mostly zero.

Notation used for tensor shapes: B signals, E entries, L levels, D latent dimensions, G levels or 1, K components.
"""

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor

SCALES, SHARES = "entropy.scale", "entropy.share"
"""Names of the model's weights: logarithms of scales and unnormalised logarithms of shares, `(B, G, D, K)`."""

_FIRST_SCALES = (0.1, 0.4, 1.5)
_LEAST_SCALE = 0.02
_LEAST_PROBABILITY = 2.0**-24  # what the range coder gives the rarest symbol


class RateModel:
    """The model's function; its weights are trained beside the latents.

    Attributes:
        names: The names of its weights.
    """

    names: ClassVar[tuple[str, ...]] = (SCALES, SHARES)

    def __init__(self, level_entries: Sequence[int], dimensions: int, *, per_level: bool, device: torch.device) -> None:
        """A model for latents of D dimensions in levels of so many entries, if wanted one for each level."""
        self._groups = len(level_entries) if per_level else 1
        self._dimensions = dimensions
        groups = torch.eye(len(level_entries)) if per_level else torch.ones(1, len(level_entries))
        self._is_of = groups.repeat_interleave(torch.tensor(level_entries), dim=1).to(device)  # (G, E), zeros and ones

    def init(self) -> dict[str, Tensor]:
        """Initial weights of one signal."""
        shape = (self._groups, self._dimensions, len(_FIRST_SCALES))
        return {SCALES: torch.tensor(_FIRST_SCALES).log().expand(shape).clone(), SHARES: torch.zeros(shape)}

    def bits(self, weights: Mapping[str, Tensor], latents: Tensor) -> Tensor:
        """Bits of all latents of each signal, `(B,)`, differentiable in both.

        Args:
            weights: `SCALES` and `SHARES` among others.
            latents: `(B, E, D)`: integers, or what stands for them in training.
        """
        steepness = self._of_entries((-weights[SCALES]).exp().clamp_max(1 / _LEAST_SCALE))  # (B, D, K, E)
        shares = self._of_entries(weights[SHARES].softmax(-1))
        distance = latents.mT.abs().unsqueeze(2)  # the tail on the other side, where differences keep their digits
        within = torch.sigmoid((0.5 - distance) * steepness) - torch.sigmoid((-0.5 - distance) * steepness)
        probability = (shares * within).sum(2).clamp_min(_LEAST_PROBABILITY)  # (B, D, E)
        return -probability.log().sum(dim=(1, 2)) / math.log(2)

    def _of_entries(self, of_groups: Tensor) -> Tensor:
        """`(B, G, D, K)` -> `(B, D, K, E)`; a product, whose gradient adds up over entries far faster than indices."""
        return (of_groups.flatten(2).mT @ self._is_of).view(len(of_groups), *of_groups.shape[2:], -1)
