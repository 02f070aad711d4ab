"""At which windows of a log, or at which records, another version answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reports.printable import visible


def turns(rows: Sequence[Mapping[str, int]], *, limit: int = 200) -> dict[int, list[str]]:
    """Say at which places a version first answers, or another one has most rows.

    Parameters
    ----------
    rows : sequence of mapping of version to int
        How many rows each version answered, in order of time; a place without any says nothing.
    limit : int
        Characters of a version's name.

    Examples
    --------
    >>> turns([{"1": 9}, {"1": 9, "2": 1}, {}, {"2": 9}])
    {1: ['2 first answers'], 3: ['2 takes over']}
    """
    leading, seen = "", set[str]()
    points: dict[int, list[str]] = {}
    for place, sizes in ((place, sizes) for place, sizes in enumerate(rows) if sizes):
        largest = max(sizes, key=lambda name: sizes[name])
        has_turned = bool(seen) and largest != leading
        fresh = [name for name in sizes if seen and name not in seen and not (has_turned and name == largest)]
        words = [f"{visible(name, limit)} first answers" for name in fresh]
        words += [f"{visible(largest, limit)} takes over"] if has_turned else []
        points |= {place: words} if words else {}
        leading, seen = largest, seen | set(sizes)
    return points
