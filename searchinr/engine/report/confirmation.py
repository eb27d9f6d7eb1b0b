"""The results of fitting the config of a point of the front again with other seeds."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from statistics import fmean, stdev
from typing import Any, TypeGuard

from searchinr.search.lines import Confirmation, Fit, FitFailed, Line
from searchinr.space import Metric


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
        metric: The metric of the quality.
        seeds: Number of further seeds with a result.
        quality: The quality; None if every further fit failed.
        rate: Rate in the point's own unit; None if every further fit failed.
        failed: Number of further seeds whose fit failed.
    """

    metric: Metric
    seeds: int
    quality: Spread | None
    rate: Spread | None
    failed: int

    @property
    def _spreads(self) -> dict[str, Spread | None]:
        return {self.metric.name: self.quality, "rate": self.rate}

    def as_json(self) -> dict[str, Any]:
        """The results as plain JSON; the quality has the name of its metric."""
        spreads = {key: None if spread is None else asdict(spread) for key, spread in self._spreads.items()}
        return {"seeds": self.seeds, **spreads, "failed": self.failed}

    def flat(self) -> dict[str, float | None]:
        """`seeds`, `failed`, `psnr_db.mean`, `psnr_db.std` (or of another metric), `rate.mean` and `rate.std`.

        What has no value is None.
        """
        return {
            "seeds": self.seeds,
            "failed": self.failed,
            **{f"{key}.{of}": getattr(got, of, None) for key, got in self._spreads.items() for of in ("mean", "std")},
        }

    def text(self, rate_unit: str) -> str:
        """The results in words, e.g. ``"28.31 ± 0.05 dB at 0.512 ± 0.003 bpp, 3 seeds"``."""
        seeds = f"{self.seeds} seed{'' if self.seeds == 1 else 's'}"
        failed = [f"{self.failed} failed"] if self.failed else []
        if self.quality is None or self.rate is None:
            return ", ".join(failed)
        quality = self.metric.in_words(self.quality.text(self.metric.digits))
        return ", ".join([f"{quality} at {self.rate.text(3)} {rate_unit}", seeds, *failed])


class Confirmations:
    """All confirmations of one dataset, taken from the ledger line by line."""

    def __init__(self, metric: Metric) -> None:
        """None so far; `metric` is that of the quality."""
        self._metric = metric
        self._fits: dict[tuple[str, int], dict[int, Confirmation | None]] = {}

    def add(self, line: Confirmation | FitFailed) -> Confirmed:
        """Takes the result of a confirmation.

        Returns:
            All that is known now of the point that was confirmed.
        """
        fits = self._fits.setdefault((line.trial, line.rung), {})
        fits[line.seed] = line if isinstance(line, Confirmation) else None
        return self._summary(fits)

    def of(self, point: Fit) -> Confirmed | None:
        """The confirmations of a point; None if it was not fitted again."""
        fits = self._fits.get((point.trial, point.rung))
        return None if fits is None else self._summary(fits)

    def _summary(self, fits: Mapping[int, Confirmation | None]) -> Confirmed:
        lines = [line for line in fits.values() if line is not None]
        return Confirmed(
            metric=self._metric,
            seeds=len(lines),
            quality=Spread.of(list(map(self._metric.of, lines))) if lines else None,
            rate=Spread.of([line.rate for line in lines]) if lines else None,
            failed=len(fits) - len(lines),
        )


def is_confirmation(line: Line) -> TypeGuard[Confirmation | FitFailed]:
    """Whether a ledger line has the result of a confirmation, which may be a failure."""
    return isinstance(line, Confirmation | FitFailed) and line.confirms
