"""The penalty on gaps is the variance between groups, its gradient is right, and it holds a planted gap down."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    import torch
else:
    torch = pytest.importorskip("torch")

from tests.trainers.test_gradients import rows_for
from trainers import GapPenalty, NetworkClassifier, NetworkRegressor
from trainers.errors import TrainerError
from trainers.gradients import Rows, flatten, gap_penalty, gradients_of, mean_loss
from trainers.networks import NetworkSpec, build
from trainers.penalty import CONSTRAINTS, contrasts


def _rows(objective: str, outputs: int, constraint: str) -> Rows:
    rows = rows_for(objective, outputs, weighted=True)
    groups = np.array([0, 1, 2] * 4)
    assert rows.weights is not None
    found = contrasts(
        GapPenalty(groups=groups, constraint=constraint, strength=5.0), groups, rows.targets.numpy(),
        rows.weights.numpy(), -1 if objective == "regression" else 1,
    )  # fmt: skip
    aims = None if found.aims is None else torch.tensor(found.aims)
    return rows._replace(contrasts=torch.tensor(found.values), aims=aims)


@pytest.mark.parametrize(
    ("objective", "outputs", "constraint"),
    [
        ("binary", 1, "demographic-parity"),
        ("binary", 1, "equalized-odds"),
        ("binary", 1, "error-rate"),
        ("multiclass", 3, "equal-opportunity"),
        ("multiclass", 3, "error-rate"),
        ("regression", 1, "bounded-group-loss"),
    ],
)
@pytest.mark.parametrize("activation", ["tanh", "gelu"])  # the chain rule, and autograd
def test_the_gradient_is_that_of_finite_differences(
    objective: str, outputs: int, constraint: str, activation: str
) -> None:
    spec = NetworkSpec(kind="mlp", input_shape=(5,), outputs=outputs, hidden=(4,), activation=activation)
    network = build(spec, torch.Generator().manual_seed(0)).double()
    rows = _rows(objective, outputs, constraint)
    flat = flatten(network)
    loss = gradients_of(network, flat, objective)(rows)
    with torch.no_grad():
        alone = mean_loss(network(rows.inputs), rows._replace(contrasts=None), objective)
    assert float(loss) != pytest.approx(float(alone))
    for vector in (*flat.matrices, *flat.vectors):
        assert vector.grad is not None
        for place in range(0, len(vector), 5):
            sides = []
            for step in (1e-6, -1e-6):
                vector.data[place] += step
                with torch.no_grad():
                    sides.append(float(mean_loss(network(rows.inputs), rows, objective)))
                vector.data[place] -= step
            assert float(vector.grad[place]) == pytest.approx((sides[0] - sides[1]) / 2e-6, abs=1e-7)


def test_small_batches_take_no_chance_for_a_gap() -> None:
    generator = np.random.default_rng(0)
    groups = generator.integers(0, 2, 8000)
    found = contrasts(GapPenalty(groups=groups), groups, np.zeros(8000), None, 1)
    rows = Rows(torch.zeros(8000), torch.zeros(8000), None, torch.tensor(found.values), torch.ones(8000))
    for gap in (0.0, 1.0):
        outputs = torch.tensor(generator.normal(size=(8000, 1)) * 2 + gap * groups[:, None])
        score = torch.sigmoid(outputs.squeeze(1)).numpy()
        truth = sum((groups == code).mean() * (score[groups == code].mean() - score.mean()) ** 2 for code in (0, 1))
        whole = float(gap_penalty(outputs, rows, "binary"))
        parts = [slice(start, start + 10) for start in range(0, 8000, 10)]
        each = [float(gap_penalty(outputs[part], rows.take(part), "binary")) for part in parts]
        assert whole == pytest.approx(truth, abs=2e-4)
        # variance within groups over rows of a batch is what a plain sum of squares would add
        assert np.mean(each) == pytest.approx(truth, abs=3 * np.std(each) / np.sqrt(len(each)))
        assert score.var() / 10 > 0.005


def _planted(rows: int, seed: int) -> tuple[Any, Any, Any]:
    generator = np.random.default_rng(seed)
    group = generator.choice(["f", "m"], rows)
    X = generator.normal(size=(rows, 2)) + np.column_stack([(group == "m") * 1.2, np.zeros(rows)])
    return X, np.where(X.sum(axis=1) + generator.normal(size=rows) > 0.6, "yes", "no"), group


def _network(**more: Any) -> NetworkClassifier:  # noqa: ANN401
    return NetworkClassifier(hidden=(6,), epochs=12, learning_rate=0.01, random_state=0, **more)


def _gap(answers: Any, group: Any) -> float:  # noqa: ANN401
    return abs(float((answers[group == "f"] == "yes").mean() - (answers[group == "m"] == "yes").mean()))


def test_a_planted_gap_shrinks_with_strength_and_deciding_reads_no_group() -> None:
    X, y, group = _planted(1200, 0)
    rows, _, other = _planted(2000, 1)
    gaps = []
    for strength in (0.0, 20.0, 100.0):
        model = _network().fit(X, y, penalty=GapPenalty(groups=group, strength=strength, favorable="yes"))
        gaps.append(_gap(model.predict(rows), other))
    assert gaps[0] > 0.3
    assert gaps[0] > gaps[1] + 0.05
    assert gaps[2] < 0.5 * gaps[0]


def test_no_strength_changes_no_bit_and_a_placebo_next_to_nothing() -> None:
    X, y, group = _planted(600, 0)
    plain = _network().fit(X, y)
    none = _network().fit(X, y, penalty=GapPenalty(groups=group, strength=0.0))
    assert np.array_equal(plain.predict_proba(X), none.predict_proba(X))
    placebo = np.random.default_rng(3).choice(["a", "b"], 600)
    held = _network().fit(X, y, penalty=GapPenalty(groups=placebo, strength=20.0))
    assert (held.predict(X) == plain.predict(X)).mean() > 0.97


def test_errors_of_a_regression_come_nearer() -> None:
    generator = np.random.default_rng(0)
    group = generator.choice(["a", "b"], 800, p=[0.2, 0.8])
    X = generator.normal(size=(800, 1))
    y = np.where(group == "a", -X[:, 0], X[:, 0]) + 0.3 * generator.normal(size=800)
    losses = []
    for strength in (0.0, 3.0):
        model = NetworkRegressor(hidden=(4,), epochs=15, learning_rate=0.02, random_state=0)
        model.fit(X, y, penalty=GapPenalty(groups=group, strength=strength, constraint="bounded-group-loss"))
        error = (model.predict(X) - y) ** 2
        losses.append(abs(error[group == "a"].mean() - error[group == "b"].mean()))
    assert losses[1] < 0.5 * losses[0]


def test_weights_and_held_out_rows_of_your_own_count() -> None:
    X, y, group = _planted(600, 0)
    weight = np.where(np.arange(600) < 500, 1.0, 0.0)
    few = GapPenalty(groups=group[:500], strength=30.0)
    one = _network(validation_fraction=0.0).fit(X[:500], y[:500], np.ones(500), penalty=few)
    other = _network(validation_fraction=0.0).fit(X, y, weight, penalty=GapPenalty(groups=group, strength=30.0))
    assert np.allclose(one.predict_proba(X), other.predict_proba(X))
    held = {}
    for name, apart in (("with", (X[500:], y[500:], None, group[500:])), ("without", (X[500:], y[500:]))):
        model = _network().fit(X[:500], y[:500], validation=apart, penalty=few)
        held[name] = next(row.value for row in model.history_ if (row.split, row.quantity) == ("validation", "loss"))
    assert held["with"] != held["without"]


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"constraint": "equal-oportunity"}, "Did you mean 'equal-opportunity'"),
        ({"constraint": "bounded-group-loss"}, "is not for a classifier"),
        ({"strength": -1.0}, "strength is -1.0"),
        ({"groups": ["f"] * 3}, r"groups has shape \(3,\)"),
        ({"groups": [None, *["f"] * 39]}, "missing in 1 of 40 rows"),
        ({"favorable": "maybe"}, "favorable is 'maybe'"),
    ],
)
def test_what_cannot_be_penalized_is_said(broken: dict[str, Any], said: str) -> None:
    X, y, group = _planted(40, 0)
    with pytest.raises(TrainerError, match=said):
        _network().fit(X, y, penalty=GapPenalty(**{"groups": group, **broken}))


def test_a_regression_has_one_constraint() -> None:
    for name in CONSTRAINTS[:-1]:
        with pytest.raises(TrainerError, match="expected 'bounded-group-loss'"):
            NetworkRegressor().fit([[0.0], [1.0]], [0.0, 1.0], penalty=GapPenalty(groups=[0, 1], constraint=name))
