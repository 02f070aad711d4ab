"""Which labels contradict what their rows are all but sure to be?"""

from __future__ import annotations

import warnings
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from audit.data.columns import ColumnKind
from audit.data.dataset import Dataset
from audit.errors import NotApplicable
from audit.evidence import LabelDoubts, Reading
from audit.evidence.requirements import require_evidence
from audit.models.threads import thread_limit
from audit.statistics.binning import quantile_edges
from audit.statistics.intervals import z_value
from audit.tabular.label_noise import (
    Binned,
    Contradicted,
    Curve,
    count_contradictions,
    fit,
    misfit,
    quantile_bins,
    redrawn,
)

if TYPE_CHECKING:
    import pandas as pd
    from scipy.sparse import csr_matrix

    from audit.gather import Context

FloatArray = npt.NDArray[np.float64]
FOLDS = 5
MOST_CLASSES = 20
WIDE = 60
"""Tables of more columns than this are not cut into bins."""
WIDER = 2
"""So many columns a row, and the products of rows are less to work with than the columns."""
LEVELS = 40
MOST_TOLD = 0.4
"""A greater share of wrong labels among sure rows is not a finding but a sign that the curve does not fit."""
PAIRED = 15
"""Up to so many numbers are multiplied pairwise."""
LEAST_SURE = 50
CAPS = (0.0, 0.02, 0.05, 0.1, 0.2)
"""Greatest shares of wrong labels that are tried against the data."""
CLOSE = 5.99
"""Twice the loss of log-likelihood that two parameters bring by chance once in 20."""
LEAST_SHARE = 0.15
"""Of the rows, a class must be sure of so many before they stand for all."""


def gather(context: Context, *, rows: int = 15_000, draws: int = 40) -> LabelDoubts:
    """Score the training rows out of fold by an additive logistic model, and fit mislabeling along the score.

    Parameters
    ----------
    context : Context
    rows : int
        Training rows at most, drawn at random.
    draws : int
        Bootstrap draws for the interval.

    Raises
    ------
    NotApplicable
        Without a training table, in regression, or with fewer than five rows of a class.
    """
    dataset = context.dataset
    if dataset.task == "regression":
        raise NotApplicable("applies to classification only; this task is regression")
    require_evidence("train", "features", dataset=dataset)
    generator = context.generator("label_doubts")
    chosen = dataset.rows("train")
    notes: tuple[str, ...] = ()
    if len(chosen) > rows:
        notes = (f"{rows:,} of {len(chosen):,} training rows were drawn at random",)
        chosen = np.sort(generator.choice(chosen, rows, replace=False))
    y = dataset.y[chosen].astype(np.int64)
    sizes = np.bincount(y, minlength=len(dataset.classes))
    if int(sizes[sizes > 0].min()) < FOLDS or int((sizes > 0).sum()) < 2:
        raise NotApplicable(f"needs two classes or more, each with at least {FOLDS} training rows")
    context.progress("looking for wrong labels", 0, 2)
    score = _scores(_narrowed(_matrix(dataset, chosen)), y, len(dataset.classes), int(generator.integers(2**31)))
    context.progress("looking for wrong labels", 1, 2)
    label_doubts = _doubts(dataset, score, y, generator, draws, context.settings.level, notes)
    context.progress("looking for wrong labels", 2, 2)
    return label_doubts


def _narrowed(matrix: csr_matrix | FloatArray) -> csr_matrix | FloatArray:
    """Turn a table of far more columns than rows into coordinates of as many: what a ridge penalty fits is the same."""
    if matrix.shape[1] <= WIDER * matrix.shape[0]:
        return matrix
    products = matrix @ matrix.T
    products = products if isinstance(products, np.ndarray) else products.toarray()
    values, directions = np.linalg.eigh(products)
    return np.asarray(directions * np.sqrt(np.clip(values, 0.0, None)))


def _matrix(dataset: Dataset, rows: npt.NDArray[np.intp]) -> csr_matrix | FloatArray:
    """Write features so that a linear model of them is additive and curved: bins beside numbers, levels apart."""
    from scipy import sparse

    kinds = dataset.kinds()
    if len(kinds) > WIDE and set(kinds.values()) == {"numeric"}:
        return _standardize(dataset.inputs(rows))
    blocks, lines = [], []
    for name, kind in kinds.items():
        column = dataset.frame[name].take(rows)
        if kind == "text":
            blocks.append(_words(column))
            continue
        parts = _parts(column, kind, wide=len(kinds) > WIDE)
        blocks += [sparse.csr_matrix(part) for part in parts]
        lines += parts[:1] if kind == "numeric" else []
    if 2 <= len(lines) <= PAIRED:  # what goes together tells more than each alone
        blocks += [sparse.csr_matrix(0.5 * values * other) for values, other in combinations(lines, 2)]
    return sparse.csr_matrix(sparse.hstack(blocks, format="csr"))


def _standardize(X: pd.DataFrame) -> FloatArray:
    """Standardize many columns of numbers at once; what is missing or does not vary is 0."""
    values = X.to_numpy(dtype=np.float64, na_value=np.nan)
    values = np.clip(np.where(np.isinf(values), np.nan, values), -1e120, 1e120)
    known = ~np.isnan(values)
    count = np.maximum(known.sum(axis=0), 1)
    plain = np.where(known, values, 0.0)
    apart = np.where(known, values - plain.sum(axis=0) / count, 0.0)
    spread = np.sqrt((apart**2).sum(axis=0) / count)
    return np.asarray(np.clip(apart / np.where(spread > 0, spread, 1.0), -4, 4))


def _words(column: pd.Series) -> csr_matrix:
    from scipy import sparse
    from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer

    counts = HashingVectorizer(n_features=2**16, alternate_sign=False, norm=None)
    texts = column.astype(object).where(column.notna(), "").astype(str)
    return sparse.csr_matrix(TfidfTransformer().fit_transform(counts.transform(texts)) * 4.0)


def _parts(column: pd.Series, kind: ColumnKind, *, wide: bool) -> list[FloatArray]:
    from audit.tabular.single_feature import numbers

    if kind not in ("numeric", "datetime"):
        texts = column.astype(object).map(str).where(column.notna(), "")
        frequent = texts.value_counts().index[:LEVELS]
        return [(texts.to_numpy()[:, None] == frequent.to_numpy()[None, :]).astype(np.float64)]
    values = numbers(column)
    values = np.clip(np.where(np.isinf(values), np.nan, values), -1e120, 1e120)
    known = ~np.isnan(values)
    if not known.any():
        return [np.zeros((len(values), 1))]
    spread = float(values[known].std())
    if spread <= 0:
        return [known.astype(np.float64)[:, None]]
    standard = np.clip(np.where(known, (values - values[known].mean()) / spread, 0.0), -4, 4)[:, None]
    if wide:
        return [standard]
    edges = quantile_edges(values[known], 10, interpolated=True)
    cell = np.where(known, np.searchsorted(edges, values), len(edges) + 1)
    return [standard, 0.5 * (cell[:, None] == np.arange(len(edges) + 2)[None, :])]


def _scores(X: csr_matrix | FloatArray, y: npt.NDArray[np.int64], classes: int, seed: int) -> FloatArray:
    """Return each class's log-odds against the rest, out of fold, shape (n, classes)."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold

    score = np.zeros((len(y), classes))
    with thread_limit(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a score that is not at its very optimum serves as well
        for known, held in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(np.zeros(len(y)), y):
            model = LogisticRegression(C=0.3, max_iter=100).fit(X[known], y[known])
            margin = model.decision_function(X[held])
            own = np.stack([-margin, margin], axis=1) if margin.ndim == 1 else _against_rest(margin)
            score[np.ix_(held, model.classes_)] = own
    return score


def _against_rest(margin: FloatArray) -> FloatArray:
    from scipy.special import logsumexp

    columns = [
        margin[:, place] - logsumexp(np.delete(margin, place, axis=1), axis=1) for place in range(margin.shape[1])
    ]
    return np.stack(columns, axis=1)


def _doubts(
    dataset: Dataset,
    score: FloatArray,
    y: npt.NDArray[np.int64],
    generator: np.random.Generator,
    draws: int,
    level: float,
    notes: tuple[str, ...],
) -> LabelDoubts:
    binary = dataset.task == "binary"
    sizes = np.bincount(y, minlength=len(dataset.classes))
    asked = [1] if binary else [int(code) for code in np.argsort(-sizes, kind="stable")[:MOST_CLASSES] if sizes[code]]
    data = [quantile_bins(score[:, code], y == code) for code in asked]
    curves = [fit(binned) for binned in data]
    doubts = [count_contradictions(binned, curve, both=binary) for binned, curve in zip(data, curves, strict=True)]
    whole = _sum(doubts)
    by_class = tuple(
        (
            "either class" if binary else dataset.classes[code],
            int(contradicted.sure),
            int(contradicted.against),
            contradicted.expected,
        )
        for code, contradicted in zip(asked, doubts, strict=True)
    )
    sure = min(whole.sure / len(y), 1.0)
    doubted, errors = _readings(data, curves, whole, len(y), binary, generator, draws, level)
    return LabelDoubts(errors=errors, doubted=doubted, sure=sure, by_class=by_class, notes=notes)


def _sum(doubts: list[Contradicted]) -> Contradicted:
    whole = doubts[0]
    for part in doubts[1:]:
        whole = whole.plus(part)
    return whole


def _readings(
    data: list[Binned],
    curves: list[Curve],
    whole: Contradicted,
    rows: int,
    binary: bool,
    generator: np.random.Generator,
    draws: int,
    level: float,
) -> tuple[Reading, Reading]:
    """Return the doubted share of all rows, and that of the sure ones, each with a bootstrap interval."""
    if whole.sure < max(LEAST_SURE, LEAST_SHARE * rows):
        reason = f"{int(whole.sure)} of {rows} rows have a nearly certain class: too few to distinguish wrong labels "
        "from overlap"
        return _untold(reason, rows)
    if whole.against - whole.expected > MOST_TOLD * whole.sure:
        return _untold(
            "the best-fitting curve lies at the edge of its range: wrong labels cannot be distinguished from overlap",
            rows,
        )
    again_doubted = []
    for _ in range(draws):
        drawn = [redrawn(binned, generator) for binned in data]
        again = _sum(
            [
                count_contradictions(binned, fit(binned, curve), both=binary)
                for binned, curve in zip(drawn, curves, strict=True)
            ]
        )
        again_doubted.append((again.against - again.expected) / rows)
    reach = float(np.std(again_doubted, ddof=1)) * z_value(level)
    doubted = (whole.against - whole.expected) / rows
    least = _least_doubted(data, curves, rows, binary)
    readings = []
    # Which rows are sure varies with the curve, so the share among them is as unsure as that of all rows.
    for part in (1.0, whole.sure / rows):
        value, half = doubted / part, reach / part
        low = min(value - half, least / part)
        readings.append(
            Reading(value=value, low=low, high=value + half, n=rows, method="bootstrap and profile likelihood")
        )
    return readings[0], readings[1]


def _untold(reason: str, rows: int) -> tuple[Reading, Reading]:
    return Reading(value=None, reason=reason, n=rows), Reading(value=None, reason=reason, n=rows)


def _least_doubted(data: list[Binned], curves: list[Curve], rows: int, binary: bool) -> float:
    """Return the smallest doubted share among curves that fit the labels about as well as the best.

    Where classes overlap everywhere, a curve without any wrong label fits as well, and nothing is shown.
    """
    best = sum(misfit(binned, curve) for binned, curve in zip(data, curves, strict=True))
    shares = []
    for most in CAPS:
        capped = [fit(binned, most=most) for binned in data]
        if 2 * (sum(misfit(binned, curve) for binned, curve in zip(data, capped, strict=True)) - best) > CLOSE:
            continue
        doubt = _sum(
            [count_contradictions(binned, curve, both=binary) for binned, curve in zip(data, capped, strict=True)]
        )
        shares.append((doubt.against - doubt.expected) / rows)
    return min(shares, default=np.inf)
