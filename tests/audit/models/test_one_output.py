"""Models of several targets: one output is audited as a target of its own, and is the one that was stated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_multilabel_classification, make_regression
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import r2_score, roc_auc_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neural_network import MLPClassifier

import audit
from audit.config.configuration import read_config
from audit.config.plan import plan_from_config
from audit.errors import AuditError, ConfigError, DataError, ModelError
from audit.explain.gradients import network_of
from audit.models.load import wrap
from audit.models.one_output import OneOutput
from reports.record import AuditRecord

X, Y = make_regression(200, 5, n_targets=3, noise=20.0, random_state=0)
Y = Y * [1.0, 100.0, 0.01]
NAMED = pd.DataFrame(Y, columns=["height", "weight", "dose"])
XL, L = make_multilabel_classification(300, 6, n_classes=4, random_state=0)


def audited(model: object, X: object, y: object, **more: object) -> AuditRecord:
    return audit.run(model, X, y, quick=True, suppress_n=0, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("place", [0, 2])
def test_one_of_several_numbers_is_audited(place: int) -> None:
    model = LinearRegression().fit(X[:100], Y[:100])
    record = audited(model, X[100:], Y[100:], output_column=place)
    assert record.metric("r2_score").value == pytest.approx(r2_score(Y[100:, place], model.predict(X[100:])[:, place]))
    assert record.model.parameters["output_column"] == str(place)
    alone = audited(model, X[100:], Y[100:, place], output_column=place)
    assert alone.metric("r2_score").value == record.metric("r2_score").value


@pytest.mark.parametrize(
    "model",
    [
        RandomForestClassifier(10, random_state=0),
        MLPClassifier((8,), max_iter=100, learning_rate_init=0.02, random_state=0),
        MultiOutputClassifier(LogisticRegression()),
        OneVsRestClassifier(LogisticRegression()),
    ],
)
@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_one_of_several_labels_is_audited_whatever_its_probabilities_look_like(model: MLPClassifier) -> None:
    model.fit(XL[:150], L[:150])
    record = audited(model, XL[150:], L[150:], output_column=2)
    shares = model.predict_proba(XL[150:])
    own = shares[2][:, 1] if isinstance(shares, list) else shares[:, 2]
    assert record.metric("roc_auc").value == pytest.approx(roc_auc_score(L[150:, 2], own))
    assert record.metric("accuracy").value == pytest.approx((model.predict(XL[150:])[:, 2] == L[150:, 2]).mean())


def test_the_columns_of_y_are_met_by_name_where_they_stand_in_another_order() -> None:
    pytest.importorskip("torch", reason="networks need the torch extra")
    from trainers import NetworkRegressor

    model = NetworkRegressor(epochs=30, learning_rate=0.01, random_state=0).fit(X, NAMED)
    wanted = r2_score(NAMED["dose"], model.predict(X)[:, 2])
    turned = audited(model, X, NAMED[["dose", "height", "weight"]], output_column="dose")
    assert turned.metric("r2_score").value == pytest.approx(wanted)
    by_name = audited(model, X, NAMED["dose"])
    assert by_name.metric("r2_score").value == pytest.approx(wanted)
    assert by_name.model.parameters["output_column"] == "2 (dose)"


def test_a_network_is_explained_by_the_gradient_of_the_stated_output() -> None:
    pytest.importorskip("torch", reason="networks need the torch extra")
    from trainers import NetworkClassifier, NetworkRegressor

    numbers = OneOutput(NetworkRegressor(epochs=3, random_state=0).fit(X, Y), 1)
    network = network_of(numbers, task="regression", column=None)
    assert network is not None
    assert np.allclose(network.score(X), numbers.predict(X), rtol=1e-4)
    labels = OneOutput(NetworkClassifier(epochs=3, random_state=0).fit(XL, L), 3)
    network = network_of(labels, task="binary", column=1)
    assert network is not None
    assert np.allclose(network.score(XL), labels.decision_function(XL), atol=1e-5)
    assert np.allclose(labels.predict_proba(XL)[:, 1], 1 / (1 + np.exp(-network.score(XL))), atol=1e-6)


@pytest.mark.parametrize("output", ["value", "logits", "probabilities"])
def test_a_torch_module_of_several_outputs_answers_with_the_stated_one(output: str) -> None:
    torch = pytest.importorskip("torch", reason="modules need the torch extra")
    torch.manual_seed(0)
    layer = torch.nn.Linear(6, 4)
    module = torch.nn.Sequential(layer, torch.nn.Sigmoid()) if output == "probabilities" else layer
    with torch.no_grad():
        raw = layer(torch.tensor(XL, dtype=torch.float32)).numpy()
    truth = L if output != "value" else raw + np.random.default_rng(0).normal(size=raw.shape)
    record = audited(module, XL, truth, output=output, output_column=1)
    if output == "value":
        assert record.metric("r2_score").value == pytest.approx(r2_score(truth[:, 1], raw[:, 1]), abs=1e-5)
    else:
        assert record.metric("roc_auc").value == pytest.approx(roc_auc_score(L[:, 1], raw[:, 1]), abs=1e-3)


def test_an_onnx_graph_of_several_outputs_answers_with_the_stated_one(tmp_path: Path) -> None:
    convert = pytest.importorskip("skl2onnx", reason="graphs need the onnx extra")
    model = LinearRegression().fit(X, Y)
    path = tmp_path / "model.onnx"
    path.write_bytes(convert.to_onnx(model, X[:1].astype(np.float32)).SerializeToString())
    pd.DataFrame(X).add_prefix("x").assign(weight=Y[:, 1]).to_csv(tmp_path / "test.csv", index=False)
    (tmp_path / "audit.toml").write_text(
        '[model]\npath = "model.onnx"\noutput_column = 1\n[data]\ntest = "test.csv"\ntarget = "weight"\n'
        'task = "regression"\n[audit]\nsuppress_n = 0\n'
    )
    record = audit.execute(plan_from_config(read_config(tmp_path / "audit.toml"), tmp_path))
    assert record.metric("r2_score").value == pytest.approx(r2_score(Y[:, 1], model.predict(X)[:, 1]), abs=1e-4)


@pytest.mark.parametrize(
    ("y", "column", "kind", "said"),
    [
        (Y, None, DataError, "output_column=0 .to 2."),
        (Y[:, 0], None, ModelError, r"state \[model\] output_column = 0 .to 2.; from Python output_column=0"),
        (Y[:, 0], 3, ModelError, "State one of 0 to 2"),
        (Y, 3, DataError, "output_column is 3, and y has 3 columns"),
        (Y, -1, ConfigError, "counted from 0"),
        (NAMED, "wieght", ConfigError, "Did you mean 'weight'"),
        (Y, "weight", ConfigError, "state a number"),
    ],
)
def test_what_is_not_stated_is_refused_with_the_line_to_write(
    y: object, column: int | str | None, kind: type[AuditError], said: str
) -> None:
    with pytest.raises(kind, match=said):
        audited(LinearRegression().fit(X, Y), X, y, output_column=column)


def test_a_model_of_one_output_is_asked_for_no_other() -> None:
    with pytest.raises(ModelError, match="Leave it out"):
        audited(LinearRegression().fit(X, Y[:, 0]), X, Y[:, 0], output_column=1)
    assert wrap(LinearRegression().fit(X, Y)).info.parameters.get("output_column") is None
