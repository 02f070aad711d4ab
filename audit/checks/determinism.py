"""Does the model answer the same rows in the same way twice?"""

from __future__ import annotations

from audit.check import check
from audit.estimate.making import absent, exact
from audit.evidence import Perturbed
from audit.exhibits import estimates_table
from reports.record import Measurement

TEST = {"split": "test"}


@check(title="Determinism", family="robustness")
def determinism(repeated: Perturbed, *, tolerance: float = 1e-6) -> Measurement:
    """Predict the same rows twice, in the same order and in one piece, and count answers that differ.

    Reading. Zero: asked again, the model gives the same answers. Anything else means that a decision cannot be
    reproduced, explained or contested. A score counts as changed beyond `tolerance`; in regression the
    prediction does, in standard deviations of the target.

    Limits. Two calls in one process on one machine; other machines and later versions are not tried.
    """
    if "again" not in repeated.names:
        reason = repeated.failed.get("again", "the rows were not predicted again")
        missing = absent("nondeterministic_rows", TEST, reason, unit="count")
        return Measurement(summary=f"Not known: {reason}", estimates=(missing,), notes=repeated.notes)
    pair = repeated.pair("again")
    moved, n = pair.score_moves(), len(pair.before)
    differing = moved > tolerance
    if pair.before.task != "regression":
        differing |= pair.changed_rows()
    both = (
        exact("nondeterministic_rows", differing.sum(), TEST, n=n, unit="count"),
        exact("largest_score_change", moved.max(initial=0.0), TEST, n=n, unit="score"),
    )
    return Measurement(
        summary=f"{int(differing.sum())} of {n} rows get a different answer the second time.",
        estimates=both,
        exhibits=(estimates_table("The same rows predicted twice", both),),
        notes=repeated.notes,
    )
