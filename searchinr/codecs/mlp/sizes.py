"""Lists of depths or widths as text, since the value of a parameter is a scalar: `16 24 32`."""

import re
from collections.abc import Iterable

MAX_SIZES = 16
"""In one list: every width adds biases of its own, every depth a last layer, and each has to be trained."""


def as_sizes(text: str) -> tuple[int, ...]:
    """The numbers of a list."""
    return tuple(map(int, text.split()))


def as_text(sizes: Iterable[int]) -> str:
    """The list of these numbers: each once, ascending, with one space between them."""
    return " ".join(map(str, sorted(set(sizes))))


def canonical(text: str, low: int, high: int) -> str:
    """The one form of a list of numbers from `low` to `high`, be they written with spaces or commas.

    Raises:
        ValueError: It is none, or too long. The message says what is allowed.
    """
    words = re.split(r"[,\s]+", text.strip(", "))
    if not all(re.fullmatch("[0-9]{1,9}", word) and low <= int(word) <= high for word in words):
        raise ValueError(f"allowed are whole numbers from {low} to {high} with spaces between them")
    sizes = as_text(map(int, words))
    if len(as_sizes(sizes)) > MAX_SIZES:
        raise ValueError(f"allowed are at most {MAX_SIZES} numbers")
    return sizes
