"""Two audits of several classes on the same rows: areas and losses are compared pair by pair."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score

import audit
from audit.comparing import pairing as packing
from audit.comparing.baseline import against
from audit.comparing.comparison import compare
from audit.comparing.pairing import pack, unpack
from audit.errors import ConfigError
from audit.estimate.paired import paired_difference
from audit.evidence import Predictions, Settings
from reports.record import AuditRecord, Estimate
from reports.store import dumps, loads

CLASSES = ("a", "b", "c")


def table(rows: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, 3))
    y = np.argmax(X + rng.gumbel(size=(rows, 3)), axis=1)
    sex = rng.choice(["f", "m"], rows)
    return pd.DataFrame(X, columns=["u", "v", "w"]).assign(sex=sex, y=np.array(CLASSES)[y])


TRAIN, TEST = table(1500, 1), table(1200, 2)


def audited(features: list[str], test: pd.DataFrame = TEST) -> AuditRecord:
    model = LogisticRegression().fit(TRAIN[features], TRAIN["y"])
    return audit.run(
        model, test=(test[features], test["y"].to_numpy()), sensitive=test[["sex"]], task="multiclass",
        checks=["classification", "group_performance", "baseline_change"],
    )  # fmt: skip


@pytest.fixture(scope="module")
def good() -> AuditRecord:
    return audited(["u", "v", "w"])


@pytest.fixture(scope="module")
def same_columns_worse() -> AuditRecord:
    """The same rows answered by a model that looks at one column alone."""

    class Blind(LogisticRegression):  # type: ignore[misc]
        def fit(self, X: pd.DataFrame, y: object) -> Blind:
            super().fit(X.assign(v=0.0, w=0.0), y)
            return self

        def predict_proba(self, X: pd.DataFrame) -> np.ndarray:
            return np.asarray(super().predict_proba(X.assign(v=0.0, w=0.0)))

        def predict(self, X: pd.DataFrame) -> np.ndarray:
            return np.asarray(super().predict(X.assign(v=0.0, w=0.0)))

    model = Blind().fit(TRAIN[["u", "v", "w"]], TRAIN["y"])
    return audit.run(
        model, test=(TEST[["u", "v", "w"]], TEST["y"].to_numpy()), sensitive=TEST[["sex"]], task="multiclass",
        checks=["classification", "group_performance", "baseline_change"],
    )  # fmt: skip


def gain_of(record: AuditRecord, metric: str) -> Estimate:
    (found,) = [
        one
        for finding in record.findings
        if finding.check == "baseline_change" and finding.measurement
        for one in finding.measurement.estimates
        if one.metric == metric and set(one.where) == {"split"}
    ]
    return found


def answers(rows: int, classes: int, seed: int = 0, *, probabilities: bool = True) -> Predictions:
    rng = np.random.default_rng(seed)
    score = rng.normal(size=(rows, classes))
    if probabilities:
        score = np.exp(score) / np.exp(score).sum(1, keepdims=True)
    y = rng.integers(0, classes, rows)
    return Predictions(
        task="multiclass", classes=tuple(f"c{k}" for k in range(classes)), y_true=y, y_pred=score.argmax(1),
        y_score=score, probabilities=probabilities, row=np.arange(rows),
    )  # fmt: skip


def test_the_macro_area_is_paired_and_right(good: AuditRecord, same_columns_worse: AuditRecord) -> None:
    judged = against(good, same_columns_worse)
    gain = gain_of(judged, "roc_auc_gain")
    full, blind = (LogisticRegression().fit(TRAIN[["u", "v", "w"]], TRAIN["y"]) for _ in range(2))
    zeroed = TRAIN[["u", "v", "w"]].assign(v=0.0, w=0.0)
    blind.fit(zeroed, TRAIN["y"])
    areas = [
        roc_auc_score(TEST["y"], model.predict_proba(X), multi_class="ovr", average="macro")
        for model, X in ((full, TEST[["u", "v", "w"]]), (blind, TEST[["u", "v", "w"]].assign(v=0.0, w=0.0)))
    ]
    assert gain.value == pytest.approx(areas[0] - areas[1], abs=1e-4)
    assert gain.method == "paired delong"
    assert gain.low is not None
    assert gain.low > 0
    losses = [
        log_loss(TEST["y"], model.predict_proba(X))
        for model, X in ((full, TEST[["u", "v", "w"]]), (blind, TEST[["u", "v", "w"]].assign(v=0.0, w=0.0)))
    ]
    assert gain_of(judged, "log_loss_gain").value == pytest.approx(losses[1] - losses[0], abs=1e-3)


def test_compare_pairs_the_area_too(good: AuditRecord, same_columns_worse: AuditRecord) -> None:
    found = compare(same_columns_worse, good)
    areas = [one for one in found.changes if one.metric == "roc_auc" and set(one.where) == {"split"}]
    assert found.paired
    assert all(one.paired and one.direction == "better" for one in areas)


def test_scores_survive_saving(good: AuditRecord) -> None:
    again = loads(dumps(good))
    assert again.pairing is not None
    back = unpack(again.pairing, "multiclass", again.data.classes)
    assert back.y_score is not None
    assert back.y_score.shape == (1200, 3)
    assert np.abs(back.y_score.sum(1) - 1).max() < 0.002
    assert (back.y_score.argmax(1) == back.y_pred).mean() > 0.97


def test_scores_that_are_no_probabilities_pair_the_area_alone() -> None:
    one, other = (answers(500, 4, seed, probabilities=False) for seed in (0, 1))
    other = replace(other, y_true=one.y_true)
    hashes = np.arange(500, dtype=np.uint64)
    fine = Settings(suppress_n=1)
    first, second = (
        unpack(pack(replace(part, settings=fine), hashes, levels=500), "multiclass", one.classes)
        for part in (one, other)
    )
    assert not first.probabilities
    kept, exact = paired_difference(first, second, "roc_auc"), paired_difference(one, other, "roc_auc")
    assert kept.value == pytest.approx(exact.value, abs=1e-12)


def test_another_evaluation_set_is_refused(good: AuditRecord) -> None:
    other = audited(["u", "v", "w"], table(1200, 3))
    with pytest.raises(ConfigError, match="other rows"):
        against(good, other)
    apart = against(good, other, on_data_change="unpaired")
    assert gain_of(apart, "balanced_accuracy_gain").method.startswith("not paired")


def test_the_size_is_as_stated() -> None:
    packed = pack(answers(20_000, 10), np.arange(20_000, dtype=np.uint64))
    assert 200_000 < len(packed.y_score) < 500_000


def test_too_many_scores_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "MOST_SCORES", 999)
    packed = pack(answers(250, 4), np.arange(250, dtype=np.uint64))
    assert packed.score_scale == ""
    assert unpack(packed, "multiclass", ("c0", "c1", "c2", "c3")).y_score is None
