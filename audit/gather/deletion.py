"""What becomes of the output when features are deleted in the order of their attributions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from audit.evidence import Attributions
from audit.explain.deletion import DeletionCurves, deletion_curves
from audit.gather._explained import MOST_COLUMNS, draw_explained
from audit.gather.attribution_runs import WIDE_ROWS

if TYPE_CHECKING:
    from audit.gather import Context


def gather(context: Context, *, rows: int = 50, background: int = 10, orders: int = 4) -> DeletionCurves:
    """Delete features from explained rows.

    Parameters
    ----------
    context : Context
    rows : int
        The first of the rows that are explained.
    background : int
        Rows whose values stand for deleted ones.
    orders : int
        Random orders of deletion to compare with.
    """
    first: Attributions = context.need("attributions", tuple)[0]
    rows = min(rows, 2 * WIDE_ROWS) if len(first.features) > MOST_COLUMNS else rows
    kept = max(1, min(rows, len(first.values)))
    what = draw_explained(context, rows=kept, background=background)
    parts, places = [], []
    for code, here in what.groups():
        parts.append(
            deletion_curves(
                what.score(code),
                what.X[here],
                what.background,
                first.values[here],
                generator=context.generator(f"deletion {code}"),
                orders=max(orders, 1),
                tick=lambda done, total: context.progress("deleting features", done, total),
            )
        )
        places.append(here)
    order = np.argsort(np.concatenate(places))
    sizes = [len(part.deleted) for part in parts]
    return replace(
        parts[0],
        deleted=np.concatenate([part.deleted for part in parts])[order],
        inserted=np.concatenate([part.inserted for part in parts])[order],
        random=np.concatenate([part.random for part in parts])[order],
        spread=float(np.average([part.spread for part in parts], weights=sizes)),
        notes=(
            f"features deleted from {kept} test rows, {orders} random orders each",
            f"{len(what.background)} background rows stand for deleted values",
        ),
    )
