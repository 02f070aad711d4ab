"""The same rows with one feature raised, which should move the score one way only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from audit.errors import NotApplicable, quote_all
from audit.evidence import Perturbed
from audit.gather._perturbed import EVALUATIONS, Positions, Variant, ask_variants, sample

if TYPE_CHECKING:
    from audit.gather import Context


def gather(
    context: Context, *, rows: int = 10_000, steps: Sequence[float] = (0.1, 0.5, 1.0), evaluations: int = EVALUATIONS
) -> Mapping[str, Perturbed]:
    """Raise each feature that ``[data.monotone]`` declares, alone, by several steps.

    Parameters
    ----------
    context : Context
    rows : int
        Test rows at most.
    steps : sequence of float
        In standard deviations of the feature over the test rows; whole numbers are raised by whole numbers.
    evaluations : int
        Rows that the model may be asked for, by feature; fewer where it is large.

    Returns
    -------
    mapping of str to Perturbed
        By feature; the variants are the steps.

    Raises
    ------
    NotApplicable
        If no feature is declared monotone, or the answers have no order.
    """
    context.require_model()
    dataset = context.dataset
    declared = dataset.roles.monotone
    if not declared:
        raise NotApplicable('needs features declared monotone: state [data.monotone] income = "increasing"')
    if dataset.task == "multiclass":
        raise NotApplicable("classes of a multiclass task have no order")
    read = [name for name in declared if name in dataset.features]
    if not read:
        raise NotApplicable(f"the model does not read the features declared monotone: {quote_all(declared)}")
    base, notes = sample(context, rows, "monotone")
    X = dataset.inputs(base)
    table = {}
    for name in read:
        variants = list(_variants(X, base, name, steps))
        if variants:
            table[name] = ask_variants(
                context, base, variants, what=f"raising {name}", evaluations=evaluations, notes=notes
            )
    if not table:
        raise NotApplicable(f"the features declared monotone do not vary: {quote_all(read)}")
    return table


def _variants(X: pd.DataFrame, base: Positions, name: str, steps: Sequence[float]) -> Iterator[Variant]:
    values = X[name].to_numpy(dtype=np.float64, na_value=np.nan)
    finite = values[np.isfinite(values)]
    spread = float(finite.std()) if len(finite) else 0.0
    if spread <= 0:
        return
    whole = pd.api.types.is_integer_dtype(X[name].dtype)
    for step in dict.fromkeys(max(1.0, round(size * spread)) if whole else size * spread for size in steps):
        yield Variant(f"raised by {step:g}", partial(_raise_, X, name, step), base)


def _raise_(X: pd.DataFrame, name: str, step: float) -> pd.DataFrame:
    raised = X[name] + (int(step) if pd.api.types.is_integer_dtype(X[name].dtype) else step)
    return X.assign(**{name: raised.astype(X[name].dtype)})
