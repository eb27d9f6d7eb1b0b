"""A report as one interactive HTML page that opens offline."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from searchinr.engine.report import plots, style
from searchinr.engine.report.bd_rates import bd_rates
from searchinr.engine.report.decoded import Decoded
from searchinr.engine.report.document import Column, copyable, document, facts, note, plot, table, text
from searchinr.engine.report.exhibits import exhibit
from searchinr.engine.report.front import FrontReport, beside
from searchinr.engine.report.more_figures import SMALL_PRINT, basis
from searchinr.engine.report.names import describe, figure_texts
from searchinr.search.bd_rate import METHOD
from searchinr.search.importance import Importance
from searchinr.signals.registry import MODALITIES


@dataclass(frozen=True)
class DatasetReport:
    """Everything that is shown of one dataset.

    Attributes:
        front: The front with everything around it.
        importance: The importance of the parameters; None if too little is known.
        decoded: Signals beside their decoded versions.
    """

    front: FrontReport
    importance: Importance | None = None
    decoded: tuple[Decoded, ...] = ()


def report_html(run: str, name: str, reports: Sequence[DatasetReport], *, several: bool = False) -> str:
    """Makes a page about one or several datasets of a run.

    Args:
        run: The run folder in the form that commands on the page use.
        name: The run's name.
        reports: The reports on the datasets.
        several: Whether the run has several datasets, so that commands must name the one that they mean.

    Returns:
        A complete HTML document of about 5 MB, plus its pictures and sounds; it loads nothing from elsewhere.
    """
    links = "".join(f'<a href="#{_id(i)}">{text(r.front.dataset)}</a>' for i, r in enumerate(reports))
    sections = "".join(_section(run, _id(i), r, several=several) for i, r in enumerate(reports))
    contents = f"<nav>{links}</nav>" if len(reports) > 1 else ""
    return document(
        f"{name}: Pareto front",
        f"<header><h1>{text(name)}</h1><p>The Pareto front of PSNR against rate. Every point is a set of complete "
        f"files; every figure comes from decoding them.</p>{contents}</header>{sections}",
    )


def _id(index: int) -> str:
    return f"dataset-{index}"


def _section(run: str, name: str, report: DatasetReport, *, several: bool) -> str:
    front = report.front
    parts = [
        f'<h2 id="{name}">{text(front.dataset)}</h2>',
        f"<p>{text(style.subtitle(front))}</p>",
        plot(plots.front_plot(front), f"{name}-front"),
        note(style.small_print(front)),
        facts(_facts(front)),
        *_bd_rates(front),
        "<h3>The front</h3>",
        note(
            "By rising rate. The command writes the config of a point, for searchinr encode --config." + beside(front)
        ),
        _front_table(run, front, several=several),
        *_exhibits(report),
        "<h3>Hypervolume by training work</h3>",
        plot(plots.hypervolume_plot(front), f"{name}-hypervolume", small=True),
        note(style.anytime_small_print(front)),
    ]
    if report.importance is not None:
        parts += [
            "<h3>Which parameters matter</h3>",
            plot(plots.importance_plot(report.importance, front.modality), f"{name}-importance", small=True),
            note(basis(report.importance)),
        ]
    parts += [
        "<h3>Signal by signal</h3>",
        plot(plots.signals_plot(front), f"{name}-signals", small=True),
        note(SMALL_PRINT),
    ]
    return f"<section>{chr(10).join(parts)}</section>\n"


def _facts(front: FrontReport) -> Iterator[tuple[str, str]]:
    low, high = front.front[0], front.front[-1]
    yield "on the front", f"{len(front.front)} of {len(front.points):,}"
    yield f"rate, {front.rate_unit}", f"{low.rate:.3g} – {high.rate:.3g}"
    yield "PSNR, dB", f"{min(p.psnr_db for p in front.front):.1f} – {max(p.psnr_db for p in front.front):.1f}"
    yield "hypervolume", f"{front.hypervolume:.4g}"
    yield "trials", f"{front.trials:,}"
    yield "training work", style.work(front.anytime[-1].macs)


def _bd_rates(front: FrontReport) -> list[str]:
    rows = [
        (
            text(row.codec),
            "–" if row.result is None else f"{row.result.percent:+.1f} %",
            "too little PSNR in common"
            if row.result is None
            else f"{row.result.low_db:.1f} – {row.result.high_db:.1f} dB",
            text(row.basis),
        )
        for row in bd_rates(front)
    ]
    if not rows:
        return []
    columns = (Column("against"), Column("BD-rate", "number"), Column("over"), Column("basis", "wide"))
    return [
        "<h3>Bits against other codecs</h3>",
        note(
            "BD-rate: the mean difference in rate at equal PSNR, over the PSNRs that both reach; below 0 the front "
            f"needs fewer bits than the codec. Method: {METHOD} (piecewise cubic Hermite interpolation)."
        ),
        table(columns, rows, "BD-rate against other codecs"),
    ]


def _front_table(run: str, front: FrontReport, *, several: bool) -> str:
    with_seeds = any(front.confirmed)
    columns = [
        Column(front.rate_unit, "number"),
        *(Column(metric.heading, "number") for metric in front.metrics),
        Column("bytes", "number"),
        Column("steps", "number"),
        Column("config"),
        *([Column("further seeds, mean ± std")] if with_seeds else []),
        Column("export"),
    ]
    rows = []
    for point, confirmed in zip(front.front, front.confirmed, strict=True):
        command = ["searchinr", "export", run, "--trial", point.trial, "--steps", str(point.steps)]
        command += ["--dataset", front.dataset] if several else []
        rows.append(
            [
                f"{point.rate:.3f}",
                *figure_texts(front.metrics, point),
                f"{point.mean_bytes:,.0f}",
                f"{point.steps:,}",
                text(describe(point.config)),
                *([text(confirmed.text(front.rate_unit)) if confirmed else "–"] if with_seeds else []),
                copyable(shlex.join([*command, "-o", "best.yaml"])),
            ]
        )
    return table(columns, rows, "The points of the front")


def _exhibits(report: DatasetReport) -> list[str]:
    if not report.decoded:
        return []
    return [
        "<h3>Decoded signals</h3>",
        note(MODALITIES[report.front.modality].exhibits_note),
        *(exhibit(report.front, row) for row in report.decoded),
    ]
