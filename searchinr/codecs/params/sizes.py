"""Lists of depths or widths as text, since the value of a parameter is a scalar: `16 24 32`."""

import re
from collections.abc import Callable, Iterable

MAX_SIZES = 16
"""In one list: every width adds biases of its own, every depth a last layer, and each has to be trained."""


def parse_sizes(text: str) -> tuple[int, ...]:
    """The numbers of a canonical list."""
    return tuple(map(int, text.split()))


def sizes_text(sizes: Iterable[int]) -> str:
    """The list of these numbers: each once, ascending, with one space between them."""
    return " ".join(map(str, sorted(set(sizes))))


def canonical_sizes(low: int, high: int) -> Callable[[str], str]:
    """A validator that brings lists of numbers between two bounds, written with spaces or commas, to one form.

    It raises `ValueError` for what is no such list.
    """

    def canonical(text: str) -> str:
        words = re.split(r"[,\s]+", text.strip(", "))
        if all(re.fullmatch("[0-9]{1,9}", word) and low <= int(word) <= high for word in words):
            sizes = sizes_text(map(int, words))
            if len(parse_sizes(sizes)) <= MAX_SIZES:
                return sizes
        raise ValueError(f"allowed 1 to {MAX_SIZES} integers from {low} to {high}, as text: '{low} {low + 1}'")

    return canonical
