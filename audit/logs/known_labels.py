"""Labels that are known of some answers and not of others, as where nobody learns how refused loans would have gone."""

from __future__ import annotations

import numpy as np

from audit.errors import quote
from audit.evidence import Predictions
from reports.phrases import percent

APART = 0.2
"""Difference of shares of known labels from which on numbers of labeled rows do not speak for all."""


def labels_by_answer(labeled: Predictions, unlabeled: Predictions) -> tuple[str, ...]:
    """Say of which answers labels are known far more often than of others; nothing where they are not.

    Examples
    --------
    >>> known = Predictions(task="binary", classes=("no", "yes"), y_true=np.ones(40, int), y_pred=np.ones(40, int))
    >>> unknown = Predictions(task="binary", classes=("no", "yes"), y_true=np.zeros(30, int), y_pred=np.zeros(30, int))
    >>> print(*labels_by_answer(known, unknown))
    labels are known of 100 % of the rows answered 'yes' and of 0 % of those answered 'no': performance, groups and \
rates of decisions are those of rows with a label, and say little of all rows.
    """
    if labeled.task == "regression":
        return ()
    least = labeled.settings.min_n
    shares = {}
    for code, name in enumerate(labeled.classes):
        known, unknown = (part.count(np.asarray(part.y_pred == code)) for part in (labeled, unlabeled))
        if known + unknown >= least:
            shares[name] = known / (known + unknown)
    if not shares or max(shares.values()) - min(shares.values()) < APART:
        return ()
    most, fewest = max(shares, key=lambda name: shares[name]), min(shares, key=lambda name: shares[name])
    text = (
        f"labels are known of {percent(shares[most])} of the rows answered {quote(most)} and of "
        f"{percent(shares[fewest])} of those answered {quote(fewest)}: performance, groups and rates of decisions are "
        "those of rows with a label, and say little of all rows."
    )
    return (text,)
