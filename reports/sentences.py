"""What a verdict says, in a sentence that needs no glossary: the group, the number, how sure, how far it reaches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from reports.families import family_named
from reports.lookup import Estimates, headline_words, other_names, value_of
from reports.people import (
    RATES,
    capital,
    class_words,
    gap_of,
    gap_sentence,
    group_words,
    groups_in,
    harmed_first,
    quoted_class,
    rate_sentence,
    words_of,
)
from reports.phrases import count_noun, metric_words, number, per_hundred, percent, percent_interval, rule, visible
from reports.record import AuditRecord, Estimate, Gate, Verdict
from reports.results import found_words, gate_of
from reports.tellings import TELLINGS, Kind, Telling

_GAPS = {"regression": "a mean error of a fifth of the errors' spread"}
"""What as many rows show as a gap of ten points in decisions asks for, by task."""
_NONE = 1e-6
"""A limit below this is none: the sentence alone says what is wrong."""
FOUND = frozenset(other_names("recall"))
"""Metrics that say how many rows of a class are found."""
_NAMED = ("file", "layer", "window", "over", "of", "against")
"""Keys of addresses that name neither a group nor rows."""


def verdict_words(record: AuditRecord, known: Estimates, verdict: Verdict) -> str:
    """Say what was found for a verdict, on its slice, without its outcome."""
    estimate = verdict.estimate
    if estimate is None:
        return visible(verdict.message, 200).rstrip(".")
    if estimate.value is None:
        return (
            f"{_on(record, verdict.where)}{metric_words(estimate.metric)} is undefined: {visible(estimate.reason, 120)}"
        )
    return (
        telling_words(record, known, estimate)
        or _rates_of_groups(record, known, verdict, estimate)
        or _of_class(record, estimate)
        or _plain(record, known, estimate)
    )


def telling_words(record: AuditRecord, known: Estimates, estimate: Estimate) -> str:
    """Put a number that has a value into the sentence of its metric; ``""`` where it has none of its own."""
    telling = TELLINGS.get(estimate.metric)
    return _fill(record, known, estimate, telling) if telling is not None else ""


def met_words(record: AuditRecord, known: Estimates, verdict: Verdict, gate: Gate) -> str:
    """Say the number of a gate that is met: by the gate's topic where the number's own sentence speaks of a fault."""
    estimate = verdict.estimate
    telling = TELLINGS.get(estimate.metric) if estimate is not None else None
    if estimate is None or telling is None or estimate.value is None:
        return verdict_words(record, known, verdict)
    topic = visible(gate.topic or gate.title.replace("-", " "), 100) or metric_words(estimate.metric)
    nothing = telling.kind == "count" and estimate.value == 0
    amount = "nothing to report" if nothing else _with_ends(estimate, telling.kind)
    return f"{_on(record, estimate.where)}{topic}: {amount}"


def concern_words(record: AuditRecord, known: Estimates, verdict: Verdict) -> str:
    """Say what was found for a verdict and what the limit is."""
    limit = limit_words(record, verdict, gate_of(record, verdict))
    return "; ".join(text for text in (verdict_words(record, known, verdict), limit) if text)


def report_words(record: AuditRecord, known: Estimates, verdict: Verdict) -> str:
    """Say in a line of a machine's report what was found: what a team demanded, the finding, its limit."""
    gate = gate_of(record, verdict)
    demand = f"{rule(gate)}. " if gate is not None and not gate.from_catalogue else ""
    if verdict.estimate is None or verdict.estimate.value is None:
        return f"{demand}{found_words(verdict)}"
    if verdict.outcome == "waived":  # its message ends with who waived it
        if verdict.message.startswith(verdict_words(record, known, verdict)):
            return f"{demand}{capital(record, visible(verdict.message, 600)).rstrip('.')}."
        return f"{demand}{found_words(verdict)}"
    return f"{demand}{capital(record, concern_words(record, known, verdict))}."


def reach_words(record: AuditRecord, verdict: Verdict) -> str:
    """Say how far a verdict reaches, in decisions, predictions or rows; nothing where the record does not hold it."""
    gate = gate_of(record, verdict)
    check = gate.check if gate is not None else ""
    family = next((finding.family for finding in record.findings if finding.check == check), "")
    noun = family_named(family).counts
    return extent_words(verdict, "predictions" if noun == "decisions" and record.task == "regression" else noun)


def extent_words(verdict: Verdict, noun: str = "decisions") -> str:
    """Say how far a verdict reaches; nothing where the record does not hold it.

    Examples
    --------
    >>> extent = Estimate(metric="extent", value=53.2, low=46.0, high=60.4, unit="rows per 1,000")
    >>> extent_words(Verdict(gate="g", where={}, outcome="fail", severity="warning", extent=extent))
    '53 of 1,000 decisions [46, 60]'
    """
    extent = verdict.extent
    if extent is None or extent.value is None:
        return ""
    ends = "" if extent.low is None or extent.high is None else f" [{_few(extent.low)}, {_few(extent.high)}]"
    return f"{_few(extent.value)} of 1,000 {noun}{ends if extent.low != extent.high else ''}"


def _few(value: float) -> str:
    return f"{value:.0f}" if value >= 2 else f"{value:.1f}".removesuffix(".0")


def known_words(verdict: Verdict, gate: Gate | None) -> str:
    """Say what is known of an open or failed gap: its sign and how large it may be, against its limit.

    Examples
    --------
    >>> gap = Estimate(metric="recall_difference", value=0.15, low=0.04, high=0.26, unit="difference", n=200)
    >>> one = Verdict(gate="g", where={}, outcome="inconclusive", severity="warning", estimate=gap)
    >>> known_words(one, Gate(id="g", title="", check="", metric="recall_difference", op="abs<=", threshold=0.1))
    'a gap is shown, its size is between 4 and 26 points; the limit is 10'
    """
    estimate = verdict.estimate
    if estimate is None or gate is None or estimate.unit != "difference" or gate.op != "abs<=" or estimate.low is None:
        return ""
    high = estimate.high if estimate.high is not None else estimate.low
    if estimate.low <= 0 <= high or isinstance(gate.threshold, tuple) or _kind(estimate) != "points":
        return ""
    near, far = sorted((abs(estimate.low), abs(high)))
    limit = f"{100 * gate.threshold:g}"
    return f"a gap is shown, its size is between {100 * near:.0f} and {100 * far:.0f} points; the limit is {limit}"


def limit_words(record: AuditRecord, verdict: Verdict, gate: Gate | None) -> str:
    """Write the limit of a gate in the unit of its number; nothing where none of a kind is allowed.

    A ratio of rates of outcomes names the outcome, where the sentence beside it speaks of the other one.
    """
    estimate = verdict.estimate
    if gate is None or estimate is None or estimate.value is None:
        return ""
    if gate.kind == "no_regression" and not isinstance(gate.threshold, tuple):
        return f"limit: {number(abs(gate.threshold))} worse than the baseline"
    kind = _kind(estimate)
    if isinstance(gate.threshold, tuple):
        return f"limits: {' and '.join(_limit(end, kind) for end in gate.threshold)}"
    if abs(gate.threshold) < _NONE:
        return ""
    if estimate.metric.endswith("_ratio") and words_of(estimate.metric.removesuffix("_ratio")).share:
        return _ratio_limit(record, estimate, gate.threshold)
    least = "at least " if gate.op == ">=" and kind != "chance" else ""
    return f"limit: {least}{_limit(gate.threshold, kind)}"


def _limit(value: float, kind: Kind) -> str:
    return f"{value:g}{' times' if kind == 'times' else ''}" if kind in ("times", "number") else _amount(value, kind)


def _ratio_limit(record: AuditRecord, estimate: Estimate, threshold: float) -> str:
    spoken = estimate.where.get("class") or record.data.favorable or record.data.positive
    text = record.data.positive if record.task == "binary" else spoken
    if not words_of(estimate.metric.removesuffix("_ratio")).of_outcome:
        return f"limit: the lower at least {percent(threshold)} of the higher"
    outcome = "" if spoken == text else f"{class_words(record, spoken)} "
    return f"{outcome}{percent(value_of(estimate))} as often; limit: at least {percent(threshold)}"


def _kind(estimate: Estimate) -> Kind:
    """Choose the unit of a number: that of its sentence, else points of a difference of shares."""
    if estimate.metric in TELLINGS:
        return TELLINGS[estimate.metric].kind
    base = estimate.metric.removesuffix("_difference")
    if base != estimate.metric and any(words_of(name).share for name in other_names(base)):
        return "points"
    if estimate.metric.endswith("_ratio"):
        return "times"
    return "share" if any(words_of(name).share for name in other_names(estimate.metric)) else "number"


def _amount(value: float, kind: Kind) -> str:
    """Write a number in a unit, without its interval.

    Examples
    --------
    >>> [_amount(0.05, kind) for kind in ("share", "points", "pairs", "times", "chance", "number")]
    ['5 %', '5 points', '5 of 100 pairs', '0.1 times', '50 of 1,000 cases', '0.050']
    """
    if kind == "share":
        return percent(value)
    if kind == "points" or (kind == "score" and abs(value) <= 1):
        points = percent(value).removesuffix(" %")
        return f"{points} point{'' if points in ('1', '−1') else 's'}"
    if kind == "pairs":
        return f"{100 * value:.0f} of 100 pairs"
    if kind == "times":
        return f"{value:.1f} times" if value < 100 else f"{value:,.0f} times"
    if kind == "chance":
        return "fewer than 1 of 1,000 cases" if value < 0.001 else f"{1000 * value:.0f} of 1,000 cases"
    return number(value, "count" if kind == "count" else "")


def _with_ends(estimate: Estimate, kind: Kind) -> str:
    """Write a number in a unit with its interval."""
    amount = _amount(value_of(estimate), kind)
    if estimate.low is None or estimate.high is None or estimate.method == "count" or kind == "count":
        return amount
    if kind in ("share", "points", "score", "pairs") and amount != number(estimate.value):
        return f"{amount} {percent_interval(estimate)}" if estimate.low != estimate.high else amount
    if kind == "chance":
        return amount
    low, high = (_amount(end, kind).removesuffix(" times") for end in (estimate.low, estimate.high))
    return f"{amount} [{low}, {high}]"


def _fill(record: AuditRecord, known: Estimates, estimate: Estimate, telling: Telling) -> str:
    """Put a number and what its address names in the places of a sentence."""
    below = value_of(estimate) < telling.pivot
    shown = estimate.affine(-1.0) if telling.sides[0] and not telling.pivot and below else estimate
    return telling.words.format(
        value=_with_ends(shown, telling.kind), side=telling.sides[0 if below else 1], **_places(record, known, estimate)
    )


def _places(record: AuditRecord, known: Estimates, estimate: Estimate) -> dict[str, str]:
    """Say in words what the places of a sentence stand for."""
    own = {key: level for key, level in groups_in(estimate.where).items() if key not in (*_NAMED, "metric")}
    split = estimate.where.get("split", "test")
    over = estimate.where.get("over", "")
    return {
        "what": visible(estimate.where.get("feature", "a feature"), 60),
        "group": group_words(record, own) if own else "all rows",
        "class": class_words(record, estimate.where.get("class", "")),
        "positive": class_words(record, record.data.positive),
        "target": visible(record.data.target, 60) or "the target",
        "headline": headline_words(record, known),
        "slice": visible(estimate.where.get("slice", ""), 100) or group_words(record, estimate.where),
        "n": f" (n {estimate.n:,})" if estimate.n is not None else "",
        "split": "" if split in ("test", "*") else f" ({visible(split, 40)} rows)",
        "gap": _GAPS.get(record.task, "a gap of ten points in decisions"),
        "in_features": _in_features(record, estimate),
        "variant": visible(estimate.where.get("variant", "a change"), 60).replace("_", " "),
        "metric": (
            metric_words(estimate.where.get("metric", "a metric")) + (f", {group_words(record, own)}" if own else "")
        ),
        "change": _change_words(known, estimate),
        "scope": f"over {visible(over, 40)}" if over else "",
        **{
            key: visible(estimate.where.get(key, ""), 60).replace("_", " ") or f"a {key}"
            for key in ("of", "layer", "window")
        },
        "against": visible(estimate.where.get("against", ""), 60) or "the version before",
        "file": visible(estimate.where.get("file", "a file"), 60),
    }


def _change_words(known: Estimates, alarm: Estimate) -> str:
    """Say by how much a number has changed for the worse, with the interval that its alarm goes by."""
    change = known.get(alarm.metric.replace("_alarm", "_change"), alarm.where)
    if change is None:
        return ""
    size = change.affine(-1.0) if value_of(change) < 0 else change
    kind: Kind = "points" if change.unit == "difference" else "number"
    return f" by {_with_ends(size, kind)}"


def _in_features(record: AuditRecord, estimate: Estimate) -> str:
    """Say in how many of the features, where there are several."""
    every = record.data.feature_count
    return f", in {number(value_of(estimate), 'count')} of {count_noun(every, 'feature')}" if every != 1 else ""


def _rates_of_groups(record: AuditRecord, known: Estimates, verdict: Verdict, estimate: Estimate) -> str:
    """Say the two rates behind a difference or a ratio among groups, crossed ones too."""
    for ending in ("_difference", "_ratio"):
        base = estimate.metric.removesuffix(ending)
        for rate in other_names(base) if base != estimate.metric else ():
            between_groups = rate in RATES and groups_in(verdict.where)
            gap = gap_of(record, known, rate, verdict.where, estimate.metric) if between_groups else None
            if gap is not None:
                return gap_sentence(record, harmed_first(record, gap))
    return ""


def _of_class(record: AuditRecord, estimate: Estimate) -> str:
    """Say how many of a class are found."""
    if estimate.metric not in FOUND or "class" not in estimate.where:
        return ""
    n = f" (n {estimate.n:,})" if estimate.n is not None else ""
    groups = groups_in(estimate.where)
    among = f"{group_words(record, groups)}: " if groups else ""
    return f"{among}finds {per_hundred(value_of(estimate))} of class {quoted_class(record, estimate.where['class'])}{n}"


def _plain(record: AuditRecord, known: Estimates, estimate: Estimate) -> str:
    """Say a number by its name, a gain against a baseline by its direction."""
    n, on = f" (n {estimate.n:,})" if estimate.n is not None else "", _on(record, estimate.where)
    gained = estimate.metric.removesuffix("_gain")
    if gained != estimate.metric and known.of(gained):
        side = "worse" if value_of(estimate) < 0 else "better"
        shown = estimate.affine(-1.0) if side == "worse" else estimate
        return f"{on}{metric_words(gained)} is {side} than the baseline's by {_with_ends(shown, 'number')}{n}"
    other = _beside(estimate)
    if other:
        return f"{on}{other}{n}"
    rate = next((name for name in other_names(estimate.metric) if name in RATES), "")
    if rate and "class" not in estimate.where:
        return rate_sentence(record, replace(estimate, metric=rate))
    return f"{on}{metric_words(estimate.metric)} is {_with_ends(estimate, _kind(estimate))}{n}"


def _beside(estimate: Estimate) -> str:
    """Say how a group's number differs from that of the group it is compared with, where no rates stand beside."""
    if not groups_in(estimate.where):
        return ""
    base = estimate.metric.removesuffix("_difference")
    if base != estimate.metric:
        side = "lower" if value_of(estimate) < 0 else "higher"
        shown = estimate.affine(-1.0) if side == "lower" else estimate
        return (
            f"{metric_words(base)} is {_with_ends(shown, _kind(estimate))} {side} than in the group it is compared with"
        )
    base = estimate.metric.removesuffix("_ratio")
    words = f"{metric_words(base)} is {_with_ends(estimate, 'times')} that of the group it is compared with"
    return words if base != estimate.metric else ""


def _on(record: AuditRecord, where: Mapping[str, str]) -> str:
    return f"{group_words(record, where)}: " if set(where) - {"split"} else ""
