"""Lists of depths or widths. They are written as text, `16 24 32`, since the value of a parameter is a scalar."""

import re
from collections.abc import Callable, Iterable

MAX_SIZES = 16
"""The most numbers in a list: every width adds biases, every depth a last layer, and each has to be trained."""


def parse_sizes(text: str) -> tuple[int, ...]:
    """Reads the numbers of a list in its canonical form."""
    return tuple(map(int, text.split()))


def sizes_text(sizes: Iterable[int]) -> str:
    """The canonical list of these numbers: each number once, ascending, with one space between them."""
    return " ".join(map(str, sorted(set(sizes))))


def canonical_sizes(low: int, high: int) -> Callable[[str], str]:
    """Makes a validator that brings lists of numbers, written with spaces or commas, into their canonical form.

    It raises `ValueError` if the text is no list of numbers from `low` to `high`.
    """

    def canonical(text: str) -> str:
        words = re.split(r"[,\s]+", text.strip(", "))
        if all(re.fullmatch("[0-9]{1,9}", word) and low <= int(word) <= high for word in words):
            sizes = sizes_text(map(int, words))
            if len(parse_sizes(sizes)) <= MAX_SIZES:
                return sizes
        raise ValueError(f"allowed 1 to {MAX_SIZES} integers from {low} to {high}, as text: '{low} {low + 1}'")

    return canonical
