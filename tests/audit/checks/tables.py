"""A clean table that defects are planted in, and one way to ask what a rule says of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from audit.check import run
from audit.checks import discover
from audit.data.dataset import Dataset, Roles, build
from audit.evidence import Absence, Predictions, Settings
from audit.gather import Context
from audit.judging.gate import judge
from audit.policy.read import default_policy
from reports.record import AuditRecord, DataInfo, Environment, Estimate, Finding, Json, ModelInfo

Frames = tuple[pd.DataFrame, pd.DataFrame]


def clean(rows: int = 2000, seed: int = 0, *, task: str = "binary") -> Frames:
    """Make training and test rows of one population, with numbers, words, a group and some missing values."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": rng.normal(40, 12, rows).round(),
            "income": np.exp(rng.normal(8, 1, rows)),
            "score": rng.normal(size=rows),
            "city": rng.choice(["north", "south", "east", "west"], rows, p=[0.4, 0.3, 0.2, 0.1]),
            "member": rng.random(rows) < 0.3,
            "sex": rng.choice(["f", "m"], rows),
        }
    )
    frame.loc[rng.random(rows) < 0.04, "income"] = np.nan
    signal = 2.5 * frame["score"] + (frame["age"] - 40) / 8 + (frame["city"] == "north")
    noise = rng.logistic(size=rows)
    if task == "regression":
        frame["y"] = signal + noise
    elif task == "multiclass":
        frame["y"] = np.select([signal + noise < -1, signal + noise < 1.5], ["low", "middle"], "high")
    else:
        frame["y"] = (signal + noise > 0).astype(int)
    cut = rows * 6 // 10
    return frame.iloc[:cut].reset_index(drop=True), frame.iloc[cut:].reset_index(drop=True)


def dataset(frames: Frames | pd.DataFrame, **roles: object) -> Dataset:
    """Join splits; a single frame is a test table without training."""
    told: dict[str, object] = {"target": "y", "task": "binary", "sensitive": ("sex",), **roles}
    if told["task"] == "binary":
        told.setdefault("positive", 1)
    if isinstance(frames, pd.DataFrame):
        return build({"test": frames}, Roles(**told))  # type: ignore[arg-type]
    return build({"train": frames[0], "test": frames[1]}, Roles(**told))  # type: ignore[arg-type]


def found(
    data: Dataset,
    check: str,
    predictions: Predictions | None = None,
    options: Mapping[str, Mapping[str, Json]] | None = None,
    settings: Settings | None = None,
) -> Finding:
    """Run one check, with its evidence gathered, on a table without a model."""
    context = Context(model=None, dataset=data, settings=settings or Settings(), options=options or {})
    absent = Absence(outcome="not_applicable", reason="no model")
    context.collected.update({"dataset": data, "predictions": absent if predictions is None else predictions})
    return run(discover()[check], context, task=data.task)


def measured(data: Dataset, check: str, **more: object) -> dict[str, Estimate]:
    """Return the estimates of a check by metric and address, such as ``missing_share split=test feature=age``."""
    finding = found(data, check, **more)  # type: ignore[arg-type]
    assert finding.measurement is not None, finding.reason
    return {
        " ".join([one.metric, *(f"{key}={level}" for key, level in one.where.items())]): one
        for one in finding.measurement.estimates
    }


def outcome(data: Dataset, check: str, code: str, **more: object) -> str:
    """Return the worst outcome of a rule of the default policy: fail, error, inconclusive, pass or not assessed."""
    record = AuditRecord(
        tool="test",
        created="2026-01-01T00:00:00+00:00",
        seed=0,
        task=data.task,
        model=ModelInfo(name="none", kind="none", format="none"),
        data=DataInfo(target="y"),
        environment=Environment(),
        findings=(found(data, check, **more),),  # type: ignore[arg-type]
    )
    policy = default_policy()
    gates = tuple(gate for gate in policy.gates if gate.id == code)
    assert gates, f"the default policy has no {code}"
    verdicts = judge(record, replace(policy, gates=gates)).verdicts
    said = {verdict.outcome for verdict in verdicts}
    return next((word for word in ("fail", "error", "inconclusive", "pass") if word in said), "not_assessed")
