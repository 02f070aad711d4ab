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
    rate_sentence,
    words_of,
)
from reports.phrases import counted, metric_words, number, per_hundred, percent, percent_interval, rule, visible
from reports.record import AuditRecord, Estimate, Gate, Verdict
from reports.results import found_words, gate_of
from reports.tellings import TELLINGS, Kind, Telling

_GAPS = {"regression": "a mean error of a fifth of the errors' spread"}
"""What as many rows show as a gap of ten points in decisions asks for, by task."""
_NONE = 1e-6
"""A limit below this is none: the sentence alone says what is wrong."""
FOUND = frozenset(other_names("recall"))
"""Metrics that say how many rows of a class are found."""
_NAMED = ("file", "layer", "window", "over", "of")
"""Keys of addresses that name neither a group nor rows."""


def verdict_words(record: AuditRecord, known: Estimates, verdict: Verdict) -> str:
    """Say what was found for a verdict, on its slice, without its outcome."""
    found = verdict.estimate
    if found is None:
        return visible(verdict.message, 200).rstrip(".")
    if found.value is None:
        return f"{_on(record, verdict.where)}{metric_words(found.metric)} is undefined: {visible(found.reason, 120)}"
    telling = TELLINGS.get(found.metric)
    if telling is not None:
        return _filled(record, known, found, telling)
    return _rates_of_groups(record, known, verdict, found) or _of_class(record, found) or _plain(record, known, found)


def concern_words(record: AuditRecord, known: Estimates, verdict: Verdict) -> str:
    """Say what was found for a verdict and what the limit is."""
    limit = limit_words(record, verdict, gate_of(record, verdict))
    return "; ".join(one for one in (verdict_words(record, known, verdict), limit) if one)


def report_words(record: AuditRecord, known: Estimates, verdict: Verdict) -> str:
    """Say in a line of a machine's report what was found: what a team demanded, the finding, its limit."""
    gate = gate_of(record, verdict)
    demand = f"{rule(gate)}. " if gate is not None and not gate.from_catalogue else ""
    if verdict.outcome == "waived" or verdict.estimate is None or verdict.estimate.value is None:
        return f"{demand}{found_words(verdict)}"
    return f"{demand}{capital(record, concern_words(record, known, verdict))}."


def reach_words(record: AuditRecord, verdict: Verdict) -> str:
    """Say how far a verdict reaches, in decisions, predictions or rows; nothing where the record does not hold it."""
    gate = gate_of(record, verdict)
    check = gate.check if gate is not None else ""
    family = next((one.family for one in record.findings if one.check == check), "")
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
    one = verdict.estimate
    if one is None or gate is None or one.unit != "difference" or gate.op != "abs<=" or one.low is None:
        return ""
    high = one.high if one.high is not None else one.low
    if one.low <= 0 <= high or isinstance(gate.threshold, tuple) or _kind(one) != "points":
        return ""
    near, far = sorted((abs(one.low), abs(high)))
    limit = f"{100 * gate.threshold:g}"
    return f"a gap is shown, its size is between {100 * near:.0f} and {100 * far:.0f} points; the limit is {limit}"


def limit_words(record: AuditRecord, verdict: Verdict, gate: Gate | None) -> str:
    """Write the limit of a gate in the unit of its number; nothing where none of a kind is allowed.

    A ratio of rates of outcomes names the outcome, where the sentence beside it speaks of the other one.
    """
    one = verdict.estimate
    if gate is None or one is None or one.value is None:
        return ""
    if gate.kind == "no_regression" and not isinstance(gate.threshold, tuple):
        return f"limit: {number(abs(gate.threshold))} worse than the baseline"
    kind = _kind(one)
    if isinstance(gate.threshold, tuple):
        return f"limits: {' and '.join(_limit(end, kind) for end in gate.threshold)}"
    if abs(gate.threshold) < _NONE:
        return ""
    if one.metric.endswith("_ratio") and words_of(one.metric.removesuffix("_ratio")).share:
        return _ratio_limit(record, one, gate.threshold)
    least = "at least " if gate.op == ">=" and kind != "chance" else ""
    return f"limit: {least}{_limit(gate.threshold, kind)}"


def _limit(value: float, kind: Kind) -> str:
    return f"{value:g}{' times' if kind == 'times' else ''}" if kind in ("times", "number") else _amount(value, kind)


def _ratio_limit(record: AuditRecord, one: Estimate, threshold: float) -> str:
    spoken = one.where.get("class") or record.data.favorable or record.data.positive
    told = record.data.positive if record.task == "binary" else spoken
    outcome = f"{class_words(record, spoken)} " if words_of(one.metric.removesuffix("_ratio")).of_outcome else ""
    if not outcome or spoken == told:
        return f"limit: the lower at least {percent(threshold)} of the higher"
    return f"limit: {outcome}at least {percent(threshold)} as often as in the other group"


def _kind(one: Estimate) -> Kind:
    """Choose the unit of a number: that of its sentence, else points of a difference of shares."""
    if one.metric in TELLINGS:
        return TELLINGS[one.metric].kind
    base = one.metric.removesuffix("_difference")
    if base != one.metric and any(words_of(name).share for name in other_names(base)):
        return "points"
    if one.metric.endswith("_ratio"):
        return "times"
    return "share" if any(words_of(name).share for name in other_names(one.metric)) else "number"


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
        return f"{percent(value).removesuffix(' %')} points"
    if kind == "pairs":
        return f"{100 * value:.0f} of 100 pairs"
    if kind == "times":
        return f"{value:.1f} times" if value < 100 else f"{value:,.0f} times"
    if kind == "chance":
        return "fewer than 1 of 1,000 cases" if value < 0.001 else f"{1000 * value:.0f} of 1,000 cases"
    return number(value, "count" if kind == "count" else "")


def _with_ends(one: Estimate, kind: Kind) -> str:
    """Write a number in a unit with its interval."""
    amount = _amount(value_of(one), kind)
    if one.low is None or one.high is None or one.method == "count" or kind == "count":
        return amount
    if kind in ("share", "points", "score", "pairs") and amount != number(one.value):
        return f"{amount} {percent_interval(one)}" if one.low != one.high else amount
    if kind == "chance":
        return amount
    low, high = (_amount(end, kind).removesuffix(" times") for end in (one.low, one.high))
    return f"{amount} [{low}, {high}]"


def _filled(record: AuditRecord, known: Estimates, one: Estimate, telling: Telling) -> str:
    """Put a number and what its address names in the places of a sentence."""
    below = value_of(one) < telling.pivot
    shown = _turned(one) if telling.sides[0] and not telling.pivot and below else one
    return telling.words.format(
        value=_with_ends(shown, telling.kind), side=telling.sides[0 if below else 1], **_places(record, known, one)
    )


def _turned(one: Estimate) -> Estimate:
    low, high = (None if end is None else -end for end in (one.high, one.low))
    return replace(one, value=-value_of(one), low=low, high=high)


def _places(record: AuditRecord, known: Estimates, one: Estimate) -> dict[str, str]:
    """Say in words what the places of a sentence stand for."""
    own = {key: level for key, level in groups_in(one.where).items() if key not in (*_NAMED, "metric")}
    split = one.where.get("split", "test")
    over = one.where.get("over", "")
    return {
        "what": visible(one.where.get("feature", "a feature"), 60),
        "group": group_words(record, own) if own else "all rows",
        "class": class_words(record, one.where.get("class", "")),
        "positive": class_words(record, record.data.positive),
        "target": visible(record.data.target, 60) or "the target",
        "headline": headline_words(record, known),
        "slice": visible(one.where.get("slice", ""), 100) or group_words(record, one.where),
        "n": f" (n {one.n:,})" if one.n is not None else "",
        "split": "" if split in ("test", "*") else f" ({visible(split, 40)} rows)",
        "gap": _GAPS.get(record.task, "a gap of ten points in decisions"),
        "features": counted(record.data.feature_count, "feature"),
        "variant": visible(one.where.get("variant", "a change"), 60).replace("_", " "),
        "metric": (
            metric_words(one.where.get("metric", "a metric")) + (f", {group_words(record, own)}" if own else "")
        ),
        "scope": f"over {visible(over, 40)}" if over else "",
        **{
            key: visible(one.where.get(key, ""), 60).replace("_", " ") or f"a {key}"
            for key in ("of", "layer", "window")
        },
        "file": visible(one.where.get("file", "a file"), 60),
    }


def _rates_of_groups(record: AuditRecord, known: Estimates, verdict: Verdict, found: Estimate) -> str:
    """Say the two rates behind a difference or a ratio among groups, crossed ones too."""
    for ending in ("_difference", "_ratio"):
        base = found.metric.removesuffix(ending)
        for rate in other_names(base) if base != found.metric else ():
            told = rate in RATES and groups_in(verdict.where)
            gap = gap_of(record, known, rate, verdict.where, found.metric) if told else None
            if gap is not None:
                return gap_sentence(record, harmed_first(record, gap))
    return ""


def _of_class(record: AuditRecord, one: Estimate) -> str:
    """Say how many of a class are found."""
    if one.metric not in FOUND or "class" not in one.where:
        return ""
    n = f" (n {one.n:,})" if one.n is not None else ""
    groups = groups_in(one.where)
    among = f"{group_words(record, groups)}: " if groups else ""
    return f"{among}finds {per_hundred(value_of(one))} of class {class_words(record, one.where['class'])}{n}"


def _plain(record: AuditRecord, known: Estimates, one: Estimate) -> str:
    """Say a number by its name, a gain against a baseline by its direction."""
    n, on = f" (n {one.n:,})" if one.n is not None else "", _on(record, one.where)
    gained = one.metric.removesuffix("_gain")
    if gained != one.metric and known.of(gained):
        side = "worse" if value_of(one) < 0 else "better"
        shown = _turned(one) if side == "worse" else one
        return f"{on}{metric_words(gained)} is {side} than the baseline's by {_with_ends(shown, 'number')}{n}"
    other = _beside(one)
    if other:
        return f"{on}{other}{n}"
    rate = next((name for name in other_names(one.metric) if name in RATES), "")
    if rate and "class" not in one.where:
        return rate_sentence(record, replace(one, metric=rate))
    return f"{on}{metric_words(one.metric)} is {_with_ends(one, _kind(one))}{n}"


def _beside(one: Estimate) -> str:
    """Say how a group's number differs from that of the group it is compared with, where no rates stand beside."""
    if not groups_in(one.where):
        return ""
    base = one.metric.removesuffix("_difference")
    if base != one.metric:
        side = "lower" if value_of(one) < 0 else "higher"
        shown = _turned(one) if side == "lower" else one
        return f"{metric_words(base)} is {_with_ends(shown, _kind(one))} {side} than in the group it is compared with"
    base = one.metric.removesuffix("_ratio")
    words = f"{metric_words(base)} is {_with_ends(one, 'times')} that of the group it is compared with"
    return words if base != one.metric else ""


def _on(record: AuditRecord, where: Mapping[str, str]) -> str:
    return f"{group_words(record, where)}: " if set(where) - {"split"} else ""
