"""How much accuracy is left when rows are moved a little in the worst direction?"""

from __future__ import annotations

from audit.check import check
from audit.estimate.changes import paired_ratio
from audit.estimate.making import absent
from audit.estimate.measure import estimates
from audit.evidence import Perturbed
from audit.exhibits import estimates_table
from reports.record import Estimate, Measurement


@check(
    title="Adversarial steps",
    family="robustness",
    tasks=("binary", "multiclass"),
    references=("Madry et al. 2018, Towards deep learning models resistant to adversarial attacks",),
)
def adversarial(adversarial: Perturbed) -> Measurement:
    """Move each row within a small reach by projected gradient steps, and divide accuracies.

    Reading. The share of the accuracy that is left under attack; under a half, changes too small to notice
    change most decisions. Anybody who gains from a decision can look for them.

    Limits. One attack with few steps and one random start: stronger ones find more, and a model whose
    gradients vanish only seems to resist it. Features move as if each could be set freely.
    """
    measured: list[Estimate] = []
    exhibits = []
    for variant in (*adversarial.names, *adversarial.failed):
        where = {"split": "test", "variant": variant}
        if variant in adversarial.failed:
            measured.append(absent("accuracy_kept_under_attack", where, adversarial.failed[variant], unit="ratio"))
            continue
        pair = adversarial.pair(variant)
        right, left = (part.y_pred == part.y_true for part in (pair.before, pair.after))
        measured.append(paired_ratio("accuracy_kept_under_attack", left, right, pair.before, where))
        scores = (*estimates(pair.before, ("accuracy",)), *estimates(pair.after, ("accuracy",)))
        exhibits.append(estimates_table(f"Accuracy before and under {variant}", scores))
    text = "; ".join(f"{estimate.where['variant']}: {estimate}" for estimate in measured)
    return Measurement(
        summary=f"Accuracy kept under attack: {text or 'not known'}.",
        estimates=tuple(measured),
        exhibits=tuple(exhibits),
        notes=adversarial.notes,
    )
