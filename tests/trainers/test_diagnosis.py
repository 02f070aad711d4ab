"""Each diagnosis is made of a network that really has the fault, and not of one that has not."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_breast_cancer

from trainers import NetworkClassifier, NetworkRegressor
from trainers.diagnosis import Fact, diagnose, tripped
from trainers.history import HistoryRow

pytest.importorskip("torch")

X, Y = load_breast_cancer(return_X_y=True)
NOISE = np.random.default_rng(0)
WIDE = NOISE.normal(size=(300, 100))
COIN = NOISE.integers(0, 2, 300)


def found(model: NetworkClassifier | NetworkRegressor) -> set[str]:
    return {fact.code for fact in tripped(diagnose(model.history_))}


def fact(model: NetworkClassifier | NetworkRegressor, code: str) -> Fact:
    return next(one for one in diagnose(model.history_) if one.code == code)


@pytest.fixture(scope="module")
def healthy() -> NetworkClassifier:
    return NetworkClassifier(epochs=60, dropout=0.2, learning_rate=2e-3, random_state=0).fit(X, Y)


def test_a_healthy_network_trips_nothing(healthy: NetworkClassifier) -> None:
    assert found(healthy) == set()
    assert [one.code for one in diagnose(healthy.history_)] == [f"TRAIN00{number}" for number in range(1, 8)]
    assert all(one.value is not None and one.remedy and one.evidence for one in diagnose(healthy.history_))


FAULTS: list[tuple[str, dict[str, Any]]] = [
    ("TRAIN001", {"learning_rate": 1e-9, "epochs": 10}),
    ("TRAIN003", {"learning_rate": 1e-4, "epochs": 10}),
    ("TRAIN004", {"hidden": (10,) * 12, "activation": "sigmoid", "epochs": 20}),
    ("TRAIN006", {"optimizer": "sgd", "learning_rate": 20.0, "momentum": 0.0, "epochs": 20}),
    ("TRAIN007", {"standardize": False, "epochs": 3}),
]


@pytest.mark.parametrize(("code", "parameters"), FAULTS)
def test_a_fault_is_found(code: str, parameters: dict[str, Any], healthy: NetworkClassifier) -> None:
    model = NetworkClassifier(random_state=0, **parameters).fit(X, Y)
    assert code in found(model)
    assert code not in found(healthy)
    assert fact(model, code).evidence != fact(healthy, code).evidence


def test_overfitting_is_found_and_cured() -> None:
    wide: dict[str, Any] = {"hidden": (256,), "learning_rate": 0.01, "epochs": 40, "validation_fraction": 0.3}
    memorized = NetworkClassifier(**wide, early_stopping=False, random_state=0).fit(WIDE, COIN)
    assert "TRAIN002" in found(memorized)
    stopped = NetworkClassifier(**wide, random_state=0).fit(WIDE, COIN)
    assert "TRAIN002" not in found(stopped)


def test_exploding_gradients_are_found_by_length_by_clipping_and_by_broken_losses() -> None:
    raw: dict[str, Any] = {"standardize": False, "optimizer": "sgd", "momentum": 0.0, "epochs": 5, "random_state": 0}
    target = X[:, 3]
    long = NetworkRegressor(**(raw | {"learning_rate": 1e-9})).fit(X, target)
    assert fact(long, "TRAIN005").value is not None
    assert "TRAIN005" in found(long)
    clipped = NetworkRegressor(**(raw | {"learning_rate": 1e-4, "clip_norm": 1.0})).fit(X, target)
    assert "clipped" in fact(clipped, "TRAIN005").evidence
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        broken = NetworkRegressor(**(raw | {"learning_rate": 1e3})).fit(X, target)
    assert fact(broken, "TRAIN005").value == float("inf")
    cured = NetworkRegressor(epochs=5, clip_norm=100.0, random_state=0).fit(X, target)
    assert "TRAIN005" not in found(cured)


def test_deep_relu_network_keeps_its_gradients() -> None:
    deep = NetworkClassifier(hidden=(10,) * 12, epochs=20, random_state=0).fit(X, Y)
    assert "TRAIN004" not in found(deep)


def test_limits_of_your_own() -> None:
    rows = [HistoryRow(1, "train", "loss", 1.0), HistoryRow(2, "train", "loss", 0.9)]
    assert "TRAIN001" not in {one.code for one in tripped(diagnose(rows))}
    assert "TRAIN001" in {one.code for one in tripped(diagnose(rows), {"training_loss_ratio": 0.5})}


ROWS = st.builds(
    HistoryRow,
    epoch=st.integers(0, 5),
    split=st.sampled_from(["train", "validation"]),
    quantity=st.sampled_from(
        ["loss", "score", "gradient_norm:a", "gradient_norm:b", "dead_units:a", "clipped_share", "input_scale_ratio"]
    ),
    value=st.floats(0, 1e6),
)


@given(st.lists(ROWS, max_size=30))
def test_any_history_can_be_read(rows: list[HistoryRow]) -> None:
    facts = diagnose(rows)
    assert len(facts) == 7
    assert all(one.value is None or one.value >= 0 for one in facts)
