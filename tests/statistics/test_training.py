"""Each sign of trouble is made of a network that really has the fault, with the right remedy first; sound ones pass."""

from __future__ import annotations

import math
import warnings
from collections import namedtuple
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, load_digits, make_circles, make_classification, make_friedman1

import audit
from audit.policy.read import default_policy
from audit.statistics.training import diagnose, tripped_signs
from audit.statistics.training_log import LIMITS, LOWER, Sign

torch = pytest.importorskip("torch", reason="networks need the torch extra")

from trainers import NetworkClassifier, NetworkRegressor  # noqa: E402
from trainers.history import HistoryRow  # noqa: E402

DIGITS = tuple(part[:400] for part in load_digits(return_X_y=True))
TUMORS = load_breast_cancer(return_X_y=True)
FRIEDMAN = make_friedman1(400, n_features=8, noise=0.5, random_state=0)
RNG = np.random.default_rng(0)
NOISE = RNG.normal(size=(200, 40)), RNG.integers(0, 2, 200)
LONG = RNG.normal(size=(120, 200, 1))
FIRST = LONG, (LONG[:, :3].sum(axis=(1, 2)) > 0).astype(int)
LINE = RNG.uniform(-3, 3, (400, 1))
SINE = LINE, np.sin(2 * LINE[:, 0])
WAITS = LINE, LINE[:, 0] + RNG.exponential(1.0, 400)
STRAY = DIGITS[0], RNG.permutation(DIGITS[1])
CIRCLES = make_circles(300, noise=0.1, factor=0.5, random_state=0)
RARE = make_classification(1200, 12, n_informative=3, weights=[0.93], class_sep=0.4, random_state=0)
DATA: dict[str, tuple[NDArray[Any], NDArray[Any]]] = {
    "digits": DIGITS,
    "tumors": TUMORS,
    "friedman": FRIEDMAN,
    "noise": NOISE,
    "first": FIRST,
    "sine": SINE,
    "waits": WAITS,
    "stray": STRAY,
    "circles": CIRCLES,
    "rare": RARE,
}


def fit(rows: str, parameters: dict[str, Any]) -> NetworkClassifier | NetworkRegressor:
    kind = NetworkRegressor if rows in {"friedman", "sine", "waits"} else NetworkClassifier
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return kind(**parameters, random_state=0).fit(*DATA[rows])


def born_dead(shape: tuple[int, ...], outputs: int) -> object:
    """Build a network whose first layer no row ever activates."""
    network = torch.nn.Sequential(
        torch.nn.Linear(shape[0], 16), torch.nn.ReLU(), torch.nn.Linear(16, 16), torch.nn.ReLU(),
        torch.nn.Linear(16, outputs),
    )  # fmt: skip
    torch.nn.init.constant_(network[0].bias, -20.0)
    return network


BROKEN: list[tuple[str, dict[str, Any], str]] = [
    ("digits", {"learning_rate": 1e-6, "epochs": 10}, "Raise learning_rate"),
    ("friedman", {"learning_rate": 1e-6, "epochs": 10}, "Raise learning_rate"),
    ("digits", {"learning_rate": 1.0}, "Lower learning_rate"),
    ("digits", {"learning_rate": 10.0}, "Lower learning_rate"),
    ("digits", {"learning_rate": 10.0, "optimizer": "sgd"}, "Lower learning_rate"),
    ("friedman", {"learning_rate": 3.0, "epochs": 20}, "Lower learning_rate"),
    ("digits", {"hidden": (64,) * 5, "activation": "sigmoid", "epochs": 6}, "Use ReLU"),
    ("tumors", {"hidden": (64,) * 5, "activation": "sigmoid", "epochs": 6}, "Use ReLU"),
    ("first", {"network": "rnn", "units": 8, "epochs": 3, "batch_size": 60}, "Use lstm or gru"),
    (
        "first",
        {"network": "gru", "units": 8, "epochs": 3, "batch_size": 60, "learning_rate": 1e-6},
        "Raise learning_rate",
    ),
    (
        "first",
        {"network": "rnn", "units": 8, "epochs": 3, "batch_size": 60, "learning_rate": 10.0},
        "Lower learning_rate",
    ),
    ("digits", {"network": born_dead, "epochs": 5}, "Initialize by the activation"),
    ("digits", {"hidden": (1,), "epochs": 40}, "Give more capacity"),
    ("digits", {"l2": 1.0, "epochs": 15}, "Weaken the penalty"),
    ("digits", {"dropout": 0.95, "epochs": 15}, "Weaken the penalty"),
    ("digits", {"epochs": 2}, "Train for more epochs"),
    ("noise", {"epochs": 50, "early_stopping": False, "validation_fraction": 0.3}, "Stop at the minimum"),
    ("noise", {"epochs": 50, "early_stopping": False, "validation_fraction": 0.0}, "Hold rows out"),
    ("stray", {"epochs": 36, "early_stopping": False, "validation_fraction": 0.0}, "Hold rows out"),
    ("tumors", {"standardize": False, "epochs": 5}, "Keep standardize"),
    ("tumors", {"batch_size": 1, "epochs": 3, "learning_rate": 0.05}, "Lower learning_rate"),
    ("circles", {"hidden": (), "learning_rate": 5e-3}, "Give more capacity"),
]


@pytest.mark.parametrize(("rows", "parameters", "remedy"), BROKEN)
def test_a_fault_is_found_with_its_remedy_first(rows: str, parameters: dict[str, Any], remedy: str) -> None:
    signs = tripped_signs(diagnose(fit(rows, parameters).history_))
    assert signs
    assert signs[0].remedy.startswith(remedy)
    assert signs[0].evidence


HEALTHY: list[tuple[str, dict[str, Any]]] = [
    ("digits", {"epochs": 40}),
    ("tumors", {"epochs": 60}),
    ("tumors", {"epochs": 60, "dropout": 0.2, "learning_rate": 2e-3}),
    ("friedman", {"learning_rate": 3e-3}),
    ("digits", {"epochs": 40, "validation_fraction": 0.0, "early_stopping": False}),
    ("digits", {"hidden": (32,) * 6, "epochs": 30}),
    ("digits", {"network": "cnn", "input_shape": (1, 8, 8), "epochs": 12, "learning_rate": 3e-3}),
    ("digits", {"l2": 1e-4, "batch_norm": True, "epochs": 20}),
    ("sine", {"hidden": (64,) * 5, "learning_rate": 3e-3}),
    ("waits", {"learning_rate": 5e-3, "activation": "tanh", "loss": "quantile", "alpha": 0.9}),
    ("rare", {"class_weight": "balanced"}),
]


@pytest.mark.parametrize(("rows", "parameters"), HEALTHY)
def test_a_sound_training_trips_nothing(rows: str, parameters: dict[str, Any]) -> None:
    assert tripped_signs(diagnose(fit(rows, parameters).history_)) == ()


def test_weights_put_back_do_not_count_as_overfitting() -> None:
    stopped = fit("noise", {"epochs": 60, "validation_fraction": 0.3, "learning_rate": 0.01})
    assert "TRAIN002" not in {sign.code for sign in tripped_signs(diagnose(stopped.history_))}


def test_broken_losses_are_counted_and_clipping_is_told() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        raw: dict[str, Any] = {"standardize": False, "optimizer": "sgd", "momentum": 0.0, "epochs": 5}
        target = TUMORS[0][:, 3]
        broken = NetworkRegressor(**raw, learning_rate=1e3, random_state=0).fit(TUMORS[0], target)
        clipped = NetworkRegressor(**raw, learning_rate=1e-4, clip_norm=1.0, random_state=0).fit(TUMORS[0], target)
    assert {"epochs_not_finite"} <= {sign.quantity for sign in tripped_signs(diagnose(broken.history_))}
    assert {"clipped_share"} <= {sign.quantity for sign in tripped_signs(diagnose(clipped.history_))}


Plain = namedtuple("Plain", "epoch split quantity value")


def losses(values: list[float], split: str = "train") -> list[Any]:
    return [Plain(epoch, split, "loss", value) for epoch, value in enumerate(values, start=1)]


def codes(rows: list[Any]) -> list[str]:
    return [sign.code for sign in tripped_signs(diagnose(rows))]


def test_a_log_with_losses_alone_is_enough_for_some_signs() -> None:
    falling = [1.0, 0.6, 0.4, 0.3, 0.25, 0.2, 0.18, 0.17, 0.17, 0.17]
    rising = [1.0, 0.7, 0.6, 0.65, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2]
    assert codes(losses(falling) + losses(falling, "validation")) == []
    assert codes(losses(falling) + losses(rising, "validation")) == ["TRAIN002"]
    assert codes(losses(rising)) == ["TRAIN001"]
    steady = [1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6, 0.55]
    assert codes(losses(steady) + losses(steady, "validation")) == ["TRAIN003"]


def test_a_loss_that_is_no_number_is_a_fault() -> None:
    rows = [*losses([1.0, 0.9]), Plain(3, "train", "loss", math.nan)]
    assert "TRAIN005" in codes(rows)
    assert "TRAIN005" in codes([*losses([1.0, 0.9]), Plain(3, "train", "loss", None)])


def test_limits_of_your_own() -> None:
    signs = diagnose(losses([1.0, 0.9]))
    assert "TRAIN001" not in {sign.code for sign in tripped_signs(signs)}
    assert "TRAIN001" in {sign.code for sign in tripped_signs(signs, {"training_loss_ratio": 0.5})}


def test_limits_are_those_of_the_default_policy() -> None:
    gates = {gate.metric: gate for gate in default_policy().gates if gate.id.startswith("TRAIN")}
    assert {metric: gate.threshold for metric, gate in gates.items()} == dict(LIMITS)
    assert {metric for metric, gate in gates.items() if gate.op == ">="} == LOWER
    codes_by_metric = {sign.quantity: sign.code for sign in diagnose([])}
    assert {metric: gate.id for metric, gate in gates.items()} == codes_by_metric


def test_the_front_door_offers_it() -> None:
    assert [sign.code for sign in audit.tripped_signs(audit.diagnose(losses([1.0, 2.0])))] == ["TRAIN001"]


ROWS = st.builds(
    HistoryRow,
    epoch=st.integers(0, 5),
    split=st.sampled_from(["train", "validation"]),
    quantity=st.sampled_from(
        [
            *("loss", "score", "gradient_norm:a", "gradient_norm:b", "dead_units:a", "clipped_share", "kept"),
            *("input_scale_ratio", "constant_loss", "simple_score", "update_ratio:a", "weight_ratio", "dropout"),
        ]
    ),
    value=st.floats(0, 1e6) | st.just(math.nan),
)


@given(st.lists(ROWS, max_size=30))
def test_any_history_can_be_read(rows: list[HistoryRow]) -> None:
    signs = diagnose(rows)
    assert {sign.quantity for sign in signs} == set(LIMITS)
    assert all(sign.value is None or math.isfinite(sign.value) for sign in signs)
    assert all(isinstance(sign, Sign) for sign in tripped_signs(signs))


def test_a_gated_network_that_is_still_learning_is_told_to_train_longer() -> None:
    values, labels = np.random.default_rng(3).normal(0, 0.2, (300, 24, 2)), RNG.integers(0, 2, 300)
    angle = np.where(labels == 1, 1.1, 0.6)[:, None] * np.arange(24)
    model = NetworkClassifier(network="gru", units=24, epochs=3, learning_rate=1e-3, random_state=0)
    model.fit(values + np.stack([np.sin(angle), np.cos(angle)], axis=2), labels)
    assert tripped_signs(diagnose(model.history_))[0].remedy == "Train for more epochs."
