"""Colours, markers, limits and ticks that the PNG and the interactive figure share."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from searchinr.engine.report.front import FrontReport
from searchinr.engine.report.names import family
from searchinr.signals.registry import metrics_of

# From Okabe and Ito, "Color Universal Design" (2008), without their yellow, which is too faint on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#E69F00", "#CC79A7", "#56B4E9", "#000000")
# As (matplotlib, plotly). There is one marker more than colours, so that combinations repeat as late as possible.
MARKERS = (
    ("o", "circle"),
    ("s", "square"),
    ("^", "triangle-up"),
    ("D", "diamond"),
    ("v", "triangle-down"),
    ("P", "cross"),
    ("X", "x"),
    ("p", "pentagon"),
)
# Baselines are grey, to stay in the background, and differ in dashes: (colour, matplotlib dashes, plotly dash).
BASELINE_LINES = (
    ("#555555", "-", "solid"),
    ("#777777", (0, (6, 2)), "dash"),
    ("#777777", (0, (1.5, 1.5)), "dot"),
    ("#777777", (0, (6, 2, 1.5, 2)), "dashdot"),
)
# Published curves have a colour of their own, since nothing of them was measured here.
PUBLISHED_COLOUR = "#8466A6"

_PREFIXES = ("", "k", "M", "G", "T", "P", "E", "Z")


@dataclass(frozen=True)
class FamilyStyle:
    """How one backbone (or codec) is drawn.

    Attributes:
        colour: The colour on white.
        token: The page's variable for this colour, which has another value on dark.
        marker: The marker for matplotlib.
        plotly_symbol: The marker for plotly.
    """

    colour: str
    token: str
    marker: str
    plotly_symbol: str


def family_styles(report: FrontReport) -> dict[str, FamilyStyle]:
    """A style for every family of the operating points, in the order of the names, so that colours stay the same."""
    names = sorted({family(point.config) for point in report.points})
    return {
        name: FamilyStyle(COLOURS[i % len(COLOURS)], token(i), *MARKERS[i % len(MARKERS)])
        for i, name in enumerate(names)
    }


def token(index: int) -> str:
    """The page's variable for a colour of `COLOURS`."""
    return f"var(--c{index % len(COLOURS)})"


@dataclass(frozen=True)
class Limits:
    """The part of the plane that is shown.

    Attributes:
        rate: Lowest and highest rate.
        quality: Poorest and best quality, the lower and the upper end of the axis.
    """

    rate: tuple[float, float]
    quality: tuple[float, float]


def limits(report: FrontReport) -> Limits:
    """The region of the front; baselines may stretch it a little, but never so much that the front becomes small."""
    lo, hi = map(math.log, log_range([point.rate for point in report.front]))
    quality = report.quality
    heights = list(map(quality.merit, report.front))
    heights += [quality.sign * each.quality.mean for each in report.confirmed if each and each.quality]
    least = 4.0 if quality.axis == "db" else 0.05 * max(map(abs, heights)) or 1.0
    bottom, top = _padded(heights, share=0.08, least=least)
    height = top - bottom
    seen = [
        quality.sign * value
        for curve in report.curves.values()
        for _, value in _within(report.places(curve), math.exp(lo), math.exp(hi))
    ]
    if seen:
        top = max(top, min(max(seen), top + 0.35 * height))
        bottom = min(bottom, max(min(seen), bottom - 0.15 * height))
    return Limits((math.exp(lo), math.exp(hi)), (quality.sign * bottom, quality.sign * top))


def log_range(values: Sequence[float]) -> tuple[float, float]:
    """The ends of a logarithmic axis with room beside these values; they are at least a factor of four apart."""
    low, high = _padded([math.log(value) for value in values], share=0.06, least=math.log(4))
    return math.exp(low), math.exp(high)


def _padded(values: Sequence[float], *, share: float, least: float) -> tuple[float, float]:
    pad = max(share * (max(values) - min(values)), (least - (max(values) - min(values))) / 2)
    return min(values) - pad, max(values) + pad


def _within(curve: Sequence[tuple[float, float]], lo: float, hi: float) -> list[tuple[float, float]]:
    """A curve between two rates, `(rate, quality)` on a fine grid; it is straight over log rate, as it is drawn."""
    log_rate = [math.log(rate) for rate, _ in curve]
    grid = np.linspace(max(log_rate[0], math.log(lo)), min(log_rate[-1], math.log(hi)), 400)
    if log_rate[-1] < math.log(lo) or log_rate[0] > math.log(hi):
        return []
    quality = np.interp(grid, log_rate, [value for _, value in curve])
    return list(zip(np.exp(grid).tolist(), quality.tolist(), strict=True))


def visible(curve: Sequence[tuple[float, float]], box: Limits) -> list[tuple[float, float]]:
    """The part of a curve inside the limits, `(rate, quality)` by rising rate; empty if it lies outside."""
    low, high = sorted(box.quality)
    return [(rate, value) for rate, value in _within(curve, *box.rate) if low <= value <= high]


def log_ticks(lo: float, hi: float) -> list[float]:
    """Round numbers for a logarithmic axis from `lo` to `hi`: the coarsest choice that has at least five of them."""
    choices: Iterable[tuple[float, ...]] = (
        (1,),
        (1, 3),
        (1, 2, 5),
        (1, 1.5, 2, 3, 4, 6, 8),
        (1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9),
    )
    ticks: list[float] = []
    for mantissas in choices:
        ticks = [
            tick
            for exponent in range(math.floor(math.log10(lo)), math.ceil(math.log10(hi)) + 1)
            for mantissa in mantissas
            if lo <= (tick := float(f"{mantissa}e{exponent}")) <= hi
        ]
        if len(ticks) >= 5:
            break
    return ticks


def plain(number: float) -> str:
    """A number without an exponent, as the label of a tick: ``0.2``, ``1``, ``1500``."""
    return np.format_float_positional(number, precision=6, trim="-")


def work(macs: float) -> str:
    """A number of multiply-accumulates with its unit: ``20 GMAC``."""
    power = min(max(int(math.log10(macs)) // 3, 0), len(_PREFIXES) - 1) if macs > 0 else 0
    return f"{macs / 1000**power:.3g} {_PREFIXES[power]}MAC"


def short(codec: str) -> str:
    """A classical codec's name without its settings."""
    return codec.split(" (")[0]


def subtitle(report: FrontReport) -> str:
    """The modality, and the numbers of signals, trials and points, in words."""
    confirmed = sum(each is not None for each in report.confirmed)
    return (
        f"{report.modality} · {_count(report.signals, 'signal')} · {_count(report.trials, 'trial')}"
        f" · {_count(len(report.points), 'operating point')}, {len(report.front)} on the front"
        + (f", {confirmed} of them confirmed" if confirmed else "")
    )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def small_print(report: FrontReport) -> str:
    """The conventions, the reference point and the constraints, without which the numbers cannot be interpreted."""
    box, unknown = limits(report), report.not_comparable
    outside = [short(codec) for codec, curve in report.curves.items() if not visible(report.places(curve), box)]
    title = report.quality.title
    value = f"{report.hypervolume:.4g} {hypervolume_unit(report)}".rstrip()
    lines = [
        f"{title[0].upper()}{title[1:]} of the decoded samples, per signal, then mean over signals. "
        "Rate: complete files, mean over signals.",
        f"Hypervolume {value} from {reference(report.reference_point, report)}"
        + (f" Outside the axes: {', '.join(outside)}." if outside else ""),
        _constraints(report)
        + ("Crosses: mean ± std of further seeds, each point's own left out." if any(report.confirmed) else ""),
        f"Purple: as published, on {report.published.signals}." if report.published_curves else "",
        f"Left out, since their {title} is not known: {', '.join(map(short, unknown))}." if unknown else "",
    ]
    return "\n".join(filter(None, lines))


def anytime_small_print(report: FrontReport) -> str:
    """The meaning of the hypervolume and of the work on the axes, in words."""
    return (
        "Work: training of all trials and of what they share, up to each result, forward and backward passes; "
        "confirmations are not counted.\n"
        f"Hypervolume from {reference(report.reference_point, report)} {_constraints(report)}"
    )


def hypervolume_unit(report: FrontReport) -> str:
    """Unit of the hypervolume; empty if it is a product that nobody would understand."""
    return "dB octaves" if set(report.reference_point) == {"psnr_db", "rate"} else ""


def hypervolume_title(report: FrontReport) -> str:
    """Title of the axis of the hypervolume."""
    unit = hypervolume_unit(report)
    return "hypervolume of the front" + (f" ({unit})" if unit else "")


def reference(point: Mapping[str, float], report: FrontReport) -> str:
    """A reference point in words, without a full stop."""
    known = {metric.name: metric for metric in metrics_of(report.modality)}
    values = [
        known[name].in_words(f"{at:g}")
        if name in known
        else f"{at:g} {report.rate_unit}"
        if name == "rate"
        else f"{name} {at:g}"
        for name, at in point.items()
    ]
    return f"the reference point ({', '.join(values)})."


def _constraints(report: FrontReport) -> str:
    constraints = ", ".join(f"{name} {bound}" for name, bound in report.constraints.items())
    return f"Constraints: {constraints}. " if constraints else ""
