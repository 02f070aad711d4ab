"""Do other rows come, or does it go differently for the same kind of rows?"""

from __future__ import annotations

from audit.check import check
from audit.errors import NotApplicable
from audit.estimate.attribution import PARTS, attribute_change
from audit.estimate.monitoring import everyone
from audit.evidence import Predictions, Windows
from audit.exhibits import by_address_table
from reports.phrases import list_names as few
from reports.phrases import percent
from reports.record import Estimate, Measurement

WORDS = {"accuracy": "accuracy", "decisions": "the share of positive decisions", "score": "the mean score"}


@check(
    title="What a change comes from",
    family="monitoring",
    tasks=("binary", "multiclass"),
    references=("Kitagawa 1955, Components of a difference between two rates", "Oaxaca 1973"),
)
def drift_attribution(windows: Windows) -> Measurement:
    """Split the change of accuracy, decisions and scores since the reference into mix and change within groups.

    Reading. ``change_by_mix`` is what would have changed if only the shares of a feature's levels had moved;
    ``change_within`` is what is left: the same kind of rows get other scores, or are decided rightly more or less
    often. The two add up to the whole change, feature by feature. A large part within every feature says that
    the model, or what it predicts, has changed.

    Limits. Each feature is looked at alone, and only those that the log names. Intervals are for this window
    and feature alone: among many, some miss the truth. Not a cause: a feature may stand for another.
    """
    old, current = windows.reference, windows.current
    keys = tuple(dict.fromkeys((*old.labeled.sensitive, *windows.features)))
    if not keys:
        raise NotApplicable("needs a column to split by: name one with [data] sensitive or [data] features")
    pairs: dict[str, tuple[Predictions, Predictions]] = {}
    if old.labeled.total and current.labeled.total:
        pairs["accuracy"] = (old.labeled, current.labeled)
    every = (everyone(old), everyone(current))
    if every[0].total and every[1].total:
        binary = every[0].task == "binary"
        pairs |= {"decisions": every} if binary else {}
        scores = (every[0] if old.with_scores is None else old.with_scores, every[1])
        pairs |= {"score": scores} if binary and all(part.y_score is not None for part in scores) else {}
    where = {"split": "test", "window": current.name}
    estimates: list[Estimate] = []
    for value, (before, after) in pairs.items():
        for key in keys:
            estimates += attribute_change(before, after, value, key, where)
    if not estimates:
        raise NotApplicable("the current window or the reference has no rows")
    lines = [text for value in pairs if (text := _sentence(value, estimates))]
    calm = f"no part of a change is shown to come from another mix of {few(keys, limit=3)}"
    return Measurement(
        summary=f"{current.name}: {'; '.join(lines) or calm}.",
        estimates=tuple(estimates),
        exhibits=(by_address_table("Changes since the reference, by what they come from", estimates, folded=True),),
    )


def _sentence(value: str, estimates: list[Estimate]) -> str:
    """Say of the feature with the largest shown mix how much of a change it accounts for."""
    own = [estimate for estimate in estimates if estimate.where["of"] == value and estimate.value is not None]
    shown = [estimate for estimate in own if estimate.metric == PARTS[0] and _is_shown(estimate)]
    if not shown:
        return ""
    mix = max(shown, key=lambda estimate: abs(estimate.value or 0.0))
    rest = next(estimate for estimate in own if estimate.metric == PARTS[1] and estimate.where == mix.where)
    whole = (mix.value or 0.0) + (rest.value or 0.0)
    changed, by_mix = _points(whole), _points(mix.value or 0.0)
    return f"{WORDS[value]} changed by {changed}, {by_mix} of it by another mix of {mix.where['feature']}"


def _points(change: float) -> str:
    return f"{'+' if change > 0 else '−'}{percent(abs(change)).removesuffix(' %')} points"


def _is_shown(estimate: Estimate) -> bool:
    return estimate.low is not None and estimate.high is not None and (estimate.low > 0 or estimate.high < 0)
