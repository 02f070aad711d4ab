"""A verdict in plain English: the group first, then the number, the rule, and what these rows can say of it."""

from __future__ import annotations

import math

from audit.estimate.comparing import span_of
from audit.estimate.rates import GAPS_OF_RATES, RATES
from audit.policy.limits import limits
from audit.statistics.intervals import p_above, p_below, scale_of
from reports.addresses import Names, address
from reports.phrases import NEARLY, metric_words
from reports.record import HOUSE_WORDS, Estimate, Gate, VerdictOutcome

BEYOND_REACH = 20
"""More than this many times the rows at hand are not asked for."""
CLOSE = 0.25
"""Half an interval of at most this share of the limit is practically at it."""
COUNTS = {
    "missing_rows": "{n} more test rows needed to see a gap of ten points in selection rates",
    "missing_positives": "{n} more test rows of the positive class needed to see a gap of ten points in "
    "true positive rates",
    "missing_negatives": "{n} more test rows of the negative class needed to see a gap of ten points in "
    "false positive rates",
    "favorable_outcome_not_stated": "nobody said which outcome is good for the person; groups are compared in both "
    "directions",
    "blank_sections": "{n} sections of the card are blank; only people can fill them",
    "invalid_outputs": "{n} predictions are not valid, such as missing numbers or probabilities outside 0 and 1",
    "nondeterministic_rows": "{n} rows get another answer when the model is asked again",
    "batch_dependent_rows": "{n} rows get another answer in another batch",
    "later_training_rows": "{n} training rows are later than the first test row",
    "instruction_texts": "{n} names or texts read like instructions to a reader or a language model",
    "runs_code": "loading the model file runs code",
    "fingerprint_differs": "the file is not the one that was agreed on",
}
"""Counts whose limit is 0, in words."""


def message(
    outcome: VerdictOutcome, gate: Gate, estimate: Estimate, *, names: Names | None = None, tests: float = 1
) -> str:
    """Say in a sentence what was compared with what, and what these rows can say of it.

    Parameters
    ----------
    outcome : str
    gate : Gate
    estimate : Estimate
    names : mapping, optional
        Value labels.
    tests : float
        Numbers of the family that are decided by an interval, weighted where they are.

    Examples
    --------
    >>> gate = Gate(id="g", title="", check="", metric="m", op="abs<=", threshold=0.1)
    >>> gap = Estimate(metric="recall_difference", value=-0.15, low=-0.26, high=-0.04, unit="difference",
    ...                where={"split": "test", "sex": "f"})
    >>> for part in message("inconclusive", gate, gap).split("; "):
    ...     print(part)
    sex: f: recall is 15.0 points [4.0, 26.0] lower than the reference group's
    a gap is shown (chance ruled out), its size is between 4.0 and 26.0 points
    the limit is 10.0 points
    """
    who = address(estimate.where, names)
    if estimate.metric in COUNTS and outcome == "fail":
        return f"{who}: {COUNTS[estimate.metric].format(n=f'{estimate.value or 0:,.0f}')}"
    start = f"{who}: {_say(estimate)}"
    asked = rule_words(gate, estimate)
    if outcome in ("pass", "fail"):
        return f"{start}; {asked}" + (", by the number alone" if gate.decide == "point" else "")
    return f"{start}; {_open(gate, estimate, tests)}; {asked}"


def _say(estimate: Estimate) -> str:
    """Say what a number is; of a group's gap, which way it goes."""
    base = estimate.metric.removesuffix("_difference")
    grouped = set(estimate.where) - HOUSE_WORDS
    if base == estimate.metric or estimate.value is None or not (grouped and _is_gap_of_rates(estimate)):
        return f"{metric_words(estimate.metric)} is {number(estimate)}"
    if estimate.value == 0:
        return f"{metric_words(base)} is {number(estimate)} from the reference group's"
    higher = estimate.value > 0
    size = estimate if higher else estimate.affine(-1.0)
    return f"{metric_words(base)} is {number(size)} {'higher' if higher else 'lower'} than the reference group's"


def _open(gate: Gate, estimate: Estimate, tests: float) -> str:
    """Say what is known although the verdict is open."""
    span = span_of(estimate)
    if span is None:
        return f"there is no interval ({estimate.reason or 'none was made'})"
    least, most = limits(gate)
    if (least is not None and span.high < least) or (most is not None and span.low > most):
        return "past the limit, but not shown once all numbers of the family are allowed for"
    if gate.op == "abs<=" and _is_shown(estimate, tests):
        low, high = sorted(abs(end) for end in (span.low, span.high))
        ends = f"{_plain(low, estimate)} and {_plain(high, estimate)}{_unit(estimate)}"
        return f"a gap is shown (chance ruled out), its size is between {ends}"
    return estimate.reason or "these rows do not show on which side of the limit it lies"


def _is_shown(estimate: Estimate, tests: float) -> bool:
    """Tell whether a gap of 0 is ruled out, after Bonferroni's correction over the family."""
    span = span_of(estimate)
    if span is None or not span.low <= span.value <= span.high or span.low * span.high <= 0:
        return False
    scale = scale_of(estimate.unit)
    p = min(p_below(span, 0.0, estimate.level, scale), p_above(span, 0.0, estimate.level, scale))
    return p * max(tests, 1) < (1 - estimate.level) / 2


def rule_words(gate: Gate, estimate: Estimate) -> str:
    """Write what a gate accepts.

    Examples
    --------
    >>> rule_words(Gate(id="g", title="", check="", metric="m", op="between", threshold=(0.8, 1.25)),
    ...            Estimate(metric="calibration_slope", value=1.0))
    'the rule asks for 0.8 to 1.25'
    """
    if isinstance(gate.threshold, tuple):
        return f"the rule asks for {gate.threshold[0]:g} to {gate.threshold[1]:g}"
    limit = _limit(gate.threshold, estimate) + _unit(estimate)
    if gate.op == "abs<=":
        return f"the limit is {limit}"
    return f"the rule asks for at {'least' if gate.op == '>=' else 'most'} {limit}"


def number(estimate: Estimate) -> str:
    """Write a number with its interval: gaps of rates in points, all else as it is.

    Examples
    --------
    >>> number(Estimate(metric="recall", value=0.8, low=0.7, high=0.87)), number(Estimate(metric="x", value=3.0))
    ('0.800 [0.700, 0.870]', '3.000')
    """
    if not _unit(estimate) or estimate.value is None:
        return str(estimate)
    ends = ""
    if estimate.low is not None and estimate.high is not None and estimate.method != "count":
        ends = f" [{_plain(estimate.low, estimate)}, {_plain(estimate.high, estimate)}]"
    return f"{_plain(estimate.value, estimate)} points{ends}"


def _is_gap_of_rates(estimate: Estimate) -> bool:
    base = estimate.metric.removesuffix("_difference").removesuffix("_gain")
    if base == estimate.metric or estimate.unit != "difference":
        return estimate.metric in GAPS_OF_RATES
    return base in RATES or base.endswith("_share")


def _unit(estimate: Estimate) -> str:
    return " points" if _is_gap_of_rates(estimate) else ""


def _plain(value: float, estimate: Estimate) -> str:
    return f"{100 * value:.1f}" if _is_gap_of_rates(estimate) else f"{value:.3f}"


def _limit(value: float, estimate: Estimate) -> str:
    return f"{100 * value:.1f}" if _is_gap_of_rates(estimate) else f"{value:g}"


# --- what to do -----------------------------------------------------------------------------------


def within_reach(needed: int | None, estimate: Estimate) -> int | None:
    """Return the rows that would settle a verdict, unless nobody can be asked to collect so many.

    Examples
    --------
    >>> gap = Estimate(metric="m", value=0.1, n=100)
    >>> within_reach(2000, gap), within_reach(2001, gap)
    (2000, None)
    """
    return needed if needed is not None and needed <= BEYOND_REACH * (estimate.n or 0) else None


def next_step(outcome: VerdictOutcome, gate: Gate, estimate: Estimate, needed: int | None) -> str:
    """Say what to do about an outcome.

    Examples
    --------
    >>> gate = Gate(id="g", title="", check="", metric="m", op=">=", threshold=0.8)
    >>> next_step("inconclusive", gate, Estimate(metric="m", value=0.8, low=0.79, high=0.81, n=9000), None)
    'Practically at the threshold; more rows will not help.'
    >>> next_step("inconclusive", gate, Estimate(metric="m", value=0.8, low=0.3, high=0.99, n=12), None)
    'These rows cannot tell; the interval reaches far to both sides of the limit.'
    """
    if outcome == "fail":
        return gate.remedy
    if outcome != "inconclusive":
        return ""
    if needed is not None and estimate.n is not None:
        rows = "A few more rows" if needed <= NEARLY * estimate.n else f"About {needed:,} rows"
        return f"{rows} of this kind would settle it ({estimate.n:,} here), if the estimate holds."
    span = span_of(estimate)
    if span is None:
        return "These rows cannot tell: the number has no interval."
    known = [limit for limit in limits(gate) if limit is not None]
    nearest = min((abs(limit) for limit in known), default=math.inf)
    if max(span.high - span.value, span.value - span.low) <= CLOSE * nearest:
        return "Practically at the threshold; more rows will not help."
    return "These rows cannot tell; the interval reaches far to both sides of the limit."
