"""What is wrong with a file, one line each: where, what was found, what is allowed, the nearest valid name."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from searchinr.errors import UserError

Loc = tuple[str | int, ...]
"""Path of a value in a YAML file: keys of mappings and indices of lists."""

Finding = tuple[Loc, str]
"""Something wrong, before it is known which file it is in."""

_LONGEST = 60  # characters of a value that are quoted


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a file.

    Attributes:
        file: The file as the user named it.
        line: Line, from 1; None where the whole file is meant.
        key: The key with its parents, e.g. ``codecs.mlp.width.choice[2]``; empty where the whole file is meant.
        text: What was found and what is allowed.
        column: Column, from 1, of a syntax error.
    """

    file: str
    line: int | None
    key: str
    text: str
    column: int | None = None

    def __str__(self) -> str:
        where = ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)
        return ": ".join(part for part in (where, self.key, self.text) if part)


class SpaceError(UserError):
    """A file that the user wrote is wrong.

    Attributes:
        problems: Everything that is wrong with it, by line; `str()` gives one line for each.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: problem.line or 0))
        super().__init__("\n".join(str(problem) for problem in self.problems))


def dotted(loc: Loc) -> str:
    """A path as users read it, on one line: ``("datasets", 0, "name")`` is ``datasets[0].name``."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part if part.isprintable() else repr(part)}" for part in loc)
    return "".join(parts).removeprefix(".")


def shown(value: object) -> str:
    """A value as a message quotes it, in the words of YAML and on one line."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        text = f"a mapping with {', '.join(map(repr, value))}" if value else "an empty mapping"
    elif isinstance(value, tuple | list):
        text = f"[{', '.join(shown(item) for item in value)}]"
    else:
        text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def nearest(name: object, options: Iterable[object]) -> str:
    """``"; did you mean 'x'?"`` for the option that `name` is most like, or nothing if it is like none."""
    close = difflib.get_close_matches(str(name).lower(), [str(option) for option in options], n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def unknown(what: str, name: str, options: Iterable[str]) -> str:
    """The text for a name that is none of `options`."""
    options = list(options)
    return f"unknown {what}; allowed {', '.join(options) or 'none'}{nearest(name, options)}"
