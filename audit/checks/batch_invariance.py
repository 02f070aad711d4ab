"""Does a row's answer depend on the company it is in?"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from audit.check import check
from audit.estimate.making import absent, exact
from audit.evidence import IntArray, Pair, Perturbed
from audit.exhibits import by_address_table
from reports.record import Estimate, Measurement

Mask = npt.NDArray[np.bool_]


@check(title="Batch invariance", family="robustness", references=("Ioffe and Szegedy 2015, Batch normalization",))
def batch_invariance(repeated: Perturbed, *, tolerance: float = 1e-6) -> Measurement:
    """Predict rows backwards, in small batches and one by one, and count answers that differ.

    Reading. Zero: each row is answered by itself. Anything else means that a person's score depends on who
    else was scored at the same moment: batch normalization or dropout left in training mode, dynamic
    quantization, features standardized over the batch. A score counts as changed beyond `tolerance`; in
    regression the prediction does, in standard deviations of the target.

    Limits. Rows whose answers differ when the very same call is repeated are left out here; they are counted
    under determinism. A sample of rows is tried in small batches and one by one. Tiny differences of
    single-precision arithmetic stay under the tolerance in networks of common depth, not in all.
    """
    steady = _steady(repeated, tolerance)
    estimates: list[Estimate] = []
    for variant in (*repeated.names, *repeated.failed):
        if variant != "again":
            estimates += _of(variant, repeated, steady, tolerance)
    total = sum(estimate.value or 0.0 for estimate in estimates if estimate.metric == "batch_dependent_rows")
    text = ", ".join(f"{variant}" for variant in repeated.names if variant != "again")
    return Measurement(
        summary=f"{total:g} answers depend on the batch ({text}).",
        estimates=tuple(estimates),
        exhibits=(by_address_table("Answers that depend on the batch", estimates, first="rows asked"),),
        notes=repeated.notes,
    )


def _of(variant: str, repeated: Perturbed, steady: IntArray, tolerance: float) -> list[Estimate]:
    where = {"split": "test", "variant": variant}
    if variant in repeated.failed:
        return [absent("batch_dependent_rows", where, repeated.failed[variant], unit="count")]
    pair = repeated.pair(variant)
    kept = np.isin(pair.before.row, steady)
    n = int(kept.sum())
    if not n:
        return [absent("batch_dependent_rows", where, "the model is not deterministic (ROB004)", unit="count")]
    differing = _differing(pair, tolerance) & kept
    return [
        exact("batch_dependent_rows", differing.sum(), where, n=n, unit="count"),
        exact("largest_score_change", pair.score_moves()[kept].max(initial=0.0), where, n=n, unit="score"),
    ]


def _steady(repeated: Perturbed, tolerance: float) -> IntArray:
    """Return the rows that the same call answers alike."""
    if "again" not in repeated.names:
        return repeated.predictions.row
    pair = repeated.pair("again")
    return pair.before.row[~_differing(pair, tolerance)]


def _differing(pair: Pair, tolerance: float) -> Mask:
    moved = np.asarray(pair.score_moves() > tolerance)
    return moved if pair.before.task == "regression" else moved | pair.changed_rows()
