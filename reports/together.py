"""Several files as one: all of the old ones or all of the new ones are there, whenever the writer is killed."""

from __future__ import annotations

import ctypes
import glob
import os
import secrets
import shutil
import stat
import sys
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from reports.store import OutputError, require_plain

EXCHANGE = 2
"""``RENAME_EXCHANGE`` of Linux: two names change places in one step."""
AT_FDCWD = -100
PATIENCE = 60
"""Seconds for which a writer waits for another one."""


def write_together(folder: Path, contents: Mapping[str, bytes], own: Collection[str]) -> None:
    """Write files into a folder so that nobody ever sees some of the old and some of the new.

    A folder that holds nothing but outputs (`own`) changes places with one that was filled beside it. Where a folder
    holds other things too, is the one that a shell stands in, or the system cannot do that, all files are
    written beside the old ones first and then renamed one right after the other; what fails or is interrupted then is
    taken back. Only a writer that is killed just between two renames leaves a mixture there. Two writers wait for each
    other.

    Parameters
    ----------
    folder : Path
        Is made where it does not exist.
    contents : mapping of str to bytes
        By name of the file.
    own : collection of str
        Names of all files that may have been written earlier; those that are not written anew stay.

    Raises
    ------
    OutputError
        If something else stands where a file goes, or the folder cannot be written to.
    """
    target = Path(os.path.realpath(folder))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        sweep([target, *(target / name for name in contents)])
        if not target.exists() and _make(target, contents):
            return
        with alone(target):
            for name in contents:
                require_plain(target / name)
            if not _exchange(target, contents, own):
                _one_by_one(target, contents)
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(
            f"cannot write into {str(folder)!r}: {error.strerror or error}. Name a folder that you may write to."
        ) from error


def _draft(target: Path, contents: Mapping[str, bytes]) -> Path:
    draft = _beside(target)
    draft.mkdir()
    try:
        for name, content in contents.items():
            _write(draft / name, content)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return draft


def _make(target: Path, contents: Mapping[str, bytes]) -> bool:
    """Fill a new folder and give it its name; tell whether nobody was faster."""
    draft = _draft(target, contents)
    try:
        draft.rename(target)
    except OSError:
        return False
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return True


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Wait until no other writer is at work in a folder, which may be another one by then.

    Parameters
    ----------
    folder : Path

    Raises
    ------
    OutputError
        If there is no such folder, or another program keeps it for longer than a minute.
    """
    if sys.platform == "win32":
        yield
        return
    until = time.monotonic() + PATIENCE
    while True:
        try:
            handle = os.open(folder, os.O_RDONLY)
        except OSError as error:
            raise OutputError(f"cannot write into {str(folder)!r}: {error.strerror}.") from error
        try:
            _lock(handle, folder, until)
            if os.fstat(handle).st_ino == folder.stat().st_ino:
                yield
                return
        finally:
            os.close(handle)


def _lock(handle: int, folder: Path, until: float) -> None:
    import fcntl

    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > until:
                raise OutputError(
                    f"another program has been writing into {str(folder)!r} for more than {PATIENCE} seconds. "
                    "Wait until it has ended, or name another folder."
                ) from error
            time.sleep(0.01)
            continue
        except OSError:  # a file system without locks
            return
        return


def _exchange(target: Path, contents: Mapping[str, bytes], own: Collection[str]) -> bool:
    """Let a filled folder change places with one that holds outputs only; tell whether that could be done."""
    if not _may_move(target, own):
        return False
    try:
        draft = _draft(target, contents)
    except OSError:  # the folder above is not ours to write to
        return False
    try:
        _link([path for path in target.iterdir() if path.name not in contents], draft)
        draft.chmod(stat.S_IMODE(target.stat().st_mode))
        done = _swap(draft, target)
        if done:  # what somebody put there in the meantime stays
            _link([path for path in draft.iterdir() if not (target / path.name).exists()], target)
    except OSError:
        return False
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return done


def _may_move(target: Path, own: Collection[str]) -> bool:
    """Tell whether nobody would miss a folder itself: it holds outputs only, and nobody stands in it."""
    if not sys.platform.startswith("linux") or os.path.ismount(target) or Path.cwd().is_relative_to(target):
        return False
    return all(_is_output(path, own) for path in target.iterdir())


def _link(files: list[Path], folder: Path) -> None:
    for file in files:
        os.link(file, folder / file.name)


def _is_output(path: Path, own: Collection[str]) -> bool:
    return path.name in own and stat.S_ISREG(path.lstat().st_mode)


def _swap(path: Path, other: Path) -> bool:
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    done: int = rename(AT_FDCWD, os.fsencode(path), AT_FDCWD, os.fsencode(other), EXCHANGE)
    return done == 0


def _one_by_one(target: Path, contents: Mapping[str, bytes]) -> None:
    """Write all files under other names first, so that little time passes between the first renaming and the last."""
    drafts, before = ({name: _beside(target / name) for name in contents} for _ in range(2))
    try:
        for name, draft in drafts.items():
            _write(draft, contents[name])
        for name, kept in before.items():
            _keep(target / name, kept)
        try:
            for name, draft in drafts.items():
                draft.replace(target / name)
        except BaseException:
            for name, kept in before.items():
                _take_back(target / name, kept, renamed=not drafts[name].exists())
            raise
    finally:
        for path in (*drafts.values(), *before.values()):
            with suppress(OSError):
                path.unlink(missing_ok=True)


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name[:100]}.{secrets.token_hex(4)}.part")


def _keep(path: Path, kept: Path) -> None:
    """Give a file a second name, from which it can be put back; copy it where the system knows no second names."""
    if not path.exists():
        return
    try:
        os.link(path, kept)
    except OSError:
        shutil.copy2(path, kept)


def _take_back(path: Path, kept: Path, *, renamed: bool) -> None:
    """Put back what stood there before a file was renamed to `path`, or nothing."""
    with suppress(OSError):
        if kept.exists():
            kept.replace(path)
        elif renamed:
            path.unlink(missing_ok=True)


def sweep(paths: Iterable[Path]) -> None:
    """Delete what a killed writer left beside what it wrote, an hour after at the earliest."""
    for path in paths:
        for file in path.parent.glob(f".{glob.escape(path.name[:100])}.????????.part"):
            with suppress(OSError):
                if file.is_symlink() or time.time() - file.stat().st_mtime < 3600:
                    continue
                if file.is_dir():
                    shutil.rmtree(file, ignore_errors=True)
                else:
                    file.unlink()
