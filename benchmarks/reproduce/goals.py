"""Figures that a reproduction is to reach, and what was found."""

from dataclasses import dataclass

from benchmarks.tables import table

_HEADER = ("", "goal", "aim", "found", "", "paper")


@dataclass(frozen=True)
class Goal:
    """A figure to reach.

    Attributes:
        what: It.
        unit: Of the figures.
        least: What is asked for.
        aim: What is hoped for; None for no more.
        paper: What the paper says.
        at_most: Whether less is better.
    """

    what: str
    unit: str
    least: float
    aim: float | None = None
    paper: str = ""
    at_most: bool = False

    def row(self, found: float) -> list[str]:
        """A row of the table."""
        reached = "missed"
        for name, goal in (("reached", self.least), ("aim reached", self.aim)):
            if goal is not None and (found <= goal if self.at_most else found >= goal):
                reached = name
        sign = "at most " if self.at_most else "at least "
        aim = "" if self.aim is None else f"{self.aim:g}"
        return [f"{self.what}, {self.unit}", f"{sign}{self.least:g}", aim, f"{found:.2f}", reached, self.paper]


class Goals:
    """Those of a report, as they come.

    Attributes:
        rows: Of the table.
    """

    def __init__(self, *, are_set: bool) -> None:
        """Starts the table; where no figures are set for a size, it stays empty."""
        self.rows: list[list[str]] = []
        self._are_set = are_set

    def reach(self, goal: Goal, found: float) -> None:
        """Adds a row."""
        if self._are_set:
            self.rows.append(goal.row(found))

    def section(self) -> str:
        """Of the report; nothing where there are none."""
        return f"## Figures to reach\n\n{table(_HEADER, self.rows)}\n\n" if self.rows else ""
