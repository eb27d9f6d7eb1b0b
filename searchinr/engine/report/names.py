"""Short names of operating points for legends and tables."""

from collections.abc import Iterable, Mapping
from typing import Any

from searchinr.space import PSNR, Metric


def family(point: Mapping[str, Any]) -> str:
    """The name that groups an operating point in a legend: its backbone, or its codec if that has none."""
    return str(point["params"].get("backbone", point["codec"]))


def describe_asset(line: Mapping[str, Any]) -> str:
    """A readable name of an asset and what it is for, e.g. ``"supernet siren for photos"``.

    Args:
        line: A ledger line of it, or an `AssetJob`'s fields.
    """
    return f"{line['name']} {describe(line['codec'], line['params'])} for {line['dataset']}"


def describe(codec: str, params: Mapping[str, Any]) -> str:
    """A readable name of a config, e.g. ``"siren 3x32 8-bit"`` (depth x width); the codec's name at the least."""
    words = [str(params.get("backbone", codec))]
    if "depth" in params and "width" in params:
        words.append(f"{params['depth']}x{params['width']}")
    if "beta" in params:
        words.append(f"beta {params['beta']:g}")
    if params.get("quantizer") == "fp16":
        words.append("fp16")
    elif "weight_bits" in params:
        words.append(f"{params['weight_bits']}-bit")
    if params.get("init", "scratch") != "scratch":
        words.append(f"from {params['init']}")
    return " ".join(words)


def quality_text(metrics: Iterable[Metric], figures: Mapping[str, Any]) -> str:
    """What was measured of decoded signals, in words: ``"27.50 dB, SSIM 0.8123"``; what is not there is left out."""
    return ", ".join(
        f"{'' if metric == PSNR else f'{metric.title} '}{metric.text(figures[metric.name])} {metric.unit}".rstrip()
        for metric in metrics
        if figures.get(metric.name) is not None
    )
