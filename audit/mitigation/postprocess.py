"""Rules by group that stand before or behind the estimator: shifts of its columns, calibration of its scores."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import minimize
from sklearn.base import clone

from audit.errors import ModelError, quote_all
from audit.mitigation.bench import Bench, FloatArray, Rows, fresh, known_groups, names_of
from audit.mitigation.pipelines import numbers_of, parts
from audit.mitigation.rules import Scored
from audit.mitigation.shrinkage import beyond_chance, differences
from audit.statistics.variance import effective_n

Mask = npt.NDArray[np.bool_]
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


def lines_by_group(bench: Bench, scored: Scored, share: float) -> dict[str, list[float]]:
    """Fit Platt's line of the log odds by group, drawn toward the line of all rows by 1 less `share`.

    Lines by group are drawn there, too, by what chance alone makes of their differences. Groups of few rows of either
    outcome have the line of all rows. A line never falls: the order of two people of one group stays.

    Parameters
    ----------
    bench : Bench
    scored : Scored
        Score of the favorable class.
    share : float
        1 for lines by group, 0 for one line.

    Returns
    -------
    dict of str to [slope, intercept]
        Of the model's last class.
    """
    odds, sign = bench.odds(scored.score), bench.sign()
    whole = platt_line(odds, scored.earned, scored.weight)
    if whole is None:
        raise ModelError("the model's scores do not rank the validation rows; there is nothing to calibrate.")
    large, small = known_groups(bench, bench.rows("validation"))
    own, gain = {}, 0.0
    for code in large:
        part = scored.take(scored.group == code)
        given = bench.odds(part.score)
        few = min(int(part.earned.sum()), int((~part.earned).sum())) < FEWEST
        line = None if few else platt_line(given, part.earned, part.weight)
        if line is None:
            small.append(code)
            continue
        own[bench.groups.levels[code]] = line
        gain += _log_loss(whole, given, part) - _log_loss(line, given, part)
    if small and share == 1:
        bench.notes.append(f"{quote_all(names_of(bench, small))}: too few validation rows, calibrated as all rows are")
    rows = effective_n(scored.weight) / float(scored.weight.sum())  # of equal weight, for each unit of weight
    kept = share * beyond_chance(2 * rows * gain, 2 * (len(own) + bool(small) - 1))
    lines = {name: kept * line + (1 - kept) * whole for name, line in own.items()}
    lines |= dict.fromkeys(names_of(bench, small), whole)
    return {name: [float(line[0]), sign * float(line[1])] for name, line in lines.items()}


def platt_line(odds: FloatArray, hit: Mask, weight: FloatArray) -> FloatArray | None:
    """Fit slope and intercept by maximum likelihood (Platt 1999, with his smoothed targets); ``None`` if it falls.

    Parameters
    ----------
    odds : ndarray of shape (n,)
        Log odds, or margins.
    hit : ndarray of shape (n,)
        Whether the outcome came true.
    weight : ndarray of shape (n,)

    Examples
    --------
    >>> odds = np.linspace(-3, 3, 601)
    >>> hit = np.random.default_rng(0).random(601) < share_at(np.array([1.0, 0.5]), odds)
    >>> platt_line(odds, hit, np.ones(601)).round(1).tolist(), platt_line(-odds, hit, np.ones(601))
    ([1.0, 0.4], None)
    """
    right, wrong = float(weight[hit].sum()), float(weight[~hit].sum())
    target = np.where(hit, (right + 1) / (right + 2), 1 / (wrong + 2))

    def loss(line: FloatArray) -> tuple[float, FloatArray]:
        value = line[0] * odds + line[1]
        error = weight * (share_at(line, odds) - target)
        total = float((weight * (np.logaddexp(0.0, value) - target * value)).sum())
        return total, np.array([float(error @ odds), float(error.sum())])

    values = np.asarray(minimize(loss, np.array([1.0, 0.0]), jac=True, method="L-BFGS-B").x, dtype=np.float64)
    return values if np.isfinite(values).all() and values[0] > 1e-3 else None


def share_at(line: FloatArray, odds: FloatArray) -> FloatArray:
    """Return the probability that a line gives to log odds, or margins.

    Examples
    --------
    >>> share_at(np.array([1.0, 0.0]), np.array([0.0])).tolist()
    [0.5]
    """
    return np.asarray(1 / (1 + np.exp(-np.clip(line[0] * odds + line[1], -500, 500))))


def _log_loss(line: FloatArray, odds: FloatArray, part: Scored) -> float:
    value = line[0] * odds + line[1]
    return float((part.weight * (np.logaddexp(0.0, value) - part.earned * value)).sum())


def offsets_by_group(bench: Bench, estimator: object, rows: Rows, share: float) -> dict[str, float]:
    """Return a share of each group's mean residual on rows, in the unit of the target; of few rows, that of all.

    Of the differences among groups, what chance alone makes of them is left out.
    """
    answer = bench.predictions(bench.seal(estimator), rows).y_pred.astype(np.float64)
    residual = bench.dataset.y[rows].astype(np.float64) - answer
    weight, codes = bench.weight(rows), bench.groups.codes[rows].astype(np.intp)
    whole = float(np.average(residual, weights=weight))
    large, small = known_groups(bench, rows)
    cluster = None if bench.dataset.cluster is None else bench.dataset.cluster.take(rows)
    share *= beyond_chance(*differences(residual, codes, weight, cluster))
    values = {}
    for code in large:
        inside = codes == code
        own = float(np.average(residual[inside], weights=weight[inside]))
        values[bench.groups.levels[code]] = share * own + (1 - share) * whole
    return {**values, **dict.fromkeys(names_of(bench, small), whole)}
