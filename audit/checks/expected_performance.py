"""What performance would be without labels, if the scores are right?"""

from __future__ import annotations

import math

import numpy as np

from audit.check import check
from audit.errors import NotApplicable
from audit.estimate.making import absent, with_interval
from audit.estimate.monitoring import everyone
from audit.estimate.rates import RATES, Rate
from audit.evidence import FloatArray, IntArray, Predictions, Windows
from audit.evidence.requirements import require_evidence
from audit.exhibits import estimates_table
from audit.statistics.intervals import z_value
from reports.record import Estimate, Measurement

ASSUMED = "assumes that scores are calibrated on these rows and that labels miss by chance given the score"


@check(
    title="Expected performance without labels",
    family="monitoring",
    tasks=("binary",),
    references=("Białek et al. 2024, Estimating model performance under covariate shift without labels",),
)
def expected_performance(windows: Windows) -> Measurement:
    """Add up what the scores expect of the rows of the window, labeled or not.

    Reading. ``expected_accuracy`` is the share of decisions that are right if every score is the chance it says
    (confidence-based estimation). It is not a measurement and is shown apart from the measured numbers.

    Limits. It holds if scores are calibrated on these very rows: a change in what a score means is not seen. The
    interval is that of the unknown labels alone, by the normal approximation.
    """
    if not windows.current.unlabeled.total:
        raise NotApplicable("not needed: every row of the window already has its label")
    test = everyone(windows.current)
    require_evidence("probabilities", predictions=test)
    where = {"split": "test", "window": windows.current.name}
    estimates = tuple(_expected(test, name, where) for name in ("accuracy", "precision", "recall"))
    return Measurement(
        summary=f"{windows.current.name}: expected accuracy of all rows, if the scores are right: {estimates[0]}.",
        estimates=estimates,
        exhibits=(estimates_table("Expected, not measured", estimates),),
        notes=(ASSUMED,),
    )


def _expected(test: Predictions, name: str, where: dict[str, str]) -> Estimate:
    """Return an expected ratio of sums over rows, with the spread of labels that follow the scores."""
    score = np.asarray(test.y_score, dtype=np.float64)
    weight = np.ones(len(test)) if test.weight is None else test.weight
    squares = weight * weight if test.repeats is None else test.repeats.squares
    hit, of, slope_hit, slope_of = _parts(RATES[name], score, test.y_pred.astype(np.int64))
    below = float((weight * of).sum())
    metric, level = f"expected_{name}", test.settings.level
    if not below > 0:
        return absent(metric, where, "no rows")
    value = float((weight * hit).sum()) / below
    moved = (slope_hit - value * slope_of) / below
    reach = z_value(level) * math.sqrt(float((squares * moved**2 * score * (1 - score)).sum()))
    return with_interval(
        metric, value, (value - reach, value + reach), where, level=level, n=test.total, unit="proportion",
        method="expected by the scores, poisson binomial",
    )  # fmt: skip


def _parts(rate: Rate, score: FloatArray, predicted: IntArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return what a row adds above and below the line, and how much more if its label is positive."""
    hits, of = (np.array(cells, dtype=np.float64).reshape(2, 2)[:, predicted] for cells in (rate.hits, rate.of))
    hit, below = ((1 - score) * negative + score * positive for negative, positive in (hits, of))
    return hit, below, hits[1] - hits[0], of[1] - of[0]
