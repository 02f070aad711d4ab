"""Each diagnosis on a network that really has the fault, and on one that has not."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pytest

from audit.check import run
from audit.checks import discover
from audit.data.dataset import Roles, build
from audit.evidence import HistoryRow, Settings
from audit.gather import Context
from audit.judging import gate
from audit.models.load import wrap
from audit.policy.read import default_policy
from reports.record import AuditRecord, DataInfo, Environment, ModelInfo

pytest.importorskip("torch", reason="networks need the torch extra")

from trainers import NetworkClassifier


def _data(rows: int = 400, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    X = generator.normal(size=(rows, 8)).astype(np.float32)
    return X, (X[:, 0] + X[:, 1] > 0).astype(int)


def _outcomes(network: NetworkClassifier) -> dict[str, set[str]]:
    """Judge the training rules on a fitted network's own history."""
    import pandas as pd

    X, y = _data(80, 1)
    frame = pd.DataFrame(X, columns=[f"x{k}" for k in range(8)]).assign(y=y)
    context = Context(model=wrap(network), dataset=build({"test": frame}, Roles(target="y")), settings=Settings())
    found = tuple(run(discover()[name], context, task="binary") for name in ("training_history", "training_dynamics"))
    record = AuditRecord(
        tool="t", created="2026-01-01T00:00:00+00:00", seed=0, task="binary", findings=found,
        model=ModelInfo(name="m", kind="k", format="object"), data=DataInfo(target="y"), environment=Environment(),
    )  # fmt: skip
    outcomes: dict[str, set[str]] = {}
    for verdict in gate.judge(record, default_policy()).verdicts:
        outcomes.setdefault(verdict.gate, set()).add(verdict.outcome)
    return outcomes


def _healthy() -> NetworkClassifier:
    return NetworkClassifier(hidden=(16,), epochs=60, learning_rate=0.01, random_state=0).fit(*_data())


def _stuck() -> NetworkClassifier:
    X, y = _data()
    return NetworkClassifier(hidden=(8,), epochs=5, learning_rate=1e-9, random_state=0).fit(X, y)


def _memorizing() -> NetworkClassifier:
    X, _ = _data(120)
    y = np.random.default_rng(3).integers(0, 2, 120)
    return NetworkClassifier(
        hidden=(256,), epochs=60, learning_rate=0.01, early_stopping=False, validation_fraction=0.3, random_state=0
    ).fit(X, y)


def _cut_short() -> NetworkClassifier:
    return NetworkClassifier(hidden=(16,), epochs=4, learning_rate=0.01, random_state=0).fit(*_data())


def _vanishing() -> NetworkClassifier:
    return NetworkClassifier(
        hidden=(16,) * 8, activation="sigmoid", init="xavier", epochs=5, learning_rate=0.001, random_state=0
    ).fit(*_data())


def _exploding() -> NetworkClassifier:
    X, y = _data()
    return NetworkClassifier(
        hidden=(64, 64, 64),
        optimizer="sgd",
        learning_rate=50.0,
        momentum=0.0,
        standardize=False,
        epochs=5,
        random_state=0,
    ).fit(X * 1000, y)


def _dying() -> NetworkClassifier:
    X, y = _data()
    return NetworkClassifier(
        hidden=(32, 32), init="he", optimizer="sgd", learning_rate=3.0, momentum=0.0, epochs=5, random_state=0
    ).fit(X, y)


def _unscaled() -> NetworkClassifier:
    X, y = _data()
    return NetworkClassifier(hidden=(8,), standardize=False, epochs=5, random_state=0).fit(
        X * np.array([1e5, *[1.0] * 7], dtype=np.float32), y
    )


def _penalized() -> NetworkClassifier:
    return NetworkClassifier(hidden=(16,), l2=1.0, random_state=0).fit(*_data())


@pytest.mark.parametrize(
    ("code", "make"),
    [
        ("TRAIN001", _stuck),
        ("TRAIN002", _memorizing),
        ("TRAIN003", _cut_short),
        ("TRAIN004", _vanishing),
        ("TRAIN005", _exploding),
        ("TRAIN006", _dying),
        ("TRAIN007", _unscaled),
        ("TRAIN008", _penalized),
    ],
)
def test_the_fault_is_found(code: str, make: Callable[[], NetworkClassifier]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = make()
    assert "fail" in _outcomes(network)[code]


@pytest.mark.parametrize("code", [f"TRAIN00{k}" for k in (1, 2, 3, 4, 5, 6, 7, 8)])
def test_a_healthy_network_passes(code: str) -> None:
    assert "fail" not in _outcomes(_healthy())[code]


def test_histories_of_scikit_learn_are_read() -> None:
    from sklearn.neural_network import MLPClassifier

    X, y = _data()
    network = MLPClassifier((8,), max_iter=300, learning_rate_init=0.02, random_state=0).fit(X, y)
    assert _outcomes(network)["TRAIN001"] == {"pass"}


def test_a_loss_without_a_number_is_told() -> None:
    losses = enumerate([1.0, 0.9, None], start=1)
    history = tuple(HistoryRow(epoch=k, split="train", quantity="loss", value=value) for k, value in losses)
    found = discover()["training_dynamics"](history)
    assert [(one.metric, one.value) for one in found.estimates] == [("epochs_not_finite", 1.0)]
