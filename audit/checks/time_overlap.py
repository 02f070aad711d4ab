"""Was the model trained on rows that are later than the test?"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from audit.check import check
from audit.data.dataset import Dataset
from audit.errors import NotApplicable, shown
from audit.estimate.shares import exact
from reports.record import Measurement


@check(
    title="Training after the test",
    family="leakage",
    references=("Kapoor and Narayanan 2023, Leakage and the reproducibility crisis",),
)
def time_overlap(dataset: Dataset) -> Measurement:
    """Count training rows that are later than the first test row, by the declared time column.

    Reading. A model that will be used on later rows must be tested on later rows. Training rows from after
    the first test row let it know a future that it will not have.

    Limits. Times are compared as they are written; a column of mixed time zones or formats is refused.
    Rows without a time are left out.
    """
    name = dataset.roles.time
    if name is None:
        raise NotApplicable("no time column is declared; name one in [data] time")
    if not dataset.has("train"):
        raise NotApplicable("compares with training rows; there is no training table")
    moments = _moments(dataset.frame[name])
    train, test = moments[dataset.rows("train")], moments[dataset.rows("test")]
    if np.isnan(train).all() or np.isnan(test).all():
        raise NotApplicable(f"the time column {shown(name)} holds no readable time in training or test rows")
    first = float(np.nanmin(test))
    later = int((train > first).sum())
    untold = int(np.isnan(train).sum() + np.isnan(test).sum())
    where = {"split": "train"}
    return Measurement(
        summary=f"{later:,} of {len(train):,} training rows are later than the first test row.",
        estimates=(
            exact("later_training_rows", later, where, n=len(train), unit="count"),
            exact("later_training_share", later / len(train), where, n=len(train)),
        ),
        notes=(f"{untold} rows have no readable time and are left out",) if untold else (),
    )


def _moments(column: pd.Series) -> npt.NDArray[np.float64]:
    """Return times as numbers that keep their order, NaN where there is none."""
    if pd.api.types.is_numeric_dtype(column.dtype):
        return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan))
    try:
        times = pd.to_datetime(column, errors="coerce", utc=True, format="ISO8601")
        if times.notna().sum() < column.notna().sum():
            times = pd.to_datetime(column, errors="coerce", utc=True, format="mixed", dayfirst=False)
    except (ValueError, TypeError) as error:
        raise NotApplicable(f"the time column {shown(column.name)} cannot be read: {str(error)[:200]}") from error
    numbers = times.astype("int64").to_numpy(dtype=np.float64)
    return np.where(times.isna().to_numpy(), np.nan, numbers)
