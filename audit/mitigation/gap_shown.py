"""Is there a gap to narrow, or may it be chance? Where it may, some people would get another answer for nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from audit.estimate.gaps import Address, Ends, ends, gap
from audit.estimate.measure import groups
from audit.evidence import Predictions

SURE = 0.999
"""Level at which validation rows alone show a gap: at 95 %, one feature in forty without a gap has one."""
AGREED, CONFIRMED = 0.95, 0.99
"""Levels at which validation rows and training rows, each by themselves, must show the same two groups apart."""


def is_shown(
    validation: Predictions, train: Callable[[], Predictions], rates: Sequence[str], features: Sequence[str]
) -> bool:
    """Tell whether a gap is there that chance hardly makes.

    Validation rows show it alone, at a level of 99.9 %; or they show it at 95 %, and the training rows by themselves
    at 99 %, between the same two groups and the same way round. Training rows alone do not do: a model that memorized
    them has gaps there that new rows do not have.

    Parameters
    ----------
    validation : Predictions
        Rows that the model was not trained on.
    train : callable
        Gives the training rows as the model answers them; asked where validation rows alone do not do.
    rates : sequence of str
    features : sequence of str
        Crossed, where there are several.

    Examples
    --------
    >>> from audit.data.factor import Factor
    >>> def answers(yes_f, yes_m):
    ...     said = np.concatenate([np.arange(100) < yes_f, np.arange(100) < yes_m]).astype(np.int64)
    ...     return Predictions(task="binary", classes=("no", "yes"), y_true=said, y_pred=said,
    ...                        keys={"sex": Factor.of(["f"] * 100 + ["m"] * 100)})
    >>> [is_shown(answers(40, 60), lambda: train, ["selection_rate"], ["sex"])
    ...  for train in (answers(40, 62), answers(50, 50), answers(62, 40))]
    [True, False, False]
    >>> is_shown(answers(40, 70), lambda: answers(50, 50), ["selection_rate"], ["sex"])
    True
    """
    if shows(validation, SURE, rates, features):
        return True
    known = _ends_at(validation, AGREED, rates, features)
    if known is None or _lower_limit(known) <= 0:
        return False
    again = _ends_at(_rows_of(train(), features, (known.highest, known.lowest)), CONFIRMED, [known.rate], features)
    return again is not None and again.highest == known.highest and _lower_limit(again) > 0


def shows(predictions: Predictions, level: float, rates: Sequence[str], features: Sequence[str]) -> bool:
    """Tell whether rows by themselves show a gap at a level."""
    return _lower_limit(_ends_at(predictions, level, rates, features)) > 0


def gap_needed(
    validation: Predictions, train: Predictions, rates: Sequence[str], features: Sequence[str]
) -> float | None:
    """Return about how wide a gap must be for these rows to show it; ``None`` with fewer than two groups."""
    alone = _reach(validation, SURE, rates, features)
    together = _reach(validation, AGREED, rates, features), _reach(train, CONFIRMED, rates, features)
    if alone is None:
        return None
    return alone if None in together else min(alone, max(width for width in together if width is not None))


def _ends_at(predictions: Predictions, level: float, rates: Sequence[str], features: Sequence[str]) -> Ends | None:
    return ends(_at(predictions, level), rates, features)


def _at(predictions: Predictions, level: float) -> Predictions:
    stricter = max(level, predictions.settings.level)
    return replace(predictions, settings=replace(predictions.settings, level=stricter))


def _lower_limit(limits: Ends | None) -> float:
    return 0.0 if limits is None else limits.gap.low or 0.0


def _rows_of(predictions: Predictions, features: Sequence[str], pair: tuple[Address, Address]) -> Predictions:
    """Return the rows of two groups."""
    inside = [
        np.all([predictions.keys[feature].mask(address[feature]) for feature in features], axis=0) for address in pair
    ]
    return predictions.take(np.flatnonzero(inside[0] | inside[1]))


def _reach(predictions: Predictions, level: float, rates: Sequence[str], features: Sequence[str]) -> float | None:
    """Return how far above 0 a gap must be for its interval to leave 0 out."""
    count = sum(len(rows) >= predictions.settings.min_n for _, rows in groups(predictions, features))
    pairs = max(count * (count - 1), 1)
    widest = gap("gap", _at(predictions, 1 - (1 - level) / pairs), rates, features)
    return None if widest.value is None or widest.high is None else widest.high - widest.value
