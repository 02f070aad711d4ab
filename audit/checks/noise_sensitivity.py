"""Do decisions turn when numbers are measured a little otherwise?"""

from __future__ import annotations

from audit.check import check
from audit.estimate.changes import move, share
from audit.estimate.making import absent
from audit.evidence import Perturbed
from reports.record import Curve, Estimate, Exhibit, Measurement, Series


@check(title="Sensitivity to noise", family="robustness")
def noise_sensitivity(noise: Perturbed) -> Measurement:
    """Add a little noise to every numeric feature and count the decisions that change.

    Reading. The share of rows that get another label when each numeric feature is off by a tenth of its
    standard deviation, roughly what two measurements of the same thing differ by. In regression, by how much
    the prediction moves, in standard deviations of the target.

    Limits. Noise is independent across features and may leave their range or make rows that cannot exist.
    Features with up to twelve distinct values stay as they are. A decision near its threshold changes easily
    in any model.
    """
    regression = noise.predictions.task == "regression"
    metric = "noise_move" if regression else "noise_flip_share"
    estimates: list[Estimate] = []
    for variant in (*noise.names, *noise.failed):
        where = {"split": "test", "variant": variant}
        if variant in noise.failed:
            estimates.append(absent(metric, where, noise.failed[variant]))
            continue
        pair = noise.pair(variant)
        estimates.append(
            move(metric, pair, where) if regression else share(metric, pair.changed_rows(), pair.before, where)
        )
    other = "noise_flip_share" if regression else "noise_move"
    asked_of = "decisions" if regression else "predictions that are numbers"
    unasked = [absent(other, estimate.where, f"applies to {asked_of} only") for estimate in estimates]
    what = (
        "mean move of the prediction, in standard deviations of the target" if regression else "decisions that change"
    )
    text = "; ".join(f"{estimate.where['variant']}: {estimate}" for estimate in estimates)
    return Measurement(
        summary=f"{what[0].upper()}{what[1:]}, under {text}.",
        estimates=(*estimates, *unasked),
        exhibits=_curve(estimates, what),
        notes=noise.notes,
    )


def _curve(estimates: list[Estimate], what: str) -> tuple[Exhibit, ...]:
    known = [estimate for estimate in estimates if estimate.value is not None]
    if not known:
        return ()
    series = Series(
        name="change",
        x=tuple(float(estimate.where["variant"].split()[2]) for estimate in known),
        y=tuple(estimate.value or 0.0 for estimate in known),
        low=tuple(estimate.low or 0.0 for estimate in known),
        high=tuple(estimate.high or 0.0 for estimate in known),
        style="points",
    )
    return (Curve(title="Noise", x_label="noise, in standard deviations of a feature", y_label=what, series=(series,)),)
