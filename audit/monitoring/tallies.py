"""Count the files of a log once: what was counted is kept, and files that have not changed are not read again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from audit.config.configuration import DataTable
from audit.config.logs import Frames, source_of
from audit.data.tables import file_sha256, files_sha256
from audit.data.user_key import has_key, seal
from audit.errors import ConfigError, quote
from audit.logs.adding import add
from audit.logs.agreement import agreement_of
from audit.logs.cells import LATE, REFERENCE, WINDOW, Cells
from audit.logs.columns import LogColumns
from audit.logs.connection import connect
from audit.logs.counting import count, count_files, units_of_files
from audit.logs.joining import LATER
from audit.logs.sources import Source, log_files, open_files
from audit.logs.stored import load, save
from audit.logs.vanished import require_files

if TYPE_CHECKING:
    import duckdb

HOW = "v11"
"""Changes when the same files would be counted differently."""
AT_ONCE = 1 << 24
"""Bytes of files that are counted in one pass, which keeps what is counted of them at once small."""


def count_windows(
    data: DataTable, folder: Path, columns: LogColumns, window: str, kept: Path | None, frames: Frames | None = None
) -> Cells:
    """Count a log by windows.

    Parameters
    ----------
    data : DataTable
    folder : Path
        Paths are relative to it.
    columns : LogColumns
    window : str
        ``day``, ``week``, ``month`` or a number of rows.
    kept : Path, optional
        Folder of what was counted before.
    frames : Frames, optional
        In place of what `data` names.

    Raises
    ------
    AuditError
        If the log cannot be opened or counted.
    """
    if window.isdigit() or frames is not None or not _is_files(data):
        return count(source_of(data, folder, columns, frames), columns, window=window)
    return _of_files(log_files(folder, str(data.log)), data, folder, columns, window, kept)


def _is_files(data: DataTable) -> bool:
    """Tell whether the log is files that are counted one by one, and kept."""
    return data.log is not None and not data.table and data.dask is None


def count_reference(
    reference: object, data: DataTable, folder: Path, columns: LogColumns, kept: Path | None, frames: Frames | None
) -> Cells:
    """Count a log of its own that windows are compared with.

    Parameters
    ----------
    reference : str, Path or frame
    data, folder, columns, kept, frames
        As for :func:`count_windows`.

    Raises
    ------
    AuditError
        If it cannot be opened or counted, or holds files of the log itself.
    """
    if not isinstance(reference, str | Path):
        given = Frames(log=reference, labels=None if frames is None else frames.labels)
        cells = count(source_of(data, folder, columns, given), columns)
    else:
        files, log = reference_files(reference, data, folder, frames)
        if columns.id is not None and log:
            open_files([*files, *log], columns.identity(), fingerprint=False, reading=columns.reading)
        cells = _of_files(files, data, folder, columns, "", kept)
        with require_files((*files, *log)):
            cells = replace(cells, repeated=(*cells.repeated, *_copies(files, log)))
    return replace(cells, keys=cells.keys.assign(**{WINDOW: REFERENCE}))


def reference_files(
    reference: str | Path, data: DataTable, folder: Path, frames: Frames | None
) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """Return the files of the reference, and those of the log.

    Raises
    ------
    AuditError
        If there are none, or a file belongs to both.
    """
    files = log_files(folder, str(reference), what="[monitor] reference")
    log = log_files(folder, str(data.log)) if frames is None and _is_files(data) else ()
    if both := [file for file in files if file in log]:
        raise ConfigError(
            f"file {quote(both[0].name)} belongs to the log and to its reference; its rows would count twice."
        )
    return files, log


def _copies(files: Sequence[Path], log: Sequence[Path]) -> tuple[str, ...]:
    """Name the files that hold the same bytes as one of the log."""
    sizes: dict[int, list[Path]] = {}
    for file in log:
        sizes.setdefault(file.stat().st_size, []).append(file)
    alike = {file: sizes.get(file.stat().st_size, ()) for file in files}
    return tuple(
        file.name for file, others in alike.items() if file_sha256(file) in {file_sha256(other) for other in others}
    )


def _of_files(
    files: Sequence[Path], data: DataTable, folder: Path, columns: LogColumns, window: str, kept: Path | None
) -> Cells:
    late = log_files(folder, data.late_labels, what="labels") if data.late_labels else ()
    with require_files((*files, *late)):
        return _of_these(files, late, columns, window, kept)


def _of_these(
    files: Sequence[Path], late: Sequence[Path], columns: LogColumns, window: str, kept: Path | None
) -> Cells:
    needed = {name: part for name, part in columns.parts().items() if not (late and part in LATER)}
    agreement = agreement_of(files, needed, columns.reading)
    shadowed = False
    if columns.id is not None:  # an identifier must not stand in two files
        shadowed = open_files(
            files, columns.identity(), fingerprint=False, reading=columns.reading, agreement=agreement
        ).shadowed

    def open_some(some: Sequence[Path]) -> Source:
        return open_files(
            some, columns.parts(), fingerprint=False, labels=late, reading=columns.reading, agreement=agreement
        )

    states = {file: _state(file) for file in (*files, *late)}
    how = f"{columns}\0{agreement.types}\0{window}\0{files_sha256(late) if late else ''}\0{HOW}"
    digests = {file: hashlib.sha256(f"{files_sha256([file])}{how}".encode()).hexdigest()[:32] for file in files}
    with nullcontext() if kept is None else connect(folder=kept) as store:
        parts = {} if kept is None or store is None else _kept(kept, digests, store)
        for batch in _batches([file for file in files if file not in parts], agreement.schemas):
            for file, cells in _counted(batch, open_some, columns, window):
                parts[file] = cells
                is_final = all(_state(path) == states[path] for path in (file, *late)) and not _has_future(cells)
                if kept is not None and store is not None and is_final and has_key():
                    _keep(cells, kept, digests[file], store)
    first = {digest: file for file, digest in reversed(digests.items())}
    repeated = tuple(file.name for file in files if first[digests[file]] != file and parts[file].rows)
    whole = add(parts[file].counted_in(file.name) for file in files)
    return replace(whole, shadowed=shadowed, repeated=repeated)


def _state(file: Path) -> tuple[int, int, int]:
    """Return what changes when a file is written: what is counted meanwhile is not kept under its fingerprint."""
    known = file.stat()
    return known.st_ino, known.st_size, known.st_mtime_ns


def _has_future(cells: Cells) -> bool:
    """Tell whether labels lie in the future, which comes, and changes what is counted."""
    return LATE in cells.sums and bool(cells.sums[LATE].any())


def _batches(files: Sequence[Path], schemas: Mapping[Path, tuple[str, ...]]) -> Iterator[Sequence[Path]]:
    """Yield files that can be counted in one pass: alike, and small."""
    for schema in dict.fromkeys(schemas[file] for file in files):
        alike = [file for file in files if schemas[file] == schema]
        number = np.cumsum([file.stat().st_size for file in alike]) // AT_ONCE
        for place in np.unique(number):
            yield [file for file, own in zip(alike, number, strict=True) if own == place]


def _counted(
    files: Sequence[Path], open_some: Callable[[Sequence[Path]], Source], columns: LogColumns, window: str
) -> Iterator[tuple[Path, Cells]]:
    """Yield what each file holds; one by one where they cannot be counted together, so that an error names the file."""
    together: dict[str, Cells] = {}
    if len(files) > 1:
        with suppress(Exception):
            together = _counted_together(open_some(files), open_some, columns, window)
    for file in files:
        cells = together.get(str(file))
        yield file, count(open_some([file]), columns, window=window) if cells is None else cells


def _counted_together(
    source: Source, open_some: Callable[[Sequence[Path]], Source], columns: LogColumns, window: str
) -> dict[str, Cells]:
    """Return what each file holds, those of the same units in one pass."""
    if columns.weight is None and not columns.amounts:
        return count_files(source, columns, window=window)
    units = units_of_files(source, columns)
    together: dict[str, Cells] = {}
    for same in {tuple(own.items()): own for own in units.values()}.values():
        files = tuple(file for file in source.files if units.get(str(file)) == same)
        part = source if files == source.files else open_some(files)
        together |= count_files(part, columns, window=window, scales=same)
    return together


def _kept(folder: Path, digests: Mapping[Path, str], store: duckdb.DuckDBPyConnection) -> dict[Path, Cells]:
    """Return what was counted of files before, where it carries the user's seal."""
    wanted, places = set(digests.values()) if has_key() else set(), dict[str, Path]()
    for place in sorted(folder.glob("*-*.parquet")):
        digest = place.name.partition("-")[0]
        if digest in wanted and place.is_file() and place.name == _sealed_name(digest, place):
            places.setdefault(digest, place)
    known = {file: load(places[digest], store) for file, digest in digests.items() if digest in places}
    return {file: cells for file, cells in known.items() if cells is not None}


def _keep(cells: Cells, folder: Path, digest: str, store: duckdb.DuckDBPyConnection) -> None:
    """Write what was counted under a name that is its seal."""
    save(cells, folder / f"{digest}.parquet", store, lambda written: _sealed_name(digest, written))


def _sealed_name(digest: str, place: Path) -> str:
    return f"{digest}-{seal(f'tally {digest}', place.read_bytes()).hex()}.parquet"
