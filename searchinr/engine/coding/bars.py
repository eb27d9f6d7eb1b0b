"""How far an encoding or a decoding is, on a terminal."""

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from searchinr.codecs.render import Watch


def bars(quiet: bool) -> Progress:
    """Bars with the time that is left, on a terminal."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=quiet or not console.is_terminal,
    )


def watch_on(progress: Progress, description: str) -> Watch:
    """Shows how far a decoding is by a bar that comes with its first tile."""
    tasks: list[TaskID] = []

    def watch(done: int, total: int) -> None:
        if not tasks:
            tasks.append(progress.add_task(description, total=total))
        progress.update(tasks[0], completed=done)

    return watch
