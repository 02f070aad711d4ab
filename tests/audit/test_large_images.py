"""Rows of very many values, as pictures are: quick ways give what plain ones give, budgets know what they cost."""

from __future__ import annotations

import base64
from io import BytesIO
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression

import audit
from audit.explain.encoding import Encoding
from audit.explain.pixels import png, shrunk
from audit.gather import _reference_models, label_doubts, noise
from audit.models.cost import affordable, learnable, operations
from audit.tabular import nearest
from reports.html import render
from reports.record import AuditRecord
from trainers import NetworkClassifier


def _pictures(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 120, (count, 3, 16, 16))
    y = np.arange(count) % 2
    X[y == 1, :, 4:12, 4:12] += 100
    return X.astype(np.uint8), np.where(y == 1, "square", "plain")


@pytest.fixture(scope="module")
def network() -> NetworkClassifier:
    X, y = _pictures(120, 0)
    return NetworkClassifier(
        network="cnn", channels=(4, 8), hidden=(8,), epochs=4, learning_rate=0.01, random_state=0
    ).fit(X, y)


def test_a_convolution_costs_its_weights_at_every_place(network: NetworkClassifier) -> None:
    by_hand = 4 * 3 * 9 * 16 * 16 + 8 * 4 * 9 * 8 * 8 + 8 * (8 * 4 * 4) + 8
    assert operations(network) == by_hand
    assert affordable(1000, network) == int(1000 / (by_hand / 20_000))


def test_refits_count_epochs_as_well(network: NetworkClassifier) -> None:
    many = NetworkClassifier(network="cnn", channels=(4, 8), hidden=(8,), epochs=4, random_state=0)
    many.fit(*_pictures(120, 0))
    many.n_iter_ = 400
    assert learnable(10_000, many) < learnable(10_000, network) <= 10_000
    assert learnable(10_000, LogisticRegression().fit([[0.0], [1.0]], [0, 1])) == 10_000


def _audited(network: NetworkClassifier, **asked: Any) -> AuditRecord:  # noqa: ANN401
    train, test = _pictures(120, 0), _pictures(60, 1)
    given = (train[0].reshape(120, -1), train[1])
    return audit.run(network, test[0].reshape(60, -1), test[1], train=given, positive="square", **asked)


def test_an_audit_of_pictures_refits_explains_and_shows_them(network: NetworkClassifier) -> None:
    report = _audited(
        network,
        checks=["cross_validation", "corruption_sensitivity", "image_explanations", "missing_values"],
    )
    found = {one.check: one for one in report.findings}
    assert found["cross_validation"].outcome == "measured", found["cross_validation"].reason
    corrupted, explained = (found[name].measurement for name in ("corruption_sensitivity", "image_explanations"))
    assert corrupted is not None
    assert explained is not None
    images = [one for one in corrupted.exhibits if one.kind == "image"]
    assert [one.title for one in images] == ["A test image, corrupted"]
    assert sum(one.kind == "image" for one in explained.exhibits) >= 2
    drawn = render(report)
    assert "data:image/png;base64," in drawn
    (pixels,) = report.data.features
    assert (pixels.columns, report.data.feature_count) == (768, 768)
    assert pixels.name.count(" to ") == 1
    assert "768 features" in drawn


def test_a_network_that_is_too_dear_to_refit_is_skipped_with_the_option(network: NetworkClassifier) -> None:
    report = _audited(
        network,
        checks=["cross_validation"],
        gather={"folds": {"fits": 100}},
    )
    (found,) = report.findings
    assert found.outcome == "skipped"
    assert "[gather.folds] fits =" in found.reason


@pytest.mark.parametrize("seed", range(5))
def test_wide_items_are_near_as_a_tree_says(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(60, 3)).round(1)
    points[40:50] = points[:10] + rng.choice([0.0, 1e-3, 0.02], (10, 1))
    items = nearest.Vectors(points, rng.integers(0, 2, 60))
    asking, asked = np.arange(40), np.arange(40, 60)
    by_tree = nearest.near_vectors(items, asking, asked, 0.05)
    monkeypatch.setattr(nearest, "WIDE", 1)
    monkeypatch.setattr(nearest, "ROWS_AT_ONCE", 7)
    assert nearest.near_vectors(items, asking, asked, 0.05).tolist() == by_tree.tolist()


def test_coordinates_of_rows_score_as_all_columns_do() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 400))
    y = (X[:, :5].sum(axis=1) > 0).astype(np.int64)
    narrow = label_doubts._narrowed(X)
    assert narrow.shape == (60, 60)
    models = [LogisticRegression(C=0.3, tol=1e-8, max_iter=2000).fit(one[:40], y[:40]) for one in (X, narrow)]
    one, two = (model.decision_function(data[40:]) for model, data in zip(models, (X, narrow), strict=True))
    assert np.allclose(one, two, atol=1e-3)


def test_the_linear_rival_of_a_wide_table_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    X = pd.DataFrame(rng.normal(size=(50, 300)), columns=[f"x{k}" for k in range(300)])
    y = np.where(X["x0"] + X["x1"] > 0, "a", "b").astype(object)
    plain, _ = _reference_models.linear_rival(X, y, "binary", None)
    monkeypatch.setattr(_reference_models, "WIDE", 10)
    rotated, _ = _reference_models.linear_rival(X, y, "binary", None)
    assert any(type(step).__name__ == "PCA" for _, step in rotated.steps[0][1].transformers_[0][1].steps)
    assert np.allclose(plain.predict_proba(X), rotated.predict_proba(X), atol=1e-3)


def test_spreads_of_many_columns_are_those_of_each() -> None:
    rng = np.random.default_rng(2)
    X = pd.DataFrame(rng.integers(0, 30, (200, 6)).astype(float), columns=list("abcdef"))
    X["b"], X.loc[::3, "c"], X.loc[0, "d"] = 1.0, np.nan, np.inf
    X["e"] = X["e"] % 3
    each = {name: one for name in X if (one := noise.spread_of(X[name], 12)) > 0}
    assert noise._spreads_at_once(X, 12) == pytest.approx(each)


def test_pixels_that_meet_a_fraction_stay_one_array() -> None:
    X = pd.DataFrame(np.zeros((2, 1500), dtype=np.uint8), columns=[f"p{k}" for k in range(1500)])
    encoding = Encoding.of(X)
    assert set(encoding.decode(np.zeros((2, 1500))).dtypes) == {np.dtype(np.uint8)}
    assert set(encoding.decode(np.full((2, 1500), 0.5)).dtypes) == {np.dtype(np.float64)}


def test_complete_features_share_one_line_where_there_are_very_many() -> None:
    X = pd.DataFrame(np.zeros((40, 1200)), columns=[f"p{k}" for k in range(1200)])
    X.loc[:9, "p7"] = np.nan
    y = np.arange(40) % 2
    report = audit.run(None, X.assign(y=y, guess=y), target="y", prediction="guess", checks=["missing_values"])
    (found,) = report.findings
    assert found.measurement is not None
    shares = {one.where["feature"]: one.value for one in found.measurement.estimates}
    assert shares == {"p7": 0.25, "(all complete features)": 0.0}


def test_large_photographs_are_written_in_few_colors() -> None:
    rng = np.random.default_rng(0)
    whole = rng.integers(0, 256, (200, 200, 3)).astype(np.uint8)
    assert len(base64.b64decode(png(whole))) < whole.size / 3
    small = whole[:40, :40]
    assert np.array_equal(np.asarray(Image.open(BytesIO(base64.b64decode(png(small))))), small)


def test_shrinking_keeps_the_mean() -> None:
    image = np.random.default_rng(0).uniform(size=(3, 150, 100))
    made = shrunk(image, 75)
    assert made.shape == (3, 75, 50)
    assert made.mean() == pytest.approx(image.mean())
    assert shrunk(image, 150) is image


@pytest.mark.parametrize(("width", "outcome"), [(5_000, "measured"), (5_001, "not_applicable")])
def test_columns_of_wide_tables_are_looked_at_up_to_a_limit(width: int, outcome: str) -> None:
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(20, width)), columns=[f"p{k}" for k in range(width)])
    y = np.arange(20) % 2
    rows = X.assign(y=y, guess=y)
    report = audit.run(
        None, test=rows, train=rows, target="y", prediction="guess", positive=1, checks=["unseen_category"]
    )
    (finding,) = report.findings
    assert finding.outcome == outcome
    assert outcome == "measured" or finding.reason == (
        "5,001 columns are too many to examine one by one; at most 5,000 are examined"
    )
