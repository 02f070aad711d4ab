"""The check finds planted levelling down every time, and a control that would have done."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from audit.checks.mitigation import mitigation
from audit.data.factor import Factor
from audit.estimate.gaps import gap_change
from audit.evidence import Mitigated, Perturbed, Predictions, join
from audit.judging import gate
from audit.policy.read import default_policy
from reports.mitigation import lines
from reports.record import AuditRecord, DataInfo, Environment, Estimate, Finding, ModelInfo

ROWS = 2000
Answers = npt.NDArray[np.int64]


def _predictions(y: Answers, said: Answers, sex: npt.NDArray[np.str_]) -> Predictions:
    keys = {"split": Factor.of(["test"] * len(y)), "sex": Factor.of(sex)}
    return Predictions(
        task="binary", classes=("no", "yes"), y_true=y, y_pred=said, keys=keys, sensitive=("sex",),
        row=np.arange(len(y)),
    )  # fmt: skip


def _mitigated(seed: int, *, down: float, up: float, control: bool = False) -> Mitigated:
    """Select 40 % of men and 20 % of women; then `down` fewer men and `up` more women."""
    generator = np.random.default_rng(seed)
    sex = generator.choice(["f", "m"], ROWS)
    score, y = generator.random(ROWS), generator.integers(0, 2, ROWS)
    before = (score < np.where(sex == "m", 0.4, 0.2)).astype(np.int64)
    after = (score < np.where(sex == "m", 0.4 - down, 0.2 + up)).astype(np.int64)
    arms = {"none": before, "mitigated": after, "control": after if control else before}
    joined = join([_predictions(y, said, sex) for said in arms.values()], "variant", list(arms))
    return Mitigated(
        method="thresholds", constraint="demographic-parity", words="how often", rates=("selection_rate",), higher=True,
        features=("sex",), arms=Perturbed(predictions=joined), reads_group=True, read_before=(),
    )  # fmt: skip


def _judged(mitigated: Mitigated) -> AuditRecord:
    measured = mitigation(mitigated)
    finding = Finding(
        check="mitigation", title="t", family="fairness", revision=1, outcome="measured", measurement=measured
    )
    record = AuditRecord(
        tool="modelassay", created="2026-01-01T00:00:00+00:00", seed=0, task="binary", findings=(finding,),
        environment=Environment(), model=ModelInfo(name="m", kind="k", format="object"),
        data=DataInfo(target="y", favorable="yes"),
    )  # fmt: skip
    return gate.judge(record, default_policy())


def _outcomes(record: AuditRecord) -> dict[str, str]:
    return {one.gate: one.outcome for one in record.verdicts if one.gate.startswith("MIT")}


def _made(mitigated: Mitigated) -> dict[str, Estimate]:
    return {one.metric: one for one in mitigation(mitigated).estimates if set(one.where) == {"split", "feature"}}


@pytest.mark.parametrize("seed", range(8))
def test_planted_levelling_down_is_always_flagged(seed: int) -> None:
    record = _judged(_mitigated(seed, down=0.2, up=0.0))
    assert _outcomes(record)["MIT002"] == "fail"
    assert any(line.startswith("LEVELLING DOWN") for line in lines(record))


@pytest.mark.parametrize("seed", range(4))
def test_levelling_up_is_not(seed: int) -> None:
    record = _judged(_mitigated(seed, down=0.0, up=0.2))
    assert _outcomes(record)["MIT002"] == "pass"
    assert not any("levelling down" in line.lower() for line in lines(record))


def test_a_gap_that_did_not_close_was_not_levelled() -> None:
    assert "levelling_down" not in _made(_mitigated(0, down=-0.1, up=0.0))


def test_a_gap_that_grew_is_said_to_have_grown() -> None:
    text = lines(_judged(_mitigated(0, down=-0.1, up=0.0)))
    assert any(line.startswith("The gap WIDENED; narrowed by: −10.2 points") for line in text)
    assert not any(line.startswith("Narrowed by") for line in text)


def test_a_gap_that_is_left_misses_its_constraint() -> None:
    assert _outcomes(_judged(_mitigated(0, down=0.03, up=0.03)))["MIT001"] == "fail"
    assert _outcomes(_judged(_mitigated(0, down=0.1, up=0.1)))["MIT001"] in ("pass", "inconclusive")


def test_a_control_that_does_the_same_is_told() -> None:
    assert _outcomes(_judged(_mitigated(0, down=0.1, up=0.1, control=True)))["MIT003"] == "fail"
    assert _outcomes(_judged(_mitigated(0, down=0.1, up=0.1)))["MIT003"] == "pass"


def test_the_interval_of_the_change_holds_the_truth() -> None:
    inside = 0
    for seed in range(40):
        pair = _mitigated(seed, down=0.08, up=0.06).before_and_after
        change = gap_change("gap_change", pair.before, pair.after, ["selection_rate"], ["sex"])
        assert change.low is not None
        assert change.high is not None
        inside += change.low <= 0.14 <= change.high
    assert inside >= 35


def test_who_gained_is_counted_by_group_and_outcome() -> None:
    mitigated = _mitigated(0, down=0.1, up=0.1)
    pair = mitigated.before_and_after
    record = _judged(mitigated)
    for name, was, now in (("gained", 0, 1), ("lost", 1, 0)):
        inside = pair.before.keys["sex"].mask("f" if name == "gained" else "m") & (pair.before.y_true == 1)
        wanted = ((pair.before.y_pred == was) & (pair.after.y_pred == now))[inside].mean()
        where = {"sex": "f" if name == "gained" else "m", "class": "yes"}
        assert record.metric(name, where).value == pytest.approx(wanted)
    assert len(lines(record)) <= 12
