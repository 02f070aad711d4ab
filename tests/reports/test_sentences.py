"""What a concern says of every rule of the catalogue: who, what, how much and the limit, in words."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import replace

import pytest

from audit.policy.read import default_policy
from reports import sarif
from reports.lookup import Estimates
from reports.people import RATES
from reports.phrases import metric_words
from reports.record import (
    AuditRecord,
    DataInfo,
    Environment,
    Estimate,
    FeatureInfo,
    Finding,
    Gate,
    Measurement,
    ModelInfo,
    Policy,
    Verdict,
)
from reports.sentences import concern_words, known_words, limit_words, verdict_words
from reports.tellings import TELLINGS

PLACES = {"split": "test", "feature": "income", "class": "yes", "slice": "age up to 30", "layer": "first", "file": "m",
          "window": "May", "metric": "recall", "over": "3 windows", "of": "scores", "variant": "blur", "against": "1.9",
          "*": "f"}  # fmt: skip
GATES = {f"{one.id} {one.metric} {len(one.where)}": one for one in default_policy().gates}
SAYS_ITSELF = frozenset({"recall", "churn", "runs_code"})
"""Metrics whose name is a word of the language."""


def place(gate: Gate) -> dict[str, str]:
    """Name a slice that a gate speaks of, with one group for any."""
    found = {key: PLACES[key] if level == "*" else level for key, level in gate.where.items()}
    return {("sex" if key == "*" else key): level for key, level in found.items()}


def beyond(gate: Gate) -> float:
    """Return a number that breaks a rule."""
    limit = gate.threshold[0] if isinstance(gate.threshold, tuple) else gate.threshold
    return 0.4 * limit - 0.1 if gate.op in (">=", "between") else limit + 0.21


def estimate(metric: str, value: float, where: Mapping[str, str], n: int = 200) -> Estimate:
    return Estimate(metric=metric, value=value, low=value - 0.02, high=value + 0.02, n=n, where=where)


def audit(*made: Estimate, **data: object) -> AuditRecord:
    info = {"target": "loan", "positive": "yes", "favorable": "yes", "classes": ("no", "yes"), "sensitive": ("sex",)}
    return AuditRecord(
        tool="", created="", seed=0, task="binary", headline="roc_auc", environment=Environment(),
        findings=(Finding(check="c", title="c", family="fairness", revision=1, outcome="measured",
                          measurement=Measurement(summary="", estimates=made)),),
        model=ModelInfo(name="m", kind="k", format="skops"),
        data=DataInfo(**{**info, "features": (FeatureInfo(name="income", kind="numeric"),), **data}),  # type: ignore[arg-type]
    )  # fmt: skip


def failed(one: Estimate, gate: str = "G") -> Verdict:
    return Verdict(gate=gate, where=one.where, outcome="fail", severity="warning", estimate=one)


def held(record: AuditRecord, gate: Gate) -> AuditRecord:
    """Put a rule in force."""
    return replace(record, policy=Policy(gates=(gate,)))


def groups(rate: str, where: Mapping[str, str], **levels: float) -> tuple[Estimate, ...]:
    return tuple(estimate(rate, value, {**where, "sex": level}) for level, value in levels.items())


@pytest.mark.parametrize("name", GATES)
@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_every_rule_is_told_in_words(name: str, task: str) -> None:
    gate = GATES[name]
    where = place(gate)
    metric = "roc_auc_gain" if gate.kind == "no_regression" else gate.metric
    base = re.sub("_(difference|ratio)$", "", metric)
    house = {key: level for key, level in where.items() if key != "sex"}
    rates = groups(base, house, f=0.3, m=0.6) if base in RATES else ()
    if task == "binary":
        rates = tuple(replace(one, where={k: v for k, v in one.where.items() if k != "class"}) for one in rates)
    one = estimate(metric, beyond(gate), where)
    score = estimate("roc_auc", 0.8, {})
    record = replace(audit(one, score, *rates), task=task)  # type: ignore[arg-type]
    said = concern_words(held(record, gate), Estimates(record), failed(one, gate.id))
    assert "_" not in said
    plain = re.sub(r"\([^)]*\)", "", said)  # the term of the field may stand in brackets
    assert metric in SAYS_ITSELF or metric_words(metric) not in plain
    assert not re.search(r"\b(ratio|difference)\b", said)
    if "sex" in where:
        assert "sex: f" in said, "who"
    assert re.search(r"\d", said) or (gate.decided == "count" and gate.threshold == 0), "how much"
    zero = not isinstance(gate.threshold, tuple) and abs(gate.threshold) < 1e-6
    assert ("limit" in said) != (zero and gate.kind != "no_regression"), "the limit"


def test_every_sentence_names_its_number_once() -> None:
    silent = {"favorable_outcome_not_stated", "runs_code", "fingerprint_differs", "performance_alarm", "drift_alarm"}
    silent |= {"version_alarm"}
    numbers = {name: len(re.findall(r"\{(value|in_features)\}", one.words)) for name, one in TELLINGS.items()}
    assert {name for name, n in numbers.items() if n != 1} == silent
    assert [name for name, one in TELLINGS.items() if bool(one.sides[0]) != ("{side}" in one.words)] == []


@pytest.mark.parametrize(
    ("metric", "value", "where", "said"),
    [
        ("train_test_gap", 0.186, {}, "the model scores 18.6 points [16.6, 20.6] higher on its training rows"),
        ("mean_calibration_gap", -0.07, {"sex": "f"}, "for sex: f are too low by 7 points [5, 9]"),
        (
            "proxy_auc",
            0.931,
            {"feature": "zip", "sex": "f"},
            "zip alone distinguishes sex: f from others in 93 of 100 pairs",
        ),
        ("calibration_slope", 2.5, {}, "too moderate (calibration slope 2.500 [2.480, 2.520], where 1 is right)"),
        ("calibration_slope", 0.5, {}, "too extreme"),
        ("gap_p_value_adjusted", 0.0002, {"feature": "sex"}, "in fewer than 1 of 1,000 cases"),
        ("slice_error_ratio", 2.04, {"slice": "age up to 30"}, "age up to 30 (n 200): errors are 2.0 times [2.0, 2.1]"),
        ("missing_flip_ratio", 2.1, {"feature": "age"}, "age: a missing value changes 2.1 times [2.1, 2.1] as many"),
        ("simple_model_gain", 0.041, {}, "does better by 4.1 points [2.1, 6.1] of ROC AUC"),
        ("accuracy_drop", 0.12, {"variant": "brightness"}, "mild brightness costs 12 points"),
        ("roc_auc_gain", -0.031, {}, "ROC AUC is worse than the baseline's by 0.031 [0.011, 0.051] (n 200)"),
        ("selection_rate", 0.3, {"sex": "f"}, "called “yes”: 30 % [28, 32] of sex: f (n 200)"),
        (
            "my_profit_difference",
            -3.25,
            {"sex": "f"},
            "sex: f: my profit is 3.250 [3.230, 3.270] lower than in the group",
        ),
        ("my_profit_ratio", 0.5, {"sex": "f"}, "sex: f: my profit is 0.5 times [0.5, 0.5] that of the group"),
        ("my_profit", 3.25, {}, "my profit is 3.250 [3.230, 3.270] (n 200)"),
    ],
)
def test_numbers_are_told_in_their_units(metric: str, value: float, where: dict[str, str], said: str) -> None:
    one = estimate(metric, value, {"split": "test", **where})
    record = audit(replace(estimate("roc_auc", 0.8, {}), unit="score"))
    assert said in verdict_words(record, Estimates(record), failed(one))


def test_a_crossing_is_told_by_the_rates_of_its_groups() -> None:
    crossed = tuple(
        estimate("error_rate", value, {"race": "b", "sex": level}, n)
        for level, value, n in (("f", 0.2, 90), ("m", 0.1, 80))
    )
    gap = estimate("error_rate_difference", 0.1, {"race": "b", "sex": "f"})
    record = audit(gap, *crossed, *groups("error_rate", {}, f=0.5, m=0.4))
    said = verdict_words(record, Estimates(record), failed(gap))
    assert said == "wrong decisions: 20 % of race: b, sex: f (n 90), 10 % of race: b, sex: m (n 80)"


def test_a_ratio_is_told_beside_the_group_that_it_is_a_ratio_to() -> None:
    """Differences are from the largest group, ratios to the one with the highest rate: here another one."""
    rates = groups("selection_rate", {}, f=0.5, m=0.4, x=0.9)
    ratios = groups("selection_rate_ratio", {}, f=0.56, m=0.44, x=1.0)
    record = audit(*rates, *ratios, *groups("selection_rate_difference", {}, f=0.1, x=0.5))
    known = Estimates(record)
    assert verdict_words(record, known, failed(ratios[0])).endswith("50 % of sex: f (n 200), 90 % of sex: x (n 200)")
    gap = estimate("selection_rate_difference", 0.1, {"sex": "f"})
    assert verdict_words(record, known, failed(gap)).endswith("40 % of sex: m (n 200), 50 % of sex: f (n 200)")


@pytest.mark.parametrize(
    ("positive", "limit"),
    [("yes", "(n 200); 50 % as often; limit: at least 80 %"), ("no", "; “yes” 50 % as often; limit: at least 80 %")],
)
def test_the_same_group_is_accused_whichever_class_is_positive(positive: str, limit: str) -> None:
    rates = groups("selection_rate", {}, f=0.3, m=0.6)  # of the favorable outcome, "yes"
    one = estimate("selection_rate_ratio", 0.5, {"sex": "f"})
    record = audit(one, *rates, positive=positive)
    gate = next(gate for gate in GATES.values() if gate.metric == "selection_rate_ratio")
    shares = {"yes": "30 % of sex: f (n 200), 60 % of sex: m", "no": "70 % of sex: f (n 200), 40 % of sex: m"}
    said = concern_words(held(record, gate), Estimates(record), failed(one, gate.id))
    assert said.startswith(f"called “{positive}”: {shares[positive]}")
    assert said.endswith(limit)


def test_a_class_of_several_is_named_and_favors_nobody() -> None:
    rates = groups("selection_rate", {"class": "clerk"}, f=0.6, m=0.3)
    one = estimate("selection_rate_ratio", 0.5, {"class": "clerk", "sex": "m"})
    record = replace(
        audit(one, *rates, positive="", favorable="", classes=("clerk", "cook", "nurse")), task="multiclass"
    )
    said = verdict_words(record, Estimates(record), failed(one))
    assert said == "called “clerk”: 30 % of sex: m (n 200), 60 % of sex: f (n 200)"


def test_rows_that_a_regression_lacks_speak_of_its_errors() -> None:
    one = estimate("missing_rows", 96, {"sex": "f"})
    record = replace(audit(one), task="regression")
    said = verdict_words(record, Estimates(record), failed(one))
    assert said == "sex: f: 96 more test rows needed to see a mean error of a fifth of the errors' spread"


def test_points_are_said_of_shares_alone() -> None:
    gap = replace(estimate("standardized_mean_error", 0.3, {"sex": "f"}), unit="difference")
    gate = Gate(id="G", title="", check="", metric=gap.metric, op="abs<=", threshold=0.1)
    assert known_words(failed(gap), gate) == ""
    assert limit_words(audit(), failed(gap), gate) == "limit: 0.1"


def test_reports_of_many_crossed_groups_are_drawn_at_once() -> None:
    """Each group is told beside another one; what all of them share is looked up once."""
    crossed = [
        estimate(metric, 0.2 + 0.6 * k / 900, {"split": "test", "zip": f"{k // 30}", "job": f"{k % 30}"})
        for metric in ("error_rate", "error_rate_difference")
        for k in range(900)
    ]
    record = replace(audit(*crossed), verdicts=tuple(failed(one, "FAIR005") for one in crossed[900:]))
    start = time.process_time()
    said = json.loads(sarif.render(record))["runs"][0]["results"]
    assert time.process_time() - start < 5.0
    assert len({one["message"]["text"] for one in said}) == 899, "the two ends say the same of each other"
