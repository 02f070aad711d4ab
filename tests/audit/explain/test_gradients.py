"""Integrated gradients: complete on every architecture, equal to captum, linear in closed form."""

from __future__ import annotations

from typing import cast

import numpy as np
import pandas as pd
import pytest

from audit.checks.explanation_faithfulness import explanation_faithfulness
from audit.data.dataset import Roles, build
from audit.errors import NotApplicable
from audit.evidence import Attributions, Predictions, Settings
from audit.explain.gradients import Network, incomplete, integrated_gradients, network_of, shuffled_weights
from audit.gather import Context
from audit.gather.attributions import gather
from audit.models.load import wrap
from trainers import NetworkClassifier, NetworkRegressor

torch = pytest.importorskip("torch")
RNG = np.random.default_rng
STEPS, CHANNELS = 12, 3


def series(rows: int = 300) -> tuple[np.ndarray, np.ndarray]:
    X = RNG(0).normal(size=(rows, STEPS, CHANNELS))
    return X, (X[:, -4:, 0].sum(axis=1) + X[:, :, 1].max(axis=1) > 1).astype(int)


def fitted(kind: str, **more: object) -> NetworkClassifier:
    X, y = series()
    model = NetworkClassifier(network=kind, units=16, heads=2, epochs=8, learning_rate=0.01, random_state=0, **more)  # type: ignore[arg-type]
    return model.fit(X, y)


def taken(model: object, task: str = "binary", column: int | None = 1) -> Network:
    found = network_of(model, task=task, column=column)
    assert found is not None
    return found


@pytest.mark.parametrize("kind", ["mlp", "cnn", "rnn", "lstm", "gru", "transformer"])
def test_sums_hold_on_every_row_of_every_architecture(kind: str) -> None:
    model = fitted(kind)
    X, _ = series(20)
    network = taken(model)
    flat = X.reshape(20, -1)
    found = integrated_gradients(network, flat, np.zeros(STEPS * CHANNELS))
    assert found.output == pytest.approx(model.decision_function(X), abs=1e-5)
    distance = np.abs(found.output - found.base)
    missed = np.abs(found.values.sum(axis=1) + found.base - found.output)
    assert (missed <= 1e-3 * np.maximum(distance, 0.01 * distance.mean()) + 1e-5).all()
    assert incomplete(network, found) == 0


def test_rows_that_a_small_budget_leaves_incomplete_are_counted() -> None:
    network = taken(fitted("transformer"))
    X, _ = series(20)
    found = integrated_gradients(network, X.reshape(20, -1), np.zeros(STEPS * CHANNELS), most=32)
    missed = np.abs(found.values.sum(axis=1) + found.base - found.output)
    assert 0 < incomplete(network, found) <= (missed > 1e-3 * np.abs(found.output - found.base)).sum()


def test_captum_agrees() -> None:
    captum = pytest.importorskip("captum.attr")
    model = fitted("gru")
    X, _ = series(5)
    network = taken(model)
    ours = integrated_gradients(network, X.reshape(5, -1), np.zeros(STEPS * CHANNELS), tolerance=1e-9)
    inputs, start = network.prepare(X.reshape(5, -1)), network.prepare(np.zeros((1, STEPS * CHANNELS)))
    theirs = captum.IntegratedGradients(lambda one: network.output(one)).attribute(inputs, start, n_steps=300)
    assert ours.values == pytest.approx(theirs.detach().numpy().reshape(5, -1), abs=2e-3)


def test_a_linear_network_has_its_closed_form() -> None:
    X = RNG(0).normal(size=(200, 4))
    model = NetworkRegressor(hidden=(), epochs=30, learning_rate=0.05, random_state=0).fit(X, X @ [1.0, 2, 0, -1] + 5)
    found = integrated_gradients(taken(model, "regression", None), X[:10], np.zeros(4))
    slope = model.predict(np.eye(4)) - model.predict(np.zeros((1, 4)))
    assert found.values == pytest.approx(X[:10] * slope, abs=1e-4)
    assert found.output == pytest.approx(model.predict(X[:10]), abs=1e-4)


def test_multiclass_log_odds_are_explained() -> None:
    X, _ = series()
    y = np.digitize(X[:, -1, 0], [-0.5, 0.5])
    model = NetworkClassifier(network="gru", units=8, epochs=3, random_state=0).fit(X, y)
    found = integrated_gradients(taken(model, "multiclass", 2), X[:5].reshape(5, -1), np.zeros(STEPS * CHANNELS))
    p = model.predict_proba(X[:5])[:, 2]
    assert found.output == pytest.approx(np.log(p / (1 - p)), abs=1e-4)


def test_a_model_that_is_no_network_has_none() -> None:
    assert network_of(object(), task="binary", column=1) is None
    texts = NetworkClassifier(tokens="word", network="gru", units=4, epochs=1, random_state=0)
    assert network_of(texts.fit(["a b", "c d"] * 10, [0, 1] * 10), task="binary", column=1) is None


def wide() -> Context:
    X, y = series(400)
    frame = pd.DataFrame(X.reshape(400, -1).repeat(2, axis=1), columns=[f"x{k:02d}" for k in range(72)])
    frame["y"] = y
    data = build({"train": frame[:200], "test": frame[200:]}, Roles(target="y", task="binary", positive=1))
    train = data.rows("train")
    model = NetworkClassifier(hidden=(16,), epochs=20, learning_rate=0.01, random_state=0)
    model.fit(data.inputs(train), data.frame["y"].take(train))
    return Context(model=wrap(model), dataset=data, settings=Settings(), seed=0)


def test_wide_networks_are_explained_by_gradients_and_pass_their_checks() -> None:
    context = wide()
    (found,) = gather(context, rows=30)
    assert found.method == "integrated_gradients"
    assert found.residual is not None
    assert found.residual < 1e-2
    predictions = cast("Predictions", context.need("predictions"))
    measured = explanation_faithfulness((found,), predictions, None, cast("Attributions", context.need("randomized")))
    (similarity,) = (e for e in measured.estimates if e.metric == "randomization_similarity")
    assert similarity.high is not None
    assert similarity.high < 0.6


def test_shuffling_keeps_the_scales_and_leaves_the_network_alone() -> None:
    module = torch.nn.Linear(50, 3)
    before = module.weight.detach().clone()
    other = shuffled_weights(module, 0)
    assert torch.equal(module.weight, before)
    weight = other.get_parameter("weight")
    assert not torch.equal(weight, before)
    assert torch.equal(weight.flatten().sort().values, before.flatten().sort().values)


def narrow(kind: str) -> Context:
    X, y = series(400)
    frame = pd.DataFrame(X.reshape(400, -1), columns=[f"x{k:02d}" for k in range(36)])
    frame["y"] = y
    data = build({"train": frame[:200], "test": frame[200:]}, Roles(target="y", task="binary", positive=1))
    train = data.rows("train")
    shape = None if kind == "mlp" else (STEPS, CHANNELS)
    model = NetworkClassifier(network=kind, input_shape=shape, units=8, heads=2, epochs=8, random_state=0)
    model.fit(data.inputs(train), data.frame["y"].take(train))
    return Context(model=wrap(model), dataset=data, settings=Settings(), seed=0)


def test_expected_gradients_add_up_to_the_mean_background() -> None:
    context = narrow("gru")
    (found,) = gather(context, rows=10, method="expected_gradients")
    assert found.residual is not None
    assert found.residual < 0.01
    (other,) = gather(context, rows=10, background=10, method="permutation")
    correlation = np.corrcoef(found.values.ravel(), other.values.ravel())[0, 1]
    assert correlation > 0.9


def test_deep_shap_is_shown_where_it_is_right_and_refused_where_it_is_wrong() -> None:
    pytest.importorskip("shap")
    (found,) = gather(narrow("mlp"), rows=10, method="deep")
    assert found.residual is not None
    assert found.residual < 0.01
    with pytest.raises(NotApplicable, match=r"sums miss|refused"):
        gather(narrow("transformer"), rows=10, method="deep")


def test_the_published_example_of_integrated_gradients() -> None:
    """ReLU(ReLU(x1) − 1 − ReLU(x2)) at (3, 1) from zero: 1.5 and −0.5 (Sundararajan, Taly and Yan 2017)."""

    class Toy(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.unit = torch.nn.Parameter(torch.ones(1, dtype=torch.float64))

        def forward(self, inputs: object) -> object:
            x = inputs * self.unit
            return torch.relu(torch.relu(x[:, 0]) - 1 - torch.relu(x[:, 1]))[:, None]

    network = Network(module=Toy(), shape=(2,), center=None, scale=None, column=None)
    found = integrated_gradients(network, np.array([[3.0, 1.0]]), np.zeros(2), tolerance=1e-4)
    assert found.values[0] == pytest.approx([1.5, -0.5], abs=2e-3)
