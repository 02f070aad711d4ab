"""What becomes of a number that is compared with a gate."""

from __future__ import annotations

import dataclasses
import datetime
import math

import pytest

from audit.errors import PolicyError
from audit.estimate.disparity import ratios_to
from audit.judging.gate import judge
from reports.record import AuditRecord, Estimate, Gate, Verdict, Waiver
from tests.audit.verdict_records import count, finding, gate, policy, rate, record


def verdicts(of: AuditRecord, *gates: Gate, **fields: object) -> tuple[Verdict, ...]:
    return judge(of, policy(*gates, **fields)).verdicts


def only(of: AuditRecord, *gates: Gate, **fields: object) -> Verdict:
    (verdict,) = verdicts(of, *gates, **fields)
    return verdict


@pytest.mark.parametrize(
    ("hits", "outcome"),
    [(950, "pass"), (720, "inconclusive"), (690, "inconclusive"), (600, "fail")],
)
def test_three_ways(hits: int, outcome: str) -> None:
    verdict = only(record(finding("classification", rate("accuracy", hits, 1000))), gate())
    assert verdict.outcome == outcome
    assert "right decisions" in verdict.message


@pytest.mark.parametrize(
    ("value", "message"),
    [(0.0, "what is good: nothing to report"), (1.0, "which outcome is good for the person was not stated")],
)
def test_a_message_is_the_sentence_of_reports_and_no_fault_where_the_gate_is_met(value: float, message: str) -> None:
    metric = "favorable_outcome_not_stated"
    asked = gate(metric=metric, topic="what is good", where={}, op="<=", threshold=0.0)
    assert only(record(finding("c", count(metric, value))), asked).message == message


def test_a_message_holds_no_name_of_code() -> None:
    low = only(
        record(finding("c", rate("top_value_share", 30, 1000, feature="x"))),
        gate(metric="top_value_share", where={"split": "test", "feature": "*"}),
    )
    assert low.message == "x: 3 % [2.1, 4.3] of the rows have the same value; limit: at least 70 %"


def test_inconclusive_says_how_many_rows_would_settle_it() -> None:
    verdict = only(record(finding("classification", rate("accuracy", 730, 1000))), gate())
    assert verdict.outcome == "pass" or verdict.n_needed
    near = only(record(finding("classification", rate("accuracy", 720, 1000))), gate())
    assert near.n_needed is not None
    settled = round(0.72 * near.n_needed)
    assert only(record(finding("c", rate("accuracy", settled, near.n_needed))), gate()).outcome == "pass"
    assert f"{near.n_needed:,} rows" in near.next_step
    assert near.detectable == pytest.approx(0.028 / 1.96 * 2.8, rel=0.05)


def test_no_number_of_rows_settles_an_estimate_at_the_threshold() -> None:
    verdict = only(record(finding("c", rate("accuracy", 700, 1000))), gate())
    assert (verdict.outcome, verdict.n_needed) == ("inconclusive", None)
    assert "more rows will not help" in verdict.next_step


def test_failure_needs_proof_after_holm_within_the_family() -> None:
    groups = [rate("recall", 62, 100, sex=name) for name in "abcdefghij"]
    rows = record(finding("g", *groups), groups=dict.fromkeys("abcdefghij", 100))
    alone = only(record(finding("g", groups[0]), groups={"a": 100}), gate(metric="recall", where=groups[0].where))
    together = verdicts(rows, gate(metric="recall", where={"split": "test", "sex": "*"}))
    raw = gate(metric="recall", where={"split": "test", "sex": "*"})
    uncorrected = verdicts(rows, raw, correction="none")
    assert {one.outcome for one in together} == {"inconclusive"}
    assert together[0].p_adjusted == pytest.approx(10 * (alone.p_adjusted or 0))
    assert uncorrected[0].p_adjusted == pytest.approx(alone.p_adjusted)


def test_a_number_past_the_limit_that_holm_keeps_open_says_so() -> None:
    groups = [rate("recall", 59, 100, sex="a"), *(rate("recall", 75, 100, sex=name) for name in "bcdef")]
    rows = record(finding("g", *groups), groups=dict.fromkeys("abcdef", 100))
    first = verdicts(rows, gate(metric="recall", where={"split": "test", "sex": "*"}))[0]
    assert first.outcome == "inconclusive"
    assert "number of comparisons" in first.message
    assert (first.n_needed or 0) > 101


def test_families_join_gates() -> None:
    rows = record(finding("c", rate("accuracy", 660, 1000), rate("recall", 660, 1000)))
    apart = verdicts(rows, gate(id="a"), gate(id="b", metric="recall"))
    joined = verdicts(rows, gate(id="a", family="x"), gate(id="b", metric="recall", family="x"))
    assert joined[0].p_adjusted == pytest.approx(2 * (apart[0].p_adjusted or 0))


def test_exact_numbers_are_decided_on_the_point_and_outside_of_holm() -> None:
    rows = record(finding("c", count("overlap", 3.0), rate("accuracy", 660, 1000)))
    exact = gate(id="overlap", metric="overlap", where={}, op="<=", threshold=2.0, family="x")
    first, second = verdicts(rows, exact, gate(id="floor", family="x"))
    assert (first.outcome, first.p_adjusted, first.n_needed) == ("fail", None, None)
    assert second.p_adjusted == only(rows, gate()).p_adjusted
    assert only(rows, dataclasses.replace(exact, threshold=3.0)).outcome == "pass"


def test_an_exact_number_without_limits_is_decided_too() -> None:
    bare = Estimate(metric="overlap", value=0.0, method="count")
    assert only(record(finding("c", bare)), gate(metric="overlap", where={}, op="<=", threshold=0.0)).outcome == "pass"


def test_a_number_without_interval_is_inconclusive() -> None:
    bare = Estimate(metric="accuracy", value=0.9, n=100, where={"split": "test"}, reason="all clusters are alike")
    verdict = only(record(finding("c", bare)), gate())
    assert verdict.outcome == "inconclusive"
    assert "all clusters are alike" in verdict.message


def test_undefined_is_not_assessed_with_its_reason() -> None:
    none = Estimate(metric="accuracy", value=None, reason="no rows of the positive class", where={"split": "test"})
    verdict = only(record(finding("c", none)), gate())
    assert (verdict.outcome, verdict.message) == ("not_assessed", "no rows of the positive class")


@pytest.mark.parametrize("outcome", ["not_applicable", "skipped"])
def test_a_check_without_measurement_is_not_assessed(outcome: str) -> None:
    of = record(finding("c", outcome=outcome, reason="needs shap"))  # type: ignore[arg-type]
    verdict = only(of, gate(check="c"))
    assert verdict.outcome == "not_assessed"
    assert "needs shap" in verdict.message


def test_a_broken_check_is_an_error() -> None:
    verdict = only(record(finding("c", outcome="error", reason="ValueError: boom")), gate(check="c"))
    assert verdict.outcome == "error"
    assert "boom" in verdict.message


def test_small_slices_are_not_assessed_and_leave_no_count() -> None:
    of = record(finding("g", rate("recall", 4, 7, sex="f"), rate("recall", 15, 25, sex="m")), groups={"f": 7, "m": 25})
    found = verdicts(of, gate(metric="recall", where={"split": "test", "sex": "*"}))
    assert [one.outcome for one in found] == ["not_assessed", "not_assessed"]
    assert "7" not in found[0].message
    assert found[0].estimate is not None
    assert found[0].estimate.n is None
    assert found[1].estimate is not None
    assert found[1].estimate.n == 25


def test_min_n_of_zero_keeps_small_counts_out_of_what_is_needed() -> None:
    of = record(finding("g", rate("recall", 4, 7, sex="f")), groups={"f": 7})
    verdict = only(of, gate(metric="recall", where={"split": "test", "sex": "f"}, min_n=0))
    assert verdict.outcome == "inconclusive"
    assert verdict.n_needed is None


def test_the_audits_own_suppression_holds() -> None:
    of = record(finding("c", rate("accuracy", 35, 40)), suppress_n=50)
    verdict = only(of, gate(threshold=0.5))
    assert verdict.outcome == "pass"
    assert verdict.estimate is not None
    assert verdict.estimate.n is None


def test_a_record_that_may_show_smaller_slices_is_refused() -> None:
    of = record(finding("c", rate("accuracy", 35, 40)), suppress_n=20)
    assert judge(of, policy(gate(threshold=0.5)), suppress_n=20).verdicts[0].outcome == "pass"
    with pytest.raises(PolicyError, match="suppress_n = 30"):
        judge(of, policy(gate(threshold=0.5)), suppress_n=30)


@pytest.mark.parametrize(("threshold", "outcome"), [(0.79, "pass"), (0.81, "fail"), (0.8, "pass")])
def test_the_number_alone_may_decide(threshold: float, outcome: str) -> None:
    of = record(finding("c", rate("accuracy", 32, 40)))
    verdict = only(of, gate(threshold=threshold, decide="point"))
    assert verdict.outcome == outcome
    assert (verdict.p_adjusted, verdict.n_needed, verdict.detectable) == (None, None, None)
    assert only(of, gate(threshold=threshold)).outcome == "inconclusive"


def test_the_number_alone_decides_without_an_interval_but_not_without_a_number() -> None:
    bare = dataclasses.replace(rate("accuracy", 32, 40), low=None, high=None, reason="no interval")
    assert only(record(finding("c", bare)), gate(threshold=0.5, decide="point")).outcome == "pass"
    none = Estimate(metric="accuracy", value=None, where={"split": "test"}, reason="no rows")
    assert only(record(finding("c", none)), gate(threshold=0.5, decide="point")).outcome == "not_assessed"


def test_min_share_leaves_small_groups_out() -> None:
    rows = [rate("recall", 30, 60, sex="f"), rate("recall", 9000, 9940, sex="m")]
    of = record(finding("g", *rows), groups={"f": 60, "m": 9940})
    small, large = verdicts(of, gate(metric="recall", where={"split": "test", "sex": "*"}, min_share=0.02))
    assert (small.outcome, large.outcome) == ("not_assessed", "pass")
    assert "share" in small.message


def test_a_switched_off_gate_says_nothing() -> None:
    assert verdicts(record(finding("c", rate("accuracy", 1, 1000))), gate(severity="off")) == ()


def test_the_policys_confidence_widens_the_interval() -> None:
    of = record(finding("c", rate("accuracy", 731, 1000)))
    usual, strict = only(of, gate()), only(of, gate(), confidence=0.999)
    assert (usual.outcome, strict.outcome) == ("pass", "inconclusive")
    assert strict.estimate is not None
    assert strict.estimate.level == 0.999
    assert (strict.estimate.low or 0) < (usual.estimate.low or 0)  # type: ignore[union-attr]


def test_a_band_holds_both_ends() -> None:
    def slope(low: float, high: float) -> AuditRecord:
        made = Estimate(metric="slope", value=(low + high) / 2, low=low, high=high, where={"split": "test"}, n=1000)
        return record(finding("c", made))

    band = gate(metric="slope", op="between", threshold=(0.8, 1.25))
    assert only(slope(0.9, 1.1), band).outcome == "pass"
    assert only(slope(0.7, 1.1), band).outcome == "inconclusive"
    assert only(slope(1.3, 1.5), band).outcome == "fail"
    assert only(slope(0.5, 0.7), band).outcome == "fail"


# --- names that a gate gets wrong -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"metric": "acuracy"}, "Did you mean 'accuracy'"),
        ({"check": "clasification"}, "Did you mean 'classification'"),
        ({"check": "classification", "metric": "acuracy"}, "Did you mean 'accuracy'"),
        ({"where": {"split": "test", "sexx": "f"}}, "Did you mean 'sex'"),
        ({"where": {"split": "test", "sex": "femle"}}, "Did you mean 'female'"),
        ({"where": {"split": "tset"}}, "Did you mean 'test'"),
        ({"threshold": 80.0}, "Did you mean 0.8"),
        ({"where": {"sex": "female"}}, "Did you mean where = { split = 'test', sex = 'female' }"),
        ({"where": {}}, "it was measured where { split = 'test' }"),
    ],
)
def test_a_typing_error_is_refused_with_the_nearest_name(fields: dict[str, object], told: str) -> None:
    of = record(
        finding("classification", rate("accuracy", 8, 10), rate("accuracy", 8, 10, sex="female")), groups={"female": 10}
    )
    with pytest.raises(PolicyError, match=told):
        judge(of, policy(gate(**fields)))


def test_a_rule_of_the_catalogue_whose_check_did_not_run_is_not_assessed() -> None:
    of = record(finding("classification", rate("accuracy", 8, 10)))
    verdict = only(of, gate(id="UNC001", check="attribution_ranking", metric="attribution_share", from_catalogue=True))
    assert verdict.outcome == "not_assessed"
    assert "was not run" in verdict.message


def test_two_names_of_one_number() -> None:
    of = record(
        finding("classes", rate("recall", 90, 100, **{"class": "1"})),
        finding("groups", rate("true_positive_rate", 80, 100, sex="f")),
        groups={"f": 100},
    )
    assert only(of, gate(metric="recall", where={"split": "test", "sex": "*"})).outcome == "pass"
    assert only(of, gate(metric="recall", where={"split": "test", "class": "*"})).outcome == "pass"


# --- groups compared with each other ----------------------------------------------------------------

GROUPS = {"f": 400, "m": 600}


def by_sex(f: int, m: int) -> AuditRecord:
    rows = rate("selection_rate", f, 400, sex="f"), rate("selection_rate", m, 600, sex="m")
    return record(finding("g", *rows, rate("selection_rate", f + m, 1000)), groups=GROUPS)


def compare(**fields: object) -> Gate:
    return gate(id="gap", metric="selection_rate", where={"split": "test", "sex": "*"}, **fields)


def test_a_difference_is_held_against_the_largest_group() -> None:
    verdict = only(by_sex(200, 300), compare(kind="difference", reference="largest", op="abs<=", threshold=0.1))
    assert (dict(verdict.where), verdict.outcome) == ({"split": "test", "sex": "f"}, "pass")
    worse = only(by_sex(100, 300), compare(kind="difference", reference="largest", op="abs<=", threshold=0.1))
    assert worse.outcome == "fail"
    assert worse.estimate is not None
    assert worse.estimate.metric == "selection_rate_difference"
    assert worse.estimate.value == pytest.approx(-0.25)


def test_a_named_reference() -> None:
    (verdict,) = verdicts(by_sex(100, 300), compare(kind="ratio", reference={"sex": "m"}, op=">=", threshold=0.8))
    assert dict(verdict.where) == {"split": "test", "sex": "f"}
    assert verdict.estimate is not None
    assert verdict.estimate.value == pytest.approx(0.5)
    with pytest.raises(PolicyError, match="'men'"):
        judge(by_sex(100, 300), policy(compare(kind="ratio", reference={"sex": "men"}, threshold=0.8)))


def test_a_reference_that_the_address_does_not_name() -> None:
    of = record(finding("g", rate("recall", 50, 100, race="b")), finding("h", rate("recall", 50, 100, sex="m")))
    wrong = gate(metric="recall", where={"split": "test", "race": "*"}, kind="difference", reference={"sex": "m"})
    with pytest.raises(PolicyError, match="which its own address does not name"):
        judge(of, policy(wrong))


def test_within_a_crossing_a_named_reference_keeps_the_other_levels() -> None:
    cells = [
        rate("recall", hits, 100, sex=sex, race=race)
        for sex, race, hits in [("f", "a", 50), ("m", "a", 70), ("f", "b", 40), ("m", "b", 90)]
    ]
    where = {"split": "test", "sex": "*", "race": "*"}
    found = verdicts(
        record(finding("g", *cells)),
        gate(metric="recall", where=where, kind="difference", reference={"sex": "m"}, op="abs<=", threshold=0.1),
    )
    values = {one.where["race"]: round(one.estimate.value or 0, 2) for one in found if one.estimate}
    assert values == {"a": -0.2, "b": -0.5}


def test_held_against_the_whole() -> None:
    found = verdicts(by_sex(100, 300), compare(kind="difference", reference="overall", op="abs<=", threshold=0.05))
    values = [round(one.estimate.value or 0, 2) for one in found if one.estimate]
    assert values == [-0.15, 0.1]
    assert found[0].outcome == "fail"


def test_the_best_group_is_allowed_for() -> None:
    names = "abcdefghij"
    rows = [rate("selection_rate", 22, 100, sex=name) for name in names[:-1]]
    of = record(finding("g", *rows, rate("selection_rate", 44, 100, sex="j")), groups=dict.fromkeys(names, 100))
    to_best = verdicts(of, compare(kind="ratio", reference="most_favored", threshold=0.8), correction="none")
    to_named = verdicts(of, compare(kind="ratio", reference={"sex": "j"}, threshold=0.8), correction="none")
    assert {one.outcome for one in to_named} == {"fail"}
    assert {one.outcome for one in to_best[:-1]} == {"inconclusive"}
    assert len(to_best) == len(to_named) + 1  # the best itself may not be the best


def test_small_groups_are_no_reference() -> None:
    rows = [rate("selection_rate", 20, 20, sex="s"), rate("selection_rate", 50, 100, sex="m")]
    of = record(finding("g", *rows, rate("selection_rate", 48, 100, sex="f")), groups={"s": 20, "m": 100, "f": 100})
    found = {
        one.where["sex"]: one for one in verdicts(of, compare(kind="ratio", reference="most_favored", threshold=0.5))
    }
    assert {found["f"].outcome, found["m"].outcome} == {"inconclusive"}
    assert found["f"].estimate is not None
    assert found["f"].estimate.reason == "highest group 's' has 20 rows, fewer than 30: too few to be the reference"
    assert "highest group 's' has 20 rows" in found["f"].message
    assert found["s"].outcome == "not_assessed"


@pytest.mark.parametrize(
    ("reference", "outcome"),
    [
        (rate("selection_rate", 10, 20, sex="m"), "inconclusive"),
        (dataclasses.replace(rate("selection_rate", 2, 100, sex="m"), low=0.0, high=0.1), "inconclusive"),
        (rate("selection_rate", 80, 100, sex="m"), "fail"),
    ],
)
def test_a_ratio_by_the_check_and_one_by_the_gate_are_the_same(reference: Estimate, outcome: str) -> None:
    group = rate("selection_rate", 30, 100, sex="f")
    by_check = ratios_to([group, reference], {"sex": "m"}, 30)
    of = record(finding("g", group, reference, *by_check))
    where = {"split": "test", "sex": "*"}
    ready = gate(metric="selection_rate_ratio", where=where, threshold=0.8)
    found = verdicts(of, compare(kind="ratio", reference={"sex": "m"}, threshold=0.8), ready)
    assert [one.outcome for one in found] == [outcome, outcome]
    assert found[0].estimate == found[1].estimate


def test_the_lowest_error_is_the_most_favored() -> None:
    rows = [rate("error_rate", 10, 100, sex="f"), rate("error_rate", 40, 100, sex="m")]
    of = record(finding("g", *rows), groups={"f": 100, "m": 100})
    ask = gate(metric="error_rate", where={"split": "test", "sex": "*"}, kind="difference", reference="most_favored")
    found = {one.where["sex"]: one for one in verdicts(of, dataclasses.replace(ask, op="<=", threshold=0.1))}
    assert (found["m"].outcome, found["f"].outcome) == ("fail", "pass")


def test_one_group_has_nothing_to_be_held_against() -> None:
    of = record(finding("g", rate("selection_rate", 50, 100, sex="m")), groups={"m": 100})
    verdict = only(of, compare(kind="ratio", reference="most_favored", threshold=0.8))
    assert verdict.outcome == "not_assessed"


def test_a_reference_of_zero_has_no_ratio() -> None:
    verdict = only(by_sex(10, 0), compare(kind="ratio", reference={"sex": "m"}, threshold=0.8))
    assert verdict.outcome == "not_assessed"
    assert "above 0" in verdict.message


# --- waivers ----------------------------------------------------------------------------------------

FAILING = record(finding("c", rate("accuracy", 600, 1000)))


def waiver(**fields: object) -> Waiver:
    blank: dict[str, object] = {
        "gate": "floor",
        "owner": "a.person",
        "reason": "labels are late",
        "created": "2026-10-01",
        "expires": "2026-12-31",
    }
    return Waiver(**{**blank, **fields})  # type: ignore[arg-type]


def waived(*waivers: Waiver, day: str = "2026-11-01", of: AuditRecord = FAILING) -> AuditRecord:
    return judge(of, policy(gate(), waivers=waivers), today=datetime.date.fromisoformat(day))


def test_an_active_waiver_lets_a_failure_stand_in_the_open() -> None:
    verdict = waived(waiver(ticket="RISK-1")).verdicts[0]
    assert verdict.outcome == "waived"
    assert "a.person until 2026-12-31 (RISK-1): labels are late" in verdict.message


@pytest.mark.parametrize(("day", "outcome"), [("2026-12-31", "waived"), ("2027-01-01", "fail"), ("2026-09-30", "fail")])
def test_a_waiver_holds_from_its_first_to_its_last_day(day: str, outcome: str) -> None:
    assert waived(waiver(), day=day).verdicts[0].outcome == outcome


def test_an_expired_waiver_is_named() -> None:
    message = waived(waiver(), day="2027-01-01").verdicts[0].message
    assert "a.person" in message
    assert "has expired" in message


def test_a_second_waiver_takes_over_from_an_expired_one() -> None:
    old = waiver(expires="2026-10-02")
    assert waived(old, waiver(owner="b.person")).verdicts[0].outcome == "waived"


@pytest.mark.parametrize(("limit", "outcome"), [(0.59, "waived"), (0.61, "fail")])
def test_the_ratchet(limit: float, outcome: str) -> None:
    verdict = waived(waiver(limit=limit)).verdicts[0]
    assert verdict.outcome == outcome
    assert outcome == "waived" or "worse than the limit 0.61" in verdict.message


def test_an_unused_waiver_is_to_be_deleted() -> None:
    fine = record(finding("c", rate("accuracy", 900, 1000)))
    assert any("delete it" in line for line in waived(waiver(), of=fine).warnings)
    assert not waived(waiver()).warnings
    again = judge(waived(waiver(), of=fine), policy(gate()), today=datetime.date(2026, 11, 1))
    assert not again.warnings


def test_a_waiver_of_one_slice_covers_no_other() -> None:
    rows = [rate("accuracy", 50, 100, sex="f"), rate("accuracy", 50, 100, sex="m")]
    of = record(finding("g", *rows), groups={"f": 100, "m": 100})
    asked = policy(gate(where={"split": "test", "sex": "*"}), waivers=(waiver(where={"sex": "f"}),))
    assert [one.outcome for one in judge(of, asked).verdicts] == ["waived", "fail"]


def test_judging_leaves_the_findings_alone() -> None:
    judged = judge(FAILING, policy(gate(), file="gates.toml", lines={"floor": 7}))
    assert judged.findings == FAILING.findings
    assert judged.verdicts[0].source is not None
    assert judged.verdicts[0].source.line == 7
    assert not math.isnan(judged.verdicts[0].p_adjusted or 0.0)


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ({"sx": "f"}, "'sx', which is not a sensitive feature .* Did you mean 'sex'"),
        ({"sex": "female"}, "there are 'f', 'm'"),
    ],
)
def test_a_waiver_of_nobody_is_refused(where: dict[str, str], said: str) -> None:
    of = record(finding("c", rate("accuracy", 80, 100)), groups={"f": 60, "m": 40})
    waiver = Waiver(gate="floor", owner="o", reason="r", expires="2026-12-31", where=where)
    with pytest.raises(PolicyError, match=said):
        judge(of, policy(gate(), waivers=(waiver,)))


def test_no_regression_of_a_metric_that_is_none_is_refused_without_a_baseline_too() -> None:
    of = record(finding("c", rate("accuracy", 80, 100)))
    assert only(of, gate(kind="no_regression", threshold=-0.01)).outcome == "not_assessed"
    with pytest.raises(PolicyError, match="Did you mean 'accuracy'"):
        judge(of, policy(gate(metric="acuracy", kind="no_regression", threshold=-0.01)))
