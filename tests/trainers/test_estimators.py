"""The estimators keep scikit-learn's contract, and their own promises about seeds, weights and stopping."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from trainers import NetworkClassifier, NetworkRegressor, TrainerError
from trainers.history import HistoryRow, as_dicts, from_dicts, series

if TYPE_CHECKING:
    import torch
else:
    torch = pytest.importorskip("torch")

MINI_BATCHES = {
    "check_sample_weight_equivalence_on_dense_data": "mini-batches are drawn from rows, so a weight of 2 is another "
    "sequence of steps than a row twice"
}


def expected_failures(estimator: NetworkClassifier | NetworkRegressor) -> dict[str, str]:
    """Only mini-batch training may miss exact weight equivalence."""
    return {} if estimator.dtype == "float64" else MINI_BATCHES


FULL_BATCH: dict[str, Any] = {"dtype": "float64", "batch_size": 10_000, "validation_fraction": 0.0, "epochs": 300}


@parametrize_with_checks(  # type: ignore[untyped-decorator]  # scikit-learn ships no types
    [
        NetworkClassifier(),
        NetworkRegressor(),
        NetworkClassifier(batch_norm=True, dropout=0.2, hidden=(32,), learning_rate=0.01),
        NetworkClassifier(**FULL_BATCH | {"epochs": 100}, learning_rate=0.01, random_state=0),
        NetworkRegressor(**FULL_BATCH, learning_rate=0.01, early_stopping=False),
    ],
    expected_failed_checks=expected_failures,
)
def test_keeps_the_contract_of_scikit_learn(
    estimator: NetworkClassifier | NetworkRegressor, check: Callable[[object], object]
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        assert check(estimator) is None


@pytest.fixture(scope="module")
def cancer() -> tuple[pd.DataFrame, pd.Series[str]]:
    data = load_breast_cancer(as_frame=True)
    return data.data, data.target.map({0: "malignant", 1: "benign"})


def test_is_as_good_as_logistic_regression(cancer: tuple[pd.DataFrame, pd.Series[str]]) -> None:
    X, y = cancer
    ours = cross_val_score(NetworkClassifier(random_state=0), X, y, cv=5)
    reference = cross_val_score(LogisticRegression(), (X - X.mean()) / X.std(), y, cv=5)
    assert ours.mean() >= reference.mean() - 0.02


def test_regression_explains_diabetes() -> None:
    X, y = load_diabetes(return_X_y=True)
    score = cross_val_score(NetworkRegressor(hidden=(16,), learning_rate=0.01, l2=0.01, random_state=0), X, y, cv=5)
    assert score.mean() > 0.4


def test_same_seed_same_bits_and_global_generators_untouched(cancer: tuple[pd.DataFrame, pd.Series[str]]) -> None:
    X, y = cancer
    model = NetworkClassifier(epochs=3, dropout=0.3, random_state=7)
    before = torch.random.get_rng_state(), np.random.get_state()[1].copy()  # type: ignore[index]
    first = model.fit(X, y).predict_proba(X)
    torch.rand(3), np.random.rand(3)
    second = clone(model).fit(X, y).predict_proba(X)
    torch.random.set_rng_state(before[0])
    np.testing.assert_array_equal(first, second)
    np.random.seed(3)
    state = torch.random.get_rng_state(), np.random.get_state()[1].copy()  # type: ignore[index]
    NetworkClassifier(epochs=1, dropout=0.3).fit(X, y)
    assert torch.equal(state[0], torch.random.get_rng_state())
    np.testing.assert_array_equal(state[1], np.random.get_state()[1])  # type: ignore[index]
    other = NetworkClassifier(epochs=3, dropout=0.3, random_state=8).fit(X, y).predict_proba(X)
    assert np.abs(first - other).max() > 0


def test_history_holds_what_it_promises(cancer: tuple[pd.DataFrame, pd.Series[str]]) -> None:
    X, y = cancer
    model = NetworkClassifier(hidden=(8, 4), epochs=4, clip_norm=1.0, random_state=0).fit(X, y)
    quantities = {(row.split, row.quantity) for row in model.history_}
    wanted = {"loss", "score", "learning_rate", "seconds", "clipped_share", "rows", "parameters"}
    wanted |= {"input_scale_ratio", "kept"}
    for layer in ("hidden1", "hidden2", "output"):
        wanted |= {f"gradient_norm:{layer}", f"update_ratio:{layer}"}
    wanted |= {"dead_units:hidden1", "dead_units:hidden2"}
    wanted |= {"l2", "dropout", "narrowest_layer"}
    assert {("train", name) for name in wanted} <= quantities
    assert {name for split, name in quantities if split == "validation"} == {"loss", "score", "rows"}
    assert [epoch for epoch, _ in series(model.history_, "loss")] == [1, 2, 3, 4]
    assert all(np.isfinite(row.value) for row in model.history_)
    assert from_dicts(as_dicts(model.history_)) == model.history_
    with pytest.raises(ValueError, match="expected epoch, split, quantity and value"):
        from_dicts([{"epoch": 1, "split": "train"}])


def test_best_weights_come_back(cancer: tuple[pd.DataFrame, pd.Series[str]]) -> None:
    X, y = cancer
    rng = np.random.default_rng(0)
    noisy = np.where(rng.random(len(y)) < 0.3, "benign", y)
    validation = (X[400:], noisy[400:])
    model = NetworkClassifier(hidden=(256,), learning_rate=0.01, epochs=200, patience=5, random_state=0)
    model.fit(X[:400], noisy[:400], validation=validation)
    losses = dict(series(model.history_, "loss", "validation"))
    assert model.stopped_ == "patience"
    assert model.n_iter_ == model.best_epoch_ + 5
    assert losses[model.best_epoch_] == min(losses.values())
    share = model.predict_proba(validation[0])[
        np.arange(len(validation[1])), np.searchsorted(model.classes_, validation[1])
    ]
    assert -np.log(share).mean() == pytest.approx(losses[model.best_epoch_], abs=1e-4)


def test_gradients_in_the_history_are_those_of_autograd() -> None:
    X, y = make_classification(64, 5, random_state=0)
    model = NetworkClassifier(
        hidden=(), batch_size=64, epochs=1, early_stopping=False, validation_fraction=0, random_state=0
    )
    model.fit(X, y)
    seen = dict(series(model.history_, "gradient_norm:output"))[1]
    start = copy.deepcopy(model)
    start.set_params(epochs=1, learning_rate=1e-30).fit(X, y)
    weights = start.network_.output.weight.detach().numpy().astype(float)[0]
    Z = (X - X.mean(0)) / X.std(0)
    residual = 1 / (1 + np.exp(-Z @ weights)) - y
    by_hand = np.sqrt(((Z.T @ residual / 64) ** 2).sum() + residual.mean() ** 2)
    assert seen == pytest.approx(by_hand, rel=1e-4)


def test_class_weights_and_sample_weights_move_the_boundary() -> None:
    X, y = make_classification(600, 5, weights=[0.9], class_sep=0.5, random_state=0)
    plain = NetworkClassifier(random_state=0).fit(X, y)
    balanced = NetworkClassifier(class_weight="balanced", random_state=0).fit(X, y)
    mapped = NetworkClassifier(class_weight={0: 1.0, 1: 9.0}, random_state=0).fit(X, y)
    by_row = NetworkClassifier(random_state=0).fit(X, y, sample_weight=np.where(y == 1, 9.0, 1.0))
    base = balanced_accuracy_score(y, plain.predict(X))
    for model in (balanced, mapped, by_row):
        assert balanced_accuracy_score(y, model.predict(X)) > base + 0.02
    np.testing.assert_array_equal(mapped.predict_proba(X), by_row.predict_proba(X))


def test_rows_of_weight_zero_leave_no_trace() -> None:
    X, y = make_classification(120, 5, random_state=0)
    weights = np.r_[np.ones(100), np.zeros(20)]
    strange = X.copy()
    strange[100:] = 1e6
    with_them = NetworkClassifier(epochs=3, random_state=0).fit(strange, y, sample_weight=weights)
    without = NetworkClassifier(epochs=3, random_state=0).fit(X[:100], y[:100], sample_weight=np.ones(100))
    np.testing.assert_array_equal(with_them.predict_proba(X), without.predict_proba(X))


def test_warm_start_and_partial_fit_go_on() -> None:
    X, y = make_classification(300, 8, random_state=0)
    once = NetworkClassifier(epochs=4, warm_start=True, random_state=0).fit(X, y)
    first = once.predict_proba(X)
    once.fit(X, y)
    assert once.n_iter_ == 8
    assert np.abs(first - once.predict_proba(X)).max() > 0
    stream = NetworkClassifier(random_state=0, learning_rate=0.01)
    for _ in range(30):
        stream.partial_fit(X, y, classes=[0, 1])
    assert stream.n_iter_ == 30
    assert stream.score(X, y) > 0.85
    with pytest.raises(TrainerError, match="classes are '0', '1'"):
        stream.partial_fit(X, np.full(300, 5))


def test_row_alone_or_in_a_batch_gets_the_same_answer() -> None:
    X, y = make_classification(500, 8, random_state=0)
    model = NetworkClassifier(epochs=3, batch_norm=True, dropout=0.5, random_state=0).fit(X, y)
    together = model.predict_proba(X)
    alone = np.vstack([model.predict_proba(X[[row]]) for row in range(50)])
    np.testing.assert_allclose(together[:50], alone, atol=1e-6)


def test_pickle_deepcopy_and_parallel_search() -> None:
    X, y = make_classification(120, 5, random_state=0)
    model = NetworkClassifier(epochs=2, random_state=0, on_epoch=lambda rows: rows).fit(X, y)
    for copied in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        np.testing.assert_array_equal(copied.predict_proba(X), model.predict_proba(X))
        assert copied.history_ == model.history_
    search = GridSearchCV(NetworkClassifier(epochs=2, random_state=0), {"hidden": [(4,), (8,)]}, cv=2, n_jobs=2).fit(
        X, y
    )
    assert search.best_estimator_.hidden in {(4,), (8,)}


def test_a_function_may_build_the_network() -> None:
    X, y = make_classification(200, 5, random_state=0)

    def build(shape: tuple[int, ...], outputs: int) -> torch.nn.Module:
        return torch.nn.Sequential(torch.nn.Linear(shape[0], 8), torch.nn.ReLU(), torch.nn.Linear(8, outputs))

    first = NetworkClassifier(network=build, learning_rate=0.01, random_state=0).fit(X, y)
    second = NetworkClassifier(network=build, learning_rate=0.01, random_state=0).fit(X, y)
    np.testing.assert_array_equal(first.predict_proba(X), second.predict_proba(X))
    assert first.score(X, y) > 0.8
    with pytest.raises(TrainerError, match="expected a torch"):
        NetworkClassifier(network=cast("Callable[..., torch.nn.Module]", lambda shape, outputs: 3)).fit(X, y)


def test_live_progress_sees_every_epoch() -> None:
    X, y = make_classification(100, 5, random_state=0)
    seen: list[tuple[HistoryRow, ...]] = []
    NetworkClassifier(epochs=3, on_epoch=seen.append, random_state=0).fit(X, y)
    assert [rows[0].epoch for rows in seen] == [1, 2, 3]


def test_importing_needs_no_torch() -> None:
    code = "import sys, trainers, trainers.estimators, trainers.files; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    light = "import sys, trainers; sys.exit('sklearn' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", light], check=False).returncode == 0
    with pytest.raises(AttributeError, match="NetworkClassifier"):
        __import__("trainers").NetworkClasifier  # noqa: B018


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd", "rmsprop"])
@pytest.mark.parametrize("schedule", ["constant", "cosine", "linear", "exponential", "step", "plateau"])
def test_every_optimizer_learns_under_every_schedule(optimizer: str, schedule: str) -> None:
    X, y = make_classification(300, 8, n_informative=6, random_state=0)
    rate = 0.05 if optimizer == "sgd" else 0.01
    model = NetworkClassifier(
        optimizer=optimizer,
        schedule=schedule,
        learning_rate=rate,
        warmup=2,
        epochs=25,
        l1=1e-4,
        l2=1e-4,
        random_state=0,
    )
    model.fit(X, y)
    rates = [value for _, value in series(model.history_, "learning_rate")]
    assert rates[0] == pytest.approx(rate / 3)
    assert max(rates) <= rate * (1 + 1e-12)
    assert model.score(X, y) > 0.85


def test_l1_and_l2_shrink_weights() -> None:
    X, y = make_classification(200, 8, random_state=0)

    def length(l1: float = 0.0, l2: float = 0.0) -> float:
        model = NetworkClassifier(epochs=60, patience=60, learning_rate=0.01, random_state=0, l1=l1, l2=l2).fit(X, y)
        return float(sum(values.detach().abs().sum() for values in model.network_.parameters()))

    plain = length()
    assert length(l1=0.01) < 0.7 * plain
    assert length(l2=0.1) < 0.7 * plain
