"""The ranking of features, on attributions made by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from audit.checks.attribution_ranking import attribution_ranking
from audit.data.factor import Factor
from audit.errors import NotApplicable
from audit.evidence import Alone, Attributions, Predictions, Proxies, Reading
from reports.record import Estimate, Measurement

PREDICTIONS = Predictions(task="regression", y_true=np.zeros(1), y_pred=np.zeros(1), sensitive=("sex",))


def attributions(scales: dict[str, float], rows: int = 200, seed: int = 0) -> Attributions:
    values = np.random.default_rng(seed).normal(size=(rows, len(scales))) * list(scales.values())
    return Attributions(
        method="permutation",
        features=tuple(scales),
        values=values,
        scale="log-odds",
        base=np.zeros(rows),
        output=values.sum(axis=1),
        residual=0.0,
        keys={"split": Factor.constant("test", rows)},
        row=np.arange(rows),
        notes=("background: 100 train rows",),
    )


def estimate(measured: Measurement, metric: str, feature: str) -> Estimate:
    (found,) = (e for e in measured.estimates if e.metric == metric and e.where["feature"] == feature)
    return found


def test_shares_are_of_mean_absolute_attribution() -> None:
    given = attributions({"age": 3.0, "sex": 1.0})
    measured = attribution_ranking((given,), PREDICTIONS)
    absolute = np.abs(given.values).mean(axis=0)
    age = estimate(measured, "attribution_share", "age")
    assert age.value == pytest.approx(absolute[0] / absolute.sum())
    assert age.where == {"split": "test", "feature": "age"}
    assert age.low is not None
    assert age.high is not None
    assert 0.7 < age.low < 0.75 < age.high < 0.8
    assert sum(e.value or 0 for e in measured.estimates if e.metric == "attribution_share") == pytest.approx(1)


def test_interval_covers_the_share_of_all_rows() -> None:
    hits = 0
    for seed in range(60):
        measured = attribution_ranking((attributions({"age": 2.0, "sex": 1.0}, rows=80, seed=seed),), PREDICTIONS)
        age = estimate(measured, "attribution_share", "age")
        assert age.low is not None
        assert age.high is not None
        hits += age.low <= 2 / 3 <= age.high
    assert 50 <= hits <= 60


def test_strongest_first_with_exhibits_and_words() -> None:
    measured = attribution_ranking((attributions({"a": 1.0, "b": 5.0, "c": 2.0}),), PREDICTIONS, top=2)
    assert [e.where["feature"] for e in measured.estimates] == ["b", "c", "a"]
    assert measured.summary.startswith("b moves the output most")
    assert [exhibit.kind for exhibit in measured.exhibits] == ["bars", "forest", "table"]
    assert "background: 100 train rows" in measured.notes


def test_sensitive_feature_is_looked_at_apart() -> None:
    many = {"sex": 4.0, **{f"x{k}": 1.0 for k in range(7)}}
    measured = attribution_ranking((attributions(many),), PREDICTIONS)
    share = estimate(measured, "sensitive_attribution_share", "sex")
    assert share.value == estimate(measured, "attribution_share", "sex").value
    excess = estimate(measured, "sensitive_rank_excess", "sex")
    assert excess.low is not None
    assert excess.low > 0


def test_weak_sensitive_feature_has_no_rank_excess() -> None:
    many = {"sex": 0.1, **{f"x{k}": 1.0 for k in range(7)}}
    excess = estimate(attribution_ranking((attributions(many),), PREDICTIONS), "sensitive_rank_excess", "sex")
    assert excess.high is not None
    assert excess.high < 0


def test_few_features_have_no_strongest_three() -> None:
    excess = estimate(
        attribution_ranking((attributions({"sex": 1.0, "b": 1.0}),), PREDICTIONS), "sensitive_rank_excess", "sex"
    )
    assert excess.value is None
    assert "2 features" in excess.reason


def test_proxies_are_looked_at_where_they_are_known() -> None:
    given = attributions({"a": 1.0, "name": 1.0})
    known = (("name", 0.95), ("a", 0.6), ("gone", 0.99))
    found = tuple(Alone(feature=one, reading=Reading(value=area), where={"sex": "f"}) for one, area in known)
    measured = attribution_ranking((given,), PREDICTIONS, Proxies(split="train", found=found))
    assert {e.where["feature"] for e in measured.estimates if e.metric == "sensitive_attribution_share"} == {"name"}
    alone = attribution_ranking((given,), PREDICTIONS)
    assert all(e.metric == "attribution_share" for e in alone.estimates)


def test_a_feature_with_a_word_of_the_house_is_found() -> None:
    predictions = replace(PREDICTIONS, sensitive=("class (column)",))
    measured = attribution_ranking((attributions({"class": 1.0, "b": 1.0}),), predictions)
    assert estimate(measured, "sensitive_attribution_share", "class").value is not None


def test_a_constant_model_is_not_applicable() -> None:
    with pytest.raises(NotApplicable, match="constant"):
        attribution_ranking((attributions({"a": 0.0, "b": 0.0}),), PREDICTIONS)


def test_one_row_gives_an_interval_of_its_own_value() -> None:
    measured = attribution_ranking((attributions({"a": 1.0, "b": 2.0}, rows=1),), PREDICTIONS)
    first = measured.estimates[0]
    assert first.low == pytest.approx(first.value) == pytest.approx(first.high)


def test_many_features_are_capped_aloud() -> None:
    measured = attribution_ranking((attributions({f"x{k}": 1.0 for k in range(150)}),), PREDICTIONS)
    assert len(measured.estimates) == 100
    assert any("100 strongest of 150" in note for note in measured.notes)
