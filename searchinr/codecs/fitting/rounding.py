"""How latents become integers while they are trained.

Every kind of rounding has a form that lets gradients pass and that comes closer to rounding as it is annealed. At the
end of a branch, and for every measurement, latents are rounded to the nearest integer.

Notation used for tensor shapes: B signals, E entries, D latent dimensions. All signals get the same random numbers, so
that no signal depends on its companions.
"""

import math
from typing import Literal

import torch
from torch import Tensor

Rounding = Literal["sga", "sga_tanh", "soft_round", "noise", "ste"]

_SGA_TEMPERATURE = (1.0, 0.1)  # at the start and at the end of annealing, from SHACIRA's code
_SOFT_TEMPERATURE = (0.35, 0.08)  # at the start and at the end, from Cool-Chic 5
_SOFT_NOISE = (0.22, 0.15)  # standard deviation at the start and at the end, from Cool-Chic 5
_LARGEST_DISTANCE = 1 - 1e-5  # atanh(1) is infinite


def rounded(latents: Tensor, rounding: Rounding, annealed: float, rng: torch.Generator) -> Tensor:
    """Rounds latents in the way that suits training.

    `sga`: stochastic Gumbel annealing (Yang et al. 2020, arXiv 2006.04240). Latents are rounded up or down by chance,
        with logits -atanh(distance) / T as there and in SHACIRA's equation 4; T falls exponentially.
    `sga_tanh`: the same with -tanh(distance) / T, as in SHACIRA's code.
    `soft_round`: a smooth staircase, noise, and the staircase again (Agustsson and Theis 2020, arXiv 2006.09952; this
        form is Cool-Chic's); both staircases become sharper.
    `noise`: uniform noise in [-1/2, 1/2] is added (Balle et al. 2018).
    `ste`: latents are rounded to integers, and gradients pass straight through.

    Args:
        latents: `(B, E, D)`.
        rounding: The kind of rounding.
        annealed: How much of the annealing is done, 0 to 1; at 1 all kinds are `ste`.
        rng: Source of random numbers, on the device of the latents.

    Returns:
        `(B, E, D)`, differentiable.
    """
    if rounding == "ste" or annealed >= 1:
        return latents + (latents.round() - latents).detach()
    shape = latents.shape[1:]
    if rounding == "noise":
        return latents + torch.rand(shape, generator=rng, device=latents.device) - 0.5
    if rounding == "soft_round":
        temperature = _linear(_SOFT_TEMPERATURE, annealed)
        noise = _linear(_SOFT_NOISE, annealed) * torch.randn(shape, generator=rng, device=latents.device)
        return soft_round(soft_round(latents, temperature) + noise, temperature)
    start, end = _SGA_TEMPERATURE
    return _gumbel(latents, rounding, start * (end / start) ** annealed, rng)


def _linear(ends: tuple[float, float], annealed: float) -> float:
    return ends[0] + annealed * (ends[1] - ends[0])


def soft_round(latents: Tensor, temperature: float) -> Tensor:
    """A smooth staircase through integers and half-integers: the identity at high temperatures, rounding near 0."""
    down = latents.detach().floor()
    steep = torch.tanh((latents - down - 0.5) / temperature)
    return down + 0.5 + steep / (2 * math.tanh(0.5 / temperature))


def _gumbel(latents: Tensor, rounding: Rounding, temperature: float, rng: torch.Generator) -> Tensor:
    down = latents.detach().floor()
    above = latents - down  # in [0, 1)
    bent = torch.tanh if rounding == "sga_tanh" else torch.atanh
    logits = [-bent(distance.clamp(0, _LARGEST_DISTANCE)) for distance in (above, 1 - above)]
    # Only the difference of two Gumbel variables matters, and it has a logistic distribution.
    chance = torch.rand(latents.shape[1:], generator=rng, device=latents.device).clamp(1e-7, 1 - 1e-7)
    logistic = torch.log(chance) - torch.log1p(-chance)
    return down + torch.sigmoid(((logits[1] - logits[0]) / temperature + logistic) / temperature)
