"""``mlflow.models.evaluate(..., evaluators=["modelassay"])``: the verdicts beside the run's metrics.

The options of `audit.run` stand in ``evaluator_config={"modelassay": {...}}``; ``sensitive`` may be a frame, or
names of columns of the evaluated data. Logged are performance, a metric for each gate, the verdict as a tag,
and ``audit.json`` and ``card.html`` as artifacts.
"""

from __future__ import annotations

import importlib
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from audit.errors import ConfigError
from audit.integrations.auditing import run
from reports import html
from reports.record import AuditRecord
from reports.results import gate_results
from reports.store import save, write_text_atomically

TASKS = {"classifier": None, "regressor": "regression"}
TARGET = "target"
AT_ONCE = 1000
"""Metrics that MLflow takes in one call."""


class ModelassayEvaluator:
    """Audit the model that MLflow evaluates; what MLflow asks of an evaluator, without importing it before."""

    name = "modelassay"

    @classmethod
    def can_evaluate(cls, *, model_type: str, evaluator_config: Mapping[str, Any], **kwargs: object) -> bool:
        """Tell whether models of this type can be audited: classifiers and regressors."""
        del evaluator_config, kwargs
        return model_type in TASKS

    def evaluate(
        self,
        *,
        model_type: str,
        dataset: Any,  # noqa: ANN401 -- mlflow's own type
        run_id: str,
        evaluator_config: Mapping[str, Any] | None = None,
        model: Any = None,  # noqa: ANN401
        **kwargs: object,
    ) -> object:
        """Audit, log, and return MLflow's ``EvaluationResult`` with the metrics of the gates."""
        mlflow: Any = importlib.import_module("mlflow")
        evaluation: Any = importlib.import_module("mlflow.models.evaluation")
        del kwargs
        record = audit_dataset(model_type, dataset, dict(evaluator_config or {}), model)
        client, entities = mlflow.MlflowClient(), importlib.import_module("mlflow.entities")
        metrics, now = record_metrics(record), int(1000 * time.time())
        logged = [entities.Metric(name, value, now, 0) for name, value in metrics.items()]
        for start in range(0, len(logged), AT_ONCE):
            client.log_batch(run_id, metrics=logged[start : start + AT_ONCE])
        client.set_tag(run_id, "modelassay.verdict", record.verdict[:5000])
        with tempfile.TemporaryDirectory() as folder:
            save(record, Path(folder) / "audit.json")
            write_text_atomically(Path(folder) / "card.html", html.render(record))
            client.log_artifacts(run_id, folder, "modelassay")
        return evaluation.EvaluationResult(metrics=metrics, artifacts={})


def audit_dataset(model_type: str, dataset: Any, options: dict[str, Any], model: Any) -> AuditRecord:  # noqa: ANN401
    """Audit MLflow's data set and model.

    Raises
    ------
    ConfigError
        If there is neither a model nor a column of predictions.
    """
    X, y = dataset.features_data, dataset.labels_data
    if not isinstance(X, pd.DataFrame):
        X = pd.DataFrame(X, columns=list(dataset.feature_names))
    options.setdefault("task", TASKS[model_type])
    if model is not None:
        return run(_raw(model), X, y, **options)
    if dataset.predictions_data is None:
        raise ConfigError("mlflow evaluates neither a model nor a column of predictions: there is nothing to audit.")
    frame = X.assign(**{TARGET: y, "prediction": dataset.predictions_data})
    return run(test=frame, target=TARGET, prediction="prediction", **options)


def record_metrics(record: AuditRecord) -> dict[str, float]:
    """Return the numbers that runs are compared by, under names that stay the same from run to run.

    ``modelassay.concerns``; ``performance.<metric>`` on all test rows; ``gate.<id>`` for the slice of a catalogue rule
    that is looked at first; ``gate.<id>.<group>`` for each slice of the team's own gates. ``audit.json`` holds all.
    """
    values = {"modelassay.concerns": float(len({concern.gate for concern in record.concerns}))}
    for finding in record.findings:
        if finding.family == "performance" and finding.measurement is not None:
            values |= {
                _name(f"performance.{estimate.metric}"): estimate.value
                for estimate in finding.measurement.estimates
                if estimate.value is not None
                and set(estimate.where) <= {"split"}
                and estimate.where.get("split", "test") == "test"
            }
    for result in gate_results(record):
        own = result.gate is not None and not result.gate.from_catalogue
        for verdict in result.verdicts if own else (result.lead,):
            group = "".join(f".{key}_{level}" for key, level in verdict.where.items() if own and key != "split")
            if verdict.estimate is not None and verdict.estimate.value is not None:
                values[_name(f"gate.{verdict.gate}{group}")] = verdict.estimate.value
    return values


def _name(text: str) -> str:
    """Write a name with the characters that MLflow takes."""
    return "".join(c if c.isalnum() or c in "_-./ " else "_" for c in text)[:250]


def _raw(model: Any) -> Any:  # noqa: ANN401
    """Return the model inside MLflow's wrapper where it can be asked, since the wrapper hides probabilities."""
    raw = getattr(model, "get_raw_model", None)
    inner = raw() if callable(raw) else None
    return inner if callable(getattr(inner, "predict", None)) else model
