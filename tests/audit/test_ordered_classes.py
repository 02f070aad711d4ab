"""Ordered classes: the order is the user's, and weighted kappas are scikit-learn's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, cohen_kappa_score, roc_auc_score

import audit
from audit.cli import main
from audit.data.factor import Factor
from audit.data.roles import Roles
from audit.data.target import encode_target
from audit.errors import DataError
from audit.estimate.counting import from_counts, gradient
from audit.estimate.measure import by_group, estimate
from audit.estimate.paired import paired_difference
from audit.evidence import Predictions, Settings
from reports.record import AuditRecord

WEIGHTS = ("linear", "quadratic")
ORDER = ("low", "mid", "high")
tables = st.lists(st.integers(0, 12), min_size=16, max_size=16).map(lambda cells: np.array(cells).reshape(4, 4))


@given(tables.filter(lambda table: bool(table.sum(0).min() > 0 and table.sum(1).min() > 0)), st.sampled_from(WEIGHTS))
def test_weighted_kappa_is_scikit_learn_s(table: npt.NDArray[np.int64], weights: str) -> None:
    y, predicted = np.nonzero(table)
    expected = cohen_kappa_score(y, predicted, weights=weights, sample_weight=table[y, predicted])
    assert float(from_counts(f"cohen_kappa_{weights}", table)) == pytest.approx(expected, abs=1e-12)


def test_a_published_value() -> None:
    """Fleiss, Levin and Paik 2003, chapter 18: diagnoses of two raters; the quadratic form is typed by hand."""
    table = np.array([[75, 1, 4], [5, 4, 1], [0, 0, 10]])
    assert float(from_counts("cohen_kappa", table)) == pytest.approx(0.676, abs=5e-4)
    seen = (1 + 5 + 1) + 4 * 4
    chance = ((80 * 5 + 10 * 80 + 10 * 15 + 10 * 5) + 4 * (80 * 15 + 10 * 80)) / 100
    assert float(from_counts("cohen_kappa_quadratic", table)) == pytest.approx(1 - seen / chance)


@pytest.mark.parametrize("weights", WEIGHTS)
def test_its_influence_is_the_slope(weights: str) -> None:
    name, table, step = f"cohen_kappa_{weights}", np.arange(1.0, 17.0).reshape(4, 4), 1e-4
    for cell in [(0, 0), (1, 2), (3, 0)]:
        up, down = table.copy(), table.copy()
        up[cell] += step
        down[cell] -= step
        slope = (float(from_counts(name, up)) - float(from_counts(name, down))) / (2 * step) * table.sum()
        assert gradient(name, table)[cell] == pytest.approx(slope, abs=1e-5)


def _answers(right: float, seed: int, *, ordered: bool = True, **more: object) -> Predictions:
    rng, y = np.random.default_rng(seed), np.random.default_rng(0).integers(0, 3, 300)
    said = np.where(rng.random(300) < right, y, np.clip(y + rng.choice([-1, 1], 300), 0, 2))
    return Predictions(
        task="multiclass", classes=ORDER, y_true=y, y_pred=said, row=np.arange(300), settings=Settings(ordered=ordered),
        keys={"sex": Factor.of(["f", "m", "m"] * 100)}, **more,  # type: ignore[arg-type]
    )  # fmt: skip


@pytest.mark.parametrize("weights", WEIGHTS)
def test_weights_clusters_groups_and_pairs(weights: str) -> None:
    name, weight = f"cohen_kappa_{weights}", np.tile([1.0, 2.0, 0.0], 100)
    cluster = Factor.of([str(k // 3) for k in range(300)])
    one = _answers(0.7, 1, weight=weight)
    expected = cohen_kappa_score(one.y_true, one.y_pred, weights=weights, sample_weight=weight)
    found = [estimate(part, name) for part in (one, _answers(0.7, 1), _answers(0.7, 1, cluster=cluster))]
    assert found[0].value == pytest.approx(expected)
    assert all(part.low is not None and part.low < (part.value or 0) < (part.high or 0) for part in found)
    groups = by_group(_answers(0.7, 1), [name], ["sex"])
    assert all(part.value is not None for part in groups)
    gap = paired_difference(_answers(0.9, 2), _answers(0.7, 1), name)
    assert (gap.low or 0) > 0


def test_it_needs_an_order() -> None:
    assert estimate(_answers(0.7, 1, ordered=False), "cohen_kappa_linear").reason == (
        'needs ordered classes: state their order with [data] order = ["low", "middle", "high"]'
    )
    assert (
        estimate(_answers(0.7, 1), "cohen_kappa_linear", class_="mid").reason
        == "describes all classes together, not a single class"
    )
    binary = Predictions(task="binary", classes=("a", "b"), y_true=np.array([0, 1]), y_pred=np.array([0, 1]))
    assert estimate(binary, "cohen_kappa_linear").reason == "applies to three or more classes"


def test_a_perfect_model_leaves_room_for_rows_not_seen() -> None:
    best = estimate(_answers(1.0, 1), "cohen_kappa_quadratic")
    assert best.value == best.high == 1.0
    assert 0.95 < (best.low or 0) < 1.0


def _audited(right: float, **more: object) -> AuditRecord:
    rng = np.random.default_rng(3)
    X = pd.DataFrame(rng.normal(size=(500, 2)), columns=["a", "b"])
    y = np.array(ORDER)[np.digitize(X["a"] + 0.4 * rng.normal(size=500), [-0.5, 0.5])]
    model = LogisticRegression(C=right).fit(X[:250], y[:250])
    record = audit.run(model, X[250:], y[250:], train=(X[:250], y[:250]), checks=["classification"], **more)  # type: ignore[arg-type]
    if more:
        said, scores = model.predict(X[250:]), model.predict_proba(X[250:])
        assert record.metric("accuracy").value == pytest.approx(accuracy_score(y[250:], said))
        assert record.metric("roc_auc").value == pytest.approx(
            roc_auc_score(y[250:], scores, multi_class="ovr"), abs=1e-3
        )
        for weights in WEIGHTS:
            kappa = cohen_kappa_score(y[250:], said, weights=weights, labels=ORDER)
            assert record.metric(f"cohen_kappa_{weights}").value == pytest.approx(kappa)
    return record


def test_the_stated_order_goes_through_the_audit_and_the_comparison() -> None:
    old, new = _audited(0.001, order=ORDER), _audited(1.0, order=ORDER)
    assert new.data.classes == ORDER
    changes = {one.metric: one for one in audit.compare(old, new).changes}
    assert changes["cohen_kappa_quadratic"].paired
    assert changes["cohen_kappa_quadratic"].direction == "better"
    plain = _audited(1.0)
    assert plain.data.classes == tuple(sorted(ORDER))
    assert not any("cohen_kappa_" in one.metric for one in plain.findings[0].measurement.estimates)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("column", "roles", "told"),
    [
        (["a", "b", "c"], {"order": ("a", "b")}, "lacks 'c'"),
        (["a", "b", "c"], {"order": ("a", "b", "c", "d")}, "'d' does not occur"),
        (["a", "b", "c"], {"order": ("a", "b", "c", "a")}, "names 'a' twice"),
        (["a", "b"], {"order": ("a", "b"), "positive": "a"}, "three classes or more"),
        ([1.5, 2.5, 3.5], {"order": (1.5,), "task": "regression"}, "leave it out of a regression"),
    ],
)
def test_an_order_that_does_not_fit_is_refused(column: list[object], roles: dict[str, object], told: str) -> None:
    with pytest.raises(DataError, match=told):
        encode_target(pd.Series(column, name="y"), Roles(target="y", **roles))  # type: ignore[arg-type]


def test_numbers_may_be_ordered_otherwise_than_by_size() -> None:
    made = encode_target(pd.Series([1, 2, 3], name="y"), Roles(target="y", task="multiclass", order=(3, 1, 2)))
    assert (made.classes, made.y.tolist()) == (("3", "1", "2"), [1, 2, 0])


def test_the_configuration_states_it(tmp_path: Path) -> None:
    rows = pd.DataFrame({"y": [*ORDER] * 20, "said": [*ORDER[:2], "mid"] * 20})
    rows.to_csv(tmp_path / "test.csv", index=False)
    text = '[data]\ntest = "test.csv"\ntarget = "y"\nprediction = "said"\norder = ["low", "mid", "high"]\n'
    (tmp_path / "audit.toml").write_text(text)
    assert main(["run", str(tmp_path / "audit.toml"), "--out", str(tmp_path / "out")]) in (0, 1, 3)
    record = audit.load(tmp_path / "out" / "audit.json")
    assert record.metric("cohen_kappa_linear").value == pytest.approx(
        cohen_kappa_score(rows["y"], rows["said"], weights="linear", labels=ORDER)
    )


@pytest.mark.parametrize("weights", WEIGHTS)
def test_its_interval_keeps_its_level(weights: str) -> None:
    share = np.array([[0.28, 0.04, 0.01], [0.05, 0.27, 0.04], [0.01, 0.04, 0.26]])
    name, rng = f"cohen_kappa_{weights}", np.random.default_rng(0)
    truth, inside = float(from_counts(name, share)), 0
    for _ in range(500):
        cell = rng.choice(9, 200, p=share.reshape(-1))
        part = Predictions(
            task="multiclass", classes=ORDER, y_true=cell // 3, y_pred=cell % 3, settings=Settings(ordered=True)
        )
        found = estimate(part, name)
        inside += (found.low or 0) <= truth <= (found.high or 0)
    assert 0.925 <= inside / 500 <= 0.975
