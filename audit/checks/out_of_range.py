"""Do test rows lie outside the range that training covered?"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from audit.check import check
from audit.data.dataset import Dataset
from audit.errors import NotApplicable
from audit.estimate.making import absent, exact
from audit.estimate.shares import worst_first
from reports.record import Estimate, Measurement, Table

FloatArray = npt.NDArray[np.float64]


@check(
    by_column=True,
    title="Values out of range",
    family="data",
    references=("Breck et al. 2019, Data validation for machine learning",),
    requires=("train",),
)
def out_of_range(dataset: Dataset, *, most: int = 1000) -> Measurement:
    """Measure, for each numeric feature, how many test rows lie outside the range of training.

    Reading. ``out_of_range_share`` is the share of test rows below the smallest or above the greatest
    training value. There a model extrapolates. By nature two new rows in n + 1 lie outside the range of n
    rows; where no more do than that brings in 999 samples of 1,000 (beta-binomial), none are counted.

    Limits. Inside the range there may be gaps that no training row covers; one training outlier widens the
    range for all.
    """
    numeric = [name for name, kind in dataset.kinds().items() if kind == "numeric"]
    if not numeric:
        raise NotApplicable("compares numeric features only; no feature is numeric")
    train, test = dataset.rows("train"), dataset.rows("test")
    estimates: list[Estimate] = []
    lines = []
    for name in numeric:
        values = dataset.frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
        where = {"split": "test", "feature": name}
        old = values[train][np.isfinite(values[train])]
        if not len(old):
            estimates.append(absent("out_of_range_share", where, "the training rows have no value of this feature"))
            continue
        low, high = float(old.min()), float(old.max())
        outside = int(((values[test] < low) | (values[test] > high)).sum())
        counted = outside if outside > _by_chance(len(test), len(old)) else 0
        estimates.append(exact("out_of_range_share", counted / len(test), where, n=len(test)))
        if outside:
            lines.append((name, outside, low, high, *_ends(values[test])))
    lines.sort(key=lambda line: -line[1])
    kept, notes = worst_first(estimates, most)
    table = Table(
        title="Features with test rows outside the range of training",
        columns=("feature", "rows outside", "training from", "to", "test from", "to "),
        rows=tuple(lines[:50]),
        folded=True,
    )
    text = f"{len(lines)} of {len(numeric)} numeric features have test rows outside the range of training."
    return Measurement(summary=text, estimates=kept, exhibits=(table,), notes=notes)


@lru_cache(maxsize=1024)
def _by_chance(rows: int, seen: int) -> int:
    """Return the greatest number of new rows that the range of `seen` leaves outside in 999 samples of 1,000."""
    from scipy.stats import betabinom

    return int(betabinom.ppf(0.999, rows, 2, max(seen - 1, 1)))


def _ends(values: FloatArray) -> tuple[float | str, float | str]:
    present = values[~np.isnan(values)]
    ends = float(present.min()), float(present.max())
    first, last = (end if np.isfinite(end) else str(end) for end in ends)
    return first, last
