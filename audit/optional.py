"""Import an optional package, or say which command installs it."""

from __future__ import annotations

import importlib
from types import ModuleType

from audit.errors import MissingExtra


def require(module: str, *, extra: str, purpose: str) -> ModuleType:
    """Import `module` for `purpose`.

    Parameters
    ----------
    module : str
        Dotted name of the module.
    extra : str
        Extra of this distribution that brings it.
    purpose : str
        What it is needed for, as it stands in the message.

    Raises
    ------
    MissingExtra
        If it cannot be imported; the text holds the one command that helps.

    Examples
    --------
    >>> require("math", extra="explain", purpose="arithmetic").floor(1.5)
    1
    >>> require("no_such_module", extra="explain", purpose="SHAP attributions")
    Traceback (most recent call last):
    audit.errors.MissingExtra: SHAP attributions need 'no_such_module'. Run: pip install 'modelassay[explain]'
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        root = module.partition(".")[0]
        raise MissingExtra(f"{purpose} need {root!r}. Run: pip install 'modelassay[{extra}]'") from error
