"""What may stand inside a sealed estimator: estimators that a ``.skops`` file holds without code."""

from __future__ import annotations

from audit.errors import ModelError
from audit.models.load import kind_of


def held(estimator: object) -> object:
    """Return an estimator in the form that a sealed one holds.

    Raises
    ------
    ModelError
        If it cannot be written without code.
    """
    if not hasattr(estimator, "get_params"):
        raise ModelError(
            f"{kind_of(estimator)} is not an estimator of scikit-learn's kind; it cannot be sealed in a .skops file."
        )
    return estimator
