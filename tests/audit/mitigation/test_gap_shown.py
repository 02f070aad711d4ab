"""When a gap counts as shown, what is said where it does not, and a method that narrows nothing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from audit.cli import main
from audit.data.factor import Factor
from audit.errors import ModelError
from audit.evidence import Predictions
from audit.integrations.mitigation import Mitigation, mitigate
from audit.mitigation.gap_shown import SURE, gap_needed, is_shown, shows
from tests.audit.mitigation.worlds import project, table


def _answers(rows: int, gap: float) -> Predictions:
    """Give half of the answers of two groups, and half of the gap more to one of them, less to the other."""
    yes = [round(rows * (0.5 + sign * gap / 2)) for sign in (-1, 1)]
    said = np.concatenate([np.arange(rows) < count for count in yes]).astype(np.int64)
    return Predictions(
        task="binary", classes=("no", "yes"), y_true=said, y_pred=said,
        keys={"sex": Factor.of(["f"] * rows + ["m"] * rows)},
    )  # fmt: skip


@pytest.mark.parametrize(("rows", "train"), [(150, 200), (150, 60), (2000, 3000)])
def test_a_gap_is_shown_from_where_it_is_said_to_be(rows: int, train: int) -> None:
    asked: tuple[Any, Any] = (["selection_rate"], ["sex"])
    needed = gap_needed(_answers(rows, 0.0), _answers(train, 0.0), *asked)
    assert needed is not None
    wide, narrow = (
        is_shown(_answers(rows, gap), lambda gap=gap: _answers(train, gap), *asked)  # type: ignore[misc]
        for gap in (1.1 * needed, 0.9 * needed)
    )
    assert wide
    assert not narrow


def _mitigate(model: Any, parts: list[pd.DataFrame], method: str = "thresholds", **more: Any) -> Mitigation:  # noqa: ANN401
    train, validation, test = parts
    return mitigate(
        model.fit(train[["x", "z"]], train["y"]), train=train, validation=validation, test=test, target="y",
        positive="yes", favorable="yes", sensitive=["sex"], features=["x", "z"], method=method,
        constraint="demographic-parity", **more,
    )  # fmt: skip


def test_a_small_gap_is_shown_by_validation_and_training_rows_together() -> None:
    parts = [table(1500, place, gap=0.35).drop(columns="v") for place in range(3)]
    done = _mitigate(LogisticRegression(), parts)
    assert done.record is not None
    model = LogisticRegression().fit(parts[0][["x", "z"]], parts[0]["y"])
    said = (model.predict(parts[1][["x", "z"]]) == "yes").astype(np.int64)
    alone = Predictions(
        task="binary", classes=("no", "yes"), y_true=said, y_pred=said, keys={"sex": Factor.of(parts[1]["sex"])}
    )
    assert not shows(alone, SURE, ["selection_rate"], ["sex"])


def test_a_model_that_learned_its_rows_by_heart_shows_no_gap_by_them() -> None:
    parts = [table(600, place, gap=0.0).drop(columns="v") for place in range(3)]
    for part in parts:
        part["y"] = np.where(np.random.default_rng(0).random(600) < np.where(part["sex"] == "m", 0.7, 0.3), "yes", "no")
    done = _mitigate(DecisionTreeClassifier(random_state=0), parts)
    assert done.record is None
    assert "cannot be distinguished from none" in done.reason or "within the limit" in done.reason


def test_what_could_be_shown_and_what_going_on_means_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = project(tmp_path / "p", gap=0.1, rows=400)
    asked = ["--method", "thresholds", "--constraint", "demographic-parity", "--out", str(tmp_path / "out")]
    assert main(["mitigate", str(config), *asked]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert re.search(r"As many rows as these show a gap of about 0\.[12]\d or more\. More validation rows would", said)
    assert "--anyway goes on; if the gap is chance, some people then get another answer for nothing." in said
    assert not (tmp_path / "out").exists()


def test_a_method_that_narrows_nothing_writes_nothing_unless_it_is_wanted() -> None:
    parts = [table(500, place, gap=1.2).drop(columns="v") for place in range(3)]
    for part in parts:
        part["y"] = np.where(part["x"] > 0.5, "yes", "no")  # a tree splits there, whatever rows weigh
    with pytest.raises(ModelError, match=r"no strength of reweigh narrows the gap on the validation rows: .* --anyway"):
        _mitigate(DecisionTreeClassifier(max_depth=1), parts, "reweigh")
    assert _mitigate(DecisionTreeClassifier(max_depth=1), parts, "reweigh", anyway=True).record is not None
