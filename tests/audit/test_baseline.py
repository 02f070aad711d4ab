"""Two audits of the same rows, of other rows, and what a record keeps for it."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import audit
from audit.comparing.baseline import against, change, is_paired
from audit.comparing.comparison import compare
from audit.comparing.pairing import fingerprint, pack, row_hashes, shown_groups, unpack
from audit.data.factor import Factor
from audit.errors import ConfigError, PolicyError
from audit.estimate.measure import estimate
from audit.evidence import Predictions, Settings
from audit.policy.read import default_policy, with_margin
from reports.record import AuditRecord, Estimate, Pairing, Verdict
from reports.store import dumps, loads

CHECKS = ["classification", "group_performance", "baseline_change"]


def table(rows: int, seed: int = 0) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    frame = pd.DataFrame({"a": generator.normal(size=rows), "b": generator.normal(size=rows)})
    frame["sex"] = generator.choice(["f", "m"], rows)
    frame["race"] = generator.choice(["x", "y", "z"], rows, p=[0.6, 0.395, 0.005])
    chance = 1 / (1 + np.exp(-1.5 * frame["a"]))
    return frame.assign(y=(generator.random(rows) < chance).astype(int))


def scores(frame: pd.DataFrame, noise: float, seed: int = 1) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    generator = np.random.default_rng(seed)
    return np.asarray(1 / (1 + np.exp(-1.5 * frame["a"] - noise * generator.normal(size=len(frame)))))


def audited(frame: pd.DataFrame, noise: float, **fields: object) -> AuditRecord:
    given = frame.assign(score=scores(frame, noise))
    return audit.run(
        test=given,
        target="y",
        sensitive=["sex", "race"],
        task="binary",
        positive=1,
        score="score",
        checks=CHECKS,
        **fields,  # type: ignore[arg-type]
    )


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return table(3000)


@pytest.fixture(scope="module")
def good(rows: pd.DataFrame) -> AuditRecord:
    return audited(rows, 0.1)


@pytest.fixture(scope="module")
def bad(rows: pd.DataFrame) -> AuditRecord:
    return audited(rows, 2.5)


def verdicts(record: AuditRecord, gate: str) -> list[Verdict]:
    return [one for one in record.verdicts if one.gate == gate]


def only(record: AuditRecord, metric: str) -> Estimate:
    (found,) = [one for one in gains(record) if one.metric == metric and set(one.where) == {"split"}]
    return found


def gains(record: AuditRecord) -> Iterator[Estimate]:
    for finding in record.findings:
        if finding.check == "baseline_change" and finding.measurement:
            yield from finding.measurement.estimates


# --- what is kept -----------------------------------------------------------------------------------


def test_without_a_baseline_nothing_is_compared(good: AuditRecord) -> None:
    (verdict,) = verdicts(good, "BASE001")
    assert verdict.outcome == "not_assessed"
    assert "--baseline" in verdict.message


def test_a_record_keeps_answers_and_no_rows(good: AuditRecord, rows: pd.DataFrame) -> None:
    assert good.pairing is not None
    assert (good.pairing.rows, good.pairing.kept) == (3000, 3000)
    assert loads(dumps(good)) == good
    assert len(json.dumps(json.loads(dumps(good))["pairing"])) < 5 * len(rows)


def test_kept_answers_measure_what_the_audit_measured(good: AuditRecord, rows: pd.DataFrame) -> None:
    assert good.pairing is not None
    kept = unpack(good.pairing, "binary", ("0", "1"))
    (found,) = [one for one in good.findings if one.check == "classification"]
    assert found.measurement is not None
    known = {(one.metric, len(one.where)): one.value for one in found.measurement.estimates}
    for metric, tolerance in [("accuracy", 1e-12), ("roc_auc", 5e-4), ("log_loss", 2e-3), ("brier_score", 5e-4)]:
        assert estimate(kept, metric).value == pytest.approx(known[metric, 1], abs=tolerance)
    assert np.bincount(kept.keys["sex"].codes).tolist() == [int((rows["sex"] == level).sum()) for level in ("f", "m")]


def test_groups_too_small_to_be_shown_are_not_told_apart(rows: pd.DataFrame, good: AuditRecord) -> None:
    assert good.pairing is not None
    kept = unpack(good.pairing, "binary", ("0", "1"))
    crossed = pd.crosstab(kept.keys["sex"].codes, kept.keys["race"].codes)
    assert rows["race"].value_counts()["z"] < 30
    assert ((crossed == 0) | (crossed >= 10)).all(axis=None)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4), st.integers(0, 2)), min_size=1, max_size=300),
    st.integers(0, 40),
)
@settings(max_examples=60, deadline=None)
def test_no_crossing_is_smaller_than_what_may_be_shown(rows: list[tuple[int, int, int]], least: int) -> None:
    columns = list(zip(*rows, strict=True))
    keys = {f"k{place}": Factor.of([f"v{value}" for value in column]) for place, column in enumerate(columns)}
    y = np.zeros(len(rows), dtype=np.int64)
    part = Predictions(
        task="binary",
        classes=("n", "y"),
        y_true=y,
        y_pred=y,
        keys=keys,
        sensitive=tuple(keys),
        settings=Settings(suppress_n=least),
    )
    codes = np.stack([factor.codes for factor in shown_groups(part).values()])
    _, counts = np.unique(codes, axis=1, return_counts=True)
    assert counts.min() >= min(least, len(rows))


def test_no_score_weight_or_target_is_held_by_few_rows() -> None:
    generator = np.random.default_rng(0)
    y = generator.integers(0, 2, 3000)
    score = generator.random(3000)
    answers = Predictions(
        task="binary", classes=("0", "1"), y_true=y, y_pred=y, y_score=score, probabilities=True,
        weight=generator.random(3000), row=np.arange(3000),
    )  # fmt: skip
    kept = unpack(pack(answers, np.arange(3000, dtype=np.uint64)), "binary", ("0", "1"))
    assert kept.y_score is not None
    assert kept.weight is not None
    for column in (kept.y_score, kept.weight):
        counts = np.unique(column, return_counts=True)[1]
        assert counts.min() >= 10
        assert len(counts) <= 200
    numbers = replace(answers, task="regression", y_true=score, y_pred=score + 0.1, y_score=None, classes=())
    targets = unpack(pack(numbers, np.arange(3000, dtype=np.uint64)), "regression", ()).y_true
    assert np.unique(targets, return_counts=True)[1].min() >= 10


def test_the_order_of_rows_needs_the_key(rows: pd.DataFrame) -> None:
    one, other = row_hashes(rows, b"mine"), row_hashes(rows, b"another")
    assert fingerprint(one) != fingerprint(other)
    assert abs(np.corrcoef(np.argsort(np.argsort(one)), np.argsort(np.argsort(other)))[0, 1]) < 0.1
    assert (row_hashes(rows, b"mine") == one).all()


def test_rows_are_known_again_in_any_order_and_format(rows: pd.DataFrame) -> None:
    plain = row_hashes(rows)
    other = rows.sample(frac=1, random_state=1).loc[:, ["race", "y", "b", "sex", "a"]]
    other = other.assign(y=other["y"].astype(float), sex=other["sex"].astype("category"))
    assert fingerprint(row_hashes(other)) == fingerprint(plain)
    assert fingerprint(row_hashes(rows.assign(y=1 - rows["y"]))) != fingerprint(plain)
    assert fingerprint(row_hashes(rows.rename(columns={"a": "b", "b": "a"}))) != fingerprint(plain)
    assert fingerprint(row_hashes(rows[1:])) != fingerprint(plain)
    assert len(np.unique(plain)) == len(rows)


def test_missing_values_are_values(rows: pd.DataFrame) -> None:
    holes = rows.assign(a=rows["a"].where(rows["a"] > 0), sex=rows["sex"].where(rows["b"] > 0, None))
    assert fingerprint(row_hashes(holes)) == fingerprint(row_hashes(holes[::-1]))
    assert fingerprint(row_hashes(holes)) != fingerprint(row_hashes(rows))


def test_of_many_rows_every_audit_keeps_the_same_ones(rows: pd.DataFrame) -> None:
    y = rows["y"].to_numpy()
    answers = Predictions(task="binary", classes=("0", "1"), y_true=y, y_pred=y, row=np.arange(len(y)))
    order = np.random.default_rng(3).permutation(len(y))
    hashes = row_hashes(rows)
    first = pack(answers, hashes, most=500)
    second = pack(answers.take(order.astype(np.intp)), hashes[order], most=500)
    assert (first.kept, first.rows) == (500, 3000)
    assert first == second


def test_weights_clusters_and_numbers_come_back() -> None:
    generator = np.random.default_rng(0)
    true = generator.normal(100, 20, 400)
    answers = Predictions(
        task="regression",
        y_true=true,
        y_pred=true + generator.normal(0, 5, 400),
        weight=generator.random(400),
        cluster=Factor.of([f"p{k // 4}" for k in range(400)]),
        row=np.arange(400),
    )
    hashes = np.arange(400, dtype=np.uint64)
    kept = unpack(pack(replace(answers, settings=Settings(suppress_n=1)), hashes, levels=400), "regression", ())
    assert np.abs(kept.y_true - true).max() < 0.01  # type: ignore[operator]
    for metric in ("r2_score", "mean_absolute_error", "root_mean_squared_error"):
        now, then = estimate(kept, metric), estimate(answers, metric)
        assert now.value == pytest.approx(then.value, rel=1e-3)
        assert now.low == pytest.approx(then.low, rel=1e-3)


def test_scores_that_are_no_probabilities_keep_their_order() -> None:
    generator = np.random.default_rng(0)
    y = generator.integers(0, 2, 2000)
    answers = Predictions(
        task="binary",
        classes=("0", "1"),
        y_true=y,
        y_pred=y,
        y_score=generator.normal(size=2000) * 1e6 + y * 1e6,
        row=np.arange(2000),
    )
    fine = replace(answers, settings=Settings(suppress_n=1))
    pairing = pack(fine, np.arange(2000, dtype=np.uint64), levels=2000)
    assert pairing.score_scale == "rank"
    kept = unpack(pairing, "binary", ("0", "1"))
    assert estimate(kept, "roc_auc").value == pytest.approx(estimate(answers, "roc_auc").value, abs=1e-12)
    assert not kept.probabilities


# --- paired -----------------------------------------------------------------------------------------


def test_the_same_model_is_no_worse(good: AuditRecord) -> None:
    again = audit.judge(good, default_policy(), baseline=good)
    (verdict,) = verdicts(again, "BASE001")
    assert verdict.outcome == "pass"
    assert verdict.estimate is not None
    assert (verdict.estimate.low, verdict.estimate.high) == (0.0, 0.0)
    assert {one.outcome for one in verdicts(again, "BASE002")} <= {"pass", "not_assessed"}


def test_a_worse_model_fails_and_a_better_one_passes(good: AuditRecord, bad: AuditRecord) -> None:
    worse = audit.judge(bad, default_policy(), baseline=good)
    assert verdicts(worse, "BASE001")[0].outcome == "fail"
    assert any(one.outcome == "fail" for one in verdicts(worse, "BASE002"))
    better = audit.judge(good, default_policy(), baseline=bad)
    assert verdicts(better, "BASE001")[0].outcome == "pass"


def test_a_margin_is_what_may_be_lost(good: AuditRecord, bad: AuditRecord) -> None:
    gap = only(audit.judge(bad, default_policy(), baseline=good), "headline_gain")
    assert gap.low is not None
    generous = with_margin(default_policy(), round(0.01 - gap.low, 3))
    assert verdicts(audit.judge(bad, generous, baseline=good), "BASE001")[0].outcome == "pass"


def test_gains_are_turned_so_that_more_is_better(good: AuditRecord, bad: AuditRecord) -> None:
    found = audit.judge(bad, default_policy(), baseline=good)
    error, accuracy = only(found, "error_rate_gain"), only(found, "accuracy_gain")
    assert error.value == pytest.approx(accuracy.value)
    assert (accuracy.value or 0) < 0
    assert only(found, "log_loss_gain").value < 0  # type: ignore[operator]
    assert error.low == pytest.approx(accuracy.low)
    assert error.high == pytest.approx(accuracy.high)


@pytest.mark.parametrize("headline", ["mean_absolute_error", "median_absolute_error", "mean_squared_error"])
@pytest.mark.parametrize("kept", [True, False])
def test_a_margin_means_the_same_in_euros_and_in_millions(headline: str, kept: bool) -> None:
    generator = np.random.default_rng(0)
    truth, noise = generator.normal(50_000, 12_000, 400), generator.normal(size=(3, 400))
    outcomes = []
    for scale in (1.0, 1e-6):
        older, same, worse = (
            audit.run(
                test=pd.DataFrame({"y": truth * scale, "p": (truth + size * one) * scale}), target="y", prediction="p",
                task="regression", headline=headline, checks=["regression"],
            )
            for size, one in zip((3_000, 3_000, 6_000), noise, strict=True)
        )  # fmt: skip
        before = older if kept else replace(older, pairing=None)
        judged = [audit.judge(one, default_policy(), baseline=before) for one in (same, worse)]
        outcomes.append([verdicts(one, "BASE001")[0].outcome for one in judged])
        (finding,) = (one for one in judged[1].findings if one.check == "baseline_change")
        assert finding.measurement is not None
        assert any(note.startswith("Rules on losses go by r2_score") for note in finding.measurement.notes)
        assert (
            only(judged[1], f"{headline}_gain").value == pytest.approx(-3_000 * scale, rel=0.5) or "squared" in headline
        )
    assert outcomes[0] == outcomes[1]
    assert outcomes[0][0] != "fail"
    assert outcomes[0][1] == "fail"


def test_pairs_tell_more_than_independent_samples(good: AuditRecord, rows: pd.DataFrame) -> None:
    near = audited(rows, 0.3)
    pair = only(against(near, good), "headline_gain")
    apart = only(against(near, replace(good, pairing=None)), "headline_gain")
    assert pair.value == pytest.approx(apart.value, abs=1e-4)
    assert (pair.high or 0) - (pair.low or 0) < 0.5 * ((apart.high or 0) - (apart.low or 0))
    assert apart.method.startswith("not paired")


def test_a_run_with_a_baseline_is_judged_like_its_record(
    rows: pd.DataFrame, good: AuditRecord, bad: AuditRecord
) -> None:
    from audit.check import run as run_check
    from audit.checks.baseline_change import baseline_change

    assert bad.pairing is not None
    evidence = {"baseline": good, "pairing": bad.pairing, "predictions": _answers(rows, 2.5)}
    finding = run_check(baseline_change, evidence.__getitem__, task="binary")
    later = against(bad, good)
    (saved,) = [one for one in later.findings if one.check == "baseline_change"]
    assert finding.measurement == saved.measurement
    assert finding.title == saved.title


def _answers(frame: pd.DataFrame, noise: float) -> Predictions:
    score = scores(frame, noise)
    return Predictions(
        task="binary",
        classes=("0", "1"),
        y_true=frame["y"].to_numpy(),
        y_pred=(score >= 0.5).astype(np.int64),
        y_score=score,
        probabilities=True,
        keys={
            "split": Factor.constant("test", len(frame)),
            "sex": Factor.of(frame["sex"]),
            "race": Factor.of(frame["race"]),
        },
        sensitive=("sex", "race"),
        row=np.arange(len(frame)),
    )


def test_an_own_gate_on_what_may_not_get_worse(good: AuditRecord, bad: AuditRecord) -> None:
    from reports.record import Gate, Policy

    gate = Gate(
        id="recall", title="", check="", metric="recall", where={"split": "test"}, kind="no_regression",
        op=">=", threshold=-0.01, severity="error",
    )  # fmt: skip
    judged = audit.judge(bad, Policy(gates=(gate,)), baseline=good)
    assert judged.verdicts[0].outcome == "fail"
    with pytest.raises(PolicyError, match="Did you mean 'recall'"):
        audit.judge(bad, Policy(gates=(replace(gate, metric="recal"),)), baseline=good)


# --- not paired -------------------------------------------------------------------------------------


def test_other_rows_are_refused_by_fingerprint(good: AuditRecord) -> None:
    other = audited(table(3000, seed=5), 0.1)
    with pytest.raises(ConfigError, match="measured on other rows"):
        against(other, good)
    measured = change(other, good)
    assert "not paired" in measured.summary
    assert not is_paired(other.pairing, good.pairing)
    accepted = against(other, good, on_data_change="unpaired")
    assert measured in [one.measurement for one in accepted.findings if one.check == "baseline_change"]


@pytest.mark.parametrize(
    ("field", "value"), [("target", "z"), ("positive", "0"), ("classes", ("0", "2"))], ids=lambda one: str(one)
)
def test_another_question_is_refused(good: AuditRecord, field: str, value: object) -> None:
    other = replace(good, data=replace(good.data, **{field: value}))  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="cannot be compared"):
        against(good, other)


def test_another_task_is_refused(good: AuditRecord) -> None:
    with pytest.raises(ConfigError, match="the baseline's task is 'regression'"):
        against(good, replace(good, task="regression"))


@pytest.mark.parametrize(
    "text", ["", "!", base64.b64encode(b"no zlib").decode(), base64.b64encode(zlib.compress(b"\xff" * 3000)).decode()]
)
def test_answers_edited_by_hand_are_refused(good: AuditRecord, text: str) -> None:
    assert good.pairing is not None
    broken = replace(good, pairing=replace(good.pairing, y_pred=text))
    with pytest.raises(ConfigError, match="packed answers"):
        against(good, broken)


def test_a_record_that_claims_too_much_is_not_unpacked(good: AuditRecord) -> None:
    assert good.pairing is not None
    forged = replace(good, pairing=replace(good.pairing, kept=10**10, rows=10**10))
    with pytest.raises(ConfigError, match="10,000,000,000 rows"):
        against(forged, forged)


def test_a_pairing_of_too_many_rows_is_no_pairing() -> None:
    with pytest.raises(ValueError, match="no more than there are"):
        Pairing(fingerprint="f", rows=1, kept=2, y_true="", y_pred="")


# --- two records side by side -----------------------------------------------------------------------


def test_comparing_a_record_with_itself(good: AuditRecord) -> None:
    found = compare(good, good)
    assert found.paired
    assert {one.direction for one in found.changes} <= {"same", "no difference shown"}
    assert any(one.direction == "same" and one.paired for one in found.changes)
    assert all(one.difference is None or one.difference.value in (0.0, None) for one in found.changes)
    assert not found.turns
    assert not found.identity
    assert found.churn[0].value == 0


def test_what_changed_is_told_with_its_direction(good: AuditRecord, bad: AuditRecord) -> None:
    found = compare(good, bad)
    by_metric = {one.metric: one for one in found.changes if set(one.where) == {"split"}}
    assert by_metric["accuracy"].direction == "worse"
    assert by_metric["roc_auc"].paired
    assert found.disagreement is not None
    better, worse, exact, mid = found.disagreement.rows[0]
    assert isinstance(better, int)
    assert isinstance(worse, int)
    assert isinstance(exact, float)
    assert isinstance(mid, float)
    assert better < worse
    assert 0 < mid < exact < 0.01
    assert (found.churn[0].value or 0) > 0.05
    assert {tuple(one.where) for one in found.churn} >= {("split",), ("split", "sex"), ("split", "sex", "race")}
    assert compare(bad, good).changes[0].direction == "better"


def test_comparing_other_rows_says_so(good: AuditRecord) -> None:
    found = compare(good, audited(table(2000, seed=9), 0.1))
    assert not found.paired
    assert "different rows" in found.note
    assert not any(one.paired for one in found.changes)
    assert ("test rows", "3000", "2000") in found.identity


def test_gates_that_turned(good: AuditRecord, bad: AuditRecord) -> None:
    policy = default_policy()
    found = compare(audit.judge(good, policy, baseline=bad), audit.judge(bad, policy, baseline=good))
    turned = {(one.gate, one.before, one.after) for one in found.turns}
    assert ("BASE001", "pass", "fail") in turned


# --- error rates ------------------------------------------------------------------------------------


def headline_verdicts(drop: float, rows: int, repetitions: int) -> dict[str, float]:
    """Return how often BASE001 comes out how, where the true accuracy drops by `drop` and 10 % of decisions change."""
    from tests.audit.verdict_records import gate, policy, record

    generator, found = np.random.default_rng(42), {"pass": 0, "fail": 0, "inconclusive": 0}
    asked = policy(gate(kind="no_regression", metric="accuracy", op=">=", threshold=-0.01))
    for _ in range(repetitions):
        y = generator.integers(0, 2, rows)
        kind = generator.choice(4, rows, p=[0.8, (0.1 - drop) / 2, (0.1 + drop) / 2, 0.1])
        now, then = np.where(np.isin(kind, (0, 1)), y, 1 - y), np.where(np.isin(kind, (0, 2)), y, 1 - y)
        hashes = generator.integers(0, 2**63, rows).astype(np.uint64)
        records = []
        for y_pred in (now, then):
            answers = Predictions(task="binary", classes=("0", "1"), y_true=y, y_pred=y_pred, row=np.arange(rows))
            records.append(replace(record(), pairing=pack(answers, hashes)))
        found[audit.judge(records[0], asked, baseline=records[1]).verdicts[0].outcome] += 1
    return {name: count / repetitions for name, count in found.items()}


def test_a_model_exactly_at_the_margin_is_rarely_failed_and_rarely_passed() -> None:
    at_margin = headline_verdicts(0.01, 1000, 300)
    assert at_margin["fail"] <= 0.05  # nominal 0.025; 0.05 is three standard errors above
    assert at_margin["pass"] <= 0.05


def test_equal_models_pass_with_enough_rows_and_worse_ones_fail() -> None:
    equal = headline_verdicts(0.0, 10_000, 60)
    assert equal["pass"] >= 0.8
    assert equal["fail"] == 0
    assert headline_verdicts(0.03, 5000, 60)["fail"] >= 0.9
