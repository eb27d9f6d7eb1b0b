"""The results of fitting the config of a point of the front again with other seeds."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import TypeGuard

from searchinr.search.lines import Confirmation, Fit, FitFailed, Line


@dataclass(frozen=True)
class Spread:
    """Mean and spread of one figure over several fits.

    Attributes:
        mean: Mean of the values.
        std: Sample standard deviation (n - 1) of the values; None for a single fit.
    """

    mean: float
    std: float | None

    @classmethod
    def of(cls, values: list[float]) -> "Spread":
        """The spread of at least one value."""
        return cls(fmean(values), stdev(values) if len(values) > 1 else None)

    def text(self, digits: int) -> str:
        """Mean and spread in words, e.g. ``"28.31 ± 0.05"``."""
        return f"{self.mean:.{digits}f}" + ("" if self.std is None else f" ± {self.std:.{digits}f}")


@dataclass(frozen=True)
class Confirmed:
    """The further fits of one point, without the fit that put it on the front.

    That fit is left out on purpose: it was chosen out of many for its result, luck included, so a mean with it would be
    too good.

    Attributes:
        seeds: Number of further seeds with a result.
        psnr_db: PSNR in dB; None if every further fit failed.
        rate: Rate in the point's own unit; None if every further fit failed.
        failed: Number of further seeds whose fit failed.
    """

    seeds: int
    psnr_db: Spread | None
    rate: Spread | None
    failed: int

    def flat(self) -> dict[str, float | None]:
        """`seeds`, `failed`, `psnr_db.mean`, `psnr_db.std`, `rate.mean` and `rate.std`; None without a value."""
        spreads = {"psnr_db": self.psnr_db, "rate": self.rate}
        return {
            "seeds": self.seeds,
            "failed": self.failed,
            **{f"{key}.{of}": getattr(spread, of, None) for key, spread in spreads.items() for of in ("mean", "std")},
        }

    def text(self, rate_unit: str) -> str:
        """The results in words, e.g. ``"28.31 ± 0.05 dB at 0.512 ± 0.003 bpp, 3 seeds"``."""
        seeds = f"{self.seeds} seed{'' if self.seeds == 1 else 's'}"
        failed = [f"{self.failed} failed"] if self.failed else []
        if self.psnr_db is None or self.rate is None:
            return ", ".join(failed)
        return ", ".join([f"{self.psnr_db.text(2)} dB at {self.rate.text(3)} {rate_unit}", seeds, *failed])


class Confirmations:
    """All confirmations of one dataset, taken from the ledger line by line."""

    def __init__(self) -> None:
        self._fits: dict[tuple[str, int], dict[int, Confirmation | None]] = {}

    def add(self, line: Confirmation | FitFailed) -> Confirmed:
        """Takes the result of a confirmation.

        Returns:
            All that is known now of the point that was confirmed.
        """
        fits = self._fits.setdefault((line.trial, line.rung), {})
        fits[line.seed] = line if isinstance(line, Confirmation) else None
        return _summary(fits)

    def of(self, point: Fit) -> Confirmed | None:
        """The confirmations of a point; None if it was not fitted again."""
        fits = self._fits.get((point.trial, point.rung))
        return None if fits is None else _summary(fits)


def is_confirmation(line: Line) -> TypeGuard[Confirmation | FitFailed]:
    """Whether a ledger line has the result of a confirmation, which may be a failure."""
    return isinstance(line, Confirmation | FitFailed) and line.confirms


def _summary(fits: Mapping[int, Confirmation | None]) -> Confirmed:
    lines = [line for line in fits.values() if line is not None]
    return Confirmed(
        seeds=len(lines),
        psnr_db=Spread.of([line.psnr_db for line in lines]) if lines else None,
        rate=Spread.of([line.rate for line in lines]) if lines else None,
        failed=len(fits) - len(lines),
    )
