"""How latents become integers while they are trained.

Every rounding has a form that lets gradients pass and comes closer to rounding as it is annealed. At the end of a
branch, and wherever something is measured, latents are rounded to the nearest integer.

Notation used for tensor shapes: B signals, E entries, D latent dimensions. What is drawn is the same for all signals,
so that none depends on its companions.
"""

import math
from typing import Literal

import torch
from torch import Tensor

Rounding = Literal["sga", "sga_tanh", "soft_round", "noise", "ste"]

_SGA_TEMPERATURE = (1.0, 0.1)  # at the start and at the end of annealing: SHACIRA's code
_SOFT_TEMPERATURE = (0.35, 0.08)  # Cool-Chic 5
_SOFT_NOISE = (0.22, 0.15)  # standard deviation, Cool-Chic 5
_LARGEST_DISTANCE = 1 - 1e-5  # atanh(1) is infinite


def rounded(latents: Tensor, rounding: Rounding, annealed: float, rng: torch.Generator) -> Tensor:
    """Latents as training sees them.

    `sga`: stochastic Gumbel annealing (Yang et al. 2020, arXiv 2006.04240): up or down by chance, with logits
        -atanh(distance) / T as there and in SHACIRA's equation 4; T falls exponentially.
    `sga_tanh`: the same with -tanh(distance) / T, as in SHACIRA's code.
    `soft_round`: a smooth staircase, noise, and the staircase again (Agustsson and Theis 2020, arXiv 2006.09952; in
        this form Cool-Chic), both sharpening.
    `noise`: uniform noise in [-1/2, 1/2] (Balle et al. 2018).
    `ste`: integers, with the gradient of the latents (straight through).

    Args:
        latents: `(B, E, D)`.
        rounding: Which.
        annealed: How far, 0 to 1; at 1 all of them are `ste`.
        rng: For what is drawn, on the device of the latents.

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
    """A staircase through integers and the halves between them: the identity for a high temperature, a step for 0."""
    down = latents.detach().floor()
    steep = torch.tanh((latents - down - 0.5) / temperature)
    return down + 0.5 + steep / (2 * math.tanh(0.5 / temperature))


def _gumbel(latents: Tensor, rounding: Rounding, temperature: float, rng: torch.Generator) -> Tensor:
    down = latents.detach().floor()
    above = latents - down  # in [0, 1)
    bent = torch.tanh if rounding == "sga_tanh" else torch.atanh
    logits = [-bent(distance.clamp(0, _LARGEST_DISTANCE)) for distance in (above, 1 - above)]
    # Of two Gumbel variables only the difference counts, which is logistic.
    chance = torch.rand(latents.shape[1:], generator=rng, device=latents.device).clamp(1e-7, 1 - 1e-7)
    logistic = torch.log(chance) - torch.log1p(-chance)
    return down + torch.sigmoid(((logits[1] - logits[0]) / temperature + logistic) / temperature)
