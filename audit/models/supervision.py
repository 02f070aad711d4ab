"""Work without an end, such as a service, in a child process: only a signal from outside ends it well."""

from __future__ import annotations

import gc
import os
import signal
import sys
import warnings
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

from audit.errors import ModelError, quote
from audit.models.containment import _die_with_parent

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def supervise(work: Callable[[], None]) -> None:
    """Do work until SIGINT or SIGTERM, in a child process where there can be one.

    The signal ends this process too, once the child has ended. Without ``fork`` the work is done here.

    Parameters
    ----------
    work : callable
        Ends by itself once it gets the signal.

    Raises
    ------
    ModelError
        If the child ends without a signal: by what a model does, or because the work could not begin.
    """
    if not hasattr(os, "fork"):
        work()
        return
    sys.stdout.flush()
    sys.stderr.flush()
    got: list[int] = []
    child = 0

    def pass_on(number: int, _: FrameType | None) -> None:
        got.append(number)
        if child:
            os.kill(child, number)

    before = {number: signal.signal(number, pass_on) for number in SIGNALS}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # one that comes now waits until the child is known
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads of BLAS mind a fork no more
        child = os.fork()
    if child == 0:
        _be_the_child(work, mask)
    try:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        _, status = os.waitpid(child, 0)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if not got:
        code = os.waitstatus_to_exitcode(status)
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        raise ModelError(f"the service ended by itself ({how}): the model ended it, or it could not begin.")
    signal.raise_signal(got[-1])


def _be_the_child(work: Callable[[], None], mask: set[int | signal.Signals]) -> NoReturn:
    gc.freeze()  # as in audit.models.containment
    os.setpgid(0, 0)  # a terminal's Ctrl+C goes to the parent alone, which passes it on once
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _die_with_parent()
    try:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        work()
    except (SystemExit, KeyboardInterrupt):
        pass  # the parent says what it means
    except BaseException as error:
        sys.stderr.write(f"modelassay: {quote(error, limit=600)[1:-1]}\n")
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(1)
