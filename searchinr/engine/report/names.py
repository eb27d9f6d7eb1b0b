"""Short names of operating points for legends and tables."""

from collections.abc import Mapping
from typing import Any


def family(point: Mapping[str, Any]) -> str:
    """The name that groups an operating point in a legend: its backbone, or its codec if that has none."""
    return str(point["params"].get("backbone", point["codec"]))


def describe(codec: str, params: Mapping[str, Any]) -> str:
    """A readable name of a config, e.g. ``"siren 3x32 8-bit"`` (depth x width); the codec's name at the least."""
    words = [str(params.get("backbone", codec))]
    if "depth" in params and "width" in params:
        words.append(f"{params['depth']}x{params['width']}")
    if params.get("quantizer") == "fp16":
        words.append("fp16")
    elif "weight_bits" in params:
        words.append(f"{params['weight_bits']}-bit")
    return " ".join(words)
