"""What CONTRIBUTING says of adding a metric, followed to the letter."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

import audit
from audit.data.factor import Factor
from audit.estimate import metrics
from audit.estimate.measure import by_class, by_group, estimate
from audit.estimate.paired import paired_difference
from audit.evidence import Predictions
from reports import html
from reports.record import AuditRecord, Estimate

ROOT = Path(__file__).resolve().parent.parent.parent
NAME = "youden_index"


def examples(heading: str, language: str = "python") -> list[str]:
    """Return the blocks of code below a heading of CONTRIBUTING."""
    section = (ROOT / "CONTRIBUTING.md").read_text().partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)


@pytest.fixture
def _youden(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "youden_of_the_page.py").write_text(examples("Adding a metric")[0])
    monkeypatch.setattr(metrics, "__path__", [*metrics.__path__, str(tmp_path)])
    found = metrics._discover()
    monkeypatch.delitem(sys.modules, "audit.estimate.metrics.youden_of_the_page")
    monkeypatch.setitem(metrics.METRICS, NAME, found[NAME])


def _answers(right: float, seed: int, **more: object) -> Predictions:
    rng, n = np.random.default_rng(seed), 400
    y = np.random.default_rng(0).integers(0, 2, n)
    return Predictions(
        task="binary", classes=("no", "yes"), y_true=y, y_pred=np.where(rng.random(n) < right, y, 1 - y),
        row=np.arange(n), keys={"sex": Factor.of(["f", "m"] * 200)}, **more,  # type: ignore[arg-type]
    )  # fmt: skip


@pytest.mark.usefixtures("_youden")
@pytest.mark.parametrize(
    "more",
    [{}, {"weight": np.tile([1.0, 2.5], 200)}, {"cluster": Factor.of([str(k // 4) for k in range(400)])}],
    ids=["plain", "weights", "clusters"],
)
def test_a_metric_added_by_the_recipe_has_interval_groups_and_comparisons(more: dict[str, object]) -> None:
    given = [_answers(0.8, 1, **more), _answers(0.7, 2, **more)]
    one, other = (estimate(part, NAME) for part in given)
    recall, specificity = (estimate(given[0], name) for name in ("recall", "specificity"))
    assert one.value == pytest.approx((recall.value or 0) + (specificity.value or 0) - 1)
    assert _has_interval(one)
    assert all(map(_has_interval, by_group(given[0], [NAME], ["sex"])))
    assert [group.value for group in by_class(given[0], [NAME])] == pytest.approx([one.value, one.value])
    gap = paired_difference(given[0], given[1], NAME)
    assert gap.value == pytest.approx((one.value or 0) - (other.value or 0))
    assert gap.low is not None


@pytest.mark.usefixtures("_youden")
def test_its_edges_leave_room_for_rows_not_seen() -> None:
    right = _answers(1.0, 1)
    best = estimate(right, NAME)
    assert best.value == best.high == 1.0
    assert 0.9 < (best.low or 0) < 1.0
    constant = Predictions(task="binary", classes=("no", "yes"), y_true=np.ones(9, int), y_pred=np.ones(9, int))
    assert estimate(constant, NAME).reason == "rows of one class only"


@pytest.mark.usefixtures("_youden")
def test_the_whole_audit_knows_it(tmp_path: Path) -> None:
    record = _audited(tmp_path, seed=0)
    assert record.headline == NAME
    assert record.metric(NAME).value == record.metric("recall").value + record.metric("specificity").value - 1  # type: ignore[operator]
    assert record.metric(NAME, sex="f").value is not None
    assert record.metric(f"cross_validated_{NAME}", split="train").low is not None
    gates = {one.gate: one.outcome for one in record.verdicts if one.gate in ("floor", "of-groups")}
    assert gates == {"floor": "pass", "of-groups": "pass"}
    assert "Youden index" in html.render(record)
    later = _audited(tmp_path, seed=1)
    changed = [one for one in audit.compare(record, later).changes if one.metric == NAME and one.paired]
    assert {tuple(sorted(one.where)) for one in changed} == {("split",), ("sex", "split")}


def _audited(folder: Path, seed: int) -> AuditRecord:
    rng = np.random.default_rng(seed)
    data = np.random.default_rng(9).normal(size=(600, 3))
    X = pd.DataFrame(data, columns=list("abc"))
    y = (X["a"] + 0.2 * np.random.default_rng(8).normal(size=600) > 0).to_numpy().astype(int)
    model = LogisticRegression().fit(X[:300] + 0.3 * rng.normal(size=(300, 3)), y[:300])
    policy = folder / "policy.toml"
    policy.write_text(
        'schema_version = 1\n[[gate]]\nid = "floor"\nmetric = "youden_index"\nop = ">="\nthreshold = 0.2\n'
        '[[gate]]\nid = "of-groups"\nmetric = "youden_index"\nby = ["sex"]\nop = ">="\nthreshold = 0.1\n'
    )
    return audit.run(
        model, X[300:], y[300:], train=(X[:300], y[:300]), sensitive={"test": {"sex": ["f", "m"] * 150}},
        policy=policy, headline=NAME, checks=["classification", "group_performance", "cross_validation"],
    )  # fmt: skip


def _has_interval(one: Estimate) -> bool:
    return one.value is not None and one.low is not None and one.high is not None and one.low < one.value < one.high
