"""What must hold for any predictions: row order, repetition, addition, mirrors, monotony."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from audit.evidence import Predictions, Settings
from audit.factor import Factor
from audit.measure import by_class, by_group, differences, estimate, estimates
from audit.metrics import METRICS
from audit.statistics.paired import paired_difference
from audit.statistics.variance import mean, variance
from audit.tally import Tally, merge

CLASSIFICATION = sorted(name for name, one in METRICS.items() if one.needs != "residuals")
REGRESSION = sorted(name for name, one in METRICS.items() if one.needs == "residuals")


@st.composite
def predictions(draw: st.DrawFn) -> Predictions:
    """Any task, any size from 0, ties, weights with zeros, clusters, missing groups."""
    seed, n = draw(st.integers(0, 10**6)), draw(st.integers(0, 90))
    rng = np.random.default_rng(seed)
    task = draw(st.sampled_from(["binary", "multiclass", "regression"]))
    weight = np.round(rng.exponential(size=n), 1) if draw(st.booleans()) else None
    cluster = None
    if draw(st.booleans()):
        cluster = Factor(codes=rng.integers(-1, 9, n).astype(np.int32), levels=tuple("abcdefghi"))
    made = Predictions(
        task="regression",
        y_true=np.round(rng.normal(size=n), 1),
        y_pred=np.round(rng.normal(size=n), 1),
        weight=weight,
        cluster=cluster,
        keys={"group": Factor(codes=rng.integers(-1, 3, n).astype(np.int32), levels=("x", "y", "z"))},
        sensitive=("group",),
        row=np.arange(n),
        settings=Settings(suppress_n=draw(st.sampled_from([0, 10]))),
    )
    if task == "regression":
        return made
    classes = 2 if task == "binary" else 3
    p = rng.dirichlet(np.full(classes, 0.7), n).round(2)
    p[:, -1] = 1 - p[:, :-1].sum(1)
    return replace(
        made,
        task="binary" if classes == 2 else "multiclass",
        classes=("a", "b", "c")[:classes],
        y_true=rng.integers(0, draw(st.integers(1, classes)), n),
        y_pred=p.argmax(1),
        y_score=np.clip(p[:, 1], 0, 1) if classes == 2 else np.clip(p, 0, 1),
        probabilities=True,
    )


def names_of(one: Predictions) -> list[str]:
    return REGRESSION if one.task == "regression" else CLASSIFICATION


@settings(deadline=None, max_examples=120)
@given(predictions())
def test_an_estimate_is_a_number_with_an_interval_or_a_reason(one: Predictions) -> None:
    for found in estimates(one, names_of(one)):
        if found.value is None:
            assert found.reason
            assert found.low is None
        elif found.low is None:
            assert found.reason
        else:
            assert found.high is not None
            assert found.low <= found.value <= found.high
            assert found.method
            if found.unit == "proportion":
                assert found.low >= 0
                assert found.high <= 1


@settings(deadline=None, max_examples=60)
@given(predictions(), st.integers(0, 99))
def test_row_order_does_not_matter(one: Predictions, seed: int) -> None:
    mixed = one.take(np.random.default_rng(seed).permutation(len(one)))
    for name in names_of(one):
        if name == "calibration_error":
            continue
        a, b = estimate(one, name), estimate(mixed, name)
        assert (a.value is None, a.reason, a.n) == (b.value is None, b.reason, b.n)
        if a.value is not None and b.value is not None:
            assert [b.value, b.low or 0, b.high or 0] == pytest.approx([a.value, a.low or 0, a.high or 0], abs=1e-7)


@settings(deadline=None, max_examples=60)
@given(predictions(), st.integers(2, 4))
def test_repeating_all_rows_keeps_the_value_and_narrows_the_interval(one: Predictions, times: int) -> None:
    plain = replace(one, cluster=None)
    more = plain.take(np.tile(np.arange(len(one)), times))
    for name in ("accuracy", "recall", "roc_auc", "f1", "mean_error", "r2_score", "mean_absolute_error"):
        a, b = estimate(plain, name), estimate(more, name)
        if a.value is None or b.value is None:
            continue
        assert b.value == pytest.approx(a.value)
        if a.low is not None and b.low is not None and (a.n or 0) > 20:
            assert (b.high or 0) - b.low <= (a.high or 0) - a.low + 1e-9


@settings(deadline=None, max_examples=60)
@given(predictions(), st.floats(0.1, 50))
def test_the_unit_of_weights_does_not_matter(one: Predictions, factor: float) -> None:
    weight = np.ones(len(one)) if one.weight is None else one.weight
    a, b = replace(one, weight=weight), replace(one, weight=weight * factor)
    for name in names_of(one):
        if name in ("calibration_error", "median_absolute_error"):
            continue
        first, second = estimate(a, name), estimate(b, name)
        assert (first.value is None) == (second.value is None)
        if first.value is not None and second.value is not None:
            assert [second.value, second.low or 0, second.high or 0] == pytest.approx(
                [first.value, first.low or 0, first.high or 0], rel=1e-6, abs=1e-6
            )


@settings(deadline=None, max_examples=60)
@given(predictions())
def test_groups_add_up(one: Predictions) -> None:
    name = "mean_error" if one.task == "regression" else "accuracy"
    open_doors = replace(one, settings=Settings(suppress_n=0))
    inside = one.keys["group"].codes >= 0
    whole = estimate(open_doors.take(inside), name)
    parts = by_group(open_doors, [name], ["group"])
    assert sum(part.n or 0 for part in parts) == (whole.n or 0)
    if whole.value is not None:
        weight = np.ones(len(one)) if one.weight is None else one.weight
        total = 0.0
        for part in parts:
            rows = one.keys["group"].mask(part.where["group"])
            total += (part.value or 0.0) * float(weight[rows].sum())
        assert total / float(weight[inside].sum()) == pytest.approx(whole.value, abs=1e-9)


@settings(deadline=None, max_examples=60)
@given(predictions())
def test_small_groups_show_nothing(one: Predictions) -> None:
    for found in by_group(one, names_of(one)[:5], ["group"]):
        rows = one.keys["group"].mask(found.where["group"])
        kept = int((rows & (one.weight > 0)).sum()) if one.weight is not None else int(rows.sum())
        if 0 < kept < one.settings.suppress_n:
            assert (found.value, found.low, found.n) == (None, None, None)


@settings(deadline=None, max_examples=60)
@given(predictions())
def test_differences_mirror(one: Predictions) -> None:
    name = "mean_error" if one.task == "regression" else "error_rate"
    groups = by_group(one, [name], ["group"])
    forward = {found.where["group"]: found for found in differences(groups, {"group": "x"})}
    backward = {found.where["group"]: found for found in differences(groups, {"group": "y"})}
    a, b = forward["y"], backward["x"]
    assert (a.value is None) == (b.value is None)
    if a.value is not None and b.value is not None and a.low is not None:
        assert [a.value, a.low, a.high] == pytest.approx([-b.value, -(b.high or 0), -(b.low or 0)])


@settings(deadline=None, max_examples=60)
@given(predictions(), st.integers(1, 5))
def test_tallies_of_parts_merge_to_the_tally_of_all(one: Predictions, pieces: int) -> None:
    if one.task == "regression":
        return
    place = np.arange(len(one)) % pieces
    merged = merge([Tally.of(one.take(place == piece), "group") for piece in range(pieces)])
    whole = Tally.of(one, "group")
    assert sorted(map(str, merged.n.tolist())) == sorted(map(str, whole.n.tolist()))
    assert merged.weight.sum() == pytest.approx(whole.weight.sum())


@settings(deadline=None, max_examples=40)
@given(predictions())
def test_recall_of_a_class_is_the_specificity_against_it(one: Predictions) -> None:
    if one.task != "binary":
        return
    found = {(part.where["class"], part.metric): part for part in by_class(one, ["recall", "specificity"])}
    recall, specificity = found["a", "recall"], found["b", "specificity"]
    assert (recall.value is None, recall.n) == (specificity.value is None, specificity.n)
    if recall.value is not None:
        assert [recall.value, recall.low, recall.high] == pytest.approx(
            [specificity.value, specificity.low, specificity.high]
        )


@settings(deadline=None, max_examples=40)
@given(predictions(), predictions())
def test_pairing_never_breaks_and_mirrors(one: Predictions, other: Predictions) -> None:
    n = min(len(one), len(other))
    if one.task != other.task or n == 0:
        return
    first = one.take(np.arange(n))
    rival = other.take(np.arange(n))
    second = replace(first, y_pred=rival.y_pred, y_score=rival.y_score)
    for name in names_of(one):
        if name in ("calibration_error", "median_absolute_error"):
            continue
        a, b = paired_difference(first, second, name), paired_difference(second, first, name)
        assert (a.value is None) == (b.value is None), name
        if a.value is not None and b.value is not None and a.low is not None:
            assert [a.value, a.low, a.high] == pytest.approx([-b.value, -(b.high or 0), -(b.low or 0)], abs=1e-7), name


values = st.lists(st.floats(-100, 100), min_size=2, max_size=40)


@settings(deadline=None)
@given(values)
def test_plain_means_are_students(x: list[float]) -> None:
    array = np.array(x)
    found = mean(array)
    if np.ptp(array) < 1e-6:
        return
    assert found is not None
    assert found.value == pytest.approx(array.mean())
    assert found.high - found.value >= stats.sem(array) * stats.t.ppf(0.975, len(x) - 1) * (1 - 1e-9)
    assert variance(array - array.mean()).value == pytest.approx(array.var(ddof=1) / len(x))


@settings(deadline=None)
@given(values)
def test_clusters_of_one_row_are_no_clusters(x: list[float]) -> None:
    array = np.array(x) - np.mean(x)
    alone = Factor(codes=np.arange(len(x), dtype=np.int32), levels=tuple(map(str, range(len(x)))))
    assert variance(array, None, alone).value == pytest.approx(variance(array).value, rel=1e-6, abs=1e-12)
