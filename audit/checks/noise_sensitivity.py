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
    Features with up to twelve distinct values stay as they are. A decision near its threshold turns easily
    in any model.
    """
    regression = noise.predictions.task == "regression"
    metric = "noise_move" if regression else "noise_flip_share"
    made: list[Estimate] = []
    for variant in (*noise.names, *noise.failed):
        where = {"split": "test", "variant": variant}
        if variant in noise.failed:
            made.append(absent(metric, where, noise.failed[variant]))
            continue
        pair = noise.pair(variant)
        made.append(move(metric, pair, where) if regression else share(metric, pair.changed(), pair.before, where))
    other = "noise_flip_share" if regression else "noise_move"
    asked_of = "decisions" if regression else "predictions that are numbers"
    unasked = [absent(other, one.where, f"applies to {asked_of} only") for one in made]
    what = (
        "mean move of the prediction, in standard deviations of the target" if regression else "decisions that change"
    )
    told = "; ".join(f"{one.where['variant']}: {one}" for one in made)
    return Measurement(
        summary=f"{what[0].upper()}{what[1:]}, under {told}.",
        estimates=(*made, *unasked),
        exhibits=_curve(made, what),
        notes=noise.notes,
    )


def _curve(made: list[Estimate], what: str) -> tuple[Exhibit, ...]:
    known = [one for one in made if one.value is not None]
    if not known:
        return ()
    series = Series(
        name="change",
        x=tuple(float(one.where["variant"].split()[2]) for one in known),
        y=tuple(one.value or 0.0 for one in known),
        low=tuple(one.low or 0.0 for one in known),
        high=tuple(one.high or 0.0 for one in known),
        style="points",
    )
    return (Curve(title="Noise", x_label="noise, in standard deviations of a feature", y_label=what, series=(series,)),)
