"""Does one person, device or household occur in training and test?"""

from __future__ import annotations

import numpy as np

from audit.check import check
from audit.data.dataset import Dataset
from audit.estimate.making import exact
from reports.record import Measurement


@check(
    title="Clusters in training and test",
    family="leakage",
    references=("Kaufman et al. 2012, Leakage in data mining",),
    requires=("cluster", "train"),
)
def cluster_overlap(dataset: Dataset) -> Measurement:
    """Count test rows whose declared cluster has training rows too.

    Reading. Rows of one person, device or household resemble each other. If some of them are trained on
    and others tested on, the score tells how well the model knows these clusters, not new ones.

    Limits. Only the declared cluster column is looked at; rows without a cluster are left out.
    """
    assert dataset.cluster is not None  # noqa: S101 -- required
    train = dataset.cluster.codes[dataset.rows("train")]
    test = dataset.cluster.codes[dataset.rows("test")]
    known = test >= 0
    shared = np.isin(test, train[train >= 0]) & known
    clusters, both = len(np.unique(test[known])), len(np.unique(test[shared]))
    where = {"split": "test"}
    value = float(shared.sum() / len(test))
    unknown = int((~known).sum())
    return Measurement(
        summary=f"{both:,} of {clusters:,} clusters of the test rows also have training rows: {int(shared.sum()):,} "
        "rows.",
        estimates=(
            exact("shared_cluster_share", value, where, n=len(test)),
            exact("shared_clusters", both, where, n=len(test), unit="count"),
        ),
        notes=(f"{unknown} test rows have no cluster and are left out",) if unknown else (),
    )
