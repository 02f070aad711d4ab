"""Read tables of text: comma- or tab-separated values, all splits together.

Each file is read once, as fast as pandas reads it, with the empty field alone for missing. What a column holds is then
decided over all files: numbers where every one of its words is a number (or one of the usual words for a missing
number), else words. Columns whose numbers turn out to be words are read again as they are written.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import pandas as pd

from audit.data.bounded import open_bounded, require_size
from audit.data.number_signs import are_numbers, as_numbers, require_declared
from audit.data.reading import MISSING_NUMBERS, Reading, Tables, explain_broken_file, replace_missing_words, stack_files
from audit.errors import DataError, quote, quote_all

TRUTH = {"true": True, "false": False}
ENCODINGS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
Holds = Callable[[Sequence[str], Reading], bool]
LOOKED_AT = 1000
"""So many distinct words are looked at before all are: most columns of words show it at once."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Source:
    """A file, how it is written, and what pandas makes of it."""

    path: Path
    separator: str
    encoding: str
    decimal: str
    names: tuple[str, ...]
    frame: pd.DataFrame

    def as_written(self, columns: Sequence[str]) -> pd.DataFrame:
        """Read some columns again as text; only the empty field is missing."""
        with explain_broken_file(self.path.name), open_bounded(self.path) as stream:
            return _parse(
                stream, self, usecols=[self.names.index(name) for name in columns], dtype=dict.fromkeys(columns, str)
            )


def read_delimited(files: Mapping[str, Sequence[Path]], reading: Reading) -> Tables:
    """Read the files of each split and type their columns together.

    Raises
    ------
    DataError
        If a file is broken, or files disagree in what a column holds.
    """
    sources = {split: [_source(path, reading) for path in paths] for split, paths in files.items()}
    everything = [source for several in sources.values() for source in several]
    frames = {id(source): {str(name): column for name, column in source.frame.items()} for source in everything}
    table: dict[str, dict[str, int]] = {}
    again: dict[str, None] = {}
    notes: list[str] = []
    for name in dict.fromkeys(name for source in everything for name in source.names):
        having = [source for source in everything if name in frames[id(source)]]
        kind = _kind(name, [frames[id(source)][name] for source in having], reading, notes)
        if kind == "words":
            again[name] = None
            continue
        for source in having:
            frames[id(source)][name] = _convert(frames[id(source)][name], kind, name, reading, table)
    for source in everything:
        _as_words(source, frames[id(source)], list(again), reading, table)
    tables = {
        split: stack_files([(source.path.name, pd.DataFrame(frames[id(source)], copy=False)) for source in several])
        for split, several in sources.items()
    }
    unnamed = [name for name in {name for source in everything for name in source.names} if is_unnamed(name)]
    return Tables(frames=tables, read_as_missing=table, indexes=tuple(sorted(unnamed)), notes=tuple(notes))


def is_unnamed(name: str) -> bool:
    """Tell whether a column is what pandas writes of an index without a name.

    Examples
    --------
    >>> is_unnamed("Unnamed: 0"), is_unnamed("age")
    (True, False)
    """
    return re.fullmatch(r"Unnamed: \d+(_level_\d+)?|__index_level_\d+__|", name) is not None


# --- one file -------------------------------------------------------------------------------------


def _source(path: Path, reading: Reading) -> Source:
    """Read a file with a header; what pandas would repair by guessing is refused."""
    usual = "\t" if ".tsv" in [suffix.lower() for suffix in path.suffixes] else ","
    asked = Source(
        path=path,
        separator=reading.separator or usual,
        encoding=reading.encoding or "utf-8-sig",
        decimal=reading.decimal or ".",
        names=(),
        frame=pd.DataFrame(),
    )
    with explain_broken_file(path.name), open_bounded(path) as stream:
        _require_encoding(stream, path, reading)
        names = _header(stream, asked)
        stream.seek(0)
        try:
            frame = _parse(stream, asked)
        except UnicodeDecodeError as error:
            raise _no_unicode(path, error) from error
        if not frame.index.equals(pd.RangeIndex(len(frame))):
            raise DataError(
                f"{quote(path.name)}: a row holds more values than the header names ({len(names)}); "
                "give every column a name, and quote values that hold the separator."
            )
        if len(names) > 1 and len(frame) and frame.iloc[:, -1].isna().any():
            stream.seek(0)
            _require_whole_rows(stream, asked, len(names))
    names = tuple(name or f"Unnamed: {place}" for place, name in enumerate(names))
    frame.columns = list(names)
    return Source(
        path=path, separator=asked.separator, encoding=asked.encoding, decimal=asked.decimal, names=names, frame=frame
    )


def _parse(stream: IO[bytes], source: Source, **options: object) -> pd.DataFrame:
    frame: pd.DataFrame = pd.read_csv(  # type: ignore[call-overload]
        stream,
        sep=source.separator,
        encoding=source.encoding,
        decimal=source.decimal,
        keep_default_na=False,
        na_values=[""],
        low_memory=False,
        **options,
    )
    return frame


def _require_encoding(stream: IO[bytes], path: Path, reading: Reading) -> None:
    if reading.encoding:
        require_known_encoding(reading.encoding)
        return
    head = stream.read(4)
    stream.seek(0)
    if (name := ENCODINGS.get(head[:2])) is not None:
        raise DataError(
            f"cannot read {quote(path.name)}: it is written in {name.upper()}, expected UTF-8; "
            f'state [data.csv] encoding = "{name}", or save it as UTF-8.'
        )


def require_known_encoding(name: str) -> None:
    """Refuse an encoding that Python does not know.

    Raises
    ------
    DataError
        With examples.
    """
    try:
        "".encode(name or "utf-8")
    except LookupError:
        raise DataError(f"[data.csv] encoding {quote(name)} is not known; expected e.g. 'utf-8', 'latin-1'.") from None


def require_utf8(path: Path) -> None:
    """Refuse a file that begins as one in another encoding does.

    Raises
    ------
    DataError
        With what to state.
    """
    with path.open("rb") as stream:
        _require_encoding(stream, path, Reading())


def _no_unicode(path: Path, error: UnicodeDecodeError) -> DataError:
    sign = error.object[error.start : error.start + 1].hex()
    return DataError(
        f"cannot read {quote(path.name)}: it is not UTF-8 (byte 0x{sign}); if it comes from an older program, "
        'state [data.csv] encoding = "latin-1" (or "cp1252"), or save it as UTF-8.'
    )


def _header(stream: IO[bytes], source: Source) -> tuple[str, ...]:
    """Return the names of the columns, from the first line alone."""
    path, separator = source.path, source.separator
    text = io.TextIOWrapper(stream, encoding=source.encoding, newline="")
    try:
        csv.field_size_limit(1 << 24)
        names = next(iter(csv.reader(text, delimiter=separator)), [])
    except UnicodeDecodeError as error:
        raise _no_unicode(path, error) from error
    except (csv.Error, TypeError) as error:
        raise DataError(f"cannot read {quote(path.name)}: its header is broken ({error}).") from error
    finally:
        text.detach()
    if re.fullmatch("sep=.?", names[0] if names else "", re.IGNORECASE):
        raise DataError(
            f"{quote(path.name)} begins with a line of Excel's, {quote(names[0])}, not with column names; remove "
            "that line, and state [data.csv] separator."
        )
    if not any(names):
        raise DataError(f"{quote(path.name)} is empty: its first line names no column.")
    require_size(1, len(names), path.name)
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise DataError(f"{quote(path.name)} has two columns {quote(name)}; rename or drop one.")
        seen.add(name)
    require_separator(names, path.name, separator)
    return tuple(names)


def require_separator(names: Sequence[str], file: str, separator: str) -> None:
    """Refuse a header of one column that holds another separator.

    Raises
    ------
    DataError
        With what to state.
    """
    other = next((sign for sign in ";\t|," if sign != separator and names and sign in names[0]), None)
    if len(names) == 1 and other is not None:
        sign = "\\t" if other == "\t" else other
        way = " (or the suffix .tsv)" if other == "\t" else ""
        decimal = ', and decimal = "," if its numbers have a decimal comma' if other == ";" else ""
        raise DataError(
            f"{quote(file)} has one column, {quote(names[0])}: it looks separated by {other!r}; expected "
            f'{separator!r}{way}. State [data.csv] separator = "{sign}"{decimal}.'
        )


def _require_whole_rows(stream: IO[bytes], source: Source, columns: int) -> None:
    """Refuse rows that end early, which pandas would fill up with missing values."""
    text = io.TextIOWrapper(stream, encoding=source.encoding, newline="")
    try:
        for number, row in enumerate(csv.reader(text, delimiter=source.separator), start=1):
            if row and len(row) < columns:
                raise DataError(
                    f"{quote(source.path.name)}: row {number} holds {len(row)} values, the header names {columns}. "
                    "Is the file cut off?"
                )
    except csv.Error as error:
        raise DataError(f"{quote(source.path.name)} cannot be read: {error}.") from error
    finally:
        text.detach()


# --- all files ------------------------------------------------------------------------------------


def _kind(name: str, columns: list[pd.Series], reading: Reading, notes: list[str]) -> str:
    """Decide what a column holds in all files: ``number``, ``boolean`` or ``words``; ``kept`` if it is so already."""
    kinds = [_parsed_kind(column) for column in columns]
    if name in reading.text:
        return "words"
    if set(kinds) <= {"number", "empty"}:
        return "number" if reading.missing else "kept"
    if set(kinds) <= {"boolean", "empty"} and name not in reading.number:
        return "kept"
    words = [column for column, kind in zip(columns, kinds, strict=True) if kind == "words"]
    if name in reading.number or _all(words, reading, are_numbers, "number" in kinds):
        _require_one_kind(name, kinds, words, reading)
        return "number"
    if _all(words, reading, _is_truth, "boolean" in kinds) and "number" not in kinds:
        return "boolean"
    _require_one_kind(name, kinds, words, reading)
    _tell_almost_numbers(name, words, reading, notes)
    return "words"


def _parsed_kind(column: pd.Series) -> str:
    if pd.api.types.is_bool_dtype(column.dtype):
        return "boolean"
    if pd.api.types.is_numeric_dtype(column.dtype):
        return "empty" if column.isna().all() else "number"
    first = column.dropna().head(1)
    return "boolean" if len(first) and isinstance(first.iloc[0], bool) else "words"


def _levels(column: pd.Series, reading: Reading, most: int | None = None) -> tuple[str, ...]:
    """Return the distinct words that are not read as missing, of the first so many."""
    skipped = MISSING_NUMBERS | set(reading.missing)
    words = (str(value).strip() for value in pd.unique(column.dropna())[:most])
    return tuple(word for word in words if word not in skipped)


def _all(columns: Sequence[pd.Series], reading: Reading, holds: Holds, beside: bool) -> bool:
    """Tell whether all words of all files are such; `beside` says that another file holds nothing else."""
    some = beside
    for most in (LOOKED_AT, None):
        for column in columns:
            levels = _levels(column, reading, most)
            some = some or bool(levels)
            if not holds(levels, reading):
                return False
    return some


def _is_truth(words: Sequence[str], _: Reading) -> bool:
    return all(word.lower() in TRUTH for word in words)


def _tell_almost_numbers(name: str, columns: Sequence[pd.Series], reading: Reading, notes: list[str]) -> None:
    """Refuse signs of numbers that were not declared; note a few words among numbers."""
    levels = [word for column in columns for word in _levels(column, reading, LOOKED_AT)]
    words = pd.Series(list(dict.fromkeys(levels)), dtype=object)
    odd = words[as_numbers(words, reading).isna()].tolist()
    require_declared(name, odd)
    if len(odd) <= 2 and len(levels) >= 20 * len(odd) > 0:
        notes.append(
            f"column {quote(name)} holds numbers and {quote_all(odd)}, so it was read as words; "
            "if that stands for a missing value, name it in [data] missing"
        )


def _require_one_kind(name: str, kinds: Sequence[str], columns: Sequence[pd.Series], reading: Reading) -> None:
    """Refuse tables of which one holds numbers or truth values alone, another only words that are none."""
    lines = sorted({kind for kind in kinds if kind in NEAR})
    if len(lines) == 2:
        raise DataError(_disagreement(name, "numbers in one table and true or false in another"))
    for kind in lines:
        for column in columns:
            words = _levels(column, reading)
            if words and not any(NEAR[kind]([word], reading) for word in words):
                what = "numbers" if kind == "number" else "true or false"
                raise DataError(_disagreement(name, f"{what} in one table, words such as {quote(words[0])} in another"))


NEAR: dict[str, Holds] = {"number": are_numbers, "boolean": _is_truth}


def _disagreement(name: str, what: str) -> str:
    return (
        f'column {quote(name)} holds {what}; the tables must agree. If it holds words, state [data] text = ["{name}"]; '
        "if it is not needed, drop it from the files."
    )


def _convert(column: pd.Series, kind: str, name: str, reading: Reading, table: dict[str, dict[str, int]]) -> pd.Series:
    if kind == "kept":
        return column
    parsed = _parsed_kind(column)
    if parsed in {"number", "empty", "boolean"} and kind != "number":
        return column
    if parsed != "words":
        return replace_missing_words(column, name, reading, table)
    words = column.astype(str).str.strip().where(column.notna(), "")
    blank = words.isin(MISSING_NUMBERS | set(reading.missing)) & column.notna()
    for word, count in column[blank].value_counts().items():
        counts = table.setdefault(name, {})
        counts[str(word)] = counts.get(str(word), 0) + int(count)
    present = words.mask(blank | column.isna())
    if kind == "boolean":
        return present.str.lower().map(TRUTH).astype(object).where(present.notna(), np.nan)
    numbers = as_numbers(present, reading)
    odd = present[numbers.isna() & present.notna()]
    if len(odd):
        raise DataError(
            f"column {quote(name)} must hold numbers and holds {quote_all(pd.unique(odd)[:50], limit=5)}; "
            "name in [data] missing what stands for a missing value."
        )
    return numbers


def _as_words(
    source: Source,
    columns: dict[str, pd.Series],
    names: list[str],
    reading: Reading,
    table: dict[str, dict[str, int]],
) -> None:
    """Leave words as they are written, reading those again that pandas took for something else."""
    here = [name for name in names if name in columns]
    parsed = [name for name in here if _parsed_kind(columns[name]) != "words"]
    written = source.as_written(parsed) if parsed else pd.DataFrame()
    for name in here:
        column = written[name] if name in written else columns[name]
        columns[name] = replace_missing_words(column.astype("str"), name, reading, table)
