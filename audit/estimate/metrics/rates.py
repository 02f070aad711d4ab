"""Proportions of the four cells; each stands in :data:`audit.estimate.rates.RATES`."""

from __future__ import annotations

from audit.estimate.metric import BINARY, CLASSES, Metric
from audit.estimate.rates import RATES

_MORE: dict[str, dict[str, object]] = {
    "accuracy": {"place": 10, "performance": CLASSES, "groups": CLASSES, "comparison": CLASSES},
    "selection_rate": {"place": 30, "groups": BINARY, "gaps": BINARY, "paired": BINARY},
    "true_positive_rate": {"place": 40, "groups": BINARY, "gaps": BINARY},
    "false_positive_rate": {
        "place": 50, "groups": BINARY, "gaps": BINARY, "comparison": BINARY, "same_as": "specificity",
    },
    "precision": {"place": 60, "performance": BINARY, "groups": BINARY, "gaps": BINARY, "comparison": BINARY},
    "recall": {"place": 70, "performance": BINARY, "comparison": BINARY},
    "specificity": {"place": 80, "performance": BINARY, "comparison": BINARY},
    "error_rate": {"place": 150, "groups": CLASSES, "gaps": CLASSES, "comparison": CLASSES, "same_as": "accuracy"},
}  # fmt: skip

PROPORTIONS = tuple(
    Metric(
        name=name,
        needs="counts",
        tasks=CLASSES if rate.every_class else BINARY,
        better=rate.better,
        rate=rate,
        **_MORE.get(name, {}),  # type: ignore[arg-type]
    )
    for name, rate in RATES.items()
)
