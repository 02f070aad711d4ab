"""Whose of the hidden groups a row is decides nothing in a record: what is shown cannot tell it.

The groups of hidden rows are drawn anew, sizes included, and the audit is run again. Whatever of the record follows
from the rows of one hidden group alone would change.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression

import modelassay
from audit.cli import main
from audit.deploy.compress import compare
from reports.record import AuditRecord, Task
from reports.store import dumps

HIDDEN = ("r1", "r2")
OF_ROWS = {"sha256", "fingerprint", "pairing", "created", "seconds"}
"""What depends on the table as a whole: hashes, and answers in an order of hashes."""


def table(sizes: tuple[int, ...], seed: int, task: Task = "binary") -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    frame = pd.DataFrame({"race": np.repeat([f"r{k}" for k in range(len(sizes))], sizes)})
    rows = len(frame)
    frame["sex"] = generator.choice(["f", "m"], rows)
    frame["age"], frame["pay"] = generator.normal(45, 12, rows).round(), generator.lognormal(3, 1, rows).round(2)
    signal = (frame["age"] - 45) / 12 - 0.8 * (frame["race"] != "r0") + generator.normal(size=rows)
    frame["y"] = signal if task == "regression" else (signal > 0).astype(int)
    if task == "multiclass":
        frame["y"] = np.digitize(signal, [-0.7, 0.7])
    frame["w"] = generator.uniform(0.5, 2, rows).round(2)
    return frame


def drawn_anew(frame: pd.DataFrame, seed: int, within: tuple[str, ...] = ("sex",), move: int = 2) -> pd.DataFrame:
    """Deal the groups of hidden rows out again, and give some of one group to another."""
    generator = np.random.default_rng(seed)
    frame = frame.copy()
    rows = frame[frame["race"].isin(HIDDEN)]
    for _, part in rows.groupby(list(within)):
        frame.loc[part.index, "race"] = generator.permutation(part["race"].to_numpy())
    large = frame.index[(frame["race"] == HIDDEN[0])]
    frame.loc[generator.choice(large, move, replace=False), "race"] = HIDDEN[1]
    return frame


def differences(one: Any, other: Any, path: str = "") -> list[str]:  # noqa: ANN401 -- parsed JSON
    """Name the places in which two records differ, but for rounding and what depends on the whole table."""
    if path.rpartition(".")[2] in OF_ROWS:
        return []
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        one, other = (dict(enumerate(some)) for some in (one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        keys = sorted({*one, *other})
        return [found for key in keys for found in differences(one.get(key), other.get(key), f"{path}.{key}")]
    numbers = isinstance(one, float) and isinstance(other, float)
    same = abs(one - other) <= 1e-4 * max(1.0, abs(one)) if numbers else one == other
    return [] if same else [f"{path}: {str(one)[:80]} and {str(other)[:80]}"]


def data_of(record: AuditRecord) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(dumps(record))
    return data


def hidden_groups(data: dict[str, Any]) -> set[str]:
    return {one["level"] for one in data["data"]["groups"] if one["rows"] is None}


@pytest.mark.parametrize(("task", "weight"), [("binary", ""), ("multiclass", "w"), ("regression", "w")])
def test_an_audit_of_answers_does_not_tell_hidden_groups_apart(task: Task, weight: str) -> None:
    train, test = table((430, 160, 20), 0, task), table((215, 80, 6), 1, task)
    records = []
    for seed in (None, 0):
        rows: dict[str, Any] = {}
        for split, frame in (("train", train), ("test", test)):
            shown = frame if seed is None else drawn_anew(frame, seed)
            answer = (shown["age"] - 45) / 12
            rows[split] = shown.assign(p=answer if task != "multiclass" else np.digitize(answer, [-0.7, 0.7]))
        column: dict[str, Any] = {"prediction": "p"}
        if task == "binary":
            rows = {split: frame.assign(p=1 / (1 + np.exp(-2 * frame["p"]))) for split, frame in rows.items()}
            column = {"score": "p", "positive": 1}
        record = modelassay.run(
            **rows, target="y", task=task, sensitive=["race", "sex"], features=["age", "pay"], weight=weight or None,
            drop=() if weight else ("w",), **column,
        )  # fmt: skip
        records.append(data_of(record))
    assert hidden_groups(records[0]) == {"r1", "r2"}
    assert differences(records[0], records[1]) == []


class Blind:
    """A model that reads age and pay."""

    def __init__(self, inner: LogisticRegression) -> None:
        self.inner = inner
        self.classes_ = inner.classes_
        self.feature_names_in_ = np.array(["age", "pay"])

    def predict(self, X: pd.DataFrame) -> Any:  # noqa: ANN401
        return self.inner.predict(X[["age", "pay"]])

    def predict_proba(self, X: pd.DataFrame) -> Any:  # noqa: ANN401
        return self.inner.predict_proba(X[["age", "pay"]])


def test_what_asks_the_model_does_not_tell_hidden_groups_apart() -> None:
    train, test = table((430, 160, 20), 0), table((215, 80, 6), 1)
    model = Blind(LogisticRegression(max_iter=1000).fit(train[["age", "pay"]], train["y"]))
    asked = [
        "local_cases", "group_attribution", "decision_flips", "noise_sensitivity", "permutation_importance",
        "missing_sensitivity", "weak_slices", "level_ranking", "learning_curve", "proxy_feature",
    ]  # fmt: skip
    records = [
        data_of(
            modelassay.run(
                model, train=rows[0].drop(columns="w"), test=rows[1].drop(columns="w"), target="y", positive=1,
                sensitive=["race", "sex"], features=["age", "pay"], checks=asked,
            )
        )
        for rows in ((train, test), (drawn_anew(train, 0), drawn_anew(test, 1)))
    ]  # fmt: skip
    assert {one["outcome"] for one in records[0]["findings"]} <= {"measured", "not_applicable"}
    assert differences(records[0], records[1]) == []


def test_a_mitigation_does_not_tell_hidden_groups_apart() -> None:
    parts = [table(sizes, seed).drop(columns=["w", "pay"]) for seed, sizes in enumerate([(500, 300, 40)] * 2)]
    test = table((215, 80, 6), 3).drop(columns=["w", "pay"])
    model = LogisticRegression().fit(parts[0][["age"]], parts[0]["y"])
    records = []
    for rows in (test, drawn_anew(test, 0)):
        done = modelassay.mitigate(
            model, train=parts[0], validation=parts[1], test=rows, target="y", sensitive=["race", "sex"], positive=1,
            feature="race", features=["age"], method="reweigh", constraint="demographic-parity", anyway=True,
        )  # fmt: skip
        assert done.record is not None
        records.append(data_of(done.record))
    assert hidden_groups(records[0]) == {"r1", "r2"}
    assert differences(records[0], records[1]) == []


# --- windows -------------------------------------------------------------------------------------------

LOG = """
[data]
log = "log.csv"
target = "y"
task = "binary"
positive = 1
prediction = "p"
score = "s"
time = "t"
sensitive = ["race", "sex"]
[monitor]
window = "month"
reference = 1
[report]
formats = ["json"]
"""


def log(sizes: list[tuple[int, int, int]]) -> pd.DataFrame:
    """Draw a log of a month each, with groups of these sizes."""
    months = []
    for month, one in enumerate(sizes, start=1):
        frame = table(one, 10 + month)
        frame["t"] = f"2025-{month:02d}-15"
        frame["s"] = (1 / (1 + np.exp(-(frame["age"] - 45) / 12))).round(2)
        months.append(frame.assign(p=(frame["s"] > 0.5).astype(int)))
    return pd.concat(months, ignore_index=True)


def monitored(folder: Path, rows: pd.DataFrame) -> list[dict[str, Any]]:
    folder.mkdir()
    rows.to_csv(folder / "log.csv", index=False)
    (folder / "audit.toml").write_text(LOG)
    assert main(["monitor", str(folder / "audit.toml")]) in {0, 1, 3, 5}
    return [json.loads(one.read_text()) for one in sorted((folder / "monitor").glob("2025*.json"))]


def test_windows_do_not_tell_hidden_groups_apart(tmp_path: Path) -> None:
    rows = log([(300, 120, 6), (200, 90, 6), (200, 90, 6)])
    records = [
        monitored(tmp_path / str(place), one)
        for place, one in enumerate((rows, drawn_anew(rows, 0, within=("sex", "t"), move=0)))
    ]
    assert hidden_groups(records[0][0]) == {"r1", "r2"}
    for one, other in zip(*records, strict=True):
        assert differences(one, other) == []


def test_a_group_that_was_small_in_one_of_the_last_three_windows_is_hidden(tmp_path: Path) -> None:
    rows = log([(300, 120, 60), (200, 90, 30), (200, 90, 4), (200, 90, 30), (200, 90, 30), (200, 90, 30)])
    records = monitored(tmp_path / "log", rows)
    assert [hidden_groups(one) for one in records] == [set(), *[{"r1", "r2"}] * 3, set()]


# --- beside the record ---------------------------------------------------------------------------------


def test_a_compression_names_no_group_from_which_a_small_one_follows(tmp_path: Path) -> None:
    rows = table((215, 80, 5), 0)
    models = []
    for name, cut in (("one", 0), ("other", 1)):
        path = tmp_path / f"{name}.skops"
        skops.io.dump(LogisticRegression().fit(rows[["age", "pay"]].assign(pay=cut), rows["y"]), path)
        models.append(path)
    told = compare(models[0], models[1], rows, ["race"], ())
    assert [one.group for one in told.changes] == ["all", "race = r0"]
    told = compare(models[0], models[1], table((215, 80, 40), 0), ["race"], ())
    assert [one.group for one in told.changes] == ["all", "race = r0", "race = r1", "race = r2"]
