"""Of which rows is the truth known?"""

from __future__ import annotations

from audit.check import check
from audit.estimate.monitoring import everyone, groups_of
from audit.estimate.shares import exact
from audit.evidence import Windows
from audit.exhibits import by_address_table
from audit.logs.known_labels import labels_by_answer
from reports.phrases import percent
from reports.record import Estimate, Measurement


@check(title="Rows without a label", family="monitoring", tasks=("binary", "multiclass", "regression"))
def label_coverage(windows: Windows) -> Measurement:
    """Count the rows of the window whose label has not come.

    Reading. ``missing_label_share`` is the share of the window's rows without a label; the difference is a group's
    share less that of all rows. Performance is that of the rows with a label.

    The summary says so where labels are known of one answer far more often than of another.

    Limits. Counts do not say whether labels are missing by chance or by kind of row: a group whose labels arrive late
    is known less well, and its numbers may change when they arrive.
    """
    window = windows.current
    every = everyone(window)
    where = {"split": "test", "window": window.name}
    missing, rows = window.unlabeled.total, every.total
    share = missing / rows if rows else 0.0
    estimates: list[Estimate] = [exact("missing_label_share", share, where, n=rows)]
    for group, mask in groups_of(every, every.settings.min_n):
        feature, level = next(iter(group.items()))
        n = every.count(mask)
        own = window.unlabeled.count(window.unlabeled.keys[feature].mask(level)) / n
        estimates.append(
            exact("missing_label_share_difference", own - share, {**where, **group}, n=n, unit="difference")
        )
    by_answer = "".join(f"; {text.rstrip('.')}" for text in labels_by_answer(window.labeled, window.unlabeled))
    return Measurement(
        summary=f"{window.name}: {missing:,} of {rows:,} rows have no label ({percent(share)}){by_answer}.",
        estimates=tuple(estimates),
        exhibits=(by_address_table("Rows without a label", estimates, folded=True),),
    )
