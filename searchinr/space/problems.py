"""The problems of a file. Each takes one line: where, what was found, what is allowed, the nearest valid name."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pydantic_core import PydanticCustomError

from searchinr.errors import UserError

Loc = tuple[str | int, ...]
"""Path of a value in a YAML file: keys of mappings and indices of lists."""

Finding = tuple[Loc, str]
"""A problem as path and text, before it is known which file it belongs to."""

_LONGEST = 60  # the most characters of a value that a message quotes


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a file.

    Attributes:
        file: The file as the user named it.
        line: Line, from 1; None if the problem concerns the whole file.
        key: The key with its parents, e.g. ``codecs.mlp.width.choice[2]``; empty if it concerns the whole file.
        text: What was found and what is allowed.
        column: Column of a syntax error, from 1.
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
        problems: Everything that is wrong with the file, by line; `str()` gives one line for each problem.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: problem.line or 0))
        super().__init__("\n".join(str(problem) for problem in self.problems))


def dotted(loc: Loc) -> str:
    """A path in the form that users read, on one line: ``("datasets", 0, "name")`` becomes ``datasets[0].name``."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part if part.isprintable() else repr(part)}" for part in loc)
    return "".join(parts).removeprefix(".")


def shown(value: object) -> str:
    """A value in the form that messages quote: as YAML writes it, on one line."""
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
    """``"; did you mean 'x'?"`` with the option that is most similar to `name`; empty if no option is similar."""
    close = difflib.get_close_matches(str(name).lower(), [str(option) for option in options], n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def refused(text: str) -> PydanticCustomError:
    """The error for a validator of pydantic to raise: its message becomes the text of a problem as it is."""
    return PydanticCustomError("space", "{text}", {"text": text})


def unknown(what: str, name: str, options: Iterable[str]) -> str:
    """The text of the error for a name that is none of `options`."""
    options = list(options)
    return f"unknown {what}; allowed {', '.join(options) or 'none'}{nearest(name, options)}"
