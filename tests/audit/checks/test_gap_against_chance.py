"""Gaps compared with shuffled groups, corrected over features."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import audit
from audit.checks.gap_against_chance import gap_against_chance
from audit.estimate.chance import Chance, Gap
from audit.statistics.intervals import holm
from reports.record import AuditRecord, Estimate


def audited(seed: int, gap: float = 0.0, rows: int = 600) -> AuditRecord:
    generator = np.random.default_rng(seed)
    frame = pd.DataFrame({"x": generator.normal(size=rows)})
    frame["sex"] = generator.choice(["f", "m"], rows)
    frame["race"] = generator.choice(["a", "b", "c"], rows)
    frame["y"] = generator.integers(0, 2, rows)
    chosen = generator.random(rows) < 0.4 + gap * (frame["sex"] == "m")
    return audit.run(
        test=frame.assign(answer=chosen.astype(int)),
        target="y",
        sensitive=["sex", "race"],
        task="binary",
        positive=1,
        prediction="answer",
        checks=["gap_against_chance"],
        seed=seed,
    )


def adjusted(record: AuditRecord) -> dict[str, Estimate]:
    measured = record.findings[0].measurement
    assert measured is not None
    return {one.where["feature"]: one for one in measured.estimates if one.metric == "gap_p_value_adjusted"}


def chance(feature: str, p: float | None) -> Chance:
    gap = Gap(metric="recall", value=0.1, group="f", expected=0.05, limit=0.12, p=p or 1.0, detectable=0.2)
    return Chance(feature=feature, p=p, permutations=999, gaps=(gap,) if p else (), method="shuffles", reason="too few")


def test_a_planted_gap_is_beyond_chance_and_the_other_feature_is_not() -> None:
    record = audited(0, gap=0.3)
    outcomes = {one.where["feature"]: one.outcome for one in record.verdicts if one.gate == "FAIR010"}
    assert outcomes["sex"] == "fail"
    assert outcomes["race"] in {"pass", "inconclusive"}
    assert record.findings[0].measurement is not None
    assert "sex" in record.findings[0].measurement.summary


@pytest.mark.parametrize("shuffles", [100])
def test_without_a_gap_few_audits_report_one(shuffles: int) -> None:
    failed = sum(
        any(one.outcome == "fail" for one in audited(seed, rows=300).verdicts if one.gate == "FAIR010")
        for seed in range(shuffles)
    )
    assert failed / shuffles <= 0.11  # nominal 0.05 at most; three standard errors above


def test_corrected_by_holm_over_features() -> None:
    found = gap_against_chance((chance("sex", 0.01), chance("race", 0.04), chance("age", 0.03), chance("none", None)))
    values = [one.value for one in found.estimates if one.metric == "gap_p_value_adjusted"]
    assert values[:3] == [pytest.approx(p) for p in holm([0.01, 0.04, 0.03])]
    assert values[3] is None
    for one in found.estimates:
        if one.value is not None and one.low is not None and one.high is not None:
            assert one.low <= one.value <= one.high
    assert "Holm over 3 features" in found.estimates[0].method


def test_the_smallest_gap_that_could_be_shown_is_told() -> None:
    record = audited(1)
    assert record.findings[0].measurement is not None
    told = [one for one in record.findings[0].measurement.estimates if one.metric == "detectable_gap"]
    assert {one.where["metric"] for one in told} >= {"selection_rate", "true_positive_rate"}
    assert all(0 < (one.value or 0) < 0.6 for one in told)


def test_the_same_seed_gives_the_same_numbers() -> None:
    assert adjusted(audited(3)) == adjusted(audited(3))
