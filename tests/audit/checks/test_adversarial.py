"""ROB003: projected gradient steps against networks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from reports.record import AuditRecord

pytest.importorskip("torch")

GATE = """
[[gate]]
id = "rob003"
check = "adversarial"
metric = "accuracy_kept_under_attack"
where = { split = "test", variant = "*" }
op = ">="
threshold = 0.5
"""
Judged = Callable[..., AuditRecord]
Worst = Callable[[AuditRecord], str]


def table(rows: int, seed: int, features: int, margin: float, classes: int = 2) -> pd.DataFrame:
    """Classes that a small step in every feature crosses, or that lie `margin` apart."""
    generator = np.random.default_rng(seed)
    y = generator.integers(0, classes, rows)
    X = generator.normal(size=(rows, features)) + margin * (y - (classes - 1) / 2)[:, None]
    return pd.DataFrame(X, columns=[f"x{k}" for k in range(features)]).assign(y=y)


@pytest.mark.parametrize(("features", "margin", "said"), [(300, 0.15, "fail"), (3, 3.0, "pass")])
def test_many_small_signals_give_way(judged: Judged, worst: Worst, features: int, margin: float, said: str) -> None:
    from trainers import NetworkClassifier

    train, test = table(800, 0, features, margin), table(400, 1, features, margin)
    model = NetworkClassifier(hidden=(32,), epochs=15, random_state=0).fit(train.drop(columns="y"), train["y"])
    assert worst(judged("adversarial", GATE, model, test, train, positive=1)) == said


@pytest.mark.parametrize(("features", "margin", "said"), [(200, 0.1, "fail"), (3, 1.5, "pass")])
@pytest.mark.parametrize(
    "model",
    [
        make_pipeline(StandardScaler(), LogisticRegression()),
        make_pipeline(StandardScaler(), MLPClassifier((8,), max_iter=20, random_state=0)),
        RidgeClassifier(),
    ],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_any_smooth_model_is_attacked(
    judged: Judged, worst: Worst, model: RidgeClassifier, features: int, margin: float, said: str
) -> None:
    train, test = table(1500, 0, features, margin), table(400, 1, features, margin)
    frames = [frame.assign(y=frame["y"].map({0: "no", 1: "yes"})) for frame in (train, test)]
    model.fit(frames[0].drop(columns="y"), frames[0]["y"])
    assert worst(judged("adversarial", GATE, model, frames[1], frames[0], positive="yes")) == said


def test_several_classes_and_rows_stay_within_reach(judged: Judged) -> None:
    from audit.data.dataset import Roles, build
    from audit.evidence import Settings
    from audit.gather import Context
    from audit.gather.adversarial import _attack, _reach
    from audit.models.load import wrap
    from trainers import NetworkClassifier

    train, test = table(400, 0, 5, 1.0, 3), table(100, 1, 5, 1.0, 3)
    model = NetworkClassifier(hidden=(16,), epochs=5, random_state=0).fit(train.drop(columns="y"), train["y"])
    record = judged("adversarial", GATE, model, test, train, task="multiclass")
    assert record.findings[0].outcome == "measured", record.findings[0].reason
    data = build({"train": train, "test": test}, Roles(target="y", task="multiclass"))
    context = Context(model=wrap(model), dataset=data, settings=Settings())
    rows = data.rows("test")
    moved = _attack(context, data.inputs(rows), rows, _reach(context, 0.1, 0.03), 5)
    apart = np.abs(moved.to_numpy() - data.inputs(rows).to_numpy())
    assert (apart <= 0.1 * train.drop(columns="y").std(ddof=0).to_numpy() + 1e-9).all()
    assert apart.max() > 0


def test_the_attack_does_what_noise_does_not() -> None:
    from audit.data.dataset import Roles, build
    from audit.evidence import Settings
    from audit.gather import Context
    from audit.gather.adversarial import gather
    from audit.models.load import wrap
    from trainers import NetworkClassifier

    train, test = table(800, 0, 100, 0.2), table(300, 1, 100, 0.2)
    model = NetworkClassifier(hidden=(32,), epochs=15, random_state=0).fit(train.drop(columns="y"), train["y"])
    data = build({"train": train, "test": test}, Roles(target="y", positive=1))
    context = Context(model=wrap(model), dataset=data, settings=Settings())
    seen = gather(context, steps=10)
    pair = seen.pair(seen.names[0])
    noise = test.drop(columns="y") + 0.1 * np.random.default_rng(0).choice([-1.0, 1.0], (300, 100))
    under_noise = float((model.predict(noise) == test["y"]).mean())
    assert (pair.after.y_pred == pair.after.y_true).mean() < under_noise - 0.2


def test_models_without_a_gradient_are_not_asked(judged: Judged) -> None:
    from trainers import NetworkRegressor

    frame = table(100, 0, 3, 1.0)
    X = frame.drop(columns="y")
    record = judged("adversarial", GATE, RandomForestClassifier(5).fit(X, frame["y"]), frame, positive=1)
    assert "not available for" in record.findings[0].reason
    numbers = NetworkRegressor(hidden=(4,), epochs=2, random_state=0).fit(X, frame["x0"])
    record = judged("adversarial", GATE, numbers, frame.assign(y=frame["x0"]), task="regression")
    assert record.findings[0].outcome == "not_applicable"
