"""Audit a model from Python: ``import modelassay as ma; report = ma.run(model, X_test, y_test, sensitive=A)``.

Everything here is :mod:`audit`'s public interface under the name of the distribution; nothing heavy is
imported before it is used.

Examples
--------
>>> import modelassay as ma
>>> "run" in dir(ma), ma.Costs(false_positive=1, false_negative=5).false_negative
(True, 5)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import audit

if TYPE_CHECKING:
    from audit import *  # noqa: F403 -- the public names, listed in audit.__all__

__all__ = list(audit.__all__)


def __getattr__(name: str) -> object:
    return getattr(audit, name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
