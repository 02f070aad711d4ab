"""What must hold of verdicts for any numbers and thresholds."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.estimate.best import against_best
from audit.estimate.comparing import compare_estimates
from audit.judging.gate import judge
from reports.record import Estimate, Gate, Operator, Verdict
from tests.audit.verdict_records import finding, gate, policy, rate, record

ORDER = {"fail": 0, "inconclusive": 1, "pass": 2}
LETTERS = "abcdefgh"


@st.composite
def groups(draw: st.DrawFn, least: int = 1) -> list[Estimate]:
    """Draw up to eight groups with their rates."""
    sizes = draw(st.lists(st.integers(min_value=30, max_value=5000), min_size=least, max_size=8))
    rows = []
    for name, n in zip(LETTERS, sizes, strict=False):
        rows.append(rate("recall", draw(st.integers(min_value=0, max_value=n)), n, sex=name))
    return rows


def judged(rows: list[Estimate], asked: Gate) -> tuple[Verdict, ...]:
    of = record(finding("g", *rows), groups={one.where["sex"]: one.n or 0 for one in rows})
    return judge(of, policy(asked)).verdicts


def every(**fields: object) -> Gate:
    return gate(metric="recall", where={"split": "test", "sex": "*"}, **fields)


shares = st.floats(min_value=0, max_value=1, allow_nan=False)


@given(groups(), shares, shares, st.sampled_from([">=", "<="]))
def test_relaxing_a_threshold_never_makes_a_verdict_worse(
    rows: list[Estimate], one: float, other: float, op: Operator
) -> None:
    strict, relaxed = (max(one, other), min(one, other)) if op == ">=" else (min(one, other), max(one, other))
    before = judged(rows, every(op=op, threshold=strict))
    after = judged(rows, every(op=op, threshold=relaxed))
    for first, second in zip(before, after, strict=True):
        assert ORDER[second.outcome] >= ORDER[first.outcome]


@given(groups(least=2), shares, shares)
def test_relaxing_a_band_around_a_reference_never_makes_a_verdict_worse(
    rows: list[Estimate], one: float, other: float
) -> None:
    bands = [every(kind="difference", reference="largest", op="abs<=", threshold=t) for t in sorted((one, other))]
    for first, second in zip(judged(rows, bands[0]), judged(rows, bands[1]), strict=True):
        assert ORDER[second.outcome] >= ORDER[first.outcome]


@given(groups(), shares)
def test_a_verdict_agrees_with_its_interval(rows: list[Estimate], threshold: float) -> None:
    for verdict in judged(rows, every(threshold=threshold)):
        made = verdict.estimate
        assert made is not None
        assert made.low is not None
        assert made.high is not None
        if verdict.outcome == "pass":
            assert made.low >= threshold - 1e-9
        else:
            assert made.low < threshold
        if verdict.outcome == "fail":
            assert made.high < threshold + 1e-9


@given(groups(), shares)
def test_correction_only_ever_keeps_failures_open(rows: list[Estimate], threshold: float) -> None:
    of = record(finding("g", *rows), groups={one.where["sex"]: one.n or 0 for one in rows})
    plain = judge(of, policy(every(threshold=threshold), correction="none")).verdicts
    corrected = judge(of, policy(every(threshold=threshold))).verdicts
    for loose, strict in zip(plain, corrected, strict=True):
        assert loose.outcome == strict.outcome or (loose.outcome, strict.outcome) == ("fail", "inconclusive")


@given(groups(least=2), shares, st.sampled_from([">=", "<="]))
def test_one_more_group_only_ever_keeps_failures_of_others_open(
    rows: list[Estimate], threshold: float, op: Operator
) -> None:
    """The correction over a larger family may leave a failure open; it never turns it into a pass, nor makes one."""
    fewer = judged(rows[:-1], every(op=op, threshold=threshold))
    more = judged(rows, every(op=op, threshold=threshold))
    for before, after in zip(fewer, more, strict=False):
        assert before.outcome == after.outcome or (before.outcome, after.outcome) == ("fail", "inconclusive")
        assert (after.detectable or 0) >= (before.detectable or 0)


@given(groups(), shares, st.integers(min_value=0, max_value=100))
def test_no_count_under_the_suppression_stands_in_a_verdict(rows: list[Estimate], threshold: float, least: int) -> None:
    of = record(finding("g", *rows), groups={one.where["sex"]: one.n or 0 for one in rows}, suppress_n=least)
    for verdict in judge(of, policy(every(threshold=threshold)), suppress_n=least).verdicts:
        assert verdict.estimate is not None
        assert verdict.estimate.n is None or verdict.estimate.n >= least or verdict.estimate.n == 0


@given(groups(least=2), st.sampled_from(["difference", "ratio"]), st.booleans())
def test_the_best_is_no_worse_than_any_other(rows: list[Estimate], kind: str, highest: bool) -> None:
    for one, to_best in zip(rows, against_best(rows, rows, kind, highest=highest), strict=True):
        for other in rows:
            to_one = compare_estimates(one, other, kind) if other is not one else None
            if to_one is None or to_one.value is None or to_best.value is None:
                continue
            if highest:
                assert to_best.value <= to_one.value + 1e-9
                assert (to_best.low or 0) <= (to_one.low or 0) + 1e-9
            else:
                assert to_best.value >= to_one.value - 1e-9
                assert (to_best.high or 0) >= (to_one.high or 0) - 1e-9


@given(groups(), shares)
def test_judging_twice_changes_nothing(rows: list[Estimate], threshold: float) -> None:
    of = record(finding("g", *rows), groups={one.where["sex"]: one.n or 0 for one in rows})
    asked, day = policy(every(threshold=threshold)), datetime.date(2026, 11, 1)
    once = judge(of, asked, today=day)
    assert judge(once, asked, today=day) == once


@given(groups(), st.randoms())
def test_the_order_of_estimates_does_not_matter(rows: list[Estimate], random: object) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    first = {one.where["sex"]: (one.outcome, one.n_needed) for one in judged(rows, every(threshold=0.6))}
    second = {one.where["sex"]: (one.outcome, one.n_needed) for one in judged(shuffled, every(threshold=0.6))}
    assert first == second


@pytest.mark.parametrize("correction", ["holm", "none"])
def test_a_single_number_needs_no_correction(correction: str) -> None:
    of = record(finding("c", rate("accuracy", 600, 1000)))
    (verdict,) = judge(of, policy(gate(), correction=correction)).verdicts
    assert verdict.p_adjusted == pytest.approx(1.0e-11, rel=1)
