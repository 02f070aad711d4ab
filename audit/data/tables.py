"""Read tables from files, all splits together, and speak plainly of what is wrong with them."""

from __future__ import annotations

import glob
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from audit.data.bounded import COMPRESSED
from audit.data.columnar import read_arrow, read_duckdb, read_npz, read_parquet
from audit.data.delimited import is_unnamed, read_delimited
from audit.data.reading import Reading, Tables, add_counts, explain_broken_file, stack_files, without_words
from audit.errors import DataError, hint, quote

DELIMITED = (".csv", ".tsv")
TYPED: dict[str, Callable[[Path], tuple[pd.DataFrame, tuple[str, ...]]]] = {
    ".parquet": read_parquet,
    ".arrow": read_arrow,
    ".feather": read_arrow,
    ".npz": lambda path: (read_npz(path), ()),
}
DATABASES = (".duckdb", ".ddb")
READERS = (*DELIMITED, *TYPED, ".duckdb")
IN_FILE = "::"
"""Between a DuckDB file and the name of its table."""


def read_table(path: Path, reading: Reading | None = None) -> pd.DataFrame:
    """Read one table by its suffix, as `read_tables` does.

    Raises
    ------
    DataError
        If the file is missing, empty, or not what its name says.
    """
    return read_tables({"test": path}, reading).frames["test"]


def read_tables(files: Mapping[str, Path], reading: Reading | None = None) -> Tables:
    """Read the table of each split; columns of delimited files are typed together.

    Parameters
    ----------
    files : mapping of str to Path
        ``.csv``, ``.tsv`` (a compressing suffix such as ``.gz`` may follow), ``.parquet``, ``.arrow`` or
        ``.feather``, ``.npz`` with an array ``X`` of shape (n, features) and one-dimensional columns, or
        ``.duckdb`` (``file.duckdb::table``). A pattern such as ``part-*.parquet`` names several of one kind.
    reading : Reading, optional
        What the user says of the files.

    Raises
    ------
    DataError
        If a file is missing, empty, or not what its name says; if splits disagree in what a column holds.
    """
    asked = reading or Reading()
    paths = {split: match_files(path) for split, path in files.items()}
    texts = {split: many for split, many in paths.items() if suffix_of(many[0]) in DELIMITED}
    read = [read_delimited(texts, asked)] if texts else []
    read += [_typed({split: many}, asked) for split, many in paths.items() if split not in texts]
    frames = {split: frame for tables in read for split, frame in tables.frames.items()}
    for name in asked.stated:
        if not any(name in frame.columns for frame in frames.values()):
            columns = [str(column) for frame in frames.values() for column in frame.columns]
            raise DataError(f"[data] text or number names {quote(name)}, which is not a column." + hint(name, columns))
    for split, many in paths.items():
        frames[split].columns = [str(name) for name in frames[split].columns]
        if not frames[split].size:
            rows, wide = frames[split].shape
            raise DataError(f"{quote(many[0].name)} is empty: {rows} rows, {wide} columns.")
    return Tables(
        frames={split: frames[split] for split in files},
        read_as_missing=add_counts(tables.read_as_missing for tables in read),
        indexes=tuple(dict.fromkeys(name for tables in read for name in tables.indexes)),
        notes=tuple(note for tables in read for note in tables.notes),
    )


def suffix_of(path: Path) -> str:
    """Return the suffix that tells a table's format, without a compressing one, in lower case.

    Examples
    --------
    >>> suffix_of(Path("a.CSV.gz")), suffix_of(Path("a.parquet")), suffix_of(Path("b.duckdb::t"))
    ('.csv', '.parquet', '.duckdb')
    """
    path = Path(str(path).split(IN_FILE, 1)[0])
    return (path.with_suffix("") if path.suffix.lower() in COMPRESSED else path).suffix.lower()


def match_files(path: Path) -> list[Path]:
    """Return the files that a name or a pattern stands for, in the order of their names.

    Raises
    ------
    DataError
        If there is none, or it is not a file that can be read.
    """
    file = Path(str(path).split(IN_FILE, 1)[0])
    if not file.exists() and any(sign in path.name for sign in "*?["):
        names = glob.glob(str(path), recursive=True)  # noqa: PTH207 -- an absolute pattern
        paths = sorted(Path(name) for name in names if Path(name).is_file())
        if not paths:
            raise DataError(f"no file matches {quote(path)}. Paths are relative to the configuration.")
        return paths
    if not file.exists():
        siblings = [path.name for path in file.parent.iterdir()] if file.parent.is_dir() else []
        raise DataError(
            f"no file {quote(file)}." + (hint(file.name, siblings) or " Paths are relative to the configuration.")
        )
    if file.is_dir() and IN_FILE not in str(path):
        return [file]
    if not file.is_file():
        raise DataError(f"{quote(file)} is not a regular file; expected a table, or a folder of images by label.")
    return [path]


def _typed(files: Mapping[str, Sequence[Path]], reading: Reading) -> Tables:
    """Read files that know their types."""
    ((split, paths),) = files.items()
    parts: list[tuple[str, pd.DataFrame]] = []
    indexes: dict[str, None] = {}
    for path in paths:
        with explain_broken_file(path.name):
            frame, index = _one_typed(path, reading)
        parts.append((path.name, frame))
        indexes |= dict.fromkeys(index)
    whole = stack_files(parts)
    unnamed = [str(name) for name in whole.columns if is_unnamed(str(name))]
    return replace(without_words({split: whole}, reading.missing), indexes=(*indexes, *unnamed))


def _one_typed(path: Path, reading: Reading) -> tuple[pd.DataFrame, tuple[str, ...]]:
    suffix = suffix_of(path)
    if path.is_dir():
        raise DataError(f"cannot read {quote(path.name)}: it is a folder; expected a table.")
    if suffix in TYPED:
        return TYPED[suffix](path)
    if suffix in DATABASES:
        file, _, table = str(path).partition(IN_FILE)
        return read_duckdb(Path(file), table or reading.table), ()
    kinds = f"{', '.join(READERS)}, or a folder of images by label"
    raise DataError(f"cannot read {quote(path.name)}: tables are {kinds}.")


def display_name(path: Path) -> str:
    """Return how a record names a file: its name, or the pattern."""
    return path.name


def files_sha256(paths: Sequence[Path]) -> str:
    """Return the SHA-256 of a file; of several, that of their names and contents in order."""
    files = [Path(str(path).split(IN_FILE, 1)[0]) for path in paths]
    if len(files) == 1:
        return file_sha256(files[0])
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.name}\0{file_sha256(file)}\0".encode())
    return digest.hexdigest()


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, or of the names and files of a folder in order, as hexadecimal text."""
    digest = hashlib.sha256()
    if path.is_dir():
        for file in sorted(file for file in path.rglob("*") if file.is_file()):
            digest.update(f"{file.relative_to(path).as_posix()}\0{file_sha256(file)}\0".encode())
        return digest.hexdigest()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def frame_sha256(frame: pd.DataFrame) -> str:
    """Return a SHA-256 over the values, column names and order of a frame.

    Examples
    --------
    >>> one = pd.DataFrame({"a": [1, 2]})
    >>> frame_sha256(one) == frame_sha256(one.copy()) != frame_sha256(one[::-1])
    True
    """
    digest = hashlib.sha256("\x1f".join(map(str, frame.columns)).encode())
    for place in range(frame.shape[1]):
        digest.update(_hashes(frame.iloc[:, place]))
    return digest.hexdigest()


def _hashes(column: pd.Series) -> bytes:
    """Return a hash of every value; what cannot be hashed is hashed by how it is written."""
    try:
        return pd.util.hash_pandas_object(column, index=False).to_numpy().tobytes()
    except Exception:  # an extension type may raise anything
        return pd.util.hash_pandas_object(column.map(repr).astype(object), index=False).to_numpy().tobytes()
