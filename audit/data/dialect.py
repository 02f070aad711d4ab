"""How a delimited file is written, as far as its beginning leaves no doubt: a suggestion for a first configuration."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from audit.data.bounded import open_bounded
from audit.data.delimited import ENCODINGS
from audit.data.number_signs import WAYS, as_numbers
from audit.data.reading import Reading, explain_broken_file

HEAD = 1 << 16
SIGNS = (",", ";", "\t", "|")


def suggest_dialect(path: Path) -> Reading:
    """Return separator, signs of numbers and encoding of a file, as far as they are not the usual ones.

    Parameters
    ----------
    path : Path
        A ``.csv`` or ``.tsv`` file, perhaps compressed.

    Raises
    ------
    DataError
        If it cannot be opened.
    """
    with explain_broken_file(path.name), open_bounded(path) as stream:
        head = stream.read(HEAD)
    encoding = _encoding(head)
    lines = head.decode(encoding or "utf-8-sig", errors="replace").splitlines()
    lines = lines[:-1] if len(head) == HEAD else lines
    usual = "\t" if ".tsv" in [suffix.lower() for suffix in path.suffixes] else ","
    separator = _separator(lines, usual)
    decimal, thousands = _signs(lines, separator)
    return Reading(
        separator="" if separator == usual else separator, decimal=decimal, thousands=thousands, encoding=encoding
    )


def _encoding(head: bytes) -> str:
    if head[:2] in ENCODINGS:
        return ENCODINGS[head[:2]]
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        cut = len(head) == HEAD and error.start >= HEAD - 4  # a sign of several bytes at the end of what was read
        return "" if cut else "cp1252"
    return ""


def _separator(lines: Sequence[str], usual: str) -> str:
    """Return the usual sign, or the one that alone divides header and rows into as many columns."""
    if _width(lines, usual) > 1:
        return usual
    others = [sign for sign in SIGNS if sign != usual and _width(lines, sign) > 1]
    return others[0] if len(others) == 1 else usual


def _width(lines: Sequence[str], sign: str) -> int:
    """Return how many columns all lines have, 1 if they differ."""
    widths = {len(row) for row in csv.reader(io.StringIO("\n".join(lines[:50])), delimiter=sign) if row}
    return widths.pop() if len(widths) == 1 else 1


def _signs(lines: Sequence[str], separator: str) -> tuple[str, str]:
    """Return decimal and thousands sign, the usual ones unless all numbers are read by one other decimal sign alone."""
    rows = csv.reader(io.StringIO("\n".join(lines[1:200])), delimiter=separator)
    cells = pd.Series([cell.strip() for row in rows for cell in row], dtype=object)
    read = np.array([as_numbers(cells, Reading(decimal=decimal, thousands=sign)).notna() for decimal, sign in WAYS])
    numbers = read.any(axis=0)
    ways = [way for way, reads in zip(WAYS, read, strict=True) if np.all(reads[numbers])]
    return ways[0] if len({decimal for decimal, _ in ways}) == 1 else WAYS[0]
