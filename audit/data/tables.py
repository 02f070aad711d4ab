"""Read a table from a file, and speak plainly of what is wrong with it."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd

from audit.errors import DataError, hint, listed, shown

READERS = (".csv", ".tsv", ".parquet", ".arrow", ".feather", ".npz")


def read_table(path: Path) -> pd.DataFrame:
    """Read a table by its suffix.

    Parameters
    ----------
    path : Path
        ``.csv``, ``.tsv`` (a compressing suffix such as ``.gz`` may follow), ``.parquet``, ``.arrow`` or
        ``.feather``, or ``.npz`` with an array ``X`` of shape (n, features) and one-dimensional columns.

    Raises
    ------
    DataError
        If the file is missing, empty, or not what its name says.
    """
    if not path.exists():
        siblings = [one.name for one in path.parent.iterdir()] if path.parent.is_dir() else []
        raise DataError(
            f"no file {shown(path)}." + (hint(path.name, siblings) or " Paths are relative to the configuration.")
        )
    suffix = path.with_suffix("").suffix if path.suffix in {".gz", ".bz2", ".xz", ".zst"} else path.suffix
    if suffix.lower() not in READERS:
        kinds = f"{', '.join(READERS)}, or a folder of images by label"
        raise DataError(f"cannot read {shown(path.name)}: tables are {kinds}.")
    try:
        frame = _read(path, suffix.lower())
    except DataError:
        raise
    except (pd.errors.EmptyDataError, OSError, ValueError, ImportError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(
            f"cannot read {shown(path.name)} as {suffix}: {type(error).__name__}: {str(error)[:200]}. "
            "Check that the file is whole and has the format its name says."
        ) from error
    frame.columns = [str(name) for name in frame.columns]
    if not len(frame) or not len(frame.columns):
        raise DataError(f"{shown(path.name)} is empty: {len(frame)} rows, {len(frame.columns)} columns.")
    return frame


def _read(path: Path, suffix: str) -> pd.DataFrame:
    if suffix in {".csv", ".tsv"}:
        return _read_csv(path, "\t" if suffix == ".tsv" else ",")
    if suffix == ".npz":
        return _read_npz(path)
    if suffix == ".parquet":
        return _read_parquet(path)
    return pd.read_feather(path)


def _read_csv(path: Path, separator: str) -> pd.DataFrame:
    """Read a table with a header; what pandas would mend by guessing is refused."""
    header = pd.read_csv(path, sep=separator, header=None, nrows=1, dtype=str, keep_default_na=False)
    names = [str(name) for name in header.iloc[0]]
    if again := [name for place, name in enumerate(names) if name in names[:place]]:
        raise DataError(f"{shown(path.name)} has two columns {shown(again[0])}; rename or drop one.")
    other = next((sign for sign in ";\t|," if sign != separator and sign in names[0]), None)
    if len(names) == 1 and other is not None:
        raise DataError(
            f"{shown(path.name)} has one column, {shown(names[0])}: it looks separated by {other!r}; "
            f"expected {separator!r}{' (or the suffix .tsv)' if other == chr(9) else ''}."
        )
    frame = pd.read_csv(path, sep=separator, low_memory=False)
    if not frame.index.equals(pd.RangeIndex(len(frame))):
        raise DataError(
            f"{shown(path.name)}: a row holds more values than the header names ({len(names)}); "
            "give every column a name, and quote values that hold the separator."
        )
    return frame


def _read_parquet(path: Path) -> pd.DataFrame:
    """Read through DuckDB, which the core brings along; pyarrow is not needed."""
    import duckdb

    try:
        with duckdb.connect(config={"autoinstall_known_extensions": "false", "threads": "2"}) as connection:
            frame: pd.DataFrame = connection.read_parquet(str(path)).df()
            return frame
    except duckdb.Error as error:
        raise DataError(f"cannot read {shown(path.name)} as .parquet: {str(error)[:200]}") from error


def _read_npz(path: Path) -> pd.DataFrame:
    with np.load(path, allow_pickle=False) as arrays:
        if "X" not in arrays:
            raise DataError(f"{shown(path.name)} holds {listed(arrays)}; expected an array 'X' and columns beside it.")
        block = arrays["X"]
        flat = block.reshape(len(block), -1)
        width = len(str(max(flat.shape[1] - 1, 0)))
        columns: dict[str, object] = {f"x{place:0{width}d}": flat[:, place] for place in range(flat.shape[1])}
        for name in arrays:
            if name != "X" and arrays[name].ndim == 1 and len(arrays[name]) == len(block):
                columns[name] = arrays[name]
    return pd.DataFrame(columns)


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, or of the names and files of a folder in order, as hexadecimal text."""
    digest = hashlib.sha256()
    if path.is_dir():
        for file in sorted(one for one in path.rglob("*") if one.is_file()):
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
    digest.update(pd.util.hash_pandas_object(frame, index=False).to_numpy().tobytes())
    return digest.hexdigest()
