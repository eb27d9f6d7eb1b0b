"""What `combiner.py` measures, and how large."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from searchinr.space import Value
from searchinr.space.schema import DatasetEntry

Params = Mapping[str, Value]


@dataclass(frozen=True)
class Size:
    """How large a reproduction is.

    Attributes:
        entry: The dataset, and what priors are learned from.
        common: What all configs have in common.
        betas: From the lowest rate to the highest.
        steps: Training length of the fits.
        layerwise: Betas of layer-wise priors, for about the same rates.
        middle: The beta at which one thing at a time is varied.
        refinements: Steps after each block.
        prior_signals: Training signals.
        neighbour_steps: Training steps of priors that start from another.
        batch: Signals that are encoded together, where that is timed.
        limits: Rates, with the PSNR asked for and hoped for at most there.
        photograph: Whether one is measured against JPEG.
        has_goals: Whether there are figures to reach.
    """

    entry: DatasetEntry
    common: Params
    betas: tuple[float, ...]
    steps: int
    layerwise: tuple[float, ...]
    middle: float
    refinements: tuple[int, ...]
    prior_signals: tuple[int, ...]
    neighbour_steps: int
    batch: int
    limits: tuple[tuple[float, float, float], ...] = ()
    photograph: bool = False
    has_goals: bool = False

    def shortened(self, share: float) -> "Size":
        """With a share of all steps."""
        prior_steps = _share(int(self.common.get("prior_steps", 8000)), share)
        return replace(
            self,
            common={**self.common, "prior_steps": prior_steps},
            steps=_share(self.steps, share),
            neighbour_steps=_share(self.neighbour_steps, share),
        )


def _share(steps: int, share: float) -> int:
    return max(20, round(share * steps))


_CIFAR10 = Size(
    entry=DatasetEntry(name="cifar10-test", train=DatasetEntry(name="cifar10-train")),
    common={"refinement_steps": 20, "candidates": 16},
    betas=(1.52e-2, 7e-3, 2.36e-3, 9.9e-4),
    steps=6000,
    layerwise=(3e-2, 1.2e-2, 4e-3),
    middle=7e-3,
    refinements=(0, 1, 2, 5, 10, 20, 50),
    prior_signals=(4, 8, 16, 48, 77),
    neighbour_steps=2000,
    batch=16,
    limits=((1.16, 26.3, 27.0), (1.85, 29.0, 29.7), (3.2, 32.7, 33.4), (4.5, 35.4, 36.0)),
    photograph=True,
    has_goals=True,
)
_LONG: Params = {"refinement_steps": 20, "batch_fraction": 0.25, "prior_steps": 20_000}

SIZES = {
    "cifar10": _CIFAR10,
    "cifar10-500": replace(
        _CIFAR10,
        entry=DatasetEntry(name="cifar10-test", limit=500, train=DatasetEntry(name="cifar10-train", limit=2048)),
        common={"refinement_steps": 20, "candidates": 32, "batch_fraction": 1.0, "prior_steps": 12_800},
        steps=25_000,
        refinements=(0, 1, 2, 5, 15, 50, 100),
        prior_signals=(4, 8, 16, 32, 128, 512, 2048),
        batch=500,
        limits=(),
        photograph=False,
        has_goals=False,
    ),
    "kodak": Size(
        entry=DatasetEntry(name="kodak"),
        common={**_LONG, "depth": 5, "width": 48, "features": 16, "max_frequency": 256.0},
        betas=(4e-2, 2e-2, 1e-2, 5e-3),
        steps=25_000,
        layerwise=(4e-2, 2e-2),
        middle=2e-2,
        refinements=(0, 2, 5, 20),
        prior_signals=(16, 64),
        neighbour_steps=5000,
        batch=1,
    ),
    "librispeech": Size(
        entry=DatasetEntry(name="librispeech", crop=(48_000,)),
        common={**_LONG, "depth": 5, "width": 48, "features": 32, "max_frequency": 1024.0},
        betas=(1e-3, 3e-4, 1e-4, 3e-5),
        steps=25_000,
        layerwise=(1e-3, 3e-4),
        middle=3e-4,
        refinements=(0, 2, 5, 20),
        prior_signals=(16, 64),
        neighbour_steps=5000,
        batch=1,
    ),
}

PHOTOGRAPH = Size(
    entry=DatasetEntry(
        name="photos", downscale=(96, 144), limit=1, train=DatasetEntry(name="kodak", downscale=(96, 144), limit=16)
    ),
    common={
        "depth": 3,
        "width": 28,
        "features": 12,
        "max_frequency": 32.0,
        "batch_fraction": 0.05,
        "prior_steps": 2000,
        "refinement_steps": 5,
    },
    betas=(4e-2, 2e-2),
    steps=3000,
    layerwise=(),
    middle=2e-2,
    refinements=(),
    prior_signals=(),
    neighbour_steps=0,
    batch=1,
)
