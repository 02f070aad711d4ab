"""The parts of a pipeline: what stands before its last step, and what that reads."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def parts(estimator: Any) -> tuple[Any, Any]:  # noqa: ANN401
    """Return the steps before the last one as a pipeline, ``None`` where there are none, and the last step."""
    steps = getattr(estimator, "steps", None)
    if not isinstance(steps, list) or not steps:
        return None, estimator
    return (estimator[:-1] if len(steps) > 1 else None), steps[-1][1]


def numbers_of(table: Any) -> npt.NDArray[np.float64]:  # noqa: ANN401 -- a frame, an array, a sparse matrix
    """Return a table of numbers as float64.

    Raises
    ------
    ValueError
        If it holds words.
    """
    dense = table.toarray() if hasattr(table, "toarray") else table
    try:
        return np.asarray(dense, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError("columns that are shifted by group hold text; expected numbers") from error
