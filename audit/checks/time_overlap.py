"""Was the model trained on rows that are later than the test?"""

from __future__ import annotations

import numpy as np

from audit.check import check
from audit.data.dataset import Dataset
from audit.data.times import moments
from audit.errors import NotApplicable, quote
from audit.estimate.making import exact
from reports.record import Measurement


@check(
    title="Training after the test",
    family="leakage",
    references=("Kapoor and Narayanan 2023, Leakage and the reproducibility crisis",),
    requires=("time", "train"),
)
def time_overlap(dataset: Dataset) -> Measurement:
    """Count training rows that are later than the first test row, by the declared time column.

    Reading. A model that will be used on later rows must be tested on later rows. Training rows from after
    the first test row give it knowledge of a future that it will not have.

    Limits. Times are compared as they are written. A column that cannot be read, or that reads as well with the day
    first as with the month first, is refused; rows without a time are left out, and so are up to 5 % that cannot be
    read.
    """
    name = str(dataset.roles.time)
    times = moments(dataset.frame[name])
    train, test = times[dataset.rows("train")], times[dataset.rows("test")]
    if np.isnan(train).all() or np.isnan(test).all():
        raise NotApplicable(
            f"needs times in both splits: column {quote(name)} is empty for the training or for the test rows"
        )
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
