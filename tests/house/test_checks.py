"""One contract, walked over all checks."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from audit.check import Check, check, run
from audit.checks import discover
from audit.data.dataset import Dataset, Roles, build
from audit.errors import ConfigError, NotApplicable
from audit.evidence import Predictions, Settings
from audit.evidence.requirements import REQUIREMENTS
from audit.gather import GIVEN as ABSENT_UNLESS_GIVEN
from audit.gather import Context, available
from audit.judging import gate
from audit.models.load import Model, wrap
from audit.policy.read import default_policy
from reports.families import FAMILIES
from reports.formats import FORMATS, render
from reports.record import AuditRecord, Card, DataInfo, Environment, Finding, Measurement, ModelInfo, Task
from reports.sections import SECTIONS

ROOT = Path(__file__).resolve().parent.parent.parent
CHECKS = discover()
GIVEN = {"dataset", "artifact", "card", "settings", *ABSENT_UNLESS_GIVEN}
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


def _kinds(annotation: object) -> set[str]:
    """Return how a type is written, without ``None``: ``Predictions``, ``tuple[Attributions, ...]`` …"""
    return {part.strip() for part in str(annotation).split("|")} - {"None"}


@pytest.mark.parametrize("one", CHECKS.values(), ids=list(CHECKS))
def test_evidence_is_of_the_kind_that_its_gatherer_brings(one: Check) -> None:
    """A parameter is written as what ``gather`` of its name returns, so that a wrong name or type is seen here."""
    parameters = inspect.signature(one.measure).parameters
    for name in (*one.needs, *one.wants):
        if name in available():
            brought = inspect.signature(importlib.import_module(f"audit.gather.{name}").gather).return_annotation
            assert _kinds(parameters[name].annotation) == _kinds(brought), name


@pytest.mark.parametrize("one", CHECKS.values(), ids=list(CHECKS))
def test_what_is_required_is_required_of_evidence_that_is_asked_for(one: Check) -> None:
    asked = {*one.needs, *one.wants}
    assert all(asked & set(REQUIREMENTS[name].evidence) for name in one.requires)


@pytest.mark.parametrize("one", [one for one in CHECKS.values() if one.requires], ids=lambda one: one.id)
def test_a_check_called_directly_says_what_it_lacks(one: Check) -> None:
    empty = Predictions(task="binary", classes=("a", "b"), y_true=np.zeros(0), y_pred=np.zeros(0))
    table = _table("binary", 40, 0)
    bare = replace(
        build({"test": table[["y"]].assign(x=1.0)}, Roles(target="y", task="binary", positive=1)), features=()
    )
    given: dict[str, object] = {"predictions": empty, "dataset": bare, "attributions": ()}
    evidence = [given.get(name) for name in (*one.needs, *one.wants)]
    with pytest.raises(NotApplicable) as told:
        one(*evidence)
    assert str(told.value) in {*(REQUIREMENTS[name].reason for name in one.requires), empty.score_reason}


def test_no_requirement_is_told_twice() -> None:
    """A sentence of the table stands in the table alone."""
    rooms = [path for room in ("checks", "gather", "estimate") for path in (ROOT / "audit" / room).glob("*.py")]
    told = [
        f"{path.name}: {name}"
        for path in rooms
        for name, one in REQUIREMENTS.items()
        if f'"{one.reason}"' in path.read_text()
    ]
    assert told == []


def test_an_unknown_requirement_is_refused() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'sensitive'"):
        check(title="t", family="data", requires=("sensitiv",))(lambda predictions: Measurement(summary=""))


def test_every_family_stands_in_a_chapter() -> None:
    chapters = {section.id for section in SECTIONS if section.kind == "chapter"}
    assert {one.section for one in FAMILIES.values()} == chapters
    assert all(one.steps_with in {"", *FAMILIES} for one in FAMILIES.values())
