"""The same people with another group written into their row."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from audit.data.dataset import address_name
from audit.data.factor import Factor
from audit.data.suppression import shown_levels
from audit.errors import NotApplicable, quote_all
from audit.evidence import Perturbed
from audit.evidence.requirements import require_evidence
from audit.gather._perturbed import EVALUATIONS, Positions, Variant, ask_variants, sample

if TYPE_CHECKING:
    from audit.gather import Context


def gather(
    context: Context, *, rows: int = 10_000, share: float = 0.05, evaluations: int = EVALUATIONS
) -> Mapping[str, Perturbed]:
    """Change only a sensitive feature, to each other level that holds enough rows.

    Parameters
    ----------
    context : Context
    rows : int
        Test rows at most.
    share : float
        Smallest share of the test rows that a level must hold to be written into other rows.
    evaluations : int
        Rows that the model may be asked for; fewer where it is large.

    Returns
    -------
    mapping of str to Perturbed
        By sensitive feature; the variants are the levels, each with the rows that had another.

    Raises
    ------
    NotApplicable
        If no sensitive feature is declared, or the model reads none of them.
    """
    context.require_model()
    dataset = context.dataset
    require_evidence("sensitive", dataset=dataset)
    read = {name: address_name(name) for name in dataset.features if address_name(name) in dataset.sensitive}
    if not read:
        raise NotApplicable(f"the model does not read the sensitive features: {quote_all(dataset.sensitive)}")
    base, notes = sample(context, rows, "flips")
    table = {}
    for column, feature in read.items():
        factor = shown_levels(feature, dataset.sensitive[feature], context.settings.suppressed)
        variants = list(_variants(context, column, factor, base, share))
        if variants:
            table[feature] = ask_variants(
                context,
                base,
                variants,
                what=f"changing {column}",
                evaluations=evaluations,
                notes=notes,
                scores=False,
            )
    if not table:
        raise NotApplicable(
            f"needs a sensitive feature with two levels that each hold at least {share:.0%} of the rows"
        )
    return table


def _variants(context: Context, column: str, factor: Factor, base: Positions, share: float) -> Iterator[Variant]:
    """Write each frequent level into the rows that have another one."""
    dataset = context.dataset
    test = dataset.rows("test")
    counts = factor.take(test).counts()
    values = dataset.frame[column]
    codes = factor.codes[base]
    joined = len(factor.levels) - 1 if address_name(column) in dataset.levels else None
    for code, level in enumerate(factor.levels):
        if counts[code] < share * len(test) or code == joined:  # many levels together are not a level to be written
            continue
        others = base[(codes >= 0) & (codes != code)]
        if len(others):
            value = typical(values.take(test[factor.codes[test] == code]))
            yield Variant(level, partial(_with, context, others, column, value), others)


def typical(values: pd.Series) -> Hashable:
    """Return the value that stands for a level: its middle one if it is a band of numbers, else its commonest.

    Examples
    --------
    >>> str(typical(pd.Series([20, 30, 60]))), typical(pd.Series(["f", "f"]))
    ('30', 'f')
    """
    if pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype):
        ranked = values.sort_values()
        middle: Hashable = ranked.iloc[(len(ranked) - 1) // 2]
        return middle
    commonest: Hashable = values.mode().iloc[0]
    return commonest


def _with(context: Context, rows: Positions, column: str, value: object) -> pd.DataFrame:
    X = context.dataset.inputs(rows)
    return X.assign(**{column: pd.Series([value] * len(X), dtype=X[column].dtype)})
