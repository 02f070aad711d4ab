"""An exported model answers as its source does, preprocessing included, or is not written."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from audit.cli import main
from audit.deploy.description import read_description
from audit.deploy.export import export, parity
from audit.errors import ModelError
from audit.models.load import wrap

pytest.importorskip("onnxruntime")

GENERATOR = np.random.default_rng(1)
TABLE = pd.DataFrame({"age": GENERATOR.integers(18, 80, 300), "sex": GENERATOR.choice(["f", "m"], 300)})
Y = np.where(TABLE["age"] + GENERATOR.normal(0, 9, 300) > 50, "yes", "no")


def pipeline() -> object:
    encoded = make_column_transformer((OneHotEncoder(), ["sex"]), (StandardScaler(), ["age"]))
    return make_pipeline(encoded, LogisticRegression()).fit(TABLE, Y)


def test_scikit_learn_with_its_preprocessing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("skl2onnx")
    import skops.io

    source = pipeline()
    skops.io.dump(source, tmp_path / "loans.skops")
    TABLE.to_csv(tmp_path / "train.csv", index=False)
    out = tmp_path / "out" / "loans.onnx"
    assert (
        main(["export", str(tmp_path / "loans.skops"), "--data", str(tmp_path / "train.csv"), "--out", str(out)]) == 0
    )
    assert "300 rows answered alike" in " ".join(capsys.readouterr().err.split())
    description, model = read_description(out.with_name("model.json"))
    assert description.opset["ai.onnx"] >= 9
    assert description.parity["changed_labels"] == 0
    assert description.classes == ("no", "yes")
    assert [(one.name, one.kind, one.categories) for one in description.columns] == [
        ("age", "number", ()),
        ("sex", "category", ("f", "m")),
    ]
    assert (np.asarray(model.predictor.predict(TABLE)) == source.predict(TABLE)).all()  # type: ignore[attr-defined]
    out.write_bytes(out.read_bytes() + b" ")
    with pytest.raises(ModelError, match="SHA-256"):
        read_description(out.with_name("model.json"))


def test_a_network_with_its_preparation(tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    trainers = pytest.importorskip("trainers")
    pytest.importorskip("torch")
    from trainers.preparation import TablePreparation

    table = TABLE.assign(pay=GENERATOR.normal(3, 1, 300))
    table.loc[::7, "sex"] = None
    table.loc[::11, "pay"] = np.nan
    network = trainers.NetworkClassifier(hidden=(8,), epochs=3, random_state=0)
    source = make_pipeline(TablePreparation(), network).fit(table, Y)
    description = export(wrap(source), table, table, tmp_path / "net.onnx")
    assert description.parity["changed_labels"] == 0
    assert description.parity["largest_difference"] <= 1e-5
    assert b".py" not in (tmp_path / "net.onnx").read_bytes()  # no traces of the machine it was made on
    _, model = read_description(tmp_path / "model.json")
    unseen = table.assign(sex="x", age=500)
    scores = model.predictor.predict_proba(unseen)  # type: ignore[attr-defined]
    assert np.abs(scores - source.predict_proba(unseen)).max() <= 1e-5


def test_a_difference_is_counted_and_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = wrap(pipeline())

    class Other:
        classes_ = np.array(["no", "yes"])

        def predict(self, X: pd.DataFrame) -> object:
            label = np.asarray(source.predictor.predict(X)).copy()
            label[:3] = np.where(label[:3] == "yes", "no", "yes")
            return label

    found, said = parity(source, wrap(Other()), TABLE)
    assert found["changed_labels"] == 3
    assert "3 of 300 labels change" in said
    pytest.importorskip("skl2onnx")
    monkeypatch.setattr("audit.deploy.export.parity", lambda *_: (found, said))
    with pytest.raises(ModelError, match="3 of 300 labels"):
        export(source, TABLE, TABLE, tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []


OUTSIDE = json.dumps({"name": "m", "file": "../m.onnx", "sha256": "", "columns": []})


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "other"}', OUTSIDE])
def test_what_is_no_description(tmp_path: Path, text: str) -> None:
    (tmp_path / "model.json").write_text(text)
    with pytest.raises(ModelError, match=r"model.json"):
        read_description(tmp_path / "model.json")


def test_a_sealed_model_that_was_fitted_by_hand_is_written(tmp_path: Path) -> None:
    pytest.importorskip("skl2onnx")
    from audit.mitigation.sealed import MitigatedClassifier

    table = TABLE.assign(debt=GENERATOR.normal(size=300))
    inner = make_pipeline(make_column_transformer(("passthrough", ["age", "debt"])), LogisticRegression())
    sealed = MitigatedClassifier(inner, sensitive="sex", thresholds={"f": 0.4, "m": 0.6}).fit(table, Y)
    found = export(wrap(sealed), table, table, tmp_path / "m.onnx").parity
    assert found["changed_labels"] == 0
    assert found["largest_difference"] <= 1e-6
