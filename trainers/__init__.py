"""Reference networks as plain scikit-learn estimators.

Nothing heavy is imported before it is used: ``import trainers`` needs neither torch nor scikit-learn.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trainers.errors import FileError, TrainerError
    from trainers.estimators import NetworkClassifier, NetworkRegressor
    from trainers.files import load, save
    from trainers.history import HistoryRow
    from trainers.penalty import GapPenalty

__all__ = [
    "FileError",
    "GapPenalty",
    "HistoryRow",
    "NetworkClassifier",
    "NetworkRegressor",
    "TrainerError",
    "load",
    "save",
]

_HOMES = {
    "FileError": "trainers.errors",
    "GapPenalty": "trainers.penalty",
    "HistoryRow": "trainers.history",
    "NetworkClassifier": "trainers.estimators",
    "NetworkRegressor": "trainers.estimators",
    "TrainerError": "trainers.errors",
    "load": "trainers.files",
    "save": "trainers.files",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module 'trainers' has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
