"""The same rows explained again and again, with other seeds and other backgrounds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from audit.evidence import Attributions
from audit.gather import lime
from audit.gather._explained import MOST_COLUMNS
from audit.gather.attributions import Plan, attribute

if TYPE_CHECKING:
    from audit.gather import Context

EVALUATIONS = 750_000
"""Rows that the model may be asked for by one run."""
WIDE_ROWS = 12
"""Rows at most where columns are too many to be looked at one by one."""


def gather(
    context: Context, *, runs: int = 3, rows: int = 40, background: int = 100, samples: int = 5000
) -> tuple[Attributions, ...]:
    """Repeat the explanation of some rows: SHAP with another background and seed, LIME with other samples.

    Parameters
    ----------
    context : Context
    runs : int
        Repetitions, at least 2.
    rows : int
        Test rows, the first of those that are explained; 12 at most of a table of over 200 columns.
    background : int
        Background rows of each run.
    samples : int
        Samples of LIME.
    """
    entries = []
    wide = len(context.dataset.features) > MOST_COLUMNS
    rows = min(rows, WIDE_ROWS) if wide else rows
    for run in range(1, max(runs, 2) + 1):
        plan = Plan(rows=rows, background=background, evaluations=EVALUATIONS, run=run)
        entries.append(replace(attribute(context, plan), seed=run))
        if not wide:
            entries.append(lime.gather(context, rows=rows, samples=samples, run=run))
    return tuple(entries)
