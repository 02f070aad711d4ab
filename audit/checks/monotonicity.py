"""Does the score only ever move the declared way when a feature is raised?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from audit.check import check
from audit.data.dataset import Dataset
from audit.estimate.changes import share
from audit.estimate.making import absent
from audit.evidence import Perturbed
from reports.record import Bar, Bars, Estimate, Measurement

SLACK = 1e-9
"""Moves of a score that count as rounding."""


@check(
    title="Declared directions",
    family="robustness",
    tasks=("binary", "regression"),
    references=("Gupta et al. 2016, Monotonic calibrated interpolated look-up tables", "Ben-David 1995"),
)
def monotonicity(monotone: Mapping[str, Perturbed], dataset: Dataset) -> Measurement:
    """Raise each feature that was declared monotone, alone, and count the scores that move the other way.

    Reading. ``non_monotone_share`` is the share of rows whose score (of the positive class; in regression the
    prediction) falls at any step where it was declared to rise, or rises where it was declared to fall.

    Limits. Three steps upward from each row; a dip between them is not seen. Other features stay as they
    are, which may make rows that cannot exist.
    """
    estimates: list[Estimate] = []
    notes: dict[str, None] = {}
    for name, seen in monotone.items():
        where = {"split": "test", "feature": name}
        notes |= dict.fromkeys(seen.notes)
        if not seen.names:
            estimates.append(absent("non_monotone_share", where, next(iter(seen.failed.values()), "no step was taken")))
            continue
        sign = 1.0 if dataset.roles.monotone[name] == "increasing" else -1.0
        pairs = [seen.pair(variant) for variant in seen.names]
        wrong = [_falls(sign * _scores(pair.before), sign * _scores(pair.after)) for pair in pairs]
        estimates.append(share("non_monotone_share", np.any(wrong, axis=0), pairs[0].before, where))
    known = [estimate for estimate in estimates if estimate.value is not None]
    worst = max(known, key=lambda estimate: estimate.value or 0.0, default=None)
    text = "nothing could be measured" if worst is None else f"most for {worst.where['feature']!r}: {worst}"
    bars = tuple(
        Bar(label=estimate.where["feature"], value=estimate.value or 0.0, low=estimate.low, high=estimate.high)
        for estimate in known
    )
    return Measurement(
        summary=f"Scores that move against the declared direction, {text}.",
        estimates=tuple(estimates),
        exhibits=(Bars(title="Scores against the declared direction", x_label="share of rows", bars=bars),),
        notes=tuple(notes),
    )


def _scores(rows: object) -> npt.NDArray[np.float64]:
    score = getattr(rows, "y_score", None)
    return np.asarray(rows.y_pred if score is None else score, dtype=np.float64)  # type: ignore[attr-defined]


def _falls(before: npt.NDArray[np.float64], after: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    scale = np.maximum(np.abs(before), 1.0)
    return np.asarray(before - after > SLACK * scale)
