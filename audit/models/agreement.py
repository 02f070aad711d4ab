"""Labels of a model beside its scores: whether they can be of the same classes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from audit.data.dataset import Dataset
from audit.errors import ModelError, quote, quote_all

ENOUGH = 30
"""Answers of a model that names its classes; of fewer, a contradiction may be chance."""


def require_agreement(
    codes: npt.NDArray[np.int64],
    score: npt.NDArray[np.float64],
    dataset: Dataset,
    classes: tuple[str, ...],
    *,
    own: tuple[str, ...] | None,
) -> None:
    """Refuse scores that contradict the labels: their columns are in another order than is said, or taken on faith.

    Parameters
    ----------
    codes : ndarray of shape (n,)
        Labels, as places in `classes`.
    score : ndarray of shape (n,) or (n, k)
        Of the positive class, or of each class.
    dataset : Dataset
    classes : tuple of str
    own : tuple of str, optional
        The classes as the model orders them, if it says so.

    Raises
    ------
    ModelError
    """
    if own is not None and len(codes) < ENOUGH:
        return
    if score.ndim == 1:
        positive = codes == 1
        if not positive.any() or positive.all() or not np.isfinite(score).all():
            return
        wrong = score[positive].max() < score[~positive].min()
    else:
        from scipy.optimize import linear_sum_assignment

        best = np.where(np.isfinite(score), score, -np.inf).argmax(axis=1)
        table = np.zeros((len(classes), len(classes)))
        np.add.at(table, (codes, best), 1)
        other = table[linear_sum_assignment(-table)].sum()
        wrong = np.trace(table) < 0.5 * len(codes) and other > 0.9 * len(codes)
    if not wrong:
        return
    if dataset.roles.score is None:
        taken = (
            "it has no classes_, so the columns of its scores were taken" if own is None else "its classes_ put them"
        )
        raise ModelError(
            f"the model's labels and its scores contradict each other: {taken} in the order "
            f"{quote_all(own or classes)}. Give the model classes_ in the order of its columns."
        )
    wanted = f"the column of the positive class, {quote(classes[1])}" if score.ndim == 1 else "each class's own column"
    raise ModelError(
        f"score column {quote_all(dataset.roles.score_columns())} and column {quote(dataset.roles.prediction)} "
        "contradict "
        f"each other: where a class is predicted, another one has the higher score. [data] score must name {wanted}."
    )
