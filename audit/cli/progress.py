"""Show people where a long run is: a bar on a terminal, nothing elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from audit.progress import Progress, silent


@contextmanager
def shown(*, quiet: bool = False) -> Iterator[Progress]:
    """Yield a function that moves a bar on standard error, one for each kind of work."""
    if quiet or not sys.stderr.isatty():
        yield silent
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def move(what: str, done: int, total: int) -> None:
            if what and what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            if what:
                bars.update(tasks[what], completed=done, total=total)

        yield move
