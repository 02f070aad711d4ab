"""ROC curves, over all rows and by group on the same axes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score, roc_curve

from audit.checks.roc import roc
from audit.checks.roc_by_group import roc_by_group
from audit.data.factor import Factor
from audit.errors import NotApplicable
from audit.evidence import Predictions, Settings
from reports.record import Curve, Measurement, Table


def answers(rows: int = 600, groups: tuple[str, ...] = ("f", "m"), seed: int = 0) -> Predictions:
    """Scores that rank every row alike well, cut at one half; the last group has few rows of the first's."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, rows)
    score = 1 / (1 + np.exp(-(1.5 * (2 * y - 1) + rng.normal(size=rows))))
    return Predictions(
        task="binary", classes=("no", "yes"), y_true=y, y_pred=(score >= 0.5).astype(np.int64), y_score=score,
        probabilities=True, sensitive=("sex",), row=np.arange(rows),
        keys={"split": Factor.constant("test", rows), "sex": Factor.of(list(np.resize(groups, rows)))},
    )  # fmt: skip


def curves(found: Measurement) -> list[Curve]:
    return [one for one in found.exhibits if isinstance(one, Curve)]


def test_each_group_has_a_line_with_its_rows_and_its_decisions() -> None:
    test = answers()
    found = roc_by_group(test)
    (curve,) = curves(found)
    assert [(line.name, line.n) for line in curve.series] == [("f", 300), ("m", 300)]
    for line in curve.series:
        part = test.select(sex=line.name)
        assert part.y_score is not None
        called, true = part.y_pred == 1, part.y_true == 1
        assert list(line.mark or ()) == pytest.approx([called[~true].mean(), called[true].mean()])
        (area,) = [one for one in found.estimates if one.metric == "roc_auc" and one.where.get("sex") == line.name]
        assert area.value == pytest.approx(roc_auc_score(part.y_true, part.y_score))
        fpr, tpr, _ = roc_curve(part.y_true, part.y_score, drop_intermediate=False)
        assert set(zip(line.x, line.y, strict=True)) <= set(zip(fpr.tolist(), tpr.tolist(), strict=True))
        assert line.low is not None
        assert line.high is not None
        assert all(low <= y <= high for low, y, high in zip(line.low, line.y, line.high, strict=True))


def test_groups_of_few_rows_have_no_line_and_are_named() -> None:
    test = answers(groups=("f",) * 30 + ("m",) * 29 + ("x",))
    found = roc_by_group(test)
    (curve,) = curves(found)
    assert {line.name for line in curve.series} == {"f", "m"}
    assert any("x" in note and "fewer than 30 rows" in note for note in found.notes)
    table = next(one for one in found.exhibits if isinstance(one, Table))
    assert any(row[0] == "sex: x" for row in table.rows)


def test_a_group_below_the_suppressed_size_leaves_no_count() -> None:
    test = answers(rows=300, groups=("f",) * 49 + ("m",) * 50 + ("x",))
    found = roc_by_group(test)
    told = [one for one in found.estimates if one.where.get("sex") == "x"]
    assert told
    assert all(one.value is None and one.n is None and "suppressed" in one.reason for one in told)


def test_a_group_of_one_class_has_no_line() -> None:
    test = answers()
    y = np.where(test.keys["sex"].codes == 0, 1, test.y_true)
    found = roc_by_group(replace(test, y_true=y))
    (curve,) = curves(found)
    assert [line.name for line in curve.series] == ["m"]
    assert any("no line for f: hidden, or fewer than 30 rows" in note for note in found.notes)


def test_many_groups_share_axes_up_to_eight_lines() -> None:
    found = roc_by_group(answers(rows=2000, groups=tuple("abcdefghij")))
    (curve,) = curves(found)
    assert len(curve.series) == 8
    assert all(line.low is None for line in curve.series)
    assert any("8 largest" in note and "i, j" in note for note in found.notes)


def test_without_groups_or_scores_there_is_nothing_to_draw() -> None:
    with pytest.raises(NotApplicable, match="sensitive"):
        roc_by_group(replace(answers(), sensitive=()))
    with pytest.raises(NotApplicable, match="no scores"):
        roc_by_group(replace(answers(), y_score=None))
    with pytest.raises(NotApplicable, match="not finite"):
        roc_by_group(replace(answers(), y_score=np.full(600, np.nan)))


def test_rows_without_weight_do_not_count() -> None:
    test = answers()
    kept = np.arange(600) % 3 > 0
    weighted = replace(test, weight=kept.astype(np.float64))
    one, other = curves(roc_by_group(weighted))[0], curves(roc_by_group(test.take(kept)))[0]
    assert [line.n for line in one.series] == [line.n for line in other.series]
    for a, b in zip(one.series, other.series, strict=True):
        assert a.mark == pytest.approx(b.mark)


def test_the_band_of_rows_in_clusters_is_wider() -> None:
    """Every row stands three times: as rows they look surer than as the clusters they are."""
    test = answers(rows=200)
    three = test.take(np.repeat(np.arange(200), 3))
    clustered = replace(three, cluster=Factor.of([str(k) for k in np.repeat(np.arange(200), 3)]))
    single, plain, grouped = (curves(roc(one))[0].series[0] for one in (test, three, clustered))
    wide = [float(np.mean(np.subtract(line.high or (), line.low or ()))) for line in (single, plain, grouped)]
    assert wide[1] < 0.75 * wide[0]
    assert 0.95 * wide[0] < wide[2] < 1.3 * wide[0]


def test_the_curve_over_all_rows_marks_the_decisions() -> None:
    line = curves(roc(answers()))[0].series[0]
    assert line.mark is not None
    assert line.mark_name == "decisions as made"


def test_suppressing_nothing_still_needs_both_classes() -> None:
    settings = Settings(min_n=0, suppress_n=0)
    test = replace(answers(rows=8), settings=settings)
    assert curves(roc_by_group(replace(test, y_true=np.ones(8, dtype=np.int64)))) == []
