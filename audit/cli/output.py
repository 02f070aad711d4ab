"""Where reports go: files written whole or not at all, lines for people, bytes for machines."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from audit.errors import ConfigError, hint, quote, quote_all
from reports.formats import EDITIONS, FORMATS, render_all
from reports.formats import render as draw
from reports.phrases import list_names as few
from reports.phrases import visible
from reports.printable import harmless
from reports.record import AuditRecord
from reports.results import blocking, exit_code
from reports.sections import Edition
from reports.store import RecordError, load, require_plain
from reports.text import WIDTH, lines
from reports.together import write_together

COLORS = {"invalid": "red", "missed": "red", "owed": "yellow", "concern": "yellow", "met": "green"}
FIRST_LINES = 4
"""Lines of the summary that are shown before the long work: what was audited, how good it is, and for whom."""
SIGNED = 1_000_000
"""Bytes of a file that are read at once, in search of the name of the program that wrote it."""
FOR_PEOPLE = frozenset({"text", "md"})
"""Formats that are read in a terminal; the others are read by programs and have escapes of their own."""
UNSIGNED = frozenset({"summary.txt", "annotations.txt", "gl-code-quality.json"})
"""Reports whose format leaves no room for the name of the program; they are known by their own names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """How much people are shown."""

    everything: bool = False
    """Every concern and every open question in the terminal, every file that was written."""
    edition: str = "full"
    """Edition of the HTML card."""


def chosen_formats(asked: str | None, default: list[str]) -> list[str]:
    """Return the formats asked for, in their order, each known.

    Raises
    ------
    ConfigError
        For a format that does not exist.
    """
    names = default if asked is None else [name.strip() for name in asked.split(",") if name.strip()]
    for name in names:
        if name not in FORMATS:
            raise ConfigError(f"no format {quote(name)}; there are {quote_all(FORMATS)}.{hint(name, FORMATS)}")
    return list(dict.fromkeys(names))


FILE_ENDINGS = frozenset({".toml", ".json", ".html", ".md", ".txt", ".xml", ".csv", ".sarif", ".onnx", ".skops"})


def require_writable(folder: Path, what: str = "--out") -> None:
    """Refuse a folder that cannot be made, before the long work begins.

    Parameters
    ----------
    folder : Path
    what : str
        What names it.

    Raises
    ------
    ConfigError
        If no folder can have this name, a file stands in its way, no rights are had, or a new folder would be named
        like a file.
    """
    import os

    try:
        folder.lstat()
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        pass  # said below
    except (OSError, ValueError) as error:  # a name that is too long, or holds what no name may
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"{what} {quote(folder)} cannot be a folder: {reason}. Name another one.") from error
    if folder.suffix.lower() in FILE_ENDINGS and not folder.exists():
        raise ConfigError(
            f"{what} {quote(folder)} is named like a file; expected a folder, such as {quote(folder.stem)}."
        )
    here = folder
    while not here.exists() and here != here.parent:
        here = here.parent
    if not here.is_dir() or not os.access(here, os.W_OK):
        raise ConfigError(f"cannot write to {quote(folder)}: {quote(here)} is not a folder that can be written to.")


def require_unread(path: Path, *sources: Path) -> None:
    """Refuse to write over a file that was read, and over anything that is not a file.

    Raises
    ------
    ConfigError
        If `path` is one of `sources`.
    OutputError
        For links, folders, devices and pipes.
    """
    require_plain(path)
    for source in sources:
        if path.exists() and source.exists() and path.samefile(source):
            raise ConfigError(f"--out {quote(path)} is the file that was read. Name another file.")


def require_replaceable(path: Path, *sources: Path) -> None:
    """Refuse to write over anything but a report of an earlier run.

    Parameters
    ----------
    path : Path
        Where a report is to be written.
    *sources : Path
        Files that were read: none of them is written over.

    Raises
    ------
    ConfigError
        If another file stands there.
    """
    require_unread(path, *sources)
    if not path.exists() or path.name in UNSIGNED:
        return
    if not _is_blank_or_names(path, b"modelassay"):
        raise ConfigError(
            f"{quote(path)} exists and is not a report of modelassay; it is left as it is. Name a new file or remove "
            "it."
        )


def _is_blank_or_names(path: Path, mark: bytes) -> bool:
    """Tell whether a file holds a mark anywhere, or nothing: a large record names its program behind its findings."""
    blank, kept = True, b""
    with path.open("rb") as file:
        while part := file.read(SIGNED):
            blank = blank and not part.strip()
            if mark in kept + part:
                return True
            kept = part[-len(mark) :]
    return blank


def require_own(path: Path, mark: bytes, *sources: Path, beside: Path | None = None) -> None:
    """Refuse to write a model or its description over anything but one that was written before.

    Parameters
    ----------
    path : Path
        Where the file is to be written.
    mark : bytes
        What the first bytes of such a file hold.
    *sources : Path
        Files that were read: none of them is written over.
    beside : Path, optional
        The file that an earlier output has beside it.

    Raises
    ------
    ConfigError
        If another file stands there.
    OutputError
        For links, folders, devices and pipes.
    """
    require_unread(path, *sources)
    if not path.exists():
        return
    with path.open("rb") as file:
        head = file.read(SIGNED)
    if (head and mark not in head) or (beside is not None and not beside.exists()):
        raise ConfigError(
            f"{quote(path)} exists and is not an output of an earlier run; it is left as it is. Name a new file or "
            "remove it."
        )


def chosen_edition(name: str) -> Edition:
    """Return an edition of the card by its name.

    Raises
    ------
    ConfigError
        If there is no such edition.
    """
    for edition in EDITIONS:
        if name == edition:
            return edition
    raise ConfigError(f"no edition {quote(name)} of the card; there are {quote_all(EDITIONS)}.{hint(name, EDITIONS)}")


def write_reports(
    record: AuditRecord, folder: Path, names: list[str], edition: str = "full", also: Mapping[str, bytes] | None = None
) -> list[Path]:
    """Write a record in each format, and files that belong to it; all is drawn before the first file is written."""
    chosen = chosen_edition(edition)
    texts = {FORMATS[name].file: text for name, text in render_all(record, names, chosen).items()}
    for file in texts:
        require_replaceable(folder / file)
    contents = {file: text.encode("utf-8", "replace") for file, text in texts.items()} | dict(also or {})
    write_together(folder, contents, {format_.file for format_ in FORMATS.values()} | set(also or ()))
    return [folder / file for file in texts]


def write_early(record: AuditRecord, folder: Path, names: list[str]) -> None:
    """Write the record of a run that goes on, where no report stands: an interrupted run then leaves what it knew.

    Reports of an earlier run stay until the new ones are complete; a partial record of an interrupted one is replaced.
    """
    name = FORMATS["json"].file
    others = any((folder / format_.file).exists() for format_ in FORMATS.values() if format_.file != name)
    if others or "json" not in names or ((folder / name).exists() and not _is_partial(folder / name)):
        return
    write_together(folder, {name: draw(record, "json").encode()}, {name})


def _is_partial(path: Path) -> bool:
    try:
        return bool(load(path).partial)
    except RecordError:
        return False


def first_numbers(record: AuditRecord) -> None:
    """Show the first answers on a terminal, before the long work."""
    if sys.stderr.isatty():
        for line in lines(record, width=_width())[:FIRST_LINES]:
            note(line.text)


def new_warnings(before: AuditRecord | None, after: AuditRecord) -> None:
    """Show the warnings that came with a judgement."""
    known = set(before.warnings) if before is not None else set()
    for warning in after.warnings:
        if warning not in known:
            note(warning)


def to_standard_output(record: AuditRecord, names: list[str]) -> None:
    """Give one format to a machine, and nothing else.

    Raises
    ------
    ConfigError
        If several formats are asked for.
    """
    if len(names) != 1:
        raise ConfigError(f"--out - takes one --format, got {quote_all(names)}.")
    emit(draw(record, names[0]), names[0])


def tell(
    record: AuditRecord, written: list[Path], *, strict: bool, everything: bool = False, code: int | None = None
) -> int:
    """Print five answers, what to do next, the verdict, where the card stands and what blocks; return the exit code.

    Parameters
    ----------
    record : AuditRecord
    written : list of Path
    strict, everything : bool
    code : int, optional
        With which the program ends, where that is not by this record alone.
    """
    code = exit_code(record, strict) if code is None else code
    card = next((path for path in written if path.suffix == ".html"), written[0] if written else None)
    gates = dict.fromkeys(visible(verdict.gate, 40) for verdict in blocking(record, strict))
    end = f"(exit {code}{f': {few(gates, limit=3)}' if gates else ''})"
    end = end if card is None else f"→ {card} {end}"
    if everything:
        for path in written:
            say(f"wrote {path}")
    for line in lines(record, width=_width(), everything=everything, end=end):
        style = COLORS.get(line.tone, "") + (" bold" if line.strong else "")
        say(line.text, style=style.strip())
    return code


def _width() -> int:
    """Return the characters of a line: those of the terminal up to 110, 100 where a log is written."""
    return min(shutil.get_terminal_size((WIDTH, 24)).columns, 110)


def note(text: str) -> None:
    """Tell people something on standard error; nothing where there is nothing to tell."""
    if text:
        say(text, error=True)


def say(text: str = "", *, style: str = "", error: bool = False) -> None:
    """Print one line for people: every line that a command prints goes through here, whatever is named in it."""
    from rich.console import Console
    from rich.text import Text

    line = harmless(" ".join(text.splitlines()))
    Console(stderr=error, highlight=False, markup=False, soft_wrap=True).print(Text(line, style=style))


def emit(text: str, name: str) -> None:
    """Give the text of a format to whoever reads standard output; formats for people are made harmless to terminals."""
    sys.stdout.write(harmless(text) if name in FOR_PEOPLE else text)
