"""DRIFT004: answers that are distributed differently than in a reference record."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from audit.data.factor import Factor
from audit.evidence import Predictions
from reports.record import AuditRecord, DataInfo, Environment, Finding, ModelInfo, Task
from reports.store import save
from tests.audit.checks.tables import clean, dataset, found, outcome


def answers(score: np.ndarray, task: Task = "binary", classes: tuple[str, ...] = ("0", "1")) -> Predictions:
    labels = score.astype(np.float64) if task == "regression" else score.astype(np.int64)
    decided = (score > 0.5).astype(np.int64) if task == "binary" else labels
    return Predictions(
        task=task,
        classes=() if task == "regression" else classes,
        y_true=decided,
        y_pred=decided,
        y_score=score if task == "binary" else None,
        keys={"split": Factor.constant("test", len(score))},
    )


def written(finding: Finding, folder: Path) -> dict[str, dict[str, str]]:
    record = AuditRecord(
        tool="test",
        created="2026-01-01T00:00:00+00:00",
        seed=0,
        task="binary",
        model=ModelInfo(name="m", kind="k", format="none"),
        data=DataInfo(target="y"),
        environment=Environment(),
        findings=(finding,),
    )
    save(record, folder / "audit.json")
    return {"reference_scores": {"path": str(folder / "audit.json")}}


DATA = dataset(clean(200))
RNG = np.random.default_rng(0)
BEFORE = answers(RNG.beta(2, 3, 3000))


@pytest.mark.parametrize(("shape", "said"), [((5, 2), "fail"), ((3.6, 3), "fail"), ((2, 3), "pass")])
def test_scores_that_moved(shape: tuple[float, float], said: str, tmp_path: Path) -> None:
    options = written(found(DATA, "prediction_drift", predictions=BEFORE), tmp_path)
    now = answers(np.random.default_rng(1).beta(*shape, 4000))
    assert outcome(DATA, "prediction_drift", "DRIFT004", predictions=now, options=options) == said


def test_predicted_classes_that_moved(tmp_path: Path) -> None:
    names = ("a", "b", "c")
    before = answers(RNG.choice(3, 2000, p=[0.5, 0.3, 0.2]), "multiclass", names)
    options = written(found(DATA, "prediction_drift", predictions=before), tmp_path)
    same = answers(RNG.choice(3, 2000, p=[0.5, 0.3, 0.2]), "multiclass", names)
    other = answers(RNG.choice(4, 2000, p=[0.1, 0.3, 0.2, 0.4]), "multiclass", (*names, "d"))
    assert outcome(DATA, "prediction_drift", "DRIFT004", predictions=same, options=options) == "pass"
    assert outcome(DATA, "prediction_drift", "DRIFT004", predictions=other, options=options) == "fail"


def test_predicted_numbers_that_moved(tmp_path: Path) -> None:
    before = answers(RNG.normal(size=2000), "regression")
    options = written(found(DATA, "prediction_drift", predictions=before), tmp_path)
    moved = answers(RNG.normal(1.0, 1, 2000), "regression")
    assert outcome(DATA, "prediction_drift", "DRIFT004", predictions=moved, options=options) == "fail"


def test_without_a_reference_nothing_is_assessed() -> None:
    assert outcome(DATA, "prediction_drift", "DRIFT004", predictions=BEFORE) == "not_assessed"


def test_a_reference_of_another_kind_is_not_assessed(tmp_path: Path) -> None:
    options = written(found(DATA, "prediction_drift", predictions=BEFORE), tmp_path)
    classes = answers(RNG.choice(3, 500), "multiclass", ("a", "b", "c"))
    assert outcome(DATA, "prediction_drift", "DRIFT004", predictions=classes, options=options) == "not_assessed"


def test_constant_scores() -> None:
    finding = found(DATA, "prediction_drift", predictions=answers(np.full(300, 0.4)))
    assert finding.outcome == "measured"
