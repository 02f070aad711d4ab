"""One check a file; the folder is the list.

Checks of other packages are found through the entry-point group ``audit.checks``: each entry names a
module that holds one or more checks.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from importlib.metadata import entry_points
from types import ModuleType

from audit.check import Check
from audit.errors import ConfigError, shown


@cache
def discover() -> dict[str, Check]:
    """Return every check by id: those of this folder, then those of installed packages.

    Raises
    ------
    ConfigError
        If an installed package brings a check whose id is taken, or cannot be imported.
    """
    found: dict[str, Check] = {}
    for one in pkgutil.iter_modules(__path__):
        _add(found, importlib.import_module(f"{__name__}.{one.name}"), "this package")
    for entry in sorted(entry_points(group="audit.checks"), key=lambda entry: entry.name):
        try:
            module = entry.load()
        except Exception as error:
            raise ConfigError(
                f"checks of the installed package entry {shown(entry.name)} cannot be imported "
                f"({type(error).__name__}: {error}). Uninstall that package or fix it."
            ) from error
        _add(found, module, entry.name)
    return found


def _add(found: dict[str, Check], module: ModuleType, owner: str) -> None:
    for value in vars(module).values():
        if not isinstance(value, Check) or value is found.get(value.id):
            continue
        if value.id in found:
            raise ConfigError(f"check {shown(value.id)} of {shown(owner)} has the name of another check; rename it.")
        found[value.id] = value
