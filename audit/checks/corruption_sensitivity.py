"""Does the model stand what cameras, keyboards and sensors do?"""

from __future__ import annotations

from dataclasses import replace

from audit.check import check
from audit.estimate.making import absent
from audit.estimate.paired import paired_difference
from audit.evidence import Perturbed
from audit.exhibits import by_address_table
from reports.record import Estimate, Measurement, Where


@check(
    title="Sensitivity to corruption",
    family="robustness",
    references=("Hendrycks and Dietterich 2019, Benchmarking neural network robustness to common corruptions",),
)
def corruption_sensitivity(corrupted: Perturbed) -> Measurement:
    """Corrupt images, texts or sequences at three severities and subtract accuracy.

    Reading. The accuracy that a corruption costs, on the same rows; in regression the R². Mild corruption is
    what happens every day; medium and strong show where the model gives way.

    Limits. Simulated corruption is not the field's: a model that stands it may still fail in rain or fog.
    Severities are set by convention.
    """
    name = "r2_score" if corrupted.predictions.task == "regression" else "accuracy"
    made: list[Estimate] = []
    for variant in (*corrupted.names, *corrupted.failed):
        severity, _, kind = variant.partition(" ")
        called = "accuracy_drop" if severity == "mild" else f"accuracy_drop_{severity}"
        made.append(_drop(corrupted, variant, name, called, {"split": "test", "variant": kind}))
    mild = [one for one in made if one.metric == "accuracy_drop" and one.value is not None]
    told = "no mild corruption was answered"
    if mild:
        worst = max(mild, key=lambda one: one.value or 0.0)
        told = f"mild {worst.where['variant']} costs most {name}: {worst}"
    return Measurement(
        summary=f"{told[0].upper()}{told[1:]}.",
        estimates=tuple(made),
        exhibits=(by_address_table(f"{name} lost by corruption", made, first="corruption"),),
        notes=corrupted.notes,
    )


def _drop(corrupted: Perturbed, variant: str, name: str, called: str, where: Where) -> Estimate:
    if variant in corrupted.failed:
        return absent(called, where, corrupted.failed[variant], unit="difference")
    pair = corrupted.pair(variant)
    return replace(paired_difference(pair.before, pair.after, name), metric=called, where=dict(where))
