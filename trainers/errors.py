"""What goes wrong in training, and how it is said: what was seen, what was expected, what to do."""

from __future__ import annotations

import difflib
import importlib.util
from collections.abc import Iterable


class TrainerError(ValueError):
    """A parameter, a table or a target does not fit; nothing was trained."""


class MissingPackage(TrainerError, ImportError):  # noqa: N818 -- it reads as what is wrong
    """An optional package is not installed."""


class FileError(TrainerError):
    """A model file cannot be read or written; no code of it ran."""


def quote(name: object, *, limit: int = 80) -> str:
    """Quote a name that a user chose: one line, printable, at most `limit` characters.

    Examples
    --------
    >>> quote("mlp")
    "'mlp'"
    """
    text = str(name)
    return repr(text if len(text) <= limit else text[: limit - 1] + "…")


def quote_all(names: Iterable[object], *, limit: int = 12) -> str:
    """Name a few, count the rest.

    Examples
    --------
    >>> quote_all(["relu", "tanh"])
    "'relu', 'tanh'"
    """
    everything = [quote(name) for name in names]
    head = ", ".join(everything[:limit])
    return head if len(everything) <= limit else f"{head} and {len(everything) - limit} more"


def hint(name: object, known: Iterable[object]) -> str:
    """Return ``" Did you mean 'x'?"`` for the nearest known name, or ``""``.

    Examples
    --------
    >>> hint("adamm", ["sgd", "adam"])
    " Did you mean 'adam'?"
    >>> hint("zzz", ["sgd", "adam"])
    ''
    """
    texts = [str(value)[:200] for value in known]
    by_lower = {text.lower(): text for text in texts}
    near = difflib.get_close_matches(str(name)[:200].lower(), list(by_lower), n=1, cutoff=0.6)
    return f" Did you mean {quote(by_lower[near[0]])}?" if near else ""


def need(module: str, *, extra: str, purpose: str) -> None:
    """Refuse, with the one command that helps, where an optional package is not installed.

    Examples
    --------
    >>> need("no_such_module", extra="torch", purpose="a network")
    Traceback (most recent call last):
    trainers.errors.MissingPackage: a network needs 'no_such_module'. Run: pip install 'modelassay[torch]'
    """
    if importlib.util.find_spec(module) is None:
        raise MissingPackage(f"{purpose} needs {module!r}. Run: pip install 'modelassay[{extra}]'")
