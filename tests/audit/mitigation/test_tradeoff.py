"""Without stated costs a model keeps the trade-off of its own threshold; rules follow no difference that is chance."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import LinearSVC

from audit.costs import Costs
from audit.data.factor import Factor
from audit.errors import AuditError
from audit.evidence import Predictions
from audit.integrations.mitigation import Mitigation, mitigate
from audit.mitigation.arms import _loss
from audit.mitigation.rules import Scored, best_cuts
from audit.mitigation.shrinkage import beyond_chance, differences, share_of_gap

FEATURES = ["x", "z"]


def _rare(rows: int, seed: int, gap: float = 0.7, misled: float = 0.0) -> pd.DataFrame:
    """Return rows of which few come true; of women fewer by `misled` than their columns say."""
    generator = np.random.default_rng(seed)
    sex = generator.choice(["f", "m"], rows, p=[0.4, 0.6])
    x, z = generator.normal(size=rows) + gap * (sex == "m"), generator.normal(size=rows)
    score = x + z + generator.normal(size=rows) - misled * (sex == "f")
    return pd.DataFrame({"x": x, "z": z, "sex": sex, "y": np.where(score > 2.2, "yes", "no")})


def _parts(rows: int, **more: float) -> dict[str, pd.DataFrame]:
    return {name: _rare(rows, place, **more) for place, name in enumerate(("train", "validation", "test"))}


def _done(model: Any, parts: dict[str, Any], method: str, **more: Any) -> Mitigation:  # noqa: ANN401
    asked = {"constraint": "demographic-parity", "favorable": "yes", "anyway": True, **more}
    return mitigate(
        model, **parts, target="y", positive="yes", sensitive=["sex"], features=FEATURES, method=method, **asked
    )


def _rates(model: Any, done: Mitigation, test: pd.DataFrame) -> list[float]:  # noqa: ANN401
    answers = model.predict(test[FEATURES]), done.model.predict(test[[*FEATURES, "sex"]])
    return [float((np.asarray(part) == "yes").mean()) for part in answers]


MODELS = {
    "weighted by class": LogisticRegression(class_weight="balanced"),
    "margins": LinearSVC(class_weight="balanced"),
    "leaves": RandomForestClassifier(20, min_samples_leaf=20, class_weight="balanced", random_state=0),
    "even priors": GaussianNB(priors=[0.5, 0.5]),
    "a threshold of its own": FixedThresholdClassifier(LogisticRegression(), threshold=0.15, pos_label="yes"),
}


@pytest.mark.parametrize("favorable", ["yes", "no"])
@pytest.mark.parametrize("name", list(MODELS))
def test_thresholds_keep_the_trade_off_of_the_model(name: str, favorable: str) -> None:
    parts = _parts(1500)
    model = MODELS[name].fit(parts["train"][FEATURES], parts["train"]["y"])
    done = _done(model, parts, "thresholds", favorable=favorable)
    before, after = _rates(model, done, parts["test"])
    assert before > 0.15
    assert abs(after - before) < 0.04  # most right decisions would come to half of it
    assert done.record is not None
    gaps = [done.record.metric(f"gap_{arm}", feature="sex").value or 0.0 for arm in ("before", "after")]
    assert gaps[1] < 0.5 * gaps[0]


@pytest.mark.parametrize("name", ["weighted by class", "margins"])
def test_calibrated_scores_are_decided_where_the_model_decided(name: str) -> None:
    parts = _parts(1500, misled=1.0)
    model = MODELS[name].fit(parts["train"][FEATURES], parts["train"]["y"])
    done = _done(model, parts, "group-calibration")
    before, after = _rates(model, done, parts["test"])
    assert abs(after - before) < 0.04


def test_the_record_tells_the_costs_that_the_threshold_implies() -> None:
    parts = _parts(800)
    model = LogisticRegression(class_weight="balanced").fit(parts["train"][FEATURES], parts["train"]["y"])
    record = _done(model, parts, "thresholds").record
    assert record is not None
    notes = next(
        finding.measurement for finding in record.findings if finding.check == "mitigation" and finding.measurement
    )
    said = next(note for note in notes.notes if note.startswith("no [costs] are stated"))
    granted, refused = (float(part.split()[0]) for part in said.split("implies: ")[1].split(", "))
    assert granted < 0.5 < 1.5 < refused
    assert granted + refused == pytest.approx(2, abs=0.02)
    change = record.metric("expected_cost_change")
    assert change.low is not None
    assert change.value is not None
    assert change.low <= change.value < 0.05
    stated = _done(model, parts, "thresholds", costs={"false_positive": 1, "false_negative": 1}).record
    assert stated is not None
    assert (record.metric("expected_cost_change").value or 0) > (stated.metric("expected_cost_change").value or 0)


@pytest.mark.parametrize("method", ["thresholds", "relaxed-thresholds", "group-calibration"])
def test_differences_that_may_be_chance_are_refused_in_words(method: str) -> None:
    parts = _parts(300, gap=0.0)
    parts["validation"] = _rare(300, 6, gap=0.0)
    model = LogisticRegression().fit(parts["train"][FEATURES], parts["train"]["y"])
    with pytest.raises(AuditError, match=r"300 validation rows .*(chance).* Give more validation rows"):
        _done(model, parts, method)


def test_rules_by_group_are_nearer_to_the_truth_where_chance_is_left_out() -> None:
    generator = np.random.default_rng(0)
    errors = []
    for _ in range(300):
        true = generator.normal(0.5, 0.05, size=2)
        group = np.repeat([0, 1], 60)
        drawn = (generator.random(120) < true[group]).astype(float)
        share = beyond_chance(*differences(drawn, group, np.ones(120), None))
        gap = drawn[group == 1].mean() - drawn[group == 0].mean()
        errors.append((abs(true[1] - true[0] - gap), abs(true[1] - true[0] - share * gap)))
    as_seen, without_chance = np.mean(errors, axis=0)
    assert without_chance < 0.9 * as_seen


def test_people_who_are_counted_twice_show_no_more() -> None:
    generator = np.random.default_rng(1)
    group = np.repeat([0, 1], 200)
    values = (generator.random(400) < 0.4 + 0.15 * group).astype(float)
    once, _ = differences(values, group, np.ones(400), None)
    person = Factor.of([f"p{place}" for place in np.tile(np.arange(400), 3)])
    thrice, _ = differences(np.tile(values, 3), np.tile(group, 3), np.ones(1200), person)
    assert thrice == pytest.approx(once, rel=0.02)


def test_few_rows_of_an_outcome_show_nothing() -> None:
    rows = Scored(np.linspace(0, 1, 80), np.zeros(80, bool), np.repeat([0, 1], 40), np.ones(80))
    assert share_of_gap(rows, 0.5, ["true_positive_rate"], None) == 0.0
    assert share_of_gap(rows, 0.5, ["selection_rate"], None) > 0.9


def test_groups_within_the_width_stay_where_they_are() -> None:
    generator = np.random.default_rng(2)
    rows = Scored(generator.random(600), generator.random(600) < 0.5, np.arange(600) % 3, np.ones(600))
    home = 0.37
    cuts = best_cuts(rows, rows.score - home, 3, ["selection_rate"], 0.2, home)
    assert cuts.tolist() == [home] * 3


def test_losses_count_mistakes_as_costs_do() -> None:
    true = (np.arange(200) % 10 == 0).astype(np.int64)
    perfect = Predictions(task="binary", classes=("no", "yes"), y_true=true, y_pred=true)
    nobody, everybody = (replace(perfect, y_pred=np.full(200, code)) for code in (0, 1))
    assert [_loss(perfect, part, None) for part in (nobody, everybody, perfect)] == pytest.approx([0.1, 0.9, 0.0])
    dear = Costs(false_positive=2.0, false_negative=10.0)
    assert [_loss(perfect, part, dear) for part in (nobody, everybody)] == pytest.approx([0.1, 0.9 * 0.2])
    assert _loss(nobody, perfect, dear) == pytest.approx(-0.1)
