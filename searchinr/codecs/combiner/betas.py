"""Lists of betas as text, since the value of a parameter is a scalar: `0.016 0.006 0.002`."""

import re
from collections.abc import Iterable

MAX_BETA = 100
MAX_BETAS = 16


def parse_betas(text: str) -> tuple[float, ...]:
    """The numbers of a canonical list."""
    return tuple(map(float, text.split()))


def betas_text(betas: Iterable[float]) -> str:
    """The list of these numbers: each once, descending, with one space between them."""
    return " ".join(map(repr, sorted(set(map(float, betas)), reverse=True)))


def canonical_betas(text: str) -> str:
    """Brings lists of betas, written with spaces or commas, to one form.

    Raises:
        ValueError: The text is no such list.
    """
    try:
        betas = [float(word) for word in re.split(r"[,\s]+", text.strip(", "))]
    except ValueError:
        betas = []
    if 0 < len(set(betas)) <= MAX_BETAS and all(0 < beta <= MAX_BETA for beta in betas):
        return betas_text(betas)
    raise ValueError(f"allowed 1 to {MAX_BETAS} numbers above 0 and at most {MAX_BETA}, as text: '0.016 0.006'")
