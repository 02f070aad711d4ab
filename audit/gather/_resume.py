"""What an interrupted run had gathered, for the next run of the same audit to go on from.

Each kind of evidence is written, whole or not at all, as soon as it is there, under a hash of all that decides
it: configuration, model, data, seed, this program's code and the versions it stands on. The next run with the
same hash reads what is complete and says so (``reused`` in the record). A run that ends deletes its files, so
two whole runs give the same record, and the folder holds only what was interrupted.

The folder is ``modelassay/interrupted`` in the user's cache (``$XDG_CACHE_HOME``, else ``~/.cache``), readable by
the user alone; ``MODELASSAY_CACHE`` names another, or ``off``. What is older than seven days is deleted, and so
is the oldest beyond a gibibyte.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import distributions
from pathlib import Path

from audit.gather import _stored

VARIABLE = "MODELASSAY_CACHE"
DAYS = 7
MOST_BYTES = 1 << 30
APART = frozenset({"pairing", "reference_scores"})
"""Evidence that is not kept: made in moments, with the user's key or a file that the hash does not know."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Unfinished:
    """Evidence of one audit that has not ended yet."""

    folder: Path
    reused: list[str] = field(default_factory=list)
    """Names of what was read instead of gathered."""

    def read(self, name: str) -> tuple[object, tuple[str, ...]] | None:
        """Return evidence and what was said while it was gathered, where an interrupted run left it."""
        if name in APART or not (self.folder / name).is_file():
            return None
        try:
            value, said = _stored.read(self.folder / name)
        except _stored.NotPlainError:
            return None
        self.reused.append(name)
        return value, tuple(said)

    def write(self, name: str, value: object, said: tuple[str, ...]) -> None:
        """Keep evidence, as far as it is plain data and can be written."""
        if name in APART:
            return
        with suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _stored.write(self.folder / name, (value, said))

    def end(self) -> None:
        """Delete what was kept: the audit is done and its record written."""
        shutil.rmtree(self.folder, ignore_errors=True)


def open_unfinished(parts: Mapping[str, object]) -> Unfinished | None:
    """Open what was kept of an audit.

    Parameters
    ----------
    parts : mapping
        All that decides the evidence beside the program; hashes in place of files.

    Returns
    -------
    Unfinished, optional
        ``None`` where nothing is to be kept.
    """
    base = _base()
    if base is None:
        return None
    _sweep(base)
    text = json.dumps({**parts, "program": program()}, sort_keys=True, default=repr)
    return Unfinished(folder=base / hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32])


def _base() -> Path | None:
    stated = os.environ.get(VARIABLE, "")
    if stated == "off":
        return None
    cache_home = os.environ.get("XDG_CACHE_HOME", "")
    try:
        home = Path(cache_home) if cache_home else Path.home() / ".cache"
    except RuntimeError:  # a user without a home
        return None
    base = (Path(stated) if stated else home / "modelassay") / "interrupted"
    try:
        base.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError:
        return None
    return base


def _sweep(base: Path) -> None:
    """Delete what is too old, then the oldest of what is too much."""
    left = 0
    with suppress(OSError):
        ages = sorted(((path.stat().st_mtime, path) for path in base.iterdir() if path.is_dir()), reverse=True)
        for changed, path in ages:
            left += sum(file.stat().st_size for file in path.iterdir())
            if left > MOST_BYTES or time.time() - changed > DAYS * 86_400:
                shutil.rmtree(path, ignore_errors=True)


@cache
def program() -> str:
    """Return a hash of this program's code and of the versions that it stands on."""
    root = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256(sys.version.encode())
    for file in sorted(root.rglob("*.py")):
        digest.update(file.relative_to(root).as_posix().encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    versions = sorted((distribution.name or "", distribution.version or "") for distribution in distributions())
    digest.update(repr(versions).encode())
    return digest.hexdigest()
