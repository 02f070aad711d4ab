"""One contract, walked over all checks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest

from audit.check import Check, run
from audit.checks import discover
from audit.data.dataset import Dataset, Roles, build
from audit.evidence import Predictions, Settings
from audit.gather import GIVEN as ABSENT_UNLESS_GIVEN
from audit.gather import Context, available
from audit.judging import gate
from audit.models.load import Model, wrap
from audit.policy.read import default_policy
from reports.formats import FORMATS, render
from reports.record import AuditRecord, Card, DataInfo, Environment, Finding, ModelInfo, Task

CHECKS = discover()
GIVEN = {"dataset", "artifact", "card", "settings", *ABSENT_UNLESS_GIVEN}
FAMILIES = {
    "data", "performance", "groups", "fairness", "generalization", "training", "robustness", "drift", "slices",
    "explanations", "compression", "comparison", "artifact", "card", "leakage", "monitoring",
}  # fmt: skip
TASKS: tuple[Task, ...] = ("binary", "multiclass", "regression")


def _table(task: Task, rows: int, seed: int) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": generator.integers(18, 80, rows),
            "amount": generator.normal(size=rows),
            "flat": np.ones(rows),
            "kind": generator.choice(["a", "b", "c"], rows),
            "sex": generator.choice(["f", "m"], rows),
        }
    )
    signal = frame["amount"] + 0.03 * frame["age"] + 0.5 * generator.normal(size=rows)
    if task == "regression":
        return frame.assign(y=signal)
    cuts = [1.5] if task == "binary" else [1.0, 2.0]
    return frame.assign(y=np.searchsorted(cuts, signal))


def _model(task: Task, train: pd.DataFrame) -> Model:
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    columns = make_column_transformer(
        (StandardScaler(), ["age", "amount", "flat"]), (OneHotEncoder(handle_unknown="ignore"), ["kind", "sex"])
    )
    last = Ridge() if task == "regression" else LogisticRegression()
    return wrap(make_pipeline(columns, last).fit(train.drop(columns="y"), train["y"]))


def _data(task: Task, frames: dict[str, pd.DataFrame]) -> Dataset:
    return build(frames, Roles(target="y", task=task, positive=1 if task == "binary" else None, sensitive=("sex",)))


@cache
def _context(task: Task) -> Context:
    train, test = _table(task, 160, 0), _table(task, 90, 1)
    model = _model(task, train)
    context = Context(model=model, dataset=_data(task, {"train": train, "test": test}), settings=Settings())
    context.collected.update({"dataset": context.dataset, "artifact": model.info, "card": Card()})
    return context


def _bare(task: Task, predictions: Predictions) -> Context:
    """Evidence of a run that has predictions and tables, and no model."""
    context = Context(model=None, dataset=_context(task).dataset, settings=Settings())
    info = ModelInfo(name="m", kind="predictions only", format="none")
    context.collected.update({"dataset": context.dataset, "artifact": info, "card": Card(), "predictions": predictions})
    return context


def _record(findings: tuple[Finding, ...], task: Task) -> AuditRecord:
    return AuditRecord(
        tool="modelassay", created="2026-01-01T00:00:00+00:00", seed=0, task=task, findings=findings,
        model=ModelInfo(name="m", kind="k", format="object"), data=DataInfo(target="y"), environment=Environment(),
    )  # fmt: skip


def test_ids_are_unique_and_name_their_file() -> None:
    import audit.checks

    for name, one in CHECKS.items():
        assert name == one.id
        if one.measure.__module__.startswith("audit.checks."):
            assert one.measure.__module__ == f"{audit.checks.__name__}.{name}"
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", name)
        assert not name.startswith(("no_", "check_"))


@pytest.mark.parametrize("one", CHECKS.values(), ids=list(CHECKS))
def test_documentation_says_how_to_read_and_what_limits(one: Check) -> None:
    assert one.title
    assert one.family in FAMILIES
    assert "Reading." in one.about
    assert "Limits." in one.about
    assert one.tasks


@pytest.mark.parametrize("one", CHECKS.values(), ids=list(CHECKS))
def test_evidence_exists(one: Check) -> None:
    unknown = {*one.needs, *one.wants} - set(available()) - GIVEN
    assert not unknown


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("one", CHECKS.values(), ids=list(CHECKS))
def test_runs_on_a_small_table(one: Check, task: Task) -> None:
    found = run(one, _context(task), task=task)
    assert found.outcome in {"measured", "not_applicable", "skipped"}, found.reason
    if task not in one.tasks:
        assert found.outcome == "not_applicable"


@pytest.mark.parametrize("task", TASKS)
def test_findings_render_in_every_format(task: Task) -> None:
    context = _context(task)
    findings = tuple(run(one, context, task=task) for one in CHECKS.values())
    judged = gate.judge(_record(findings, task), default_policy())
    assert judged.verdicts
    for name in FORMATS:
        assert render(judged, name).strip()


def _odd(task: Task) -> Iterator[tuple[str, Predictions]]:
    base = _context(task)("predictions")
    assert isinstance(base, Predictions)
    empty = base.keys["sex"]
    ghost = replace(empty, levels=(*empty.levels, "nobody"))
    yield "empty group", replace(base, keys={**base.keys, "sex": ghost})
    yield "one class answered", replace(base, y_pred=np.full_like(base.y_pred, base.y_pred[0]))
    yield "one class true", replace(base, y_true=np.full_like(base.y_true, base.y_true[0]))
    if base.y_score is not None:
        yield "constant score", replace(base, y_score=np.full_like(base.y_score, 1.0 / max(2, base.y_score.ndim)))
    yield "no scores", replace(base, y_score=None, probabilities=False)
    one_group = replace(empty, codes=np.zeros_like(empty.codes))
    yield "one group", replace(base, keys={**base.keys, "sex": one_group})
    yield "few rows", base.take(np.flatnonzero(base.keys["split"].mask("test"))[:4])
    yield "no test rows", base.take(base.keys["split"].mask("train"))


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("one", [c for c in CHECKS.values() if "predictions" in c.needs], ids=lambda one: one.id)
def test_survives_degenerate_predictions(one: Check, task: Task) -> None:
    for name, predictions in _odd(task):
        found = run(one, _bare(task, predictions), task=task)
        assert found.outcome != "error", f"{name}: {found.reason}"


def test_every_gate_of_the_default_policy_names_a_check() -> None:
    missing = {(one.id, one.check) for one in default_policy().gates if one.check not in CHECKS}
    assert missing == set()


def test_every_gate_of_the_default_policy_explains_itself() -> None:
    for one in default_policy().gates:
        assert one.because.strip(), one.id
        assert one.remedy.strip(), one.id
        assert re.fullmatch(r"[A-Z]+\d{3}", one.id)
