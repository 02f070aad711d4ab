"""ROB002: one feature at a time is not known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from reports.record import AuditRecord

GATE = """
[[gate]]
id = "rob002"
check = "missing_sensitivity"
metric = "features_that_raise_when_missing"
where = { split = "test" }
op = "<="
threshold = 0.0
min_n = 0

[[gate]]
id = "rob002"
check = "missing_sensitivity"
metric = "missing_flip_ratio"
where = { split = "test", feature = "*" }
op = "<="
threshold = 1.2
"""
Judged = Callable[..., AuditRecord]
Worst = Callable[[AuditRecord], str]


class Filled:
    """Decides by the sign of x + z, a missing x taken as `stand_in`."""

    classes_ = np.array([0, 1])

    def __init__(self, stand_in: float, weight: float = 1.0) -> None:
        self.stand_in, self.weight = stand_in, weight

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        x = X["x"].astype(float).fillna(self.stand_in).to_numpy()
        return np.asarray(self.weight * x + X["z"].astype(float).fillna(0.0).to_numpy() > 0).astype(int)


def table(rows: int = 1500) -> pd.DataFrame:
    generator = np.random.default_rng(1)
    frame = pd.DataFrame({"x": generator.normal(size=rows), "z": generator.normal(size=rows)})
    return frame.assign(y=(frame["x"] + frame["z"] > 0).astype(int))


@pytest.mark.parametrize(("stand_in", "said"), [(-999.0, "fail"), (2.5, "fail"), (0.3, "pass"), (0.0, "pass")])
def test_reading_missing_as_a_signal_fails(judged: Judged, worst: Worst, stand_in: float, said: str) -> None:
    assert worst(judged("missing_sensitivity", GATE, Filled(stand_in), table(), positive=1)) == said


def test_few_flips_never_fail(judged: Judged, worst: Worst) -> None:
    """A feature that hardly counts flips few decisions, however odd its stand-in."""
    assert worst(judged("missing_sensitivity", GATE, Filled(3.0, weight=0.1), table(), positive=1)) == "pass"


def test_raising_fails_and_names_the_feature(judged: Judged) -> None:
    frame = table()
    model = LogisticRegression().fit(frame[["x", "z"]], frame["y"])
    record = judged("missing_sensitivity", GATE, model, frame, positive=1)
    assert [one.outcome for one in record.verdicts] == ["fail", "not_assessed", "not_assessed"]
    assert "2 of 2" in record.findings[0].measurement.summary  # type: ignore[union-attr]


def test_boosting_passes(judged: Judged, worst: Worst) -> None:
    frame = table().assign(kind=lambda f: pd.Categorical(np.where(f["x"] > 0, "a", "b")))
    model = HistGradientBoostingClassifier(categorical_features="from_dtype").fit(frame[["x", "z", "kind"]], frame["y"])
    assert worst(judged("missing_sensitivity", GATE, model, frame, positive=1)) == "pass"


def test_columns_of_every_type_survive(judged: Judged) -> None:
    frame = table(60).assign(
        flag=True, day=pd.Timestamp("2026-01-01"), word=pd.Series(["a", None, "b"] * 20, dtype=object),
        empty=np.nan, whole=np.arange(60),
        tiny=pd.array([1, 2, None] * 20, dtype="Int64"),
    )  # fmt: skip
    record = judged("missing_sensitivity", GATE, Filled(0.0), frame, positive=1)
    assert record.findings[0].outcome == "measured", record.findings[0].reason
    features = {one.where["feature"] for one in record.verdicts if "feature" in one.where}
    assert features == {"x", "z", "flag", "day", "word", "whole", "tiny"}


def test_what_was_left_out_is_said(judged: Judged) -> None:
    wide = pd.concat([table(50), pd.DataFrame(np.ones((50, 30)), columns=[f"c{k}" for k in range(30)])], axis=1)
    record = judged("missing_sensitivity", GATE, Filled(0.0), wide, positive=1, gather={"missing": {"features": 5}})
    assert "5 of 32 features drawn at random" in record.findings[0].measurement.notes  # type: ignore[union-attr]


def test_regression_moves_are_shown(judged: Judged) -> None:
    class Sum:
        def predict(self, X: pd.DataFrame) -> np.ndarray:
            return X.fillna(0.0).sum(axis=1).to_numpy()

    record = judged("missing_sensitivity", GATE, Sum(), table().assign(y=lambda f: f["x"] + f["z"]), task="regression")
    moves = {one.metric for one in record.findings[0].measurement.estimates}  # type: ignore[union-attr]
    assert moves == {"features_that_raise_when_missing", "missing_move", "missing_flip_ratio"}


def test_categories_that_nobody_saw_are_written_and_told(judged: Judged) -> None:
    """One model raises on a new category, one takes it as none of those it knows, one as its first."""
    generator = np.random.default_rng(0)
    frame = pd.DataFrame({"kind": generator.choice(["a", "b", "c"], 600), "x": generator.normal(size=600)})
    frame["y"] = (frame["x"] + 2 * (frame["kind"] == "a") > 0.5).astype(int)
    told = {}
    for handling in ("error", "ignore"):
        encode = make_column_transformer((OneHotEncoder(handle_unknown=handling), ["kind"]), remainder="passthrough")
        model = make_pipeline(encode, LogisticRegression()).fit(frame[["kind", "x"]], frame["y"])
        record = judged("missing_sensitivity", GATE, model, frame, positive=1)
        made = record.findings[0].measurement.estimates  # type: ignore[union-attr]
        told[handling] = {one.metric: one for one in made if "unseen" in one.metric}
        assert all(one.where.get("feature") == "kind" for one in made if one.metric == "unseen_flip_share")
    assert told["error"]["features_that_raise_when_unseen"].value == 1
    assert "never seen" in told["error"]["unseen_flip_share"].reason
    assert told["ignore"]["features_that_raise_when_unseen"].value == 0
    assert 0.1 < (told["ignore"]["unseen_flip_share"].value or 0.0) < 0.6
