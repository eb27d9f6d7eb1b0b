"""Lists of sizes as text, the form that a search space can hold: "2 3 4 5"."""

from collections.abc import Callable

MAX_SIZES = 16


def parse_sizes(text: str) -> tuple[int, ...]:
    """The numbers of a canonical list."""
    return tuple(int(word) for word in text.split())


def canonical_sizes(low: int, high: int) -> Callable[[str], str]:
    """A validator that brings lists of different numbers between two bounds to one form: ascending, a space between.

    It raises `ValueError` for what is no such list.
    """

    def canonical(text: str) -> str:
        words = text.split()
        if all(word.isascii() and word.isdigit() and len(word) < 10 for word in words):
            numbers = sorted({int(word) for word in words})
            if 0 < len(numbers) == len(words) <= MAX_SIZES and low <= numbers[0] and numbers[-1] <= high:
                return " ".join(map(str, numbers))
        raise ValueError(
            f"allowed 1 to {MAX_SIZES} different integers from {low} to {high}, as text: '{low} {low + 1}'"
        )

    return canonical
