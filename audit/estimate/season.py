"""Does a number of daily windows follow the days of the week?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from audit.estimate.monitoring import everyone, span_of
from audit.evidence import FloatArray, Window
from audit.statistics.intervals import Span

OF_LABELED = ("base_rate", "accuracy")
OF_ALL = ("selection_rate",)
DAYS = 7
MOST_WEEKS = 8
SURE = 3.0
"""Standard errors by which the pattern of one half of the weeks must come again in the other."""


class Weekly(NamedTuple):
    """A number that follows the days of the week."""

    metric: str
    low: float
    high: float
    """Mean of the day on which it is lowest, and highest."""


def weekly_pattern(windows: Sequence[Window]) -> Weekly | None:
    """Return a number whose differences between the days of one week come again in other weeks.

    Differences from each week's mean, added up over every second week, are multiplied with those of the other weeks: by
    chance, and after a change that comes once, the products add up to about 0.

    Parameters
    ----------
    windows : sequence of Window
        In order of time, named by their day; at least two whole weeks of them.

    Examples
    --------
    >>> from audit.evidence import Predictions
    >>> none = Predictions(task="binary", y_true=np.zeros(0), y_pred=np.zeros(0))
    >>> weekly_pattern([Window(name="2025-01-01", labeled=none, unlabeled=none)]) is None
    True
    """
    weeks = _whole_weeks(windows)
    if len(weeks) < 2 or windows[0].labeled.task != "binary":
        return None
    for name in (*OF_LABELED, *OF_ALL):
        measured = _measured(weeks, name)
        if measured is None:
            continue
        value, variance = measured
        off = value - value.mean(axis=1, keepdims=True)
        first, second = off[::2].mean(axis=0), off[1::2].mean(axis=0)
        of_first, of_second = (part.sum(axis=0) / len(part) ** 2 for part in (variance[::2], variance[1::2]))
        error = math.sqrt(first**2 @ of_second + second**2 @ of_first + of_first @ of_second)
        if float(first @ second) > SURE * error:
            by_day = value.mean(axis=0)
            return Weekly(name, float(by_day.min()), float(by_day.max()))
    return None


def _whole_weeks(windows: Sequence[Window]) -> list[Sequence[Window]]:
    """Return the weeks, counted back from the last window, of which every day is there."""
    weeks = [windows[end - DAYS : end] for end in range(len(windows), DAYS - 1, -DAYS)][:MOST_WEEKS]
    last = [date.fromisoformat(week[-1].name).toordinal() for week in weeks]
    first = [date.fromisoformat(week[0].name).toordinal() for week in weeks]
    return [
        week
        for week, begin, end in zip(weeks, first, last, strict=True)
        if end - begin == DAYS - 1 and (last[0] - end) % DAYS == 0
    ]


def _measured(weeks: list[Sequence[Window]], name: str) -> tuple[FloatArray, FloatArray] | None:
    """Return the values of a number, a row a week and a column a day, and their variances."""
    spans = [span for week in weeks for window in week if (span := _span(window, name)) is not None]
    if len(spans) < DAYS * len(weeks):
        return None
    values, errors = np.array([(span.value, span.standard_error()) for span in spans]).T.reshape(2, -1, DAYS)
    return values, errors**2


@lru_cache(maxsize=256)  # each day of the last weeks is asked for again with every window
def _span(window: Window, name: str) -> Span | None:
    measured = span_of(everyone(window) if name in OF_ALL else window.labeled, name, 0.95)
    return None if measured is None else measured[0]
