"""Count the files of a log once: what was counted is kept, and files that have not changed are not read again."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from audit.config.configuration import DataTable
from audit.config.logs import Frames, source_of
from audit.data.tables import files_sha256
from audit.data.user_key import seal
from audit.errors import ConfigError, quote
from audit.logs.cells import LATE, REFERENCE, WINDOW, Cells, add, load, save
from audit.logs.columns import LogColumns
from audit.logs.counting import count
from audit.logs.joining import LATER
from audit.logs.sources import log_files, open_files, types_of_empty

HOW = "v6"
"""Changes when the same files would be counted differently."""


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
        files = log_files(folder, str(reference))
        log = set(log_files(folder, str(data.log))) if frames is None and _is_files(data) else set()
        if both := [file for file in files if file in log]:
            raise ConfigError(
                f"file {quote(both[0].name)} belongs to the log and to its reference; its rows would count twice."
            )
        if columns.id is not None and log:
            open_files([*files, *sorted(log)], columns.identity(), fingerprint=False, text=columns.text)
        cells = _of_files(files, data, folder, columns, "", kept)
    return replace(cells, keys=cells.keys.assign(**{WINDOW: REFERENCE}))


def _of_files(
    files: Sequence[Path], data: DataTable, folder: Path, columns: LogColumns, window: str, kept: Path | None
) -> Cells:
    late = log_files(folder, data.labels, what="labels") if isinstance(data.labels, str) and data.labels else ()
    needed = {name: part for name, part in columns.parts().items() if not (late and part in LATER)}
    types = types_of_empty(files, needed, columns.text)
    shadowed = False
    if columns.id is not None:  # an identifier must not stand in two files
        shadowed = open_files(files, columns.identity(), fingerprint=False, text=columns.text).shadowed
    how = f"{columns}\0{types}\0{window}\0{files_sha256(late) if late else ''}\0{HOW}"
    parts = []
    for file in files:
        digest = hashlib.sha256(f"{files_sha256([file])}{how}".encode()).hexdigest()[:32]
        cells = None if kept is None else _kept(kept, digest)
        if cells is None:
            source = open_files([file], columns.parts(), fingerprint=False, labels=late, text=columns.text, types=types)
            cells = count(source, columns, window=window)
            if kept is not None and not (LATE in cells.sums and cells.sums[LATE].any()):  # the future comes
                _keep(cells, kept, digest)
        parts.append(cells.counted_in(file.name))
    return replace(add(parts), shadowed=shadowed)


def _kept(folder: Path, digest: str) -> Cells | None:
    """Return what was counted of a file before, where it carries the user's seal."""
    for place in sorted(folder.glob(f"{digest}-*.parquet")):
        if place.is_file() and place.name == _sealed_name(digest, place):
            return load(place)
    return None


def _keep(cells: Cells, folder: Path, digest: str) -> None:
    """Write what was counted under a name that is its seal; without a key it is counted again each time."""
    place = folder / f"{digest}.parquet"
    save(cells, place)
    place.replace(folder / _sealed_name(digest, place))


def _sealed_name(digest: str, place: Path) -> str:
    return f"{digest}-{seal(f'tally {digest}', place.read_bytes()).hex() or 'none'}.parquet"
