"""Files of a log that were listed, and are gone or cannot be read when they are counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from audit.errors import DataError, quote
from reports.store import OutputError


def missing_of(files: Sequence[Path]) -> str:
    """Say which file is not there any more; ``""`` where all are.

    Examples
    --------
    >>> missing_of([Path(__file__)]), missing_of([Path("gone.csv")])
    ('', "log file 'gone.csv' was removed while the log was read; run again")
    """
    gone = [file for file in files if not file.exists()]
    return f"log file {quote(gone[0].name)} was removed while the log was read; run again" if gone else ""


@contextmanager
def require_files(files: Sequence[Path]) -> Iterator[None]:
    """Refuse to go on where a file is gone or cannot be read, in one message in place of what comes of it.

    Parameters
    ----------
    files : sequence of Path

    Raises
    ------
    DataError
        Naming the file.
    """
    try:
        yield
    except OutputError:
        raise
    except (OSError, DataError) as error:
        if text := missing_of(files):
            raise DataError(f"{text}.") from error
        if isinstance(error, OSError):
            name = quote(Path(str(error.filename)).name)
            raise DataError(f"log file {name} cannot be read: {error.strerror or error}.") from error
        raise
