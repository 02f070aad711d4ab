"""From a plan to a mitigated model and the plan that judges it: prepare, look for a gap, choose, seal."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from audit.config.plan import RunPlan
from audit.data.columns import label_texts
from audit.errors import ConfigError, ModelError, quote
from audit.estimate.gaps import gap
from audit.evidence import Predictions
from audit.mitigation.arms import answers_before, choose, evidence
from audit.mitigation.bench import Bench, fresh
from audit.mitigation.candidates import method as method_of
from audit.mitigation.constraints import constraint as constraint_of
from audit.mitigation.files import as_file
from audit.mitigation.gap_shown import gap_needed, is_shown
from audit.mitigation.preparation import prepare, subset
from audit.models.answers import as_model_input, learn_labels
from audit.models.column_names import match
from audit.models.load import Model, load
from audit.policy.read import overridden
from audit.progress import Progress, silent
from reports.record import Policy

CHECKS = (
    "mitigation", "classification", "regression", "calibration", "group_performance", "disparities",
    "class_disparities", "residual_disparities", "group_calibration", "card_blanks",
)  # fmt: skip
"""What is measured of a mitigated model at once; an audit of its own measures the rest."""
FILE = "model.skops"
LIMIT = 0.05
PROVEN = 25
"""Rows that must be answered alike alone, together and in another order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is to be narrowed, and how."""

    method: str
    constraint: str
    feature: str = ""
    """One sensitive feature, or several with commas between them, whose crossings are the groups."""
    limit: float = LIMIT
    """Largest gap that is accepted on test rows."""
    anyway: bool = False
    """Whether to go on where no gap is shown, or none is narrowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of it."""

    reason: str = ""
    """Why there is no model: there was no gap to narrow."""
    plan: RunPlan | None = None
    """What is left to do: judge the sealed model on the test rows, once."""
    file: bytes = b""
    """The sealed model as a ``.skops`` file."""
    strength: str = ""
    """What was chosen."""


def mitigate_plan(plan: RunPlan, asked: Asked, *, progress: Progress = silent) -> Outcome:
    """Narrow a gap as asked, and plan how the outcome is judged on the test rows.

    Parameters
    ----------
    plan : RunPlan
        With a model, and with ``train`` rows beside ``test``; ``validation`` rows are carved out of ``train``
        where there are none.
    asked : Asked
    progress : callable

    Returns
    -------
    Outcome
        Without a plan, and with the reason, where there is no gap to mitigate.

    Raises
    ------
    AuditError
        If it cannot be done as asked.
    """
    if not 0 < asked.limit < 1:
        raise ConfigError(f"--limit is {asked.limit:g}; expected a gap between 0 and 1, such as 0.05.")
    bench = _bench(plan, asked, progress)
    method = method_of(asked.method, bench.dataset.task, asked.constraint)
    bench.favorable  # noqa: B018 -- refuses a task whose favorable class is not known
    if method.trains:
        fresh(bench.model, 0)  # refuses a model that cannot be trained anew before anything is asked
    before = answers_before(bench, "validation")
    if not asked.anyway and (reason := _no_gap(bench, before, asked.limit)):
        return Outcome(reason=reason)
    progress("choosing", 0, 1)
    choice = choose(bench, method, before, asked.limit, anyway=asked.anyway)
    progress("choosing", 1, 1)
    file = as_file(choice.candidate.final())
    with tempfile.TemporaryDirectory(prefix="mitigate-") as folder:
        path = Path(folder) / FILE
        path.write_bytes(file)
        model = load(path)
    prove(bench, model)
    bench.notes.append(f"chosen on validation rows: {choice.candidate.label}")
    judged: RunPlan = replace(
        plan,
        dataset=subset(bench.dataset, np.flatnonzero(~bench.dataset.split.mask("validation"))),
        model=model,
        settings=replace(plan.settings, depth=max(plan.settings.depth, len(bench.features))),
        policy=_policy(plan.policy, asked.limit),
        checks=CHECKS,
        ignore=(),
        options={},
        baseline=None,
        evidence={"mitigated": evidence(bench, method, choice, model)},
    )
    return Outcome(plan=judged, file=file, strength=choice.candidate.label)


def _bench(plan: RunPlan, asked: Asked, progress: Progress) -> Bench:
    if plan.model is None:
        raise ConfigError("nothing to mitigate: name the model in [model].")
    columns, _ = match(plan.model.feature_names, plan.model.feature_count, plan.dataset)
    dataset = plan.dataset.for_model(columns, plan.model.feature_count)
    learn_labels(plan.model, dataset)
    return prepare(
        dataset,
        plan.model,
        constraint_of(asked.constraint, dataset.task),
        plan.settings,
        feature=asked.feature,
        seed=plan.seed,
        progress=progress,
    )


def _no_gap(bench: Bench, before: Predictions, limit: float) -> str:
    """Say why there is nothing to narrow, if there is not."""
    rates, features = bench.constraint.rates, bench.features
    usual = gap("gap_before", before, rates, features)
    value, low, high = usual.value, usual.low, usual.high
    what = f"among groups of {quote(bench.feature)} in {bench.constraint.words}"
    if value is None or low is None or high is None:
        return f"no gap to mitigate {what}: fewer than two groups have enough validation rows."
    text = f"{value:.3f} [{low:.3f}, {high:.3f}] on {len(before)} validation rows"
    if high <= limit:
        return f"no gap to mitigate {what}: {text}, within the limit of {limit:g}."
    if is_shown(before, lambda: answers_before(bench, "train"), rates, features):
        return ""
    needed = gap_needed(before, answers_before(bench, "train"), rates, features)
    reach = "" if needed is None else f" As many rows as these show a gap of about {needed:.2f} or more."
    return (
        f"no gap to mitigate {what}: {text} cannot be distinguished from none.{reach} More validation rows would tell. "
        "--anyway goes on; if the gap is chance, some people then get another answer for nothing."
    )


def _policy(policy: Policy, limit: float) -> Policy:
    """Return the gates that can be judged here, with the limit that was asked for."""
    gates = tuple(gate for gate in policy.gates if not gate.check or gate.check in CHECKS)
    kept = replace(policy, gates=gates)
    if not any(gate.id == "MIT001" for gate in gates):
        return kept
    return overridden(kept, [{"id": "MIT001", "threshold": limit}], "--limit")


def prove(bench: Bench, model: Model) -> None:
    """Ask a few test rows together, in another order and one by one.

    Raises
    ------
    ModelError
        If an answer depends on what else is asked.
    """
    rows = bench.rows("test")[:PROVEN]
    X = bench.dataset.frame.loc[:, list(model.feature_names or ())].take(rows).reset_index(drop=True)
    order = np.arange(len(rows))[::-1]
    together = _values(model, X)
    turned = _values(model, X.take(order).reset_index(drop=True))[order]
    alone = np.concatenate([_values(model, X.iloc[place : place + 1]) for place in range(len(rows))])
    same = _agree(together, turned) & _agree(together, alone)
    if not same.all():
        raise ModelError(f"{int((~same).sum())} of {len(rows)} answers depend on the rows asked beside them.")


def _values(model: Model, X: pd.DataFrame) -> npt.NDArray[Any]:
    values = np.asarray(model.predictor.predict(as_model_input(model, X)))
    return values if values.dtype.kind == "f" else label_texts(values)


def _agree(first: npt.NDArray[Any], second: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Tell which answers are the same: labels to the letter, numbers to nine digits."""
    if first.dtype.kind != "f":
        return np.asarray(first == second)
    return np.asarray(np.isclose(first, second, rtol=1e-9, atol=1e-9 * float(np.abs(first).max(initial=0.0))))
