"""Rows in which one feature at a time is missing, another row's value, or a category that nobody ever saw."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from audit.errors import NotApplicable
from audit.evidence import MISSING, SWAPPED, UNSEEN, Perturbed
from audit.evidence.requirements import require_evidence
from audit.gather._perturbed import EVALUATIONS, Positions, Variant, ask_variants, sample
from audit.gather.corrupted import form_of

if TYPE_CHECKING:
    from audit.gather import Context

NEW = "never seen"


def gather(
    context: Context,
    *,
    rows: int = 2000,
    features: int = 100,
    evaluations: int = EVALUATIONS,
    modality: str = "auto",
    shape: Sequence[int] = (),
) -> Perturbed:
    """Blank one feature at a time, and for comparison replace it by a random row's value.

    Categories are also replaced by one that no row has, as any new shop, drug or spelling is at first.

    Parameters
    ----------
    context : Context
    rows : int
        Test rows at most; those in which the feature is missing already say nothing and are left out.
    features : int
        Features at most, drawn at random.
    evaluations : int
        Rows that the model may be asked for; fewer where it is large.
    modality, shape
        What a row is; see `corrupted`.

    Raises
    ------
    NotApplicable
        If the model reads no columns, or rows are images.
    """
    context.require_model()
    dataset = context.dataset
    require_evidence("features", dataset=dataset)
    if _are_images(context, modality, tuple(int(size) for size in shape)):
        raise NotApplicable("for tables only; images are covered in part instead (ROB006)")
    base, notes = sample(context, rows, "missing")
    names = list(dataset.features)
    if len(names) > features:
        chosen = context.generator("missing features").choice(len(names), size=features, replace=False)
        names = [names[place] for place in sorted(chosen)]
        notes = (*notes, f"{features} of {len(dataset.features)} features drawn at random")
    X = dataset.inputs(base)
    variants = _variants(context, X, base, names)
    return ask_variants(
        context, base, variants, what="leaving values out", evaluations=evaluations, notes=notes, scores=False
    )


def _are_images(context: Context, modality: str, shape: tuple[int, ...]) -> bool:
    try:
        return form_of(context, modality, shape).modality == "image"
    except NotApplicable:
        return False


def _variants(context: Context, X: pd.DataFrame, base: Positions, names: list[str]) -> Iterator[Variant]:
    kinds = context.dataset.kinds()
    for name in names:
        present = np.flatnonzero(X[name].notna().to_numpy())
        if not len(present):
            continue
        other = context.generator(f"missing {name}").permutation(present)
        yield Variant(MISSING + name, partial(_blank, X, name, present), base[present])
        yield Variant(SWAPPED + name, partial(_swap, X, name, present, other), base[present])
        if kinds[name] == "categorical" and not pd.api.types.is_bool_dtype(X[name].dtype):
            yield Variant(UNSEEN + name, partial(_rename, X, name, present), base[present])


def _blank(X: pd.DataFrame, name: str, rows: Positions) -> pd.DataFrame:
    return X.take(rows).reset_index(drop=True).assign(**{name: blank(X[name], len(rows))})


def _swap(X: pd.DataFrame, name: str, rows: Positions, other: Positions) -> pd.DataFrame:
    return X.take(rows).reset_index(drop=True).assign(**{name: X[name].take(other).reset_index(drop=True)})


def _rename(X: pd.DataFrame, name: str, rows: Positions) -> pd.DataFrame:
    return X.take(rows).reset_index(drop=True).assign(**{name: unseen(X[name], len(rows))})


def unseen(column: pd.Series, rows: int) -> pd.Series:
    """Return a category that the column does not hold, `rows` times.

    Examples
    --------
    >>> unseen(pd.Series(["a", "b"], dtype=object), 1).tolist()
    ['never seen']
    >>> unseen(pd.Series(["a", "never seen"], dtype="category"), 1).tolist()
    ['never seen, never seen']
    """
    held = column.cat.categories if isinstance(column.dtype, pd.CategoricalDtype) else column.dropna().unique()
    words = {str(value) for value in held}
    new = NEW
    while new in words:
        new = f"{new}, {NEW}"
    if isinstance(column.dtype, pd.CategoricalDtype):
        return pd.Series([new] * rows, dtype=pd.CategoricalDtype([*held, new]))
    return pd.Series([new] * rows, dtype=column.dtype)


def blank(column: pd.Series, rows: int) -> pd.Series:
    """Return `rows` missing values, written as the column itself would write them.

    Examples
    --------
    >>> blank(pd.Series([1, 2]), 2).tolist(), blank(pd.Series(["a", None], dtype=object), 1).tolist()
    ([nan, nan], [None])
    """
    kind = column.dtype
    if isinstance(kind, np.dtype) and kind.kind in "iub":
        whole = kind.kind != "b"
        return pd.Series(np.full(rows, np.nan), dtype=np.float64 if whole else object)
    if pd.api.types.is_object_dtype(kind):
        own = column[column.isna()]
        return pd.Series([own.iloc[0] if len(own) else np.nan] * rows, dtype=object)
    return pd.Series([None] * rows, dtype=kind)
