"""Choosing among the levels of a file that holds several rates."""

from collections.abc import Sequence

from searchinr.codecs.contract import Level, no_levels
from searchinr.errors import UserError


def level_name(level: Level) -> str:
    """A level as people read it, e.g. `depth 3, width 24`."""
    return ", ".join(f"{key} {value}" for key, value in level.items())


def matching(levels: Sequence[tuple[Level, int]], wanted: Level) -> list[tuple[Level, int]]:
    """The levels that have these values under the keys that are given, in the order of the file.

    Args:
        levels: What `Codec.levels` returns.
        wanted: Some or all of a level's keys, or none.

    Raises:
        UserError: The file has no such level.
    """
    if not levels:
        raise no_levels()
    found = [(level, size) for level, size in levels if wanted.items() <= dict(level).items()]
    if found:
        return found
    allowed = {key: sorted({level[key] for level, _ in levels}) for key in levels[0][0]}
    if all(value in allowed.get(key, []) for key, value in wanted.items()):
        largest = level_name(levels[-1][0])
        raise UserError(f"{level_name(wanted)} found, which was cut off from this file: its largest is {largest}")
    each = " and ".join(f"{key} {', '.join(map(str, values))}" for key, values in allowed.items())
    raise UserError(f"{level_name(wanted)} found; this file has {each}")
