"""FAIR007: the sensitive feature alone is changed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from reports.record import AuditRecord

GATE = """
[[gate]]
id = "fair007"
check = "decision_flips"
metric = "decision_flip_share"
where = { split = "test", feature = "*" }
op = "<="
threshold = 0.05
"""
Judged = Callable[..., AuditRecord]
Worst = Callable[[AuditRecord], str]


class Leaning:
    """Decides by x, with something added for women."""

    classes_ = np.array([0, 1])

    def __init__(self, lean: float) -> None:
        self.lean = lean

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        return np.asarray(X["x"].to_numpy() + self.lean * (X["sex"] == "f").to_numpy() > 0).astype(int)


def table(rows: int = 2000) -> pd.DataFrame:
    generator = np.random.default_rng(1)
    frame = pd.DataFrame({"x": generator.normal(size=rows), "sex": generator.choice(["f", "m"], rows)})
    return frame.assign(y=(frame["x"] > 0).astype(int))


@pytest.mark.parametrize(("lean", "said"), [(1.0, "fail"), (0.2, "fail"), (0.08, "pass"), (0.0, "pass")])
def test_deciding_by_group_fails(judged: Judged, worst: Worst, lean: float, said: str) -> None:
    """A lean of c changes about 0.4 c of the decisions."""
    assert worst(judged("decision_flips", GATE, Leaning(lean), table(), positive=1, sensitive=("sex",))) == said


def test_rows_count_that_change_under_any_level(judged: Judged) -> None:
    """Of three levels each row can become two others; whoever changes under one of them counts once."""

    class ByLevel(Leaning):
        def predict(self, X: pd.DataFrame) -> np.ndarray:
            return np.asarray(X["sex"] == "f").astype(int)

    frame = table(900).assign(sex=["f", "m", "d"] * 300)
    record = judged("decision_flips", GATE, ByLevel(0.0), frame, positive=1, sensitive=("sex",))
    total = next(one for one in record.findings[0].measurement.estimates if "variant" not in one.where)  # type: ignore[union-attr]
    assert total.value == 1.0
    assert total.n == 900


def test_rare_levels_are_not_written(judged: Judged) -> None:
    frame = table(1000)
    frame.loc[:20, "sex"] = "d"
    record = judged("decision_flips", GATE, Leaning(0.0), frame, positive=1, sensitive=("sex",))
    assert record.findings[0].measurement is not None
    levels = {one.where["variant"] for one in record.findings[0].measurement.estimates if "variant" in one.where}
    assert levels == {"f", "m"}


def test_bands_are_written_as_their_middle(judged: Judged) -> None:
    class ByAge:
        def predict(self, X: pd.DataFrame) -> np.ndarray:
            return np.asarray(X["age"].to_numpy() > 40).astype(int)

    frame = table(400).assign(age=np.tile(np.arange(20, 60), 10))
    record = judged("decision_flips", GATE, ByAge(), frame, positive=1, sensitive=("age",), bins={"age": (40,)})
    assert record.verdicts[0].outcome == "fail"


@pytest.mark.parametrize("sensitive", [(), ("other",)])
def test_a_feature_that_is_not_read_cannot_be_asked(judged: Judged, sensitive: tuple[str, ...]) -> None:
    frame = table(100).assign(other="a")
    record = judged("decision_flips", GATE, Leaning(0.0), frame, positive=1, sensitive=sensitive, features=("x", "sex"))
    assert record.findings[0].outcome == "not_applicable"


def test_a_constant_group_has_nothing_to_become(judged: Judged) -> None:
    record = judged("decision_flips", GATE, Leaning(0.0), table(20).assign(sex="f"), positive=1, sensitive=("sex",))
    assert record.findings[0].outcome == "not_applicable"
