"""Show people where a long run is: a bar on a terminal, a line for each kind of work elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from audit.progress import Progress, silent
from reports.printable import harmless, visible


@contextmanager
def progress_bar(*, quiet: bool = False) -> Iterator[Progress]:
    """Yield a function that moves a bar on standard error, one for each kind of work that is not done."""
    if quiet:
        yield silent
        return
    if not sys.stderr.isatty():
        yield _lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def move(what: str, done: int, total: int) -> None:
            if what and what not in tasks:
                tasks[what] = bars.add_task(visible(what), total=total)
            if what:
                # What is done leaves the screen: some twenty kinds of work would fill it.
                bars.update(tasks[what], completed=done, total=total, visible=done < total)

        yield move


def _lines() -> Progress:
    """Name each kind of work once, on a line of its own: logs keep no bars."""
    names: set[str] = set()

    def move(what: str, done: int, total: int) -> None:
        if what and what not in names:
            names.add(what)
            size = f" ({total:,})" if total > 1 and done < total else ""
            print(harmless(f"{visible(what)}{size} …"), file=sys.stderr, flush=True)

    return move
