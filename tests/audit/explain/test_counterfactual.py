"""Nearest counterfactuals and the rows shown one by one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.checks.local_cases import local_cases
from audit.data.factor import Factor
from audit.errors import ConfigError
from audit.evidence import Predictions
from audit.explain import counterfactual
from audit.explain.cases import LocalCase
from audit.explain.counterfactual import Space, nearest_counterfactual
from audit.gather import Context
from audit.gather.local_cases import gather, pick

Fitted = Callable[[str], Context]
RNG = np.random.default_rng


def decide(Z: np.ndarray) -> np.ndarray:
    return np.asarray(Z[:, 0] + Z[:, 1] > 0, dtype=np.int64)


@given(seed=st.integers(0, 500))
def test_it_turns_the_decision_and_leaves_the_fixed_alone(seed: int) -> None:
    table = RNG(seed).normal(size=(200, 4))
    free = np.array([True, False, True, True])
    space = Space.of(table, numeric=np.ones(4, dtype=bool), free=free)
    row = table[0]
    found = nearest_counterfactual(decide, row, table, decide(table), space)
    if found is not None:
        assert decide(found[None])[0] != decide(row[None])[0]
        assert found[1] == row[1]
        assert found[2] == row[2]
        assert found[3] == row[3]


def test_numbers_move_no_further_than_needed() -> None:
    table = RNG(0).normal(size=(500, 2))
    space = Space.of(table, numeric=np.ones(2, dtype=bool), free=np.ones(2, dtype=bool))
    row = np.array([-1.0, 0.2])
    found = nearest_counterfactual(decide, row, table, decide(table), space)
    assert found is not None
    assert (found != row).sum() == 1
    assert 0 < found.sum() < 0.05


def test_whole_numbers_stay_whole_and_codes_stay_codes() -> None:
    rng = RNG(1)
    table = np.column_stack([rng.integers(0, 50, 300), rng.integers(0, 3, 300)]).astype(float)

    def by_age(Z: np.ndarray) -> np.ndarray:
        return np.asarray(Z[:, 0] >= 30, dtype=np.int64)

    space = Space.of(table, numeric=np.array([True, False]), free=np.ones(2, dtype=bool))
    row = np.array([10.0, 2.0])
    found = nearest_counterfactual(by_age, row, table, by_age(table), space)
    assert found is not None
    assert found.tolist() == [30.0, 2.0]


def test_missing_values_can_be_filled_and_taken() -> None:
    table = np.array([[np.nan, 0.0], [5.0, 0.0], [np.nan, 1.0]])

    def known(Z: np.ndarray) -> np.ndarray:
        return np.asarray(~np.isnan(Z[:, 0]), dtype=np.int64)

    space = Space.of(table, numeric=np.array([True, False]), free=np.ones(2, dtype=bool))
    found = nearest_counterfactual(known, table[0], table, known(table), space)
    assert found is not None
    assert found.tolist() == [5.0, 0.0]
    back = nearest_counterfactual(known, table[1], table, known(table), space)
    assert back is not None
    assert np.isnan(back[0])


def test_nothing_is_found_where_nothing_turns() -> None:
    table = RNG(0).normal(size=(50, 2))
    space = Space.of(table, numeric=np.ones(2, dtype=bool), free=np.ones(2, dtype=bool))
    always = np.zeros(50, dtype=np.int64)
    assert nearest_counterfactual(lambda Z: np.zeros(len(Z), dtype=np.int64), table[0], table, always, space) is None
    fixed = Space.of(table, numeric=np.ones(2, dtype=bool), free=np.zeros(2, dtype=bool))
    assert nearest_counterfactual(decide, table[0], table, decide(table), fixed) is None


@pytest.mark.parametrize("kind", ["logistic", "boosting-categories", "pipeline", "softmax", "svc"])
def test_cases_of_every_kind_of_model(kind: str, fitted: Fitted) -> None:
    context = fitted(kind)
    cases = gather(context, samples=500)
    assert 2 <= len(cases) <= 8
    assert any("most uncertain" in case.why for case in cases)
    turned = [case for case in cases if case.changes]
    assert turned
    for case in turned:
        assert case.decided_otherwise != case.predicted
        assert "sex" not in {one.feature for one in case.changes or ()}
        assert case.fixed == ("sex",)


def test_a_counterfactual_is_what_the_model_says(fitted: Fitted) -> None:
    context = fitted("pipeline")
    for case in gather(context, samples=500):
        row = context.dataset.inputs(np.array([case.row]))
        for one in case.changes or ():
            kept = row[one.feature].dtype
            value = float(one.needed) if kept.kind == "f" and one.needed != "missing" else one.needed
            row[one.feature] = [None if value == "missing" else value]
        assert str(context.require_model().predictor.predict(row)[0]) == (case.decided_otherwise or case.predicted)  # type: ignore[index]


def test_regression_has_cases_without_counterfactuals(fitted: Fitted) -> None:
    cases = gather(fitted("linear"), samples=500)
    assert any("largest error" in case.why for case in cases)
    assert all(case.changes is None for case in cases)
    assert local_cases(cases).exhibits


def test_fixed_features_are_checked_and_respected(fitted: Fitted) -> None:
    with pytest.raises(ConfigError, match=r"'aa', which is not a feature\. Did you mean 'a'"):
        gather(fitted("logistic"), fixed=["aa"])
    for case in gather(fitted("logistic"), fixed=["a"], samples=500):
        assert "a" not in {one.feature for one in case.changes or ()}


def test_rows_are_picked_with_their_reasons() -> None:
    score = np.linspace(0.01, 0.99, 99)
    y = (score > 0.5).astype(np.int64)
    y[95] = 0
    test = Predictions(
        task="binary",
        classes=("no", "yes"),
        y_true=y,
        y_pred=(score > 0.5).astype(np.int64),
        y_score=score,
        probabilities=True,
        keys={"split": Factor.constant("test", 99), "sex": Factor.of(["f"] * 60 + ["m"] * 39)},
        sensitive=("sex",),
        row=np.arange(99) + 1000,
    )
    found = dict(pick(test, 20))
    assert found[1095].startswith("most wrong")
    assert "most uncertain" in found[1049]
    said = " ".join(found.values())
    assert "typical of no" in said
    assert "typical of sex=f" in said
    assert len(pick(test, 2)) == 2


def test_values_can_be_left_out(fitted: Fitted) -> None:
    cases = cast(
        "tuple[LocalCase, ...]",
        replace(fitted("pipeline"), options={"local_cases": {"samples": 500}}).need("local_cases"),
    )
    shown, hidden = local_cases(cases), local_cases(cases, values=False)
    tables = [exhibit for exhibit in shown.exhibits if exhibit.kind == "table"]
    assert all("value" in table.columns for table in tables)
    for table in hidden.exhibits:
        if table.kind == "table":
            assert table.columns == ("feature", "SHAP", "LIME")
            assert "in place of" not in table.caption


def test_many_columns_ask_few_rows_and_come_about_as_near(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts ask for a hundredth of the rows; the row found is as sparse as can be, and on average hardly farther."""
    rng = np.random.default_rng(0)
    width = 300
    weights = rng.normal(size=width) * (rng.random(width) < 0.2)
    table = rng.normal(size=(200, width))
    rows = [0]

    def decide(Z: np.ndarray) -> np.ndarray:
        rows[0] += len(Z)
        return np.asarray(Z @ weights + (Z[:, 0] * Z[:, 1] > 1) > 0).astype(np.int64)

    space = Space.of(table, numeric=np.ones(width, bool), free=np.ones(width, bool))
    decided = decide(table)

    def searched() -> tuple[list[float], int]:
        rows[0] = 0
        found = [nearest_counterfactual(decide, row, table, decided, space) for row in table[:12]]
        asked = rows[0]
        far = []
        for row, one in zip(table, found, strict=False):
            assert one is not None
            changed = np.flatnonzero(one != row)
            assert decide(one[None]) != decide(row[None])
            for place in changed:
                back = one.copy()
                back[place] = row[place]
                assert len(changed) == 1 or decide(back[None]) == decide(row[None])
            far.append(float(space.distance(row, one[None])[0]))
        return far, asked

    quick, few = searched()
    monkeypatch.setattr(counterfactual, "WIDE", 10**9)
    slow, many = searched()
    assert few < many / 50
    assert np.mean(quick) < 1.25 * np.mean(slow)
