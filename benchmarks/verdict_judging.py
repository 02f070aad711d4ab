"""From answers to verdicts by the product's own checks, default policy and judge."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import numpy as np

from audit.check import Check
from audit.check import run as run_check
from audit.checks.calibration import calibration
from audit.checks.class_disparities import class_disparities
from audit.checks.class_performance import class_performance
from audit.checks.disparities import disparities
from audit.checks.gap_against_chance import gap_against_chance
from audit.checks.group_calibration import group_calibration
from audit.checks.overfitting import overfitting
from audit.checks.residual_disparities import residual_disparities
from audit.checks.skill import skill
from audit.checks.threshold_choice import threshold_choice
from audit.comparing.baseline import paired_gains
from audit.estimate import chance
from audit.evidence import Predictions
from audit.judging.gate import judge
from audit.policy.read import default_policy, select_gates
from reports.record import (
    AuditRecord,
    DataInfo,
    Environment,
    Finding,
    GroupInfo,
    Measurement,
    ModelInfo,
    Policy,
    Verdict,
)

CHECKS: dict[str, tuple[Check, ...]] = {
    "FAIR": (disparities, class_disparities, residual_disparities, gap_against_chance),
    "FAIR001": (disparities,), "FAIR002": (disparities,), "FAIR003": (disparities,), "FAIR004": (disparities,),
    "FAIR005": (disparities,), "FAIR006": (disparities,), "FAIR008": (residual_disparities,),
    "FAIR009": (class_disparities,), "FAIR010": (gap_against_chance,), "CAL001": (calibration,),
    "CAL002": (calibration,), "CAL003": (group_calibration,), "GEN001": (overfitting,), "PERF001": (skill,),
    "PERF003": (class_performance,), "PERF005": (threshold_choice,),
}  # fmt: skip
SHUFFLES = 2000


@lru_cache(maxsize=32)
def policy(codes: tuple[str, ...]) -> Policy:
    return select_gates(default_policy(), select=codes)


def verdicts(answers: Predictions, codes: Iterable[str], rng: np.random.Generator) -> tuple[Verdict, ...]:
    """Return what the default policy says of answers, for the rules that begin with one of `codes`."""
    asked = tuple(codes)
    checks = {check.id: check for code in asked for check in CHECKS[code] if answers.task in check.tasks}

    def evidence(name: str) -> object:
        if name == "predictions":
            return answers
        test = answers.select(split="test")
        return tuple(
            chance.gap_against_chance(test, feature, generator=rng, permutations=SHUFFLES) for feature in test.sensitive
        )

    findings = tuple(run_check(check, evidence, task=answers.task) for check in checks.values())
    broken = [one.reason for one in findings if one.outcome == "error"]
    if broken:
        raise RuntimeError(broken[0])
    return judge(record(answers, findings), policy(asked)).verdicts


def verdicts_on_change(new: Predictions, old: Predictions, code: str) -> tuple[Verdict, ...]:
    """Return what the default policy says of a new model beside the one before, on the same rows."""
    finding = Finding(
        check="baseline_change", title="Change since the baseline", family="comparison", revision=1,
        outcome="measured", measurement=paired_gains(new, old, None, Measurement(summary="-")),
    )  # fmt: skip
    return judge(record(new, (finding,)), policy((code,))).verdicts


def record(answers: Predictions, findings: tuple[Finding, ...]) -> AuditRecord:
    groups = tuple(
        GroupInfo(feature=name, level=level, rows=int(rows))
        for name in answers.sensitive
        for level, rows in zip(answers.keys[name].levels, answers.keys[name].counts(), strict=True)
    )
    return AuditRecord(
        tool="simulation", created="2026-01-01T00:00:00+00:00", seed=0, task=answers.task, headline=answers.headline,
        model=ModelInfo(name="model", kind="simulation", format="none"), environment=Environment(), findings=findings,
        data=DataInfo(target="y", classes=answers.classes, sensitive=answers.sensitive, groups=groups),
    )  # fmt: skip


def failed(found: Iterable[Verdict]) -> set[str]:
    """Return the rules with a failure."""
    return {one.gate for one in found if one.outcome == "fail"}
