"""Short names of operating points for legends and tables."""

from collections.abc import Iterable

from searchinr.search.configs import Config
from searchinr.search.lines import AssetWork
from searchinr.space import HasFigures, Metric


def family(config: Config) -> str:
    """The name that groups a config's operating points in a legend: its backbone, or its codec if that has none."""
    return str(config.params.get("backbone", config.codec))


def describe_asset(asset: AssetWork) -> str:
    """A readable name of an asset and of its dataset, e.g. ``"supernet siren for photos"``."""
    return f"{asset.name} {describe(asset.config)} for {asset.dataset}"


def describe(config: Config) -> str:
    """A readable name of a config, e.g. ``"siren 3x32 8-bit"`` (depth x width), or just the name of its codec."""
    params = config.params
    words = [str(params.get("backbone", config.codec))]
    if "depth" in params and "width" in params:
        words.append(f"{params['depth']}x{params['width']}")
    if isinstance(beta := params.get("beta"), int | float):
        words.append(f"beta {beta:g}")
    if params.get("quantizer") == "fp16":
        words.append("fp16")
    elif "weight_bits" in params:
        words.append(f"{params['weight_bits']}-bit")
    if params.get("init", "scratch") != "scratch":
        words.append(f"from {params['init']}")
    return " ".join(words)


def quality_text(metrics: Iterable[Metric], figures: HasFigures) -> str:
    """The metrics of decoded signals in words, without those that were not measured: ``"27.50 dB, SSIM 0.8123"``."""
    return ", ".join(metric.words(figures) for metric in metrics if figures.figure(metric.name) is not None)


def figure_texts(metrics: Iterable[Metric], figures: HasFigures) -> list[str]:
    """The metrics of decoded signals as cells of a table, one for each metric; empty if it was not measured."""
    values = ((metric, figures.figure(metric.name)) for metric in metrics)
    return ["" if value is None else metric.text(value) for metric, value in values]
