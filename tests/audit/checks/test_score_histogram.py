from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from audit.checks.score_histogram import score_histogram
from audit.data.factor import Factor
from audit.errors import NotApplicable
from audit.evidence import Predictions
from reports.record import Curve


def answers(score: np.ndarray, truth: np.ndarray, group: list[str], **more: object) -> Predictions:
    keys = {"split": Factor.of(["test"] * len(truth)), "sex": Factor.of(group)}
    return Predictions(
        task="binary", classes=("no", "yes"), y_true=truth, y_pred=(score > 0.5).astype(np.int64), y_score=score,
        probabilities=True, keys=keys, sensitive=("sex",), row=np.arange(len(truth)), **more,  # type: ignore[arg-type]
    )  # fmt: skip


def made(rows: int = 400) -> Predictions:
    generator = np.random.default_rng(0)
    truth = np.arange(rows) % 2
    score = np.clip(generator.normal(0.3 + 0.4 * truth, 0.1), 0, 1)
    return answers(score, truth, ["f" if k % 4 < 3 else "m" for k in range(rows)])


def curves(predictions: Predictions) -> dict[str, Curve]:
    return {one.title: one for one in score_histogram(predictions).exhibits if isinstance(one, Curve)}


def test_shares_add_up_whatever_bins_were_merged() -> None:
    for curve in curves(made()).values():
        for line in curve.series:
            widths = np.diff(np.asarray(line.x)[::1])[::2] * 20
            assert float((widths * np.asarray(line.y)[::2]).sum()) == pytest.approx(1.0)


def test_classes_and_groups_have_lines_of_their_own() -> None:
    found = curves(made())
    assert {line.name: line.n for line in found["Scores by class"].series} == {"no": 200, "yes": 200}
    assert {line.name: line.n for line in found["Scores by sex"].series} == {"f": 300, "m": 100}


def test_no_bin_tells_of_fewer_rows_than_may_be_shown() -> None:
    predictions = made()
    assert predictions.y_score is not None
    for level in ("f", "m"):
        line = next(one for one in curves(predictions)["Scores by sex"].series if one.name == level)
        score = predictions.y_score[predictions.keys["sex"].mask(level)]
        counts, _ = np.histogram(score, np.unique(line.x))
        assert counts.min() >= predictions.settings.suppress_n


def test_groups_of_few_rows_have_no_line() -> None:
    predictions = made()
    rare = ["x" if k < 20 else "f" for k in range(len(predictions))]
    keys = {**predictions.keys, "sex": Factor.of(rare)}
    found = curves(replace(predictions, keys=keys))
    assert [line.name for line in found["Scores by sex"].series] == ["f"]


def test_without_scores_nothing_is_drawn() -> None:
    with pytest.raises(NotApplicable):
        score_histogram(replace(made(), y_score=None))


def test_weights_count() -> None:
    predictions = made()
    weight = np.where(predictions.y_score > 0.5, 3.0, 1.0)  # type: ignore[operator]
    heavy = curves(replace(predictions, weight=weight))["Scores by sex"].series[0]
    light = curves(predictions)["Scores by sex"].series[0]
    upper = [y for x, y in zip(heavy.x, heavy.y, strict=True) if x > 0.6]
    lower = [y for x, y in zip(light.x, light.y, strict=True) if x > 0.6]
    assert sum(upper) > sum(lower)
