"""What `shacira.py` measures, and how large."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from searchinr.space import Value

Params = Mapping[str, Value]


@dataclass(frozen=True)
class Size:
    """How large a reproduction is.

    Attributes:
        data: Of all sections but the last.
        data_of_rates: Of the comparison with classical codecs.
        grid: What all fits have in common.
        tables: Table sizes (log2) along a curve of figures 9 and 10.
        table: That of the other sections.
        bit_weight: Lambda, where it is not varied.
        bit_weights: Where it is, 0 among them.
        steps: Training length of most fits.
        lengths: Ever longer fits.
        networks: Of codec `mlp`, whose files at 8 bits are about as large.
        lengths_of_networks: Ever longer fits of these, which at the end take as long.
        of_instant_ngp: Table sizes (log2) of Instant-NGP.
        rates: Pairs of table size (log2) and lambda from the lowest rate to the highest.
        steps_of_rates: Their training length.
        has_goals: Whether there are figures to reach.
    """

    data: str
    data_of_rates: str
    grid: Params
    tables: tuple[int, ...]
    table: int
    bit_weight: float
    bit_weights: tuple[float, ...]
    steps: int
    lengths: tuple[int, ...]
    networks: Mapping[str, Params]
    lengths_of_networks: tuple[int, ...]
    of_instant_ngp: tuple[int, ...]
    rates: tuple[tuple[int, float], ...]
    steps_of_rates: int
    has_goals: bool = False

    def shortened(self, share: float) -> "Size":
        """With a share of all steps."""
        return replace(
            self,
            steps=_share(self.steps, share),
            lengths=_shares(self.lengths, share),
            lengths_of_networks=_shares(self.lengths_of_networks, share),
            steps_of_rates=_share(self.steps_of_rates, share),
        )


def _share(steps: int, share: float) -> int:
    return max(2, round(share * steps))


def _shares(lengths: Sequence[int], share: float) -> tuple[int, ...]:
    return tuple(dict.fromkeys(_share(steps, share) for steps in lengths))


SIZES = {
    "photos": Size(
        data="photos-192",
        data_of_rates="photos-192-all",
        grid={"levels": 16, "min_resolution": 8},
        tables=(8, 10, 12),
        table=10,
        bit_weight=1e-2,
        bit_weights=(0.0, 3e-3, 1e-2),
        steps=1000,
        lengths=(250, 500, 1000, 3000),
        networks={"siren": {"backbone": "siren", "depth": 3, "width": 36}},
        lengths_of_networks=(125, 250, 500, 1000),
        of_instant_ngp=(8,),
        rates=((10, 8e-2), (10, 4e-2), (11, 2e-2), (12, 1e-2), (12, 5e-3)),
        steps_of_rates=2000,
        has_goals=True,
    ),
    "kodak": Size(
        data="kodak",
        data_of_rates="kodak",
        grid={"levels": 24, "max_resolution": 512, "batch_fraction": 1.0},
        tables=(10, 11, 12, 13),
        table=11,
        bit_weight=2e-3,
        bit_weights=(0.0, 5e-4, 2e-3, 8e-3),
        steps=60_000,
        lengths=(500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000),
        networks={
            "siren": {"backbone": "siren", "depth": 5, "width": 96, "batch_fraction": 1.0},
            "ReLU with positional encoding": {"backbone": "relu", "depth": 5, "width": 96, "batch_fraction": 1.0},
        },
        lengths_of_networks=(500, 1000, 2000, 4000, 8000, 16_000),
        of_instant_ngp=(8, 9, 10, 11),
        rates=((10, 1e-2), (11, 5e-3), (12, 2.5e-3), (13, 1.2e-3), (14, 6e-4)),
        steps_of_rates=60_000,
    ),
}
