"""The table of metrics: every :class:`~audit.estimate.metric.Metric` of the files of this folder.

Names are scikit-learn's and fairlearn's. A number that does not exist is NaN in here and ``None`` with a
reason outside: never 0 or 1.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping

from audit.errors import ConfigError, hint, quote
from audit.estimate.metric import Metric, Place
from reports.record import Task


def _discover() -> dict[str, Metric]:
    """Return the metrics of each file by name, those that stand first in tables first."""
    metrics: list[Metric] = []
    for module in pkgutil.iter_modules(__path__):
        for value in vars(importlib.import_module(f"{__name__}.{module.name}")).values():
            metrics += [value] if isinstance(value, Metric) else value if _is_table(value) else []
    names = [metric.name for metric in metrics]
    if len(set(names)) < len(names):
        raise ConfigError(f"two metrics are called {quote(next(name for name in names if names.count(name) > 1))}")
    return {known_metric.name: known_metric for known_metric in sorted(metrics, key=lambda metric: metric.place)}


def _is_table(value: object) -> bool:
    return isinstance(value, tuple) and bool(value) and all(isinstance(item, Metric) for item in value)


METRICS: Mapping[str, Metric] = _discover()
"""Every metric by its name."""


def metric(name: str) -> Metric:
    """Look a metric up.

    Raises
    ------
    ConfigError
        If there is none of that name; the message names the nearest.

    Examples
    --------
    >>> metric("acuracy")
    Traceback (most recent call last):
    audit.errors.ConfigError: No metric is called 'acuracy'. Did you mean 'accuracy'?
    """
    if name not in METRICS:
        raise ConfigError(f"No metric is called {quote(name)}.{hint(name, METRICS)}")
    return METRICS[name]


def metrics_for(place: Place, task: Task) -> tuple[str, ...]:
    """Name the metrics that are measured in a place, such as over all rows or by group, in the order of tables.

    Examples
    --------
    >>> metrics_for("groups", "regression")
    ('r2_score', 'mean_absolute_error', 'mean_error')
    """
    return tuple(name for name, metric in METRICS.items() if task in getattr(metric, place))


def twin(name: str) -> str:
    """Name the metric that says the same and is judged in its place; ``""`` where there is none.

    Examples
    --------
    >>> twin("error_rate"), twin("recall"), twin("profit")
    ('accuracy', '', '')
    """
    return METRICS[name].same_as if name in METRICS else ""
