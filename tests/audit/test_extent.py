"""How many decisions would have to come out differently for a rule to hold, and what is looked at first."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import modelassay as ma
from audit.judging.extent import Rows, beyond, extent
from audit.judging.gate import judge
from audit.judging.ranking import rank_verdicts
from audit.policy.read import default_policy
from reports.record import Estimate, Gate, Operator, Verdict
from tests.audit.verdict_records import count, finding, gate, policy, rate, record

BLACK, OTHER = {"split": "test", "race": "Black"}, {"split": "test", "race": "other"}
ROWS = Rows(
    sizes={"test": 1000, "train": 5000},
    rates={
        ("selection_rate", frozenset(BLACK.items())): rate("selection_rate", 82, 126, race="Black"),
        ("selection_rate", frozenset(OTHER.items())): rate("selection_rate", 805, 826, race="other"),
        ("error_rate", frozenset({("split", "test"), ("slice", "age > 60")})): Estimate(
            metric="error_rate", value=0.3, where={"split": "test", "slice": "age > 60"}
        ),
    },
    task="binary",
)


def _number(metric: str, value: float, low: float, high: float, n: int, **where: str) -> Estimate:
    return Estimate(metric=metric, value=value, low=low, high=high, n=n, where={"split": "test", **where})


def _ends(made: Estimate) -> tuple[float, ...]:
    assert made.value is not None
    assert made.low is not None
    assert made.high is not None
    return round(made.value, 3), round(made.low, 3), round(made.high, 3)


@pytest.mark.parametrize(
    ("asked", "number", "expected"),
    [
        # 20 of 100 women among 1,000 rows are missed beyond the limit of 10 points: 10 rows of 1,000
        ({"op": "abs<=", "threshold": 0.1}, ("recall_difference", -0.2, -0.3, -0.05, 100, "sex"), (10.0, 0.0, 20.0)),
        ({"op": "abs<=", "threshold": 0.1}, ("recall_difference", 0.2, 0.15, 0.25, 100, "sex"), (10.0, 5.0, 15.0)),
        ({"op": "<=", "threshold": 0.25}, ("error_rate", 0.3, 0.28, 0.33, 1000, ""), (50.0, 30.0, 80.0)),
        ({"op": ">=", "threshold": 0.8}, ("accuracy", 0.85, 0.78, 0.9, 1000, ""), (0.0, 0.0, 20.0)),
        ({"op": "between", "threshold": (0.2, 0.4)}, ("selection_rate", 0.5, 0.45, 0.6, 1000, ""),
         (100.0, 50.0, 200.0)),
        ({"op": ">=", "threshold": -0.01, "kind": "no_regression"}, ("accuracy_gain", -0.03, -0.05, -0.01, 1000, ""),
         (20.0, 0.0, 40.0)),
        # flips were counted on a sample of 100 rows, and speak of all
        ({"op": "<=", "threshold": 0.05}, ("decision_flip_share", 0.08, 0.06, 0.1, 100, ""), (30.0, 10.0, 50.0)),
    ],
)  # fmt: skip
def test_rows_per_thousand(
    asked: dict[str, object], number: tuple[str, float, float, float, int, str], expected: tuple[float, ...]
) -> None:
    metric, value, low, high, n, group = number
    where = {group: "f"} if group else {}
    assert _ends(extent(gate(**asked), _number(metric, value, low, high, n, **where), ROWS)) == pytest.approx(expected)


def test_a_ratio_counts_the_rows_that_the_lower_rate_lacks() -> None:
    best = 805 / 826
    ratio = (82 / 126) / best
    made = extent(gate(op=">="), _number("selection_rate_ratio", ratio, 0.6, 0.72, 126, race="Black"), ROWS)
    assert _ends(made) == pytest.approx((126 * (0.7 - ratio) * best, 0.0, 126 * 0.1 * best), abs=1e-3)
    nobody = extent(gate(op=">=", threshold=0.8), _number("selection_rate_ratio", 0.0, 0.0, 0.1, 50, race="x"), ROWS)
    assert nobody.value == pytest.approx(50 * 0.8 * best)


def test_a_weak_slice_counts_its_own_rows() -> None:
    made = extent(gate(op="<=", threshold=1.5), _number("slice_error_ratio", 2.0, 1.6, 2.5, 50, slice="age > 60"), ROWS)
    assert _ends(made) == pytest.approx((100 * 0.5 * 0.15, 100 * 0.1 * 0.15, 100 * 0.15))


def test_facts_count_rows() -> None:
    invalid = replace(count("invalid_outputs", 7, split="test"), n=500)
    assert _ends(extent(gate(op="<=", threshold=0.0), invalid, ROWS)) == (14.0, 14.0, 14.0)


@pytest.mark.parametrize("metric", ["roc_auc", "roc_auc_difference", "r2_score", "attribution_share", "psi"])
def test_what_does_not_translate_into_rows_says_so(metric: str) -> None:
    made = extent(gate(op=">=", threshold=0.9), _number(metric, 0.5, 0.4, 0.6, 100), ROWS)
    assert made.value is None
    assert "does not translate into a number of decisions" in made.reason


@pytest.mark.parametrize(("true", "limit"), [(0.6, 0.8), (1.5, 1.25)])
def test_a_calibration_slope_counts_the_outcomes_between_it_and_its_limit(true: float, limit: float) -> None:
    """Scores whose outcomes are drawn with a known slope; the rows between two such curves are counted outright."""
    rng = np.random.default_rng(3)
    z = rng.normal(0.2, 1.2, 4000)
    chance = 1 / (1 + np.exp(-true * z))
    truth = (rng.random(4000) < chance).astype(int)
    table = pd.DataFrame({"y": truth, "p": (z > 0).astype(int), "s": 1 / (1 + np.exp(-z))})
    made = ma.run(test=table, target="y", prediction="p", score="s", positive=1, checks=["calibration"])
    (verdict,) = (one for one in made.verdicts if one.gate == "CAL002")
    assert verdict.outcome == "fail"
    assert verdict.extent is not None
    least, found, most = (getattr(verdict.extent, name) for name in ("low", "value", "high"))
    counted = 1000 * np.abs(chance - 1 / (1 + np.exp(-limit * z))).mean()
    assert found == pytest.approx(counted, rel=0.4)
    assert 0 < least < found < most


def test_numbers_whose_rows_must_not_be_shown_have_no_extent() -> None:
    hidden = replace(_number("recall", 0.1, 0.0, 0.5, 5, sex="f"), n=None)
    assert "must not be shown" in extent(gate(), hidden, ROWS).reason


values = st.floats(min_value=0, max_value=1)
operators: st.SearchStrategy[Operator] = st.sampled_from([">=", "<="])


@given(st.tuples(values, values, values).map(sorted), values, operators, st.integers(min_value=1, max_value=1000))
def test_extent_is_0_exactly_where_the_rule_holds(ends: list[float], limit: float, op: Operator, n: int) -> None:
    low, value, high = ends
    asked = gate(op=op, threshold=limit)
    made = extent(asked, _number("recall", value, low, high, n, sex="f"), ROWS)
    assert made.value is not None
    assert (made.value == 0) == (beyond(asked, value) == 0)
    assert (made.low or 0) <= made.value <= (made.high or 0) <= n + 1e-9
    assert (made.high == 0) == (beyond(asked, low) == 0 and beyond(asked, high) == 0)


@given(st.tuples(values, values).map(sorted), values, operators)
def test_extent_is_monotone_in_the_estimate(two: list[float], limit: float, op: Operator) -> None:
    first, second = (
        extent(gate(op=op, threshold=limit), _number("accuracy", one, one, one, 900), ROWS).value or 0.0 for one in two
    )
    assert (first >= second) if op == ">=" else (first <= second)


# --- ranking --------------------------------------------------------------------------------------

FAMILIES = {"skill": "performance", "disparities": "fairness", "missing_values": "data", "card_blanks": "card",
            "train_test_overlap": "leakage"}  # fmt: skip


def _failed(check: str, reach: float | None = None, **fields: object) -> tuple[Gate, Verdict]:
    asked = gate(id=check, check=check, from_catalogue=True, **{"severity": "warning", **fields})
    known = None if reach is None else Estimate(metric="extent", value=reach, low=reach, high=reach)
    return asked, Verdict(gate=check, where={}, outcome="fail", severity=asked.severity, extent=known)


def _order(*pairs: tuple[Gate, Verdict]) -> list[str]:
    found = rank_verdicts([verdict for _, verdict in pairs], [asked for asked, _ in pairs], FAMILIES)
    return [one.gate for one in sorted((one for one in found if one.rank), key=lambda one: one.rank or 0)]


def test_what_invalidates_the_audit_comes_first_and_paperwork_last() -> None:
    assert _order(
        _failed("card_blanks"),
        _failed("missing_values", 500.0),
        _failed("disparities", 12.0),
        _failed("skill", severity="error"),
        _failed("train_test_overlap", 1.0, invalidates=True, severity="error"),
    ) == ["train_test_overlap", "skill", "disparities", "missing_values", "card_blanks"]


def test_a_model_without_skill_is_told_before_what_follows_from_it() -> None:
    assert _order(_failed("disparities", 950.0), _failed("skill", severity="error")) == ["skill", "disparities"]


def test_what_reaches_nobody_knows_how_many_is_told_by_how_far_it_lies_beyond_its_limit() -> None:
    made = []
    for value in (0.3, 0.6, 0.4):
        asked, verdict = _failed("missing_values", op="<=", threshold=0.2)
        made.append((asked, replace(verdict, estimate=Estimate(metric="m", value=value, low=value, high=value))))
    found = rank_verdicts([one for _, one in made], [asked for asked, _ in made], FAMILIES)
    assert [one.rank for one in found] == [3, 1, 2]


def test_extent_times_severity_decides_among_concerns() -> None:
    large = _failed("disparities", 90.0)
    assert _order(_failed("skill", 25.0, severity="error"), large) == ["disparities", "skill"]
    assert _order(large, _failed("skill", 35.0, severity="error")) == ["skill", "disparities"]


def test_open_verdicts_come_after_failures_and_passes_have_no_rank() -> None:
    asked, verdict = _failed("disparities", 900.0)
    others = [(asked, replace(verdict, gate=out, outcome=out)) for out in ("inconclusive", "pass", "waived")]
    assert _order(*others, _failed("card_blanks")) == ["card_blanks", "inconclusive"]


def test_criteria_come_before_concerns() -> None:
    own = gate(id="own", check="", severity="warning")
    assert _order(
        _failed("disparities", 400.0), (own, Verdict(gate="own", where={}, outcome="fail", severity="warning"))
    ) == ["own", "disparities"]


# --- judged ---------------------------------------------------------------------------------------


def test_verdicts_carry_extent_and_rank() -> None:
    of = record(
        finding("classification", rate("accuracy", 500, 1000), rate("recall", 100, 400), rate("precision", 990, 1000))
    )
    asked = [gate(id="a"), gate(id="r", metric="recall"), gate(id="p", metric="precision")]
    first, second, third = judge(of, policy(*asked)).verdicts
    assert first.extent is not None
    assert first.extent.value == pytest.approx(200)
    assert second.extent is not None
    assert second.extent.value == pytest.approx(180)
    assert (first.rank, second.rank, third.rank, third.extent) == (1, 2, None, None)


def test_facts_are_decided_on_the_number_alone() -> None:
    of = record(
        finding(
            "missing_values",
            rate("missing_share", 0, 20, feature="a"),
            rate("missing_share", 3, 12, feature="b"),
        ),
        finding("unseen_category", rate("unseen_share", 0, 177, feature="a")),
    )
    rules = tuple(one for one in default_policy().gates if one.metric in ("missing_share", "unseen_share"))
    verdicts = judge(of, policy(*rules)).verdicts
    assert [one.outcome for one in verdicts] == ["pass", "fail", "pass"]
    assert all(one.estimate is not None and one.estimate.method == "count" for one in verdicts)
    assert all(one.n_needed is None and one.detectable is None for one in verdicts)


def test_single_features_come_before_their_crossings() -> None:
    """A family's error rate goes to single features first, so that many crossings do not silence them."""
    single = rate("recall", 59, 100, sex="a")
    crossed = [rate("recall", 75, 100, sex=name, race=other) for name in "ab" for other in "cdefgh"]
    asked = gate(metric="recall", where={"split": "test", "*": "*"})
    verdict = judge(record(finding("g", single, *crossed), groups={"a": 100, "b": 100}), policy(asked)).verdicts[0]
    alone = judge(record(finding("g", single), groups={"a": 100}), policy(asked)).verdicts[0]
    assert alone.p_adjusted is not None
    assert verdict.p_adjusted == pytest.approx(alone.p_adjusted / 0.8)


def test_crossings_come_after_the_features_that_they_are_made_of() -> None:
    asked, verdict = _failed("disparities", 30.0)
    single = (asked, replace(verdict, where={"split": "test", "sex": "f"}))
    larger = replace(verdict.extent, value=90.0, high=90.0) if verdict.extent else None
    crossed = (asked, replace(verdict, where={"split": "test", "sex": "f", "race": "b"}, extent=larger))
    apart = (asked, replace(verdict, where={"split": "test", "sex": "m", "race": "b"}, extent=larger))
    found = rank_verdicts([one for _, one in (crossed, single, apart)], [asked] * 3, FAMILIES)
    assert [one.rank for one in found] == [3, 2, 1]
