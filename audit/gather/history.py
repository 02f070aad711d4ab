"""How training went, as far as the model remembers it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

from audit.errors import NotApplicable
from audit.evidence import HistoryRow
from audit.evidence.history import read_history

if TYPE_CHECKING:
    from audit.gather import Context


def gather(context: Context) -> tuple[HistoryRow, ...]:
    """Read ``history_`` (networks of trainers), or the loss curves that scikit-learn's estimators keep.

    Raises
    ------
    NotApplicable
        If the model keeps no history.
    """
    last = context.require_model().last
    rows = _own_history(getattr(last, "history_", None)) or _scikit_learn_history(last)
    if not rows:
        raise NotApplicable(
            f"needs a training history: {type(last).__name__} keeps none; name its losses by epoch with [model] "
            'history = "history.csv"'
        )
    return tuple(rows)


def _own_history(history: object) -> list[HistoryRow]:
    """Take rows of epoch, split, quantity and value, be they mappings or objects; skorch's are a mapping an epoch."""
    given = list(history) if isinstance(history, Iterable) else []
    if given and all(isinstance(value, dict) and "train_loss" in value for value in given):
        return list(read_history([{key: value[key] for key in value if key != "batches"} for value in given]))
    rows = []
    for value in given:
        read = value.get if isinstance(value, dict) else partial(_attribute, value)
        epoch, quantity = read("epoch"), read("quantity")
        if not isinstance(epoch, int) or quantity is None:
            return []
        rows.append(_row(epoch, str(read("split")), str(quantity), read("value")))
    return rows


def _attribute(value: object, name: str) -> object:
    return getattr(value, name, None)


def _scikit_learn_history(estimator: object) -> list[HistoryRow]:
    """Take the curves of multilayer perceptrons (losses) and of boosting (scores, negated losses)."""
    rows = []
    for attribute, split, quantity in (
        ("loss_curve_", "train", "loss"),
        ("validation_scores_", "validation", "score"),
        ("train_score_", "train", "score"),
        ("validation_score_", "validation", "score"),
    ):
        values = getattr(estimator, attribute, None)
        if values is not None:
            rows += [_row(epoch, split, quantity, value) for epoch, value in enumerate(values, start=1)]
    return rows


def _row(epoch: int, split: str, quantity: str, value: object) -> HistoryRow:
    number = float(value) if isinstance(value, int | float) or hasattr(value, "__float__") else math.nan
    return HistoryRow(epoch=epoch, split=split, quantity=quantity, value=number if math.isfinite(number) else None)
