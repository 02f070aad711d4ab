"""The errors a user can meet, as a tree.

::

    AuditError
    ├── DataError       a table, a column, a value
    ├── ModelError      a model file, a model's answer
    ├── PolicyError     gates.toml
    ├── ConfigError     audit.toml, card.toml, the command line
    └── MissingExtra    an optional package

    NotApplicable       a signal, not an error: this question does not arise here

Every message says what was seen, what was expected and what to do. Nothing else may reach a user:
the command line turns an :class:`AuditError` into one line and exit code 2.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import PurePath

from reports.nearest import nearest
from reports.printable import list_names


class AuditError(Exception):
    """Something that the user can fix."""


class DataError(AuditError):
    """A table, a column or a value is not as stated."""


class ModelError(AuditError):
    """A model cannot be loaded, or does not answer as a model of this task does."""


class UntrustedTypesError(ModelError):
    """A model file holds types that nobody vouched for.

    Attributes
    ----------
    types : tuple of str
        Their names, with their modules.
    """

    def __init__(self, message: str, types: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.types = tuple(types)


class PolicyError(AuditError):
    """A policy cannot be read as gates."""


class ConfigError(AuditError):
    """A configuration names something that does not exist or does not fit."""


class MissingExtra(AuditError):  # noqa: N818 -- the contract's name; it reads as what is wrong
    """An optional package is not installed."""


class NotApplicable(Exception):  # noqa: N818 -- a signal, not an error
    """The question does not arise for this model or data; the text says why."""


def quote(name: object, *, limit: int | None = None) -> str:
    """Quote a name a user chose: one line, printable, at most `limit` characters.

    Unless stated these are 80, or 400 of a path, whose end says which it is.

    Examples
    --------
    >>> quote("income")
    "'income'"
    >>> print(quote("a" * 100, limit=10))
    'aaaaaaaaa…'
    """
    text = _written(name)
    most = limit or (400 if isinstance(name, PurePath) else 80)
    return repr(text if len(text) <= most else text[: most - 1] + "…")


def _written(name: object) -> str:
    try:
        return str(name)
    except Exception:  # an object that cannot be written must not hide the mistake it is part of
        return f"a value of type {type(name).__name__}"


def quote_all(names: Iterable[object], *, limit: int = 12) -> str:
    """Name a few, count the rest.

    Examples
    --------
    >>> quote_all(["age", "sex"])
    "'age', 'sex'"
    >>> quote_all(range(5), limit=2)
    "'0', '1' and 3 more"
    """
    return list_names((quote(name) for name in names), limit)


def hint(name: object, known: Iterable[object]) -> str:
    """Return ``" Did you mean 'x'?"`` for the nearest known name, or ``""``.

    Examples
    --------
    >>> hint("defualt", ["age", "default"])
    " Did you mean 'default'?"
    >>> hint("zzz", ["age", "default"])
    ''
    """
    near = nearest(_written(name), known)
    return f" Did you mean {quote(near[0])}?" if near else ""
