"""Sound models on made-up rows: how often does each rule fail them?

Truth is either linear in the features, and the model linear too, or a rule of two questions, and the model a
tree of that depth; groups are formed by lot. What fails is a false alarm. Rules about the number of rows,
which vary here on purpose, and about blanks of the card are left out. Where the truth is linear, errors
gather where decisions are close, which is a weak slice by nature; where it is a rule, the labels that do not
follow it are label errors by nature.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from audit.checks import discover
from audit.config.plan import RunPlan
from audit.data.dataset import Roles, Task
from audit.models.load import wrap
from audit.pipeline import execute
from benchmarks.defects.models import Subject, fitted
from benchmarks.defects.tables import Table

SIZES = (500, 1000, 2500)
TASKS: tuple[Task, ...] = ("binary", "multiclass", "regression")
LEFT_OUT = frozenset({"PERF004", "DATA007", "CARD001"})
FAMILIES = ("data", "leakage", "drift", "performance", "calibration", "fairness", "generalization", "slices")
NUMBERS = ["a", "b", "c", "d"]


def subject(seed: int) -> tuple[Subject, frozenset[str]]:
    """Make rows and a sound model; return which rules do not apply to them."""
    rng = np.random.default_rng([20260101, seed])
    task, rows = TASKS[seed % 3], SIZES[seed // 3 % len(SIZES)]
    linear = bool(seed // 9 % 2)
    frame = pd.DataFrame(rng.normal(size=(rows, 4)), columns=NUMBERS)
    frame["b"] = np.round(np.exp(0.5 * frame["b"]) * 40)
    frame["kind"] = rng.choice(["x", "y", "z"], rows)
    frame["cohort"] = rng.choice(["f", "m"], rows, p=[0.45, 0.55])
    frame["y"] = _target(frame, task, linear, rng)
    cut = int(0.6 * rows)
    roles = Roles(target="y", task=task, sensitive=("cohort",), positive=1 if task == "binary" else None)
    table = Table(name="made up", train=frame[:cut], test=frame[cut:].reset_index(drop=True), roles=roles)
    natural = LEFT_OUT if task == "regression" else LEFT_OUT | {"SLICE001" if linear else "DATA011"}
    return Subject(table=table, model=_model(table, linear)), natural


def _linear(frame: pd.DataFrame) -> np.ndarray:
    return (1.5 * frame["a"] + 0.02 * (frame["b"] - 45) + 1.0 * (frame["kind"] == "x") - 0.3).to_numpy()


def _stepped(frame: pd.DataFrame) -> np.ndarray:
    return np.where(frame["a"] > 0, np.where(frame["c"] > 0.3, 2, 1), np.where(frame["kind"] == "x", 1, 0))


def _target(frame: pd.DataFrame, task: str, linear: bool, rng: np.random.Generator) -> np.ndarray:
    """Draw targets: by a logistic law of lines, or by lot in 15 of 100 rows around steps."""
    signal = _linear(frame) if linear else _stepped(frame)
    if task == "regression":
        return signal + rng.normal(size=len(signal)) * (1.2 if linear else 0.6)
    if linear:
        if task == "binary":
            return (signal + rng.logistic(size=len(signal)) > 0).astype(int)
        lines = np.stack([signal, 1.5 * frame["c"], -signal], axis=1)
        return (lines + rng.gumbel(size=lines.shape)).argmax(axis=1)
    label = (signal > 0).astype(int) if task == "binary" else signal
    other = (label + rng.integers(1, 2 if task == "binary" else 3, len(label))) % (2 if task == "binary" else 3)
    return np.where(rng.random(len(label)) < 0.15, other, label)


def _model(table: Table, linear: bool) -> object:
    regression = table.roles.task == "regression"
    if linear:
        encode = make_column_transformer(
            (make_pipeline(SimpleImputer(), StandardScaler()), NUMBERS),
            (OneHotEncoder(handle_unknown="ignore"), ["kind"]),
        )
        return fitted(make_pipeline(encode, Ridge() if regression else LogisticRegression(max_iter=300)), table)
    encode = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["kind"]), ("passthrough", NUMBERS))
    tree = DecisionTreeRegressor if regression else DecisionTreeClassifier
    return fitted(make_pipeline(encode, tree(max_depth=2, min_samples_leaf=20, random_state=0)), table)


def main(count: int, first: int = 0) -> int:
    """Audit sound models and print the share that each rule fails."""
    ended: dict[str, Counter[str]] = defaultdict(Counter)
    checks = [name for name, one in discover().items() if one.family in (*FAMILIES, "robustness")]
    for seed in range(first, first + count):
        made, natural = subject(seed)
        record = execute(RunPlan(model=wrap(made.model), dataset=made.table.dataset(), checks=tuple(checks)))
        worst: dict[str, str] = {}
        for verdict in record.verdicts:
            if verdict.gate not in natural and verdict.outcome in ("pass", "fail", "inconclusive", "error"):
                told = worst.get(verdict.gate)
                if told not in ("fail", "error"):
                    worst[verdict.gate] = verdict.outcome
                if verdict.outcome in ("fail", "error") and told not in ("fail", "error"):
                    task, where = made.table.roles.task, dict(verdict.where)
                    print(f"  {seed} {task}: {verdict.gate} {verdict.message} {where}", file=sys.stderr)
        errors = [(one.check, one.reason) for one in record.findings if one.outcome == "error"]
        for check, reason in errors:
            print(f"  {seed}: finding {check} ended in error: {reason}", file=sys.stderr)
        for code, outcome in worst.items():
            ended[code][outcome] += 1
    _print(ended, count)
    return 0


def _print(ended: dict[str, Counter[str]], count: int) -> None:
    print("| rule | asked | failed | share |\n| --- | ---: | ---: | ---: |")
    for code in sorted(ended):
        n, bad = ended[code].total(), ended[code]["fail"] + ended[code]["error"]
        if bad:
            print(f"| {code} | {n} | {bad} | {bad / n:.1%} |")
    n, bad = sum(one.total() for one in ended.values()), sum(one["fail"] + one["error"] for one in ended.values())
    print(f"| all {len(ended)} rules, {count} sound models | {n} | {bad} | {bad / max(n, 1):.2%} |")
