"""Where a fit of codec `mlp` stands."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from searchinr.codecs.contract import FitState
from searchinr.codecs.fields.contract import Field
from searchinr.codecs.quantize.contract import Quantizer
from searchinr.codecs.training import BatchFit
from searchinr.signals.signal import Layout


@dataclass
class Group:
    """The signals of one layout, fitted as one batch.

    Attributes:
        indices: Their places among all signals.
        layout: Their layout.
        field: Their backbone.
        quantizer: How their weights become symbols; None for fp16.
        gains: `(B,)`, int64: targets were divided by 2**(gain / 6), about their peaks; a number of quantiser steps.
        trunk: Their training.
    """

    indices: list[int]
    layout: Layout
    field: Field
    quantizer: Quantizer | None
    gains: Tensor
    trunk: BatchFit


class MlpState(FitState):
    """Where the fit of all groups stands."""

    def __init__(self, params: Any, groups: list[Group], steps: int, rungs_passed: int) -> None:  # noqa: ANN401
        self.params = params
        self.groups = groups
        self.steps = steps
        self.rungs_passed = rungs_passed
        self.measured: list[dict[str, Tensor]] = []  # per group, the weights (fp16) or latents at this rung

    @property
    def is_rung(self) -> bool:  # type: ignore[override]
        """See `FitState`."""
        return bool(self.measured)

    @property
    def macs(self) -> float:  # type: ignore[override]
        """See `FitState`."""
        return sum(group.trunk.macs for group in self.groups)

    @property
    def decode_macs_per_sample(self) -> float:  # type: ignore[override]
        """See `FitState`."""
        signals = sum(len(group.indices) for group in self.groups)
        return sum(len(group.indices) * group.field.macs_per_point() for group in self.groups) / signals

    def checkpoint(self) -> dict[str, Tensor]:
        """The trunks; a branch is run again."""
        flat = {"rungs_passed": torch.tensor(self.rungs_passed)}
        for number, group in enumerate(self.groups):
            flat.update({f"{number}.{key}": value for key, value in group.trunk.state().items()})
        return flat
