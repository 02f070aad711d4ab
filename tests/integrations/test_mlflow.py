"""MLflow's evaluate with modelassay as evaluator gives the verdicts of a run."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import audit

mlflow = pytest.importorskip("mlflow", reason="MLflow is an extra: pip install 'modelassay[mlflow]'")


@pytest.mark.filterwarnings("ignore")
def test_the_verdicts_are_those_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from audit.integrations.mlflow_evaluator import ModelassayEvaluator, record_metrics

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    # MLflow asks for a Spark session; a Spark client that finds no Spark beside it would end the process.
    monkeypatch.setenv("SPARK_HOME", str(tmp_path))
    mlflow.set_tracking_uri(f"file://{tmp_path}/runs")
    registry: Any = importlib.import_module("mlflow.models.evaluation.evaluator_registry")._model_evaluation_registry
    registry.register("modelassay", ModelassayEvaluator)  # as the entry point of the installed package does
    truth = np.random.default_rng(0).integers(0, 2, 200)
    frame = pd.DataFrame({"x": np.arange(200.0), "y": truth, "p": np.where(np.arange(200) % 5 == 0, 1 - truth, truth)})
    options: dict[str, Any] = {"positive": 1, "checks": ["classification", "skill"]}
    with mlflow.start_run() as run:
        result = mlflow.models.evaluate(
            data=frame, targets="y", predictions="p", model_type="classifier", evaluators=["modelassay"],
            evaluator_config={"modelassay": options},
        )  # fmt: skip
    record = audit.run(test=frame.rename(columns={"p": "prediction"}), target="y", prediction="prediction", **options)
    assert result.metrics == record_metrics(record)
    assert result.metrics["performance.accuracy"] == 0.8
    assert result.metrics["gate.PERF001"] > 0.2
    kept = mlflow.get_run(run.info.run_id)
    assert kept.data.tags["modelassay.verdict"] == record.verdict
    assert {one.path for one in mlflow.MlflowClient().list_artifacts(run.info.run_id, "modelassay")} == {
        "modelassay/audit.json", "modelassay/card.html",
    }  # fmt: skip
