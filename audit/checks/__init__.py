"""One check a file; the folder is the list.

Checks of other packages are found through the entry-point group ``audit.checks``: each entry names a
module that holds one or more checks.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable
from functools import cache
from importlib.metadata import entry_points
from types import ModuleType

from audit.check import Check
from audit.errors import ConfigError, hint, quote, quote_all


@cache
def discover() -> dict[str, Check]:
    """Return every check by id: those of this folder, then those of installed packages.

    Raises
    ------
    ConfigError
        If an installed package brings a check whose id is taken, or cannot be imported.
    """
    checks: dict[str, Check] = {}
    for iter_module in pkgutil.iter_modules(__path__):
        _add(checks, importlib.import_module(f"{__name__}.{iter_module.name}"), "this package")
    for entry in sorted(entry_points(group="audit.checks"), key=lambda entry: entry.name):
        try:
            module = entry.load()
        except Exception as error:
            raise ConfigError(
                f"checks of the installed package entry {quote(entry.name)} cannot be imported "
                f"({type(error).__name__}: {error}). Uninstall that package or fix it."
            ) from error
        _add(checks, module, entry.name)
    return checks


def select(wanted: Iterable[str], unwanted: Iterable[str] = (), options: Iterable[str] = ()) -> list[Check]:
    """Return the checks that are wanted, all without any, less those that are not.

    Raises
    ------
    ConfigError
        For a name that no check has, those with options included.

    Examples
    --------
    >>> [one.id for one in select(["skill", "roc"], ["roc"])]
    ['skill']
    """
    checks = discover()
    wanted, unwanted = list(wanted), set(unwanted)
    for name in (*wanted, *unwanted, *options):
        if name not in checks:
            raise ConfigError(
                f"no check is called {quote(name)}; there are "
                f"{quote_all(sorted(checks), limit=60)}.{hint(name, checks)}"
            )
    return [check for name, check in checks.items() if (not wanted or name in wanted) and name not in unwanted]


def _add(checks: dict[str, Check], module: ModuleType, owner: str) -> None:
    for value in vars(module).values():
        if not isinstance(value, Check) or value is checks.get(value.id):
            continue
        if value.id in checks:
            raise ConfigError(f"check {quote(value.id)} of {quote(owner)} has the name of another check; rename it.")
        checks[value.id] = value
