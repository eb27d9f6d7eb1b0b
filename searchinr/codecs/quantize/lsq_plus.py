"""LSQ with offsets (Bhalgat et al., "LSQ+", CVPR workshops 2020)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

import torch
from torch import Tensor

from searchinr.codecs.bitstream.quant_spec import OFFSETS_PER_STEP, QuantSpec
from searchinr.codecs.bitstream.steps import log_step, nearest_code
from searchinr.codecs.quantize.contract import STEP, Coded
from searchinr.codecs.quantize.lsq import Lsq
from searchinr.codecs.quantize.uniform import best_steps, nearest, round_through, step_of


class LsqPlus(Lsq):
    """Learns a step and an offset for each group, for weights that are not centred on zero.

    The offset is a byte that counts sixteenths of the step. So the two can be learnt apart, whereas an offset in the
    weights' own unit would have to follow the step.
    """

    name: ClassVar[str] = "lsq+"
    id: ClassVar[int] = 6
    has_offsets: ClassVar[bool] = True

    def start(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """See `Quantizer.start`; beside the latents of `Lsq` there is `name:offset` `(B, G)`, in units of steps.

        An offset starts at the mean of its group if this leaves less error than no offset, and otherwise at 0.
        """
        latents = super().start(weights)
        for part in self.parts:
            grouped = part.group(latents[part.name])  # (B, G, m)
            plain = nearest_code(latents[f"{part.name}{STEP}"])  # (B, G)
            mean = grouped.mean(-1)
            centred = best_steps(grouped - mean.unsqueeze(-1), part.symbols)
            offset = torch.round(mean / step_of(centred) * OFFSETS_PER_STEP).clamp(-128, 127) / OFFSETS_PER_STEP
            better = _error(grouped, centred, offset, part) < _error(grouped, plain, torch.zeros_like(offset), part)
            latents[f"{part.name}{STEP}"] = log_step(torch.where(better, centred, plain))
            latents[f"{part.name}:offset"] = torch.where(better, offset, 0.0)
        return latents

    def values(self, latents: Mapping[str, Tensor], progress: float = 1.0) -> dict[str, Tensor]:
        """See `Quantizer.values`."""
        values = {}
        for part in self.parts:
            symbols = round_through(self._numbers(part, latents).clamp(*part.symbols))
            values[part.name] = part.ungroup((symbols + _snapped(part, latents)) * self._step(part, latents))
        return values

    def coded(self, latents: Mapping[str, Tensor]) -> dict[str, Coded]:
        """See `Quantizer.coded`."""
        coded = super().coded(latents)
        with torch.no_grad():
            for part in self.parts:
                symbols = torch.round(self._numbers(part, latents).clamp(*part.symbols)).long()
                offsets = torch.round(_snapped(part, latents)[..., 0] * OFFSETS_PER_STEP).long()  # (B, G)
                coded[part.name] = replace(coded[part.name], symbols=symbols, offsets=offsets)
        return coded

    def move_steps(self, latents: Mapping[str, Tensor], places: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """See `Quantizer.move_steps`; in the weights' own unit, offsets stay the same."""
        moved = super().move_steps(latents, places)
        for name in places:
            before, after = (step_of(nearest_code(of[f"{name}{STEP}"])) for of in (latents, moved))  # (B, G)
            moved[f"{name}:offset"] = latents[f"{name}:offset"] * (before / after)
        return moved

    def _numbers(self, part: QuantSpec, latents: Mapping[str, Tensor]) -> Tensor:
        return super()._numbers(part, latents) - _snapped(part, latents)


def _error(grouped: Tensor, steps: Tensor, offset: Tensor, part: QuantSpec) -> Tensor:
    """Squared error of each group, `(B, G)`, with these steps (as bytes) and offsets (in units of steps)."""
    step = step_of(steps).unsqueeze(-1)
    moved = grouped - offset.unsqueeze(-1) * step
    return (nearest(moved, steps, part.symbols) * step - moved).square().sum(-1)


def _snapped(part: QuantSpec, latents: Mapping[str, Tensor]) -> Tensor:
    """The offsets that the file will hold, in units of steps, `(B, G, 1)`."""
    sixteenths = (latents[f"{part.name}:offset"] * OFFSETS_PER_STEP).clamp(-128, 127)
    return (round_through(sixteenths) / OFFSETS_PER_STEP).unsqueeze(-1)


QUANTIZER = LsqPlus
