"""Attributions of enough rows of every group to compare what drives decisions among them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from audit.data.factor import Factor, concatenate
from audit.evidence import Attributions
from audit.evidence.requirements import require_evidence
from audit.gather.attributions import Plan, attribute

if TYPE_CHECKING:
    from audit.gather import Context

DRAWN = "(drawn)"
"""Level of the key ``variant`` for rows of the plain sample; other rows carry the feature they were added for."""


def gather(context: Context, *, rows: int = 40, evaluations: int = 1_000_000) -> Attributions:
    """Add rows of thin groups to those that are explained already.

    Parameters
    ----------
    context : Context
    rows : int
        Rows of each group to reach, where the test split has so many.
    evaluations : int
        Rows that the model may be asked for; fewer where it is large.

    Returns
    -------
    Attributions
        With the key ``variant``: ``(drawn)``, or the sensitive feature for whose thin group a row was added.

    Raises
    ------
    NotApplicable
        If no sensitive feature is declared.
    """
    dataset = context.dataset
    require_evidence("sensitive", dataset=dataset)
    first: Attributions = context.need("attributions", tuple)[0]
    drawn = replace(first, keys={**first.keys, "variant": Factor.constant(DRAWN, len(first.values))})
    chosen = _thin(context, first, rows)
    if not chosen:
        return drawn
    extra = attribute(context, Plan(chosen=tuple(row for row, _ in chosen), evaluations=evaluations))
    if extra.method != first.method or extra.scale != first.scale:
        note = f"rows of thin groups were left out: they were explained by {extra.method} instead"
        return replace(drawn, notes=(*first.notes, note))
    why = Factor.of([feature for _, feature in chosen[: len(extra.values)]])
    return _join(drawn, replace(extra, keys={**extra.keys, "variant": why}))


def _thin(context: Context, first: Attributions, rows: int) -> list[tuple[int, str]]:
    """List further rows, each with the feature whose group lacks rows among those drawn."""
    dataset = context.dataset
    order = context.generator("group attributions").permutation(dataset.rows("test"))
    known = set(first.row.tolist())
    entries: list[tuple[int, str]] = []
    for feature, factor in dataset.sensitive.items():
        counts = factor.take(first.row.astype(np.intp)).counts()
        sizes = factor.take(dataset.rows("test")).counts()
        hidden = [
            bool(context.settings.why_hidden({feature: level}, int(n)))
            for level, n in zip(factor.levels, sizes, strict=True)
        ]
        for code in np.flatnonzero((counts < rows) & ~np.array(hidden, dtype=np.bool_)):
            here = [row for row in order[factor.codes[order] == code].tolist() if row not in known]
            entries += [(row, feature) for row in here[: int(rows - counts[code])]]
    return entries


def _join(first: Attributions, extra: Attributions) -> Attributions:
    notes = (*first.notes, f"{len(extra.values)} rows more, of groups with few among those drawn")
    return replace(
        first,
        values=np.concatenate([first.values, extra.values]),
        base=None if first.base is None or extra.base is None else np.concatenate([first.base, extra.base]),
        output=None if first.output is None or extra.output is None else np.concatenate([first.output, extra.output]),
        keys={name: concatenate([factor, extra.keys[name]]) for name, factor in first.keys.items()},
        row=np.concatenate([first.row, extra.row]),
        notes=notes,
    )
