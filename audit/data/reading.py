"""How tables are to be read, and what reading them gives."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import pandas as pd

from audit.errors import AuditError, DataError, quote, quote_all

MISSING_NUMBERS = frozenset({
    "", "NA", "na", "N/A", "n/a", "#N/A", "#N/A N/A", "#NA", "<NA>", "NaN", "nan", "-NaN", "-nan", "NAN", "NULL",
    "Null", "null", "None", "none", "NONE", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN",
})  # fmt: skip
"""Words that stand for a missing value in a column of numbers. In a column of words they are words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the user says of the files: ``[data]`` and ``[data.csv]``.

    Parameters
    ----------
    missing : tuple of str
        Words that stand for a missing value in any column.
    text, number : tuple of str
        Columns that hold words although they look like numbers, and the other way round.
    separator, decimal, thousands, encoding : str
        Of delimited files; ``""`` for a comma (a tab in ``.tsv``), a point, nothing between thousands, UTF-8.
    table : str
        Of a DuckDB file that holds several.
    """

    missing: tuple[str, ...] = ()
    text: tuple[str, ...] = ()
    number: tuple[str, ...] = ()
    separator: str = ""
    decimal: str = ""
    thousands: str = ""
    encoding: str = ""
    table: str = ""
    stated: tuple[str, ...] = ()
    """Those of `text` and `number` that the user named, which must be columns."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tables:
    """Frames by split, and what was done on the way.

    Parameters
    ----------
    frames : mapping of str to DataFrame
    read_as_missing : mapping of str to mapping of str to int
        Column → word → rows that were read as missing.
    indexes : tuple of str
        Columns that are a written row index, and so no features.
    notes : tuple of str
        What a reader of the record should know of the reading.
    """

    frames: Mapping[str, pd.DataFrame]
    read_as_missing: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    indexes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def is_number(words: Sequence[str]) -> bool:
    """Tell whether every word is a number, as a program would write it.

    Examples
    --------
    >>> is_number(["1", "-2.5e3"]), is_number(["1", "A"]), is_number(["1_0"])
    (True, False, False)
    """
    return bool(pd.to_numeric(pd.Series(list(words), dtype=object), errors="coerce").notna().all())


def replace_missing_words(
    column: pd.Series, name: str, reading: Reading, table: dict[str, dict[str, int]]
) -> pd.Series:
    """Take the stated words for missing values, and count them in `table`.

    Examples
    --------
    >>> found = {}
    >>> replace_missing_words(pd.Series(["a", "?"]), "k", Reading(missing=("?",)), found).isna().tolist(), found
    ([False, True], {'k': {'?': 1}})
    """
    if not reading.missing:
        return column
    numeric = pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype)
    words: Sequence[object] = reading.missing
    if numeric:
        words = [float(word) for word in reading.missing if is_number([word])]
    for word in words:
        gone = (column == word).fillna(False).astype(bool)
        if count := int(gone.sum()):
            counts = table.setdefault(name, {})
            text = f"{word:g}" if isinstance(word, float) else str(word)
            counts[text] = counts.get(text, 0) + count
            column = column.mask(gone)
    return column


def without_words(frames: Mapping[str, pd.DataFrame], missing: Sequence[str]) -> Tables:
    """Take the stated words for missing values in all columns of all splits.

    Examples
    --------
    >>> without_words({"test": pd.DataFrame({"a": ["?", "b"]})}, ["?"]).read_as_missing
    {'a': {'?': 1}}
    """
    table: dict[str, dict[str, int]] = {}
    if not missing:
        return Tables(frames=frames)
    reading = Reading(missing=tuple(missing))
    entries = {
        split: pd.DataFrame(
            {name: replace_missing_words(frame[name], str(name), reading, table) for name in frame.columns}
        )
        for split, frame in frames.items()
    }
    return Tables(frames=entries, read_as_missing=table)


@contextmanager
def explain_broken_file(name: str) -> Iterator[None]:
    """Turn whatever a broken file makes a reader raise into one message that names the file.

    Raises
    ------
    DataError
        For every exception of a library.

    Examples
    --------
    >>> with explain_broken_file("t.csv"):
    ...     pass
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except AuditError:
        raise
    except Exception as error:  # libraries raise what they like on broken files
        said = " ".join(str(error).split())[:200] or "the data end early"
        raise DataError(
            f"cannot read {quote(name)}: {type(error).__name__}: {said}. "
            "Check that the file is complete and has the format that its name says."
        ) from error


def stack_files(parts: Sequence[tuple[str, pd.DataFrame]]) -> pd.DataFrame:
    """Put the files of one split one below the other; they must have the same columns.

    Raises
    ------
    DataError
        If they have not.
    """
    first_name, first = parts[0]
    for name, frame in parts[1:]:
        if odd := set(first.columns) ^ set(frame.columns):
            raise DataError(f"{quote(name)} and {quote(first_name)} differ in the columns {quote_all(sorted(odd))}.")
    if len(parts) == 1:
        return first
    return pd.concat([frame[list(first.columns)] for _, frame in parts], ignore_index=True)


def add_counts(counts: Iterable[Mapping[str, Mapping[str, int]]]) -> dict[str, dict[str, int]]:
    """Add up counts of words by column.

    Examples
    --------
    >>> add_counts([{"a": {"NA": 1}}, {"a": {"NA": 2}}])
    {'a': {'NA': 3}}
    """
    total: dict[str, dict[str, int]] = {}
    for table in counts:
        for name, words in table.items():
            mine = total.setdefault(name, {})
            for word, count in words.items():
                mine[word] = mine.get(word, 0) + count
    return total
