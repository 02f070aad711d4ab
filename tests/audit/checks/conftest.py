"""One way to ask what a gate says of a model on tables: check, judge, verdicts by address."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd
import pytest

from audit.config.plan import RunPlan
from audit.data.dataset import Roles, build
from audit.models.load import wrap
from audit.pipeline import execute
from audit.policy.read import read_policy
from reports.record import AuditRecord, Json, Verdict

Judged = Callable[..., AuditRecord]


@pytest.fixture
def judged(tmp_path: Path) -> Judged:
    """Run one check on tables and judge it by gates written as TOML."""

    def run(
        check: str,
        gates: str,
        model: object | None,
        test: pd.DataFrame,
        train: pd.DataFrame | None = None,
        *,
        gather: Mapping[str, Mapping[str, Json]] | None = None,
        seed: int = 0,
        **roles: object,
    ) -> AuditRecord:
        path = tmp_path / "gates.toml"
        path.write_text(gates)
        frames = {"test": test} if train is None else {"train": train, "test": test}
        dataset = build(frames, Roles(target="y", **roles))  # type: ignore[arg-type]
        wrapped = None if model is None else wrap(model)
        plan = RunPlan(
            model=wrapped, dataset=dataset, checks=(check,), policy=read_policy(path), gather=gather or {}, seed=seed
        )
        return execute(plan)

    return run


def outcomes(record: AuditRecord) -> list[str]:
    """Return the verdicts of a record, worst first."""
    order = ("error", "fail", "inconclusive", "pass", "not_assessed")
    return sorted((one.outcome for one in record.verdicts), key=order.index)


@pytest.fixture
def worst() -> Callable[[AuditRecord], str]:
    """Name the worst verdict of a record."""
    return lambda record: outcomes(record)[0]


@pytest.fixture
def failing() -> Callable[[AuditRecord], list[Verdict]]:
    """List the verdicts that fail."""
    return lambda record: [one for one in record.verdicts if one.outcome == "fail"]
