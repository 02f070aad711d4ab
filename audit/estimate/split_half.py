"""Two halves of the same rows: one to choose on, the other to confirm on."""

from __future__ import annotations

import zlib

import numpy as np
import numpy.typing as npt

from audit.errors import NotApplicable
from audit.evidence import COUNTED, Predictions
from audit.statistics.variance import cluster_codes


def halves(predictions: Predictions, name: str) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return two masks that split rows at random, a cluster's rows always together.

    The split depends on `name` and the number of rows alone, so that a check stays a pure function.

    Parameters
    ----------
    predictions : Predictions
    name : str
        Whoever asks: different questions get different halves.

    Raises
    ------
    NotApplicable
        If needs single rows, which a counted log does not keep.

    Examples
    --------
    >>> rows = Predictions(task="regression", y_true=np.zeros(5), y_pred=np.zeros(5))
    >>> first, second = halves(rows, "example")
    >>> int(first.sum()), bool((first ^ second).all())
    (2, True)
    """
    if predictions.repeats is not None:
        raise NotApplicable(COUNTED)
    units = np.arange(len(predictions)) if predictions.cluster is None else cluster_codes(predictions.cluster)
    count = int(units.max()) + 1 if len(units) else 0
    order = np.random.default_rng([zlib.crc32(name.encode()), count]).permutation(count)
    first = np.isin(units, order[: count // 2])
    return first, ~first
