"""Run work that a model takes part in so that nothing the model does can end, silence or spoil the audit.

:func:`contain` does the work in a child process. The child has no terminal, a memory limit and a page of memory
that it shares with its parent; :func:`guard_call` writes on it what the model is asked and until when. A child that
crashes, exits, runs out of memory or gives no answer becomes a :class:`~audit.errors.ModelError`, which ends as one
line and exit code 2. The child is a fork that does all of the work, not a server that is asked row by row, so it
costs a few milliseconds in all.

Where there is no ``fork`` (Windows), or where a model is given as a Python object, the work is done in the calling
process: exceptions, prints and random states are contained there too, crashes and endless calls are not.
"""

from __future__ import annotations

import faulthandler
import gc
import mmap
import os
import pickle
import signal
import struct
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Pipe, wait
from typing import Any, NoReturn

from audit.errors import AuditError, ModelError, quote
from audit.models import random_states
from audit.models.threads import thread_limit
from audit.progress import Progress, silent

TIMEOUT = 120.0
"""Seconds that a model has for one answer, unless ``[model] timeout`` says otherwise."""
FIT_SHARE = 10.0
"""A fit may take so many times as long as an answer."""
GRACE = 5.0
"""Seconds after which a call that does not react to its own alarm is ended from outside."""
POLL = 0.2
TEXT, HEAD = 400, 2000
GIB = 2**30
PRINTS = "the model prints to standard output; what it prints is kept out of every report"
THREADED = ("sklearn.ensemble", "torch", "xgboost", "lightgbm", "catboost")
"""Modules whose OpenMP threads do not survive a fork once they have been used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a model may take."""

    timeout: float = TIMEOUT
    """Seconds for one call; a fit has ten times as many."""
    memory: float | None = None
    """GiB of private memory for the whole audit; without a number, what the machine has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contained:
    """What the work returned, and whether the model printed meanwhile."""

    value: Any
    printed: bool = False


class TookTooLong(BaseException):
    """The model's time for one call is over."""


@dataclass(slots=True)
class _Child:
    """What a child process knows of its containment; a single one, as there is a single child."""

    board: mmap.mmap | None = None
    timeout: float = TIMEOUT
    hand: Callable[[object], None] | None = None
    """Where what is handed over before the end goes."""


_child = _Child()


# --- inside: each call of a model -----------------------------------------------------------------


@contextmanager
def guard_call(what: str, *, fit: bool = False) -> Iterator[None]:
    """Guard one call of a model: its time, its random states, its forks and what it raises.

    Parameters
    ----------
    what : str
        What the model is asked, for messages: ``predict on 200 rows``.
    fit : bool
        Whether it is fitted, which may take ten times as long.

    Raises
    ------
    ModelError
        If the model exits, interrupts, or takes too long. Ordinary exceptions pass.

    Examples
    --------
    >>> with guard_call("predict on 2 rows"):
    ...     raise SystemExit(0)
    Traceback (most recent call last):
    audit.errors.ModelError: the model tried to end the program (SystemExit) in predict on 2 rows. Remove the exit.
    """
    seconds = _child.timeout * (FIT_SHARE if fit else 1.0)
    process, ours = os.getpid(), random_states.states()
    random_states.set_states(random_states.MODEL.states)
    try:
        with _alarm(what, seconds):
            yield
    except TookTooLong as error:
        raise ModelError(_late(what, seconds)) from error
    except Exception:
        raise
    except KeyboardInterrupt as error:
        if _child.board is None:  # a person's own Ctrl-C
            raise
        raise ModelError(_ends(error, what)) from error
    except BaseException as error:
        raise ModelError(_ends(error, what)) from error
    finally:
        if os.getpid() != process:  # a fork that the model left behind must not go on as an audit
            os._exit(0)
        random_states.MODEL.states = random_states.states()
        random_states.set_states(ours)


def _ends(error: BaseException, what: str) -> str:
    return f"the model tried to end the program ({type(error).__name__}) in {what}. Remove the exit."


def _late(what: str, seconds: float) -> str:
    return (
        f"the model gave no answer in {what} within {seconds:g} seconds. If it is only slow, "
        f"state [model] timeout = {2 * _child.timeout:g}."
    )


@contextmanager
def _alarm(what: str, seconds: float) -> Iterator[None]:
    board = _child.board
    if board is None:
        yield
        return
    process = os.getpid()
    _write(board, what, time.monotonic() + seconds)
    own = threading.current_thread() is threading.main_thread()
    if own:
        signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        if own:
            signal.setitimer(signal.ITIMER_REAL, 0)
        if os.getpid() == process:  # a fork that the model left behind would write among what its parent writes
            _write(board, "", 0.0)


def _write(board: mmap.mmap, what: str, until: float) -> None:
    text = what.encode("utf-8", "replace")[:TEXT]
    board[: 8 + 2 + len(text)] = struct.pack("<dH", until, len(text)) + text


def _read(board: mmap.mmap) -> tuple[str, float]:
    until, length = struct.unpack("<dH", board[:10])
    return board[10 : 10 + length].decode("utf-8", "replace"), until


def _on_alarm(*_: object) -> NoReturn:
    raise TookTooLong


# --- outside: the child process -------------------------------------------------------------------


def contain(
    work: Callable[[Progress], object],
    *,
    limits: Limits | None = None,
    bar: Callable[[], AbstractContextManager[Progress]] | None = None,
    early: Callable[[object], None] | None = None,
) -> Contained:
    """Do work that a model takes part in, in a child process where there can be one.

    Parameters
    ----------
    work : callable
        Is given a function to tell progress to; what it returns must survive pickling.
    limits : Limits, optional
    bar : callable, optional
        Opens what shows progress, in this process.
    early : callable, optional
        Given, in this process, what the work hands over before it ends.

    Raises
    ------
    AuditError
        What the work raised, and :class:`ModelError` if the model crashed, exited or never answered.
    """
    limits = limits or Limits()
    opened = bar or (lambda: nullcontext(silent))
    if not hasattr(os, "fork"):
        _child.hand = early
        try:
            with opened() as progress:
                return Contained(value=work(progress))
        finally:
            _child.hand = None
    board = mmap.mmap(-1, 4096)
    receiver, sender = Pipe(duplex=False)
    outputs = [os.pipe() for _ in range(2)]
    sys.stdout.flush()
    sys.stderr.flush()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads of BLAS mind a fork no more
        process = os.fork()
    if process == 0:
        receiver.close()
        _be_the_child(work, limits, board, sender, [write for _, write in outputs])
    sender.close()
    for _, write in outputs:
        os.close(write)
    watch = _Watch(
        process=process, receiver=receiver, output=outputs[0][0], errors=outputs[1][0], board=board, early=early
    )
    try:
        with opened() as progress:
            passed, value = watch.result(progress)
    finally:
        watch.close()
    if not passed:
        raise value
    return Contained(value=value, printed=bool(watch.heads[watch.output]))


def hand_over(value: object) -> None:
    """Give something to the caller of :func:`contain` before the work ends; nothing happens where no one waits."""
    if _child.hand is not None:
        _child.hand(value)


@dataclass(slots=True)
class _Watch:
    """The parent's side: reads what the child sends and prints, and ends it when its time is over."""

    process: int
    receiver: Connection
    output: int
    errors: int
    board: mmap.mmap
    early: Callable[[object], None] | None = None
    heads: dict[int, bytes] = field(default_factory=dict)
    status: int | None = None

    def result(self, progress: Progress) -> tuple[bool, Any]:
        """Wait for the result; raise ModelError if there will be none."""
        self.heads = {self.output: b"", self.errors: b""}
        open_ends: list[Any] = [self.receiver, self.output, self.errors]
        while True:
            ready: list[Any] = wait(open_ends, timeout=POLL)
            for value in ready:
                if value is self.receiver:
                    pair = self._message(progress)
                    if pair is not None:
                        self._drain(open_ends)
                        return pair
                elif not self._keep(value):
                    open_ends.remove(value)
            self._require_in_time()
            if not ready and self._over():
                raise ModelError(self._end())

    def _message(self, progress: Progress) -> tuple[bool, Any] | None:
        try:
            sent = pickle.loads(self.receiver.recv_bytes())  # noqa: S301 -- from our own child
        except (EOFError, OSError):
            self._over(block=True)
            raise ModelError(self._end()) from None
        if sent[0] == "progress":
            progress(*sent[1])
            return None
        if sent[0] == "early":
            if self.early is not None:
                self.early(sent[1])
            return None
        return sent[0] == "value", sent[1]

    def _keep(self, end: int) -> bool:
        """Keep the first of what is printed, throw the rest away; False at the end."""
        part = os.read(end, 65536)
        self.heads[end] = (self.heads[end] + part)[-HEAD:] if end == self.errors else (self.heads[end] + part)[:HEAD]
        return bool(part)

    def _drain(self, open_ends: list[Any]) -> None:
        """Read what was printed before the result came."""
        printed: list[Any] = wait([end for end in open_ends if end is not self.receiver], timeout=0)
        for end in printed:
            self._keep(end)

    def _require_in_time(self) -> None:
        what, until = _read(self.board)
        if until and time.monotonic() > until + GRACE:
            raise ModelError(
                f"the model gave no answer in {what} within its time, and was ended. If it is only slow, "
                "state a longer [model] timeout, in seconds."
            )

    def _over(self, *, block: bool = False) -> bool:
        if self.status is None:
            with suppress(ChildProcessError):
                done, status = os.waitpid(self.process, 0 if block else os.WNOHANG)
                self.status = status if done else None
        return self.status is not None

    def _end(self) -> str:
        what, until = _read(self.board)
        doing = f" in {what}" if until else " outside of a call"
        last = self.heads[self.errors].decode("utf-8", "replace").strip().splitlines()[-1:]
        said = f" Its last words: {quote(' '.join(last[0].split()), limit=200)}." if last else ""
        status = self.status or 0
        if os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            name = signal.Signals(number).name if number in set(signal.Signals) else str(number)
            hint = " It may have run out of memory." if number in (signal.SIGKILL, signal.SIGABRT) else ""
            return f"the model crashed the process ({name}){doing}.{hint}{said} The file may be broken or hostile."
        return f"the model ended the process (exit code {os.WEXITSTATUS(status)}){doing}.{said} Remove the exit."

    def close(self) -> None:
        """End the child and whatever it left behind."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process, signal.SIGKILL)
        if self.status is None:
            with suppress(ProcessLookupError):
                os.kill(self.process, signal.SIGKILL)
        self._over(block=True)
        self.receiver.close()
        for end in (self.output, self.errors):
            os.close(end)
        self.board.close()


def _be_the_child(
    work: Callable[[Progress], object], limits: Limits, board: mmap.mmap, sender: Connection, outputs: list[int]
) -> NoReturn:
    """Do the work, send what came of it, and leave without the parent's clean-up."""
    gc.freeze()  # what the parent left, such as a database whose threads are not here, must not be taken down here
    process = os.getpid()
    try:
        _settle(limits, board, outputs)
        last = [0.0]

        def progress(what: str, done: int, total: int) -> None:
            if time.monotonic() - last[0] > POLL or done in (0, total):
                last[0] = time.monotonic()
                sender.send_bytes(pickle.dumps(("progress", (what, done, total))))

        _child.hand = lambda value: sender.send_bytes(pickle.dumps(("early", value)))
        sent: tuple[str, object] = ("value", work(progress))
    except BaseException as error:  # whatever it is, the parent tells it
        sent = ("error", _portable(error))
    if os.getpid() == process:
        with suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
            sender.send_bytes(_pickle(sent))
    os._exit(0)


def _settle(limits: Limits, board: mmap.mmap, outputs: list[int]) -> None:
    """Leave the terminal, give standard output away, and set the limits."""
    os.setpgid(0, 0)
    faulthandler.disable()  # it would write past the pipes
    _die_with_parent()
    nothing = os.open(os.devnull, os.O_RDONLY)
    for here, there in zip((nothing, *outputs), (0, 1, 2), strict=True):
        os.dup2(here, there)
        os.close(here)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 -- descriptors, not files
    sys.stdout = open(1, "w", buffering=1, closefd=False, encoding="utf-8", errors="replace")  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, closefd=False, encoding="utf-8", errors="replace")  # noqa: SIM115
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGALRM, _on_alarm)
    _child.board, _child.timeout = board, limits.timeout
    _limit_memory(limits.memory)
    if any(name in sys.modules for name in THREADED):
        _one_thread()


def _die_with_parent() -> None:
    """Have Linux end this process when its parent dies; elsewhere nothing is done."""
    if sys.platform == "linux":
        import ctypes

        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(1, int(signal.SIGKILL))


def _limit_memory(memory: float | None) -> None:
    import resource

    size = int(memory * GIB) if memory is not None else _machine_memory()
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if size > 0:
        least = size if hard == resource.RLIM_INFINITY else min(size, hard)
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_DATA, (least, hard))


def _machine_memory() -> int:
    try:
        return int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (ValueError, OSError):
        return 0


def _one_thread() -> None:
    """Keep to one thread where the parent's OpenMP threads, lost in the fork, may be waited for."""
    thread_limit(1)
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "set_num_threads"):
        torch.set_num_threads(1)


def _portable(error: BaseException) -> BaseException:
    """Return an error that can be sent: our own as they are, what ends programs as the model's fault."""
    if not isinstance(error, Exception) or isinstance(error, TookTooLong):  # we raise none of these ourselves
        return ModelError(f"the model raised {type(error).__name__} outside of a call. Remove it.")
    if isinstance(error, MemoryError):
        return ModelError("the memory that [model] memory allows ran out outside of a call of the model. Raise it.")
    if not isinstance(error, AuditError):
        error.add_note("".join(traceback.format_exception(error))[-HEAD:])
    # Some libraries, once imported, have errors pickled with their causes, which may be of a module of the model's.
    error.__cause__ = error.__context__ = None
    error = error.with_traceback(None)
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {str(error)[:300]}")
    return error


def _pickle(sent: tuple[str, object]) -> bytes:
    return pickle.dumps(sent)
