"""The same rows predicted again: in one piece, backwards, in small batches, one by one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from audit.evidence import Perturbed
from audit.gather._perturbed import Positions, Variant, ask_variants, sample

if TYPE_CHECKING:
    from audit.gather import Context


def gather(context: Context, *, rows: int = 2000, alone: int = 50, batch: int = 7) -> Perturbed:
    """Predict a sample of test rows several times.

    Parameters
    ----------
    context : Context
    rows : int
        Test rows at most.
    alone : int
        Rows that are also predicted one by one and in small batches.
    batch : int
        Rows of a small batch.
    """
    base, notes = sample(context, rows, "repeated")
    few = base[:: max(1, len(base) // max(alone, 1))][:alone]
    notes = (*notes, f"{len(few)} rows one by one and in batches of {batch}")
    variants = _variants(context, base, few, batch)
    return ask_variants(context, base, variants, what="predicting again", notes=notes)


def _variants(context: Context, base: Positions, few: Positions, batch: int) -> Iterator[Variant]:
    dataset = context.dataset
    yield Variant("again", lambda: dataset.inputs(base), base)
    backwards = base[::-1]
    yield Variant("reversed", lambda: dataset.inputs(backwards), backwards)
    yield Variant(f"batches of {batch}", lambda: dataset.inputs(few), few, batch)
    yield Variant("alone", lambda: dataset.inputs(few), few, 1)
