"""Which version and which model answered: keys of a log's rows, read as names."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from audit.data.columns import MOST_GROUPS, MOST_LEVELS, POOL, label_texts, require_distinct
from audit.data.factor import Factor
from audit.errors import DataError, hint, quote, quote_all
from audit.evidence import Predictions
from reports.printable import visible

SHADOW = "shadow"
"""Split of answers that decided nothing: another model answered the same requests."""
ALIKE = 0.9
"""Share of the largest model's rows from which on another one may as well be the one that decides."""


def decider_factor(values: pd.Series, rows: npt.NDArray[np.int64], key: str, window: Factor | None = None) -> Factor:
    """Return what answered as levels; of more than fifty in a window, or without windows, the rarest are one level.

    Parameters
    ----------
    values : Series
        Names as they are written; missing and blank ones are a level of their own.
    rows : ndarray of int
        How many rows each value stands for.
    key : {"version", "model"}
    window : Factor, optional
        What a window's levels are depends on its own rows alone.

    Raises
    ------
    DataError
        If there are so many that they name rows, or two differ in case or blanks alone, or look alike in a report.

    Examples
    --------
    >>> decider_factor(pd.Series(["1.10", "1.9", None, "1.9"]), np.ones(4, dtype=np.int64), "version").levels
    ('1.9', '1.10', '(no version)')
    """
    texts = [None if text is None or not text.strip() else text for text in label_texts(values)]
    names = sorted({text for text in texts if text is not None}, key=by_number)
    if len(names) > MOST_LEVELS:
        raise DataError(
            f"{key} column {quote(values.name)} has {len(names):,} values; expected the names of at most "
            f"{MOST_LEVELS:,} {key}s, not one of each row."
        )
    require_distinct(names, f"{key} column {quote(values.name)}")
    if None in texts:
        unnamed = f"(no {key})"
        while unnamed in names:
            unnamed += " (missing)"
        names.append(unnamed)
        texts = [unnamed if text is None else text for text in texts]
    factor = Factor.of(texts, names)
    return factor if len(names) <= MOST_GROUPS else _pooled(factor, rows, window)


def _pooled(factor: Factor, rows: npt.NDArray[np.int64], window: Factor | None) -> Factor:
    """Return a factor in which the rarest levels of each window that has too many are one, the last."""
    place = np.zeros(len(factor), dtype=np.int64) if window is None else window.codes.astype(np.int64)
    codes = factor.codes.astype(np.int64)
    for at in np.unique(place):
        inside = place == at
        sizes = np.bincount(factor.codes[inside], rows[inside], minlength=len(factor.levels))
        if np.count_nonzero(sizes) > MOST_GROUPS:
            named = np.argsort(-sizes, kind="stable")[: MOST_GROUPS - 1]
            codes[inside & ~np.isin(codes, named)] = len(factor.levels)
    other = POOL
    while other in factor.levels:
        other += " (joined)"
    used, place = np.unique(codes, return_inverse=True)
    return Factor(codes=place.astype(np.int32), levels=tuple((*factor.levels, other)[code] for code in used))


def by_number(name: str) -> tuple[tuple[bool, int, str], ...]:
    """Return what sorts names by the numbers in them, 1.9 before 1.10, and then as text.

    Examples
    --------
    >>> sorted(["v10", "v9", "v9-b"], key=by_number)
    ['v9', 'v9-b', 'v10']
    """
    parts = re.findall(r"[0-9]{1,18}|[^0-9]+", name)
    numbered = (("0" <= part[0] <= "9", int(part) if "0" <= part[0] <= "9" else 0, part) for part in parts)
    return tuple(numbered)


def shadow_notes(predictions: Predictions) -> tuple[str, ...]:
    """Say whose numbers those of all rows are, where several models answered the same requests.

    Examples
    --------
    >>> keys = {"model": Factor.of(["a", "b"]), "split": Factor.of(["test", SHADOW])}
    >>> print(*shadow_notes(Predictions(task="regression", y_true=np.zeros(2), y_pred=np.zeros(2), keys=keys)))
    several models answered the same requests: the numbers of all rows are those of 'a', which decided; 'b' stood in \
the shadow, with numbers of its own. If another decided, name it: [data.reference] model = "b".
    """
    if not predictions.has(split=SHADOW):
        return ()
    deciding, others = (
        [level for level in part.keys["model"].levels if part.has(model=level)]
        for part in (predictions.select(split="test"), predictions.select(split=SHADOW))
    )
    text = (
        f"several models answered the same requests: the numbers of all rows are those of {quote_all(deciding)}, which "
        f"decided; {quote_all(others)} stood in the shadow, with numbers of its own. If another decided, name it: "
        f'[data.reference] model = "{visible(others[0])}".'
    )
    return (text,)


def require_known(named: str | None, model: Factor) -> None:
    """Refuse the name of a model that decides which no row has.

    Raises
    ------
    DataError
        With the nearest one.
    """
    if named is not None and named not in model.levels:
        raise DataError(
            f"[data.reference] model = {quote(named)}: {quote(named)} is not in the model column (it holds "
            f"{quote_all(model.levels)}).{hint(named, model.levels)}"
        )


def splits_of(model: Factor, window: Factor | None, rows: npt.NDArray[np.int64], named: str | None) -> Factor:
    """Return which answers decided and which stood in the shadow, where several models answered the same requests.

    Parameters
    ----------
    model : Factor
    window : Factor, optional
        In each window one model decides: the one before as long as it answers, then the one of most rows.
    rows : ndarray of int
        How many rows each answer stands for.
    named : str, optional
        The model that decides wherever it answered.

    Raises
    ------
    DataError
        If none was named, and two have about as many rows at first.

    Examples
    --------
    >>> who = Factor.of(["a", "b", "a", "b", "b"])
    >>> splits_of(who, Factor.of(["1", "1", "2", "2", "3"]), np.array([5, 4, 5, 6, 9]), None).codes.tolist()
    [0, 1, 0, 1, 0]
    """
    place = np.zeros(len(model), dtype=np.int64) if window is None else window.codes + 1
    sizes = np.zeros((int(place.max(initial=0)) + 1, len(model.levels)))
    np.add.at(sizes, (place, model.codes), rows)
    deciding = sizes.argmax(axis=1)
    for at in range(2, len(deciding)):  # place 0 holds the rows without a window
        before = deciding[at - 1]
        deciding[at] = before if sizes[at, before] > 0 else deciding[at]
    if named is not None:
        first = model.levels.index(named)
        deciding = np.where(sizes[:, first] > 0, first, deciding)
    else:
        _require_larger(sizes[min(1, len(sizes) - 1)], model.levels)
    return Factor(codes=(deciding[place] != model.codes).astype(np.int32), levels=("test", SHADOW))


def _require_larger(sizes: npt.NDArray[np.float64], names: Sequence[str]) -> None:
    """Refuse models of which none has clearly most rows."""
    first, second = np.argsort(-sizes, kind="stable")[:2]
    if sizes[second] > ALIKE * sizes[first]:
        raise DataError(
            f"models {quote(names[first])} and {quote(names[second])} answered the same requests, and the log does not "
            f'say which decided. Name it: [data.reference] model = "{visible(names[first])}".'
        )
