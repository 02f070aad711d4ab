"""How a delimited file is written, as far as its beginning leaves no doubt: a suggestion for a first configuration."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from audit.data.bounded import opened
from audit.data.delimited import ENCODINGS, WITH_COMMA
from audit.data.reading import Reading, guarded, is_number

HEAD = 1 << 16
SIGNS = (",", ";", "\t", "|")


def suggested(path: Path) -> Reading:
    """Return separator, decimal sign and encoding of a file, as far as they are not the usual ones.

    Parameters
    ----------
    path : Path
        A ``.csv`` or ``.tsv`` file, perhaps compressed.

    Raises
    ------
    DataError
        If it cannot be opened.
    """
    with guarded(path.name), opened(path) as stream:
        head = stream.read(HEAD)
    encoding = _encoding(head)
    lines = head.decode(encoding or "utf-8-sig", errors="replace").splitlines()
    lines = lines[:-1] if len(head) == HEAD else lines
    usual = "\t" if ".tsv" in [one.lower() for one in path.suffixes] else ","
    separator = _separator(lines, usual)
    decimal = "," if separator != "," and _has_decimal_comma(lines, separator) else ""
    return Reading(separator="" if separator == usual else separator, decimal=decimal, encoding=encoding)


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


def _has_decimal_comma(lines: Sequence[str], sign: str) -> bool:
    rows = csv.reader(io.StringIO("\n".join(lines[1:200])), delimiter=sign)
    cells = [cell.strip() for row in rows for cell in row]
    pointed = any("." in cell and is_number([cell]) for cell in cells)
    return not pointed and any(WITH_COMMA.fullmatch(cell) for cell in cells)
