"""How a file writes its numbers: the decimal sign, and what stands between thousands."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd

from audit.data.reading import Reading
from audit.errors import DataError, quote

WAYS = (("", ""), ("", ","), (",", ""), (",", "."))
"""Decimal and thousands sign, as they go together; ``""`` for a point, and for nothing between thousands."""


def are_numbers(words: Sequence[str], reading: Reading) -> bool:
    """Tell whether every word is a number as the file is said to write them.

    Examples
    --------
    >>> euro = Reading(decimal=",", thousands=".")
    >>> are_numbers(["1.234,5", "0,5"], euro), are_numbers(["0.5"], euro), are_numbers(["1,234"], Reading())
    (True, False, False)
    """
    return bool(as_numbers(pd.Series(list(words), dtype=object), reading).notna().all())


def as_numbers(words: pd.Series, reading: Reading) -> pd.Series:
    """Read words as numbers; those that are not written as the file is said to write them are missing.

    Examples
    --------
    >>> as_numbers(pd.Series(["1.234,5", "2", "1.5"]), Reading(decimal=",", thousands=".")).tolist()
    [1234.5, 2.0, nan]
    """
    if reading.thousands:
        grouped = words.astype(str).str.fullmatch(pattern_of_groups(reading.decimal or ".", reading.thousands))
        words = words.mask(grouped, words.astype(str).str.replace(reading.thousands, "", regex=False))
    if reading.decimal == ",":
        written = words.astype(str)
        pointed = written.str.contains(".", regex=False)
        words = written.str.replace(",", ".", regex=False).where(words.notna() & ~pointed)
    return pd.to_numeric(words, errors="coerce")


def pattern_of_groups(decimal: str, thousands: str) -> str:
    """Return the pattern of numbers of thousands: groups of three digits, the first neither empty nor led by zero.

    Examples
    --------
    >>> [bool(re.fullmatch(pattern_of_groups(",", "."), word)) for word in ("1.234,5", "1.23")]
    [True, False]
    """
    return rf"[+-]?[1-9]\d{{0,2}}(?:{re.escape(thousands)}\d{{3}})+(?:{re.escape(decimal)}\d+)?"


def require_declared(name: str, odd: Sequence[str]) -> None:
    """Refuse words that are all numbers once another decimal or thousands sign is stated.

    Parameters
    ----------
    name : str
        The column.
    odd : sequence of str
        Its words that are not numbers as the file is said to write them.

    Raises
    ------
    DataError
        With the lines to choose from.

    Examples
    --------
    >>> require_declared("a", ["12,5"])
    Traceback (most recent call last):
    audit.errors.DataError: column 'a' holds '12,5', which is not a number as the file is read; if it is one, ...
    """
    ways: dict[str, str] = {}
    for decimal, thousands in WAYS:
        if odd and are_numbers(odd, Reading(decimal=decimal, thousands=thousands)):
            ways.setdefault(decimal, thousands)
    if not ways:
        return
    lines = " or ".join(_line(decimal, thousands) for decimal, thousands in ways.items())
    raise DataError(
        f"column {quote(name)} holds {quote(odd[0])}, which is not a number as the file is read; if it is one, state "
        f'[data.csv] {lines} for the whole file; if it is a word, [data] text = ["{name}"].'
    )


def _line(decimal: str, thousands: str) -> str:
    signs = {"decimal": decimal or ("" if thousands else "."), "thousands": thousands}
    return " with ".join(f'{key} = "{sign}"' for key, sign in signs.items() if sign)
