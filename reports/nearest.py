"""The one search for the name that was meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

LONGEST = 200
"""Characters of a name that are compared: names are the user's, and the search takes the square of their length."""


def nearest(name: object, known: Iterable[object], *, most: int = 1, cutoff: float = 0.6) -> list[str]:
    """Return the known names that are nearest to one that is not known, the nearest first.

    Parameters
    ----------
    name : object
        What was written.
    known : iterable
        The names there are; one that differs in capitals alone is taken for it.
    most : int
        So many at most.
    cutoff : float
        Likeness, of 1, that a name must have.

    Examples
    --------
    >>> nearest("defualt", ["age", "default"]), nearest("AGE", ["age", "default"]), nearest("zzz", ["age"])
    (['default'], ['age'], [])
    """
    texts = [str(value) for value in known]
    written = str(name)[:LONGEST]
    same = [text for text in texts if text.lower() == str(name).lower()]
    return same[:1] or difflib.get_close_matches(written, [text[:LONGEST] for text in texts], n=most, cutoff=cutoff)
