"""Scores that many rows share, as those of forests and rounded ones, rank in a log as they do in a table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

import modelassay
from audit.data.factor import Factor
from audit.data.roles import Roles
from audit.estimate.measure import estimate
from audit.evidence import Predictions
from audit.logs.cells import answers
from audit.logs.columns import LogColumns
from audit.logs.counting import count
from audit.logs.frames import open_frame
from audit.statistics.ranking import average_precision

METRICS = ("roc_auc", "average_precision", "log_loss", "brier_score")


def frame_of(seed: int, decimals: int, rows: int = 3000) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    score = generator.beta(0.4, 0.9, rows).round(decimals)
    frame = pd.DataFrame({"y": (generator.random(rows) < 0.1 + 0.7 * score).astype(int), "s": score})
    frame["p"] = (frame["s"] > 0.5).astype(int)
    return frame.assign(w=generator.choice([0.0, 1e-9, 0.5, 3.0], rows), day=generator.integers(0, 3, rows))


def measured_as(how: str, frame: pd.DataFrame, weight: str | None) -> dict[str, tuple[float, float, float]]:
    record = modelassay.run(
        test=frame if how == "table" else None, log=frame if how == "log" else None, target="y", prediction="p",
        score="s", positive=1, weight=weight, checks="classification",
    )  # fmt: skip
    (finding,) = (finding for finding in record.findings if finding.check == "classification")
    assert finding.measurement is not None, finding.reason
    numbers = {}
    for found in finding.measurement.estimates:
        if found.metric in METRICS:
            assert found.value is not None and found.low is not None and found.high is not None  # noqa: PT018 -- one fact
            numbers[found.metric] = (found.value, found.low, found.high)
    return numbers


@pytest.mark.parametrize("decimals", [0, 1, 2])
@pytest.mark.parametrize("weight", [None, "w"])
def test_rounded_scores_rank_as_in_a_table(decimals: int, weight: str | None) -> None:
    frame = frame_of(decimals, decimals)
    rows, counted = (measured_as(how, frame, weight) for how in ("table", "log"))
    assert set(rows) == set(counted) == set(METRICS)
    for metric, (value, low, high) in rows.items():
        assert counted[metric][0] == pytest.approx(value, abs=1e-6), metric
        slack = 1e-6 if weight is None else 0.02 * (high - low)  # weights are taken as alike within a cell
        assert counted[metric][1:] == pytest.approx((low, high), abs=slack), metric
    weights = None if weight is None else frame[weight]
    expected = average_precision_score(frame["y"], frame["s"], sample_weight=weights)
    assert counted["average_precision"][0] == pytest.approx(expected, abs=1e-6)
    area = roc_auc_score(frame["y"], frame["s"], sample_weight=weights)
    assert counted["roc_auc"][0] == pytest.approx(area, abs=1e-6)


def test_scores_of_several_classes_rank_as_in_a_table() -> None:
    generator = np.random.default_rng(5)
    share = generator.dirichlet([0.6, 0.8, 1.0], 2000)
    tenths = np.floor(share * 10) / 10
    tenths[:, 2] = 1 - tenths[:, 0] - tenths[:, 1]
    frame = pd.DataFrame(tenths.round(1), columns=["sa", "sb", "sc"])
    frame["y"] = [generator.choice(list("abc"), p=row) for row in share]
    frame["p"] = np.array(list("abc"))[tenths.argmax(1)]
    columns = LogColumns(target="y", prediction="p", score={"a": "sa", "b": "sb", "c": "sc"})
    counted = answers(count(open_frame(frame, columns.parts()), columns), columns, Roles(target="y")).predictions
    codes = {name: code for code, name in enumerate("abc")}
    rows = Predictions(
        task="multiclass", classes=("a", "b", "c"), y_true=frame["y"].map(codes).to_numpy(),
        y_pred=frame["p"].map(codes).to_numpy(), y_score=frame[["sa", "sb", "sc"]].to_numpy(), probabilities=True,
        keys={"split": Factor.constant("test", len(frame))},
    )  # fmt: skip
    for metric in METRICS:
        for class_ in (None, *rows.classes):
            expected, found = estimate(rows, metric, class_=class_), estimate(counted, metric, class_=class_)
            assert found.value == pytest.approx(expected.value, abs=1e-6), (metric, class_)


def test_a_bin_without_weight_changes_nothing() -> None:
    y = np.array([True, False, True, False, True])
    score = np.array([0.9, 0.8, 0.7, 0.6, 0.5])
    weight = np.array([1.0, 1.0, 0.0, 2.0, 1.0])
    for ties in (np.ones(5, dtype=np.bool_), np.zeros(5, dtype=np.bool_)):
        whole = average_precision(y, score, weight, ties=ties).value
        rest = average_precision(*(column[weight > 0] for column in (y, score, weight)), ties=ties[weight > 0]).value
        assert whole == pytest.approx(rest, abs=1e-15)


def test_later_rows_change_no_number_of_an_earlier_window() -> None:
    """Scores of three digits, of which a bin holds one here and several there."""
    months = [frame_of(month, 3, 100).assign(t=pd.Timestamp(2025, month, 1)) for month in range(1, 7)]

    def second(frames: list[pd.DataFrame]) -> list[object]:
        log = pd.concat(frames, ignore_index=True)
        records = modelassay.monitor(log, time="t", target="y", prediction="p", score="s", positive=1, reference=1)
        return [finding.measurement for finding in records[0].findings]

    assert second(months[:2]) == second(months[:3]) == second(months)
