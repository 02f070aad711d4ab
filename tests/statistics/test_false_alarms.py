"""How often the default policy fails models that are sound, and finds those that are not, by simulation.

Everything runs through the product's own checks, policy and judge; seeds are fixed.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from audit.check import Check, run
from audit.checks.calibration import calibration
from audit.checks.disparities import disparities
from audit.checks.overfitting import overfitting
from audit.comparing.baseline import paired_gains
from audit.data.factor import Factor
from audit.evidence import Predictions, Settings
from audit.judging.gate import judge
from audit.policy.read import default_policy, select_gates
from reports.record import AuditRecord, DataInfo, Environment, Finding, GroupInfo, Measurement, ModelInfo

FAIR = ("FAIR001", "FAIR002", "FAIR003", "FAIR004", "FAIR005", "FAIR006")


def scored(
    rng: np.random.Generator, sizes: list[int], *, found: float = 0.7, gap: float = 0.0, split: str = "test"
) -> Predictions:
    """Draw groups with TPR `found` and FPR 0.2; of positives in the first, `gap` fewer are found."""
    codes = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)
    n = len(codes)
    y = (rng.random(n) < 0.4).astype(np.int64)
    rate = np.where(y == 1, found - gap * (codes == 0), 0.2)
    chosen = rng.random(n) < rate
    score = np.where(chosen, 0.5 + rng.random(n) / 2, rng.random(n) / 2)
    return Predictions(
        task="binary", classes=("no", "yes"), y_true=y, y_pred=chosen.astype(np.int64), y_score=score,
        probabilities=True, row=np.arange(n), sensitive=("group",), settings=Settings(headline="accuracy"),
        keys={"split": Factor.constant(split, n),
              "group": Factor(codes=codes, levels=tuple(f"g{place:02}" for place in range(len(sizes))))},
    )  # fmt: skip


def record(answers: Predictions, *findings: Finding) -> AuditRecord:
    groups = answers.keys.get("group")
    return AuditRecord(
        tool="test", created="2026-01-01T00:00:00+00:00", seed=0, task="binary", headline="accuracy",
        model=ModelInfo(name="model", kind="test", format="none"), environment=Environment(), findings=findings,
        data=DataInfo(
            target="y", classes=("no", "yes"), sensitive=answers.sensitive,
            groups=() if groups is None else tuple(
                GroupInfo(feature="group", level=level, rows=int(rows))
                for level, rows in zip(groups.levels, groups.counts(), strict=True)
            ),
        ),
    )  # fmt: skip


def failed(answers: Predictions, check: Check, *codes: str) -> set[str]:
    """Return the rules that fail."""
    finding = run(check, lambda name: answers, task="binary")
    assert finding.outcome == "measured", finding.reason
    judged = judge(record(answers, finding), select_gates(default_policy(), select=codes))
    return {verdict.gate for verdict in judged.verdicts if verdict.outcome == "fail"}


@pytest.mark.parametrize(("groups", "n"), [(2, 500), (2, 5_000), (5, 2_000), (14, 2_000), (14, 10_000)])
def test_parity_is_seldom_failed(groups: int, n: int) -> None:
    """At most one audit in twenty, over all fairness rules together; the point rule fails nearly all of 14 groups."""
    rng = np.random.default_rng(groups * n)
    share = np.arange(1, groups + 1) / np.arange(1, groups + 1).sum()
    sizes = np.maximum((share * n).astype(int), 6).tolist()
    audits = 60
    alarms = sum(bool(failed(scored(rng, sizes), disparities, *FAIR)) for _ in range(audits))
    assert alarms / audits <= 0.05


@pytest.mark.parametrize("groups", [2, 5])
def test_a_gap_of_twice_the_threshold_is_failed(groups: int) -> None:
    rng = np.random.default_rng(groups)
    audits = 40
    caught = sum("FAIR002" in failed(scored(rng, [2_500] * groups, gap=0.2), disparities, *FAIR) for _ in range(audits))
    assert caught / audits >= 0.9


def test_a_ratio_of_six_tenths_is_failed() -> None:
    rng = np.random.default_rng(9)
    caught = 0
    for _ in range(40):
        answers = scored(rng, [1_500, 3_000])
        dropped = (answers.keys["group"].codes == 0) & (rng.random(len(answers)) < 0.4)
        answers = replace(answers, y_pred=np.where(dropped, 0, answers.y_pred.astype(np.int64)))
        caught += "FAIR001" in failed(answers, disparities, *FAIR)
    assert caught / 40 >= 0.9


def probabilities(rng: np.random.Generator, n: int, stretch: float) -> Predictions:
    z = rng.normal(size=n)
    y = (rng.random(n) < 1 / (1 + np.exp(-z))).astype(np.int64)
    score = 1 / (1 + np.exp(-stretch * z))
    return Predictions(
        task="binary", classes=("no", "yes"), y_true=y, y_pred=(score > 0.5).astype(np.int64), y_score=score,
        probabilities=True, keys={"split": Factor.constant("test", n)}, settings=Settings(headline="accuracy"),
    )  # fmt: skip


@pytest.mark.parametrize("n", [200, 2_000])
def test_calibrated_models_keep_cal001(n: int) -> None:
    rng = np.random.default_rng(n)
    assert sum(bool(failed(probabilities(rng, n, 1.0), calibration, "CAL001")) for _ in range(100)) <= 5


def test_an_error_of_twice_the_threshold_fails_cal001() -> None:
    # Log-odds stretched twofold are off by 0.105 in root mean square.
    rng = np.random.default_rng(1)
    assert sum(bool(failed(probabilities(rng, 3_000, 2.0), calibration, "CAL001")) for _ in range(50)) >= 45


def fitted(rng: np.random.Generator, loss: float) -> Predictions:
    n = 4_000
    train = np.arange(n) % 2 == 0
    right = rng.random(n) < np.where(train, 0.85, 0.85 - loss)
    return Predictions(
        task="binary", classes=("no", "yes"), y_true=np.zeros(n, dtype=np.int64), y_pred=(~right).astype(np.int64),
        keys={"split": Factor(codes=(~train).astype(np.int32), levels=("train", "test"))},
        settings=Settings(headline="accuracy"),
    )  # fmt: skip


def test_overfitting_is_failed_and_its_absence_is_not() -> None:
    rng = np.random.default_rng(2)
    assert sum(bool(failed(fitted(rng, 0.0), overfitting, "GEN001")) for _ in range(100)) <= 5
    assert sum(bool(failed(fitted(rng, 0.10), overfitting, "GEN001")) for _ in range(50)) >= 45


def test_the_level_of_a_gap_is_that_of_its_parts() -> None:
    """A policy at 95 % widens the intervals of an audit at 80 %, which mislabeled limits would not allow."""
    answers = fitted(np.random.default_rng(5), 0.05)
    found = []
    for level in (0.95, 0.8):
        at = replace(answers, settings=Settings(headline="accuracy", level=level))
        evidence = {"predictions": at}
        finding = run(overfitting, evidence.__getitem__, task="binary")
        assert finding.measurement is not None
        assert finding.measurement.estimates[0].level == level
        found.append(judge(record(at, finding), select_gates(default_policy(), select=["GEN001"])).verdicts[0].estimate)
    wide, widened = found
    assert wide is not None
    assert widened is not None
    assert (widened.low, widened.high) == pytest.approx((wide.low, wide.high), abs=1e-3)


def changed(rng: np.random.Generator, n: int, worse: float) -> str:
    """Return the verdict on a new model that disagrees on a tenth of the rows and is worse by `worse`."""
    flips = rng.choice(3, n, p=[0.9, 0.05 - worse / 2, 0.05 + worse / 2])
    was_right = np.where(flips == 0, rng.random(n) < 0.8, flips == 2)
    now_right = np.where(flips == 0, was_right, flips == 1)
    blank = Predictions(
        task="binary", classes=("no", "yes"), y_true=np.zeros(n, dtype=np.int64), y_pred=(~now_right).astype(np.int64),
        row=np.arange(n), where={"split": "test"}, settings=Settings(headline="accuracy"),
    )  # fmt: skip
    measured = paired_gains(
        blank, replace(blank, y_pred=(~was_right).astype(np.int64)), None, lambda: Measurement(summary="-")
    )
    finding = Finding(
        check="baseline_change",
        title="Change",
        family="comparison",
        revision=1,
        outcome="measured",
        measurement=measured,
    )
    (verdict,) = judge(record(blank, finding), select_gates(default_policy(), select=["BASE001"])).verdicts
    return verdict.outcome


def test_equal_models_are_not_failed_against_their_baseline() -> None:
    rng = np.random.default_rng(3)
    verdicts = [changed(rng, 10_000, 0.0) for _ in range(60)]
    assert verdicts.count("fail") <= 2
    assert verdicts.count("pass") >= 48


def test_a_loss_of_twice_the_margin_is_failed_and_hardly_ever_passed() -> None:
    rng = np.random.default_rng(4)
    verdicts = [changed(rng, 15_000, 0.02) for _ in range(30)]
    assert verdicts.count("fail") >= 27
    assert verdicts.count("pass") == 0
