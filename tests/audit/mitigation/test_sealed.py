"""A sealed estimator decides without coins, refuses who it does not know, and loads without running code."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.utils.estimator_checks import parametrize_with_checks

from audit.data.factor import crossed_name
from audit.errors import ModelError
from audit.mitigation.files import as_file
from audit.mitigation.sealed import MitigatedClassifier, MitigatedRegressor, log_odds
from audit.models.load import load

GROUPS = {"f": 0.35, "m": 0.6}


@parametrize_with_checks(  # type: ignore[untyped-decorator]
    [MitigatedClassifier(), MitigatedRegressor()]
)
def test_sealed_estimators_are_estimators(estimator: object, check: object) -> None:
    check(estimator)  # type: ignore[operator]


def _table(rows: int = 400, seed: int = 0) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    frame = pd.DataFrame({"x": generator.normal(size=rows), "z": generator.normal(size=rows)})
    return frame.assign(sex=generator.choice(["f", "m"], rows), y=(frame["x"] + frame["z"] > 0).astype(int))


def _sealed(**rule: object) -> MitigatedClassifier:
    frame = _table()
    base = LogisticRegression().fit(frame[["x", "z"]], frame["y"])
    return MitigatedClassifier(base, sensitive="sex", **rule).seal(["x", "z"], bare=False)  # type: ignore[arg-type]


RULES = [
    {"thresholds": GROUPS},
    {"thresholds": 0.4},
    {},
    {"calibration": {"f": (0.8, 0.1), "m": (1.3, -0.2)}},
]


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_answers_are_the_same_alone_in_a_batch_and_in_any_order(rule: dict[str, object]) -> None:
    model, frame = _sealed(**rule), _table(60, 1)
    X = frame[list(model.feature_names_in_)]
    order = np.random.default_rng(0).permutation(len(X))
    together, scores = model.predict(X), model.predict_proba(X)
    assert np.array_equal(model.predict(X.iloc[order]), together[order])
    assert np.array_equal(model.predict_proba(X.iloc[order]), scores[order])
    for place in range(len(X)):
        assert model.predict(X.iloc[[place]])[0] == together[place]
        assert np.array_equal(model.predict_proba(X.iloc[[place]])[0], scores[place])


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_order_within_a_group_is_kept(rule: dict[str, object]) -> None:
    model, frame = _sealed(**rule), _table(300, 2)
    X = frame[list(model.feature_names_in_)]
    answer, score = model.predict(X), model.estimator_.predict_proba(X[["x", "z"]])[:, 1]
    for level in ("f", "m"):
        inside = (frame["sex"] == level).to_numpy()
        assert score[inside & (answer == 0)].max() <= score[inside & (answer == 1)].min()


def test_missing_and_unseen_groups_are_refused_by_name() -> None:
    model = _sealed(thresholds=GROUPS)
    rows = pd.DataFrame({"x": [0.0, 1.0], "z": [0.0, 1.0], "sex": ["f", None]})
    with pytest.raises(ValueError, match="1 of 2 rows have no value of 'sex'"):
        model.predict(rows)
    with pytest.raises(ValueError, match=r"'sex' is 'diverse'.*'f', 'm'"):
        model.predict(rows.assign(sex=["f", "diverse"]))
    with pytest.raises(ValueError, match="F"):
        model.predict(rows.assign(sex=["F", "m"]))
    with pytest.raises(ValueError, match="sex"):
        model.predict(rows.drop(columns="sex"))


def test_groups_are_the_same_as_numbers_and_as_words() -> None:
    frame = _table()
    base = LogisticRegression().fit(frame[["x", "z"]], frame["y"])
    rule = MitigatedClassifier(base, sensitive="g", thresholds={"1": 0.1, "2": 0.9}).seal(["x", "z"], bare=False)
    X = frame[["x", "z"]].head(4)
    wanted = rule.predict(X.assign(g=[1, 2, 1, 2])).tolist()
    assert rule.predict(X.assign(g=["1", "2", "1", "2"])).tolist() == wanted
    assert rule.predict(X.assign(g=[1.0, 2.0, 1.0, 2.0])).tolist() == wanted


def test_bands_of_a_number_are_groups() -> None:
    frame = _table()
    base = LogisticRegression().fit(frame[["x", "z"]], frame["y"])
    thresholds = {"under 30": -0.1, "30 and over": 1.1}
    rule = MitigatedClassifier(base, sensitive="age", edges=[30], thresholds=thresholds).seal(["x", "z"], bare=False)
    assert rule.predict(frame[["x", "z"]].head(2).assign(age=[29, 30])).tolist() == [1, 0]


def test_crossed_columns_are_told_apart_whatever_commas_their_values_hold() -> None:
    frame = _table()
    base = LogisticRegression().fit(frame[["x", "z"]], frame["y"])
    rules = {crossed_name(["a, b", "c"]): -0.1, crossed_name(["a", "b, c"]): 1.1}
    rule = MitigatedClassifier(base, sensitive=["g", "h"], thresholds=rules).seal(["x", "z"], bare=False)
    X = frame[["x", "z"]].head(2)
    assert rule.predict(X.assign(g=["a, b", "a"], h=["c", "b, c"])).tolist() == [1, 0]
    with pytest.raises(ValueError, match="'g × h' is"):
        rule.predict(X.assign(g="a", h="c"))
    with pytest.raises(ValueError, match="no value of 'h'"):
        rule.predict(X.assign(g="a", h=np.array(["b, c", None], dtype=object)))


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_a_sealed_model_loads_without_trust_and_answers_alike(rule: dict[str, object], tmp_path: Path) -> None:
    model, path = _sealed(**rule), tmp_path / "model.skops"
    path.write_bytes(as_file(model))
    again = load(path).predictor
    X = _table(50, 3)[list(model.feature_names_in_)]
    assert np.array_equal(np.asarray(again.predict(X)), model.predict(X))


@pytest.mark.parametrize(
    "broken",
    [
        {"thresholds": {"f": float("nan"), "m": 0.5}},
        {"thresholds": {}},
        {"thresholds": "0.5"},
        {"calibration": {"f": (-1.0, 0.0), "m": (1.0, 0.0)}},
        {"calibration": {"f": (1.0,), "m": (1.0, 0.0)}},
        {"sensitive": 3, "thresholds": {"f": 0.1}},
        {"columns_": [["x"], "z"]},
        {"sensitive": ["sex", "age"], "thresholds": {"f": 0.1, "m": 0.5}},
        {"sensitive": [], "thresholds": {"f": 0.1, "m": 0.5}},
    ],
    ids=str,
)
def test_a_rule_that_was_tampered_with_is_refused(broken: dict[str, object], tmp_path: Path) -> None:
    model, path = _sealed(thresholds=GROUPS), tmp_path / "model.skops"
    for name, value in broken.items():
        setattr(model, name, value)
    path.write_bytes(as_file(model))
    with pytest.raises(ModelError, match="Mitigated"):
        load(path)


def test_fitting_again_keeps_the_rule() -> None:
    frame = _table()
    model = MitigatedClassifier(LogisticRegression(), thresholds=0.9)
    model.fit(frame[["x", "z"]], frame["y"], sample_weight=np.ones(len(frame)))
    assert model.predict(frame[["x", "z"]]).mean() < 0.45


def test_offsets_move_numbers_by_group() -> None:
    frame = _table().assign(v=lambda one: one["x"] * 2)
    model = MitigatedRegressor(sensitive="sex").fit(frame[["x", "z"]], frame["v"])
    rule = MitigatedRegressor(model.estimator_, sensitive="sex", offsets={"f": 1.0, "m": 0.0})
    rule.seal(["x", "z"], bare=False)
    moved = rule.predict(frame[["x", "z", "sex"]]) - model.predict(frame[["x", "z"]])
    assert moved == pytest.approx((frame["sex"] == "f").astype(float).to_numpy())
    assert np.isfinite(log_odds(np.array([0.0, 1.0]))).all()


def test_bands_of_a_number_are_read_whatever_type_the_column_came_in() -> None:
    frame = pd.DataFrame({"x": [0.2, 0.4, 0.6, 0.8] * 5, "age": [20, 30, 70, 80] * 5})
    base = LogisticRegression().fit(frame[["x"]], [0, 0, 1, 1] * 5)
    rule = MitigatedClassifier(
        base, sensitive="age", edges=[60], thresholds={"under 60": 0.9, "60 and over": 0.1}
    ).seal(["x"], bare=False)
    wanted = rule.predict(frame).tolist()
    assert wanted[:4] == [0, 0, 1, 1]
    for age in (frame["age"].astype(object), frame["age"].astype(str), frame["age"].astype("Int64")):
        assert rule.predict(frame.assign(age=age)).tolist() == wanted
    for odd, named in (("old", "'age' is 'old'"), (None, "no value of 'age'"), (pd.NA, "no value of 'age'")):
        ages = frame["age"].astype(object)
        ages[3] = odd
        with pytest.raises(ValueError, match=named):
            rule.predict(frame.assign(age=ages))
