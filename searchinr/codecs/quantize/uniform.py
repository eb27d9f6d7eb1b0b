"""The common base of the quantisers with steps of equal size."""

from abc import abstractmethod
from collections.abc import Mapping
from functools import cache
from typing import ClassVar

import torch
from torch import Tensor

from searchinr.codecs.bitstream.steps import LAST_STEP, SymbolRange, code_at_least, log_step, nearest_code, step_sizes
from searchinr.codecs.quantize.contract import STEP, Coded, Quantizer


@cache
def _steps(device: torch.device) -> Tensor:
    return torch.from_numpy(step_sizes()).to(device)


def step_of(code: Tensor) -> Tensor:
    """The steps that these bytes name, as float32 of the same shape."""
    return _steps(code.device)[code]


def round_through(values: Tensor) -> Tensor:
    """Rounds half to even; the gradient passes as if nothing had been rounded (straight-through)."""
    return values + (torch.round(values) - values).detach()


def nearest(grouped: Tensor, steps: Tensor, symbols: SymbolRange) -> Tensor:
    """Finds the symbol nearest to each weight, `(B, G, m)`, integers as float32; steps are bytes, `(B, G)`."""
    return torch.round(grouped / step_of(steps).unsqueeze(-1)).clamp(symbols.low, symbols.high)


def steps_that_cover(low: Tensor, high: Tensor, symbols: SymbolRange) -> Tensor:
    """The smallest steps whose symbols reach from `low` (or below) to `high`, as bytes of the same shape.

    If no symbol is negative, `low` is ignored.
    """
    upwards = high / symbols.high
    return code_at_least(torch.maximum(upwards, low / symbols.low) if symbols.low else upwards)


class Uniform(Quantizer):
    """A quantiser that chooses a step for each group of trained weights and rounds them to multiples of it."""

    has_steps: ClassVar[bool] = True

    @abstractmethod
    def _choose(self, grouped: Tensor, symbols: SymbolRange) -> Tensor:
        """Chooses the step of each group and gives its byte, `(B, G, m)` -> `(B, G)`."""

    def start(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """See `Quantizer.start`; the latents are the weights and, as `name:step` `(B, G)`, the logarithms of steps."""
        latents = {}
        for part in self.parts:
            latents[part.name] = weights[part.name].detach().clone()
            latents[f"{part.name}{STEP}"] = log_step(self._choose(part.group(latents[part.name]), part.symbols))
        return latents

    def coded(self, latents: Mapping[str, Tensor]) -> dict[str, Coded]:
        """See `Quantizer.coded`."""
        coded = {}
        for part in self.parts:
            steps = nearest_code(latents[f"{part.name}{STEP}"])  # (B, G)
            symbols = nearest(part.group(latents[part.name].detach()), steps, part.symbols)
            coded[part.name] = Coded(symbols.long(), steps)
        return coded

    def values(self, latents: Mapping[str, Tensor], progress: float = 1.0) -> dict[str, Tensor]:
        """See `Quantizer.values`."""
        coded = self.coded(latents)
        return {
            part.name: part.ungroup(coded[part.name].symbols.float() * step_of(coded[part.name].steps).unsqueeze(-1))
            for part in self.parts
        }

    def move_steps(self, latents: Mapping[str, Tensor], places: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """See `Quantizer.move_steps`."""
        moved = dict(latents)
        for name, by in places.items():
            codes = nearest_code(latents[f"{name}{STEP}"]) + by.unsqueeze(1)  # (B, G)
            moved[f"{name}{STEP}"] = log_step(codes.clamp(0, LAST_STEP))
        return moved


def best_steps(grouped: Tensor, symbols: SymbolRange) -> Tensor:
    """Finds the step with the least squared error for each group, from the smallest that clips nothing downwards.

    Args:
        grouped: The weights, `(B, G, m)`.
        symbols: The range of symbols.

    Returns:
        `(B, G)`, bytes. Five octaves are searched; even smaller steps would clip all but a few weights.
    """
    first = steps_that_cover(grouped.amin(-1), grouped.amax(-1), symbols)  # (B, G)
    best, least = first, torch.full(first.shape, torch.inf, device=first.device)
    for down in range(31):
        steps = (first - down).clamp_min(0)
        error = (nearest(grouped, steps, symbols) * step_of(steps).unsqueeze(-1) - grouped).square().sum(-1)  # (B, G)
        best, least = torch.where(error < least, steps, best), torch.minimum(error, least)
    return best


def learnt_step(log_step: Tensor) -> Tensor:
    """The step that files can name and that is nearest to a learnt step; it passes the gradient to the learnt one.

    The logarithm of a step is learnt, so that no step can become negative. The result has the argument's shape.
    """
    return step_of(nearest_code(log_step)) * torch.exp(log_step - log_step.detach())
