"""A report, or a comparison of two runs, as one interactive HTML page that opens offline.

The page contains plotly.js and loads nothing from elsewhere. What it says and shows is in `templates/`.
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from plotly.offline import get_plotlyjs

from searchinr.engine.report import exhibits, more_figures, plots, style
from searchinr.engine.report.bd_rates import bd_rates
from searchinr.engine.report.comparison import Comparison
from searchinr.engine.report.decoded import Decoded
from searchinr.engine.report.front import FrontReport, beside
from searchinr.engine.report.names import describe, figure_texts, quality_text
from searchinr.search.bd_rate import method
from searchinr.search.importance import Importance
from searchinr.search.lines import Point
from searchinr.signals.registry import MODALITIES


@dataclass(frozen=True)
class DatasetReport:
    """Everything that is shown of one dataset.

    Attributes:
        front: The front with everything around it.
        importance: The importance of the parameters; None if too little is known.
        decoded: Signals beside their decoded versions.
        uncounted: A sentence about signals that no mean counts; empty if there are none.
    """

    front: FrontReport
    importance: Importance | None = None
    decoded: tuple[Decoded, ...] = ()
    uncounted: str = ""


def report_html(run: str, name: str, reports: Sequence[DatasetReport], *, several: bool = False) -> str:
    """Makes a page of about 5 MB, plus its pictures and sounds, about one or several datasets of a run.

    Args:
        run: The run folder in the form that commands on the page use.
        name: The run's name.
        reports: The reports on the datasets.
        several: Whether the run has several datasets, so that commands must name the one that they mean.
    """

    def export(point: Point) -> str:
        command = ["searchinr", "export", run, "--trial", point.trial, "--steps", str(point.steps)]
        command += ["--dataset", point.dataset] if several else []
        return shlex.join([*command, "-o", "best.yaml"])

    return _templates().get_template("report.html").render(name=name, reports=reports, export=export)


def comparison_html(comparisons: Sequence[Comparison]) -> str:
    """Makes a page about two runs, with a section for each dataset."""
    return _templates().get_template("comparison.html").render(comparisons=comparisons)


@cache
def _templates() -> Environment:
    """The templates, with the figures and words that they ask for."""
    made = Environment(loader=PackageLoader(__package__), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    made.filters |= {
        "themed_json": plots.themed_json,
        **{name: getattr(exhibits, name) for name in ("webp", "wav", "outline", "spectrogram_picture")},
    }
    words = (bd_rates, beside, describe, figure_texts, quality_text, zip)
    made.globals |= {each.__name__: each for each in words}
    made.globals |= {"figures": more_figures, "plots": plots, "style": style, "modalities": MODALITIES}
    made.globals |= {"bd_rate_method": method, "plotlyjs": get_plotlyjs}
    return made
