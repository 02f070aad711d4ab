"""Rules by group that stand before or behind the estimator: shifts of its columns, calibration of its scores."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from sklearn.base import clone

from audit.errors import ModelError, quote_all
from audit.mitigation.bench import Bench, FloatArray, Rows, fresh, known_groups, names_of
from audit.mitigation.pipelines import numbers_of, parts
from audit.mitigation.rules import Scored
from audit.mitigation.sealed import log_odds

FEWEST = 10
"""Rows of either outcome that a group needs for a calibration of its own."""


def fit_centered(bench: Bench, rows: Rows, share: float, seed: int) -> tuple[Any, dict[str, list[float]]]:
    """Train the model on columns from which a share of their mean difference among groups is taken.

    What is taken is the part of each column that the group explains linearly, as in fairlearn's
    ``CorrelationRemover``; nonlinear traces stay. A missing value stays missing.

    Parameters
    ----------
    bench : Bench
    rows : ndarray of positions
    share : float
        From 0 (nothing) to 1 (all).
    seed : int

    Returns
    -------
    estimator
        Trained on what is left.
    dict of str to list of float
        What is taken from each column, by group.

    Raises
    ------
    ModelError
        If the columns are not numbers.
    """
    own = fresh(bench.model, seed)
    before, last = parts(own)
    given, target = bench.inputs(rows), bench.target(rows)
    try:
        table = given if before is None else clone(before).fit(given, target)
        values = numbers_of(table if before is None else table.transform(given))
    except ValueError as error:
        raise ModelError(
            f"{error}. This method needs a pipeline whose steps turn the table into numbers, or a table of numbers."
        ) from error
    weight = bench.weight(rows)
    codes = bench.groups.codes[rows]
    overall = known_means(values, weight)
    shifts = np.zeros((len(bench.groups.levels), values.shape[1]))
    for code in np.unique(codes):
        inside = codes == code
        shifts[code] = share * np.nan_to_num(known_means(values[inside], weight[inside]) - overall)
    left: Any = values - shifts[codes]
    if before is None and isinstance(given, pd.DataFrame):
        left = pd.DataFrame(left, columns=given.columns)
    fitted = bench.fit_estimator(clone(last), left, target, None if bench.dataset.weight is None else weight)
    if before is not None:
        own.steps = [*table.steps, (own.steps[-1][0], fitted)]
        fitted = own
    present = [int(code) for code in np.unique(codes)]
    return fitted, {bench.groups.levels[code]: shifts[code].tolist() for code in present}


def known_means(values: FloatArray, weight: FloatArray) -> FloatArray:
    """Return the mean of each column over the rows where it is filled; NaN where it is filled in none.

    Examples
    --------
    >>> known_means(np.array([[1.0, np.nan], [3.0, np.nan], [np.nan, np.nan]]), np.array([1.0, 1.0, 5.0])).tolist()
    [2.0, nan]
    """
    filled = ~np.isnan(values)
    total, count = weight @ np.where(filled, values, 0.0), weight @ filled
    return np.asarray(np.divide(total, count, out=np.full(values.shape[1], np.nan), where=count > 0))


def lines_by_group(bench: Bench, scored: Scored, share: float, *, margins: bool) -> dict[str, list[float]]:
    """Fit Platt's line of the log odds by group, drawn toward the line of all rows by 1 less `share`.

    Groups of few rows of either outcome have the line of all rows. A line never falls: the order of two people of
    one group stays.

    Parameters
    ----------
    bench : Bench
    scored : Scored
        Score of the favorable class.
    share : float
        1 for lines by group, 0 for one line.
    margins : bool
        Whether scores are margins, not probabilities.

    Returns
    -------
    dict of str to [slope, intercept]
        Of the model's last class.
    """
    sign = bench.sign()
    score = sign * scored.score
    odds = score if margins else log_odds(score)
    hit = scored.earned if sign > 0 else ~scored.earned
    whole = _line(odds, hit, scored.weight)
    if whole is None:
        raise ModelError("the model's scores do not rank the validation rows; there is nothing to calibrate.")
    large, small = known_groups(bench, bench.rows("validation"))
    fields = {}
    for code in large:
        inside = scored.group == code
        few = min(int(hit[inside].sum()), int((~hit[inside]).sum())) < FEWEST
        line = None if few else _line(odds[inside], hit[inside], scored.weight[inside])
        if line is None:
            small.append(code)
            continue
        fields[bench.groups.levels[code]] = (share * line + (1 - share) * whole).tolist()
    if small and share == 1:
        bench.notes.append(f"{quote_all(names_of(bench, small))}: too few validation rows, calibrated as all rows are")
    return {**fields, **{name: whole.tolist() for name in names_of(bench, small)}}


def _line(odds: FloatArray, hit: np.ndarray[Any, np.dtype[np.bool_]], weight: FloatArray) -> FloatArray | None:
    """Fit slope and intercept by maximum likelihood (Platt 1999, with his smoothed targets); ``None`` if it falls."""
    right, wrong = float(weight[hit].sum()), float(weight[~hit].sum())
    target = np.where(hit, (right + 1) / (right + 2), 1 / (wrong + 2))

    def loss(line: FloatArray) -> tuple[float, FloatArray]:
        value = line[0] * odds + line[1]
        error = weight * (1 / (1 + np.exp(-np.clip(value, -500, 500))) - target)
        total = float((weight * (np.logaddexp(0.0, value) - target * value)).sum())
        return total, np.array([float(error @ odds), float(error.sum())])

    values = np.asarray(minimize(loss, np.array([1.0, 0.0]), jac=True, method="L-BFGS-B").x, dtype=np.float64)
    return values if np.isfinite(values).all() and values[0] > 1e-3 else None


def offsets_by_group(bench: Bench, estimator: object, rows: Rows, share: float) -> dict[str, float]:
    """Return a share of each group's mean residual on rows, in the unit of the target; of few rows, that of all."""
    answer = bench.predictions(bench.seal(estimator), rows).y_pred.astype(np.float64)
    residual = bench.dataset.y[rows].astype(np.float64) - answer
    weight, codes = bench.weight(rows), bench.groups.codes[rows]
    whole = float(np.average(residual, weights=weight))
    large, small = known_groups(bench, rows)
    values = {}
    for code in large:
        inside = codes == code
        own = float(np.average(residual[inside], weights=weight[inside]))
        values[bench.groups.levels[code]] = share * own + (1 - share) * whole
    return {**values, **dict.fromkeys(names_of(bench, small), whole)}
