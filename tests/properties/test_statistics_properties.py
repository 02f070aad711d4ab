"""What must hold for any predictions: row order, repetition, addition, mirrors, monotony."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from audit.data.factor import Factor
from audit.estimate.measure import by_class, by_group, differences, estimate, estimates, from_tally, ratios_to_highest
from audit.estimate.metrics import METRICS
from audit.estimate.paired import paired_difference
from audit.estimate.rates import RATES
from audit.estimate.tally import Tally, merge
from audit.evidence import Predictions, Settings
from audit.statistics.variance import mean, variance

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
            if found.metric == "brier_score":
                assert found.high <= (1 if one.task == "binary" else 2)


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


UNEVEN = ("calibration_error", "median_absolute_error")
"""Read off ordered rows or bins of rows, so that a weight of two is not quite a row twice."""


@settings(deadline=None, max_examples=60)
@given(predictions(), st.integers(0, 99))
def test_a_weight_of_two_is_a_row_twice_in_value_but_not_in_certainty(one: Predictions, seed: int) -> None:
    twice = np.random.default_rng(seed).random(len(one)) < 0.5
    plain = replace(one, cluster=None, weight=None)
    weighted = replace(plain, weight=np.where(twice, 2.0, 1.0))
    repeated = plain.take(np.repeat(np.arange(len(one)), 1 + twice))
    for name in names_of(one):
        if name in UNEVEN:
            continue
        a, b = estimate(weighted, name), estimate(repeated, name)
        assert (a.value is None) == (b.value is None), name
        if a.value is None or b.value is None:
            continue
        assert a.value == pytest.approx(b.value, rel=1e-7, abs=1e-9), name
        assert (a.n or 0) <= (b.n or 0)
        if name in RATES and a.low is not None and a.high is not None:
            assert a.high - a.low >= (b.high or 0) - (b.low or 0) - 1e-9, name


@settings(deadline=None, max_examples=60)
@given(predictions(), st.sampled_from([(0.8, 0.95), (0.95, 0.99)]))
def test_a_higher_level_holds_the_interval_of_a_lower_one(one: Predictions, levels: tuple[float, float]) -> None:
    for name in names_of(one):
        narrow, wide = (estimate(replace(one, settings=Settings(level=level)), name) for level in levels)
        assert narrow.value == wide.value
        if narrow.low is not None and wide.low is not None:
            assert wide.low <= narrow.low + 1e-9, name
            assert (wide.high or 0) >= (narrow.high or 0) - 1e-9, name


SAME_WHEN_SWAPPED = ("accuracy", "error_rate", "balanced_accuracy", "matthews_corrcoef", "cohen_kappa", "f1_macro",
                     "f1_weighted", "precision_macro", "roc_auc", "log_loss", "brier_score",
                     "calibration_slope")  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(predictions())
def test_naming_the_other_class_positive_changes_no_number_on_both(one: Predictions) -> None:
    if one.task != "binary" or one.y_score is None:
        return
    truth, given_ = (1 - codes.astype(np.int64) for codes in (one.y_true, one.y_pred))
    other = replace(one, classes=one.classes[::-1], y_true=truth, y_pred=given_, y_score=1 - one.y_score)
    for name in SAME_WHEN_SWAPPED:
        a, b = estimate(one, name), estimate(other, name)
        assert (a.value is None) == (b.value is None), name
        if a.value is not None and b.value is not None:
            assert [b.value, b.low or 0, b.high or 0] == pytest.approx(
                [a.value, a.low or 0, a.high or 0], rel=1e-6, abs=1e-6
            ), name


@settings(deadline=None, max_examples=40)
@given(predictions(), st.permutations(range(3)))
def test_the_order_of_classes_does_not_matter(one: Predictions, order: list[int]) -> None:
    if one.task != "multiclass" or one.y_score is None:
        return
    place = np.argsort(order)
    other = replace(
        one, classes=tuple(one.classes[k] for k in order), y_true=place[one.y_true.astype(np.intp)],
        y_pred=place[one.y_pred.astype(np.intp)], y_score=one.y_score[:, order],
    )  # fmt: skip
    for name in names_of(one):
        a, b = estimate(one, name), estimate(other, name)
        assert (a.value is None) == (b.value is None), name
        if a.value is not None and b.value is not None and name not in UNEVEN:
            assert [b.value, b.low or 0, b.high or 0] == pytest.approx(
                [a.value, a.low or 0, a.high or 0], rel=1e-6, abs=1e-6
            ), name


@settings(deadline=None, max_examples=40)
@given(predictions(), st.floats(0.01, 100), st.floats(-50, 50))
def test_errors_follow_the_unit_of_the_target(one: Predictions, factor: float, shift: float) -> None:
    if one.task != "regression":
        return
    y, p = (values.astype(np.float64) * factor + shift for values in (one.y_true, one.y_pred))
    for name in REGRESSION:
        a, b = estimate(one, name), estimate(replace(one, y_true=y, y_pred=p), name)
        power = {"r2_score": 0, "mean_squared_error": 2}.get(name, 1)
        assert (a.value is None) == (b.value is None), name
        if a.value is not None and b.value is not None:
            expected = [part * factor**power for part in (a.value, a.low or 0, a.high or 0)]
            assert [b.value, b.low or 0, b.high or 0] == pytest.approx(expected, rel=1e-5, abs=1e-6), name


@settings(deadline=None, max_examples=40)
@given(predictions(), st.integers(1, 4))
def test_estimates_of_merged_tallies_are_those_of_all_rows(one: Predictions, pieces: int) -> None:
    if one.task == "regression":
        return
    bare = replace(one, cluster=None, settings=Settings(suppress_n=0))
    names = ("accuracy", "balanced_accuracy", "cohen_kappa")
    place = np.arange(len(one)) % pieces
    merged = merge([Tally.of(bare.take(place == piece), "group") for piece in range(pieces)])
    rows = {(part.metric, part.where["group"]): part for part in by_group(bare, names, ["group"]) if part.n}
    for found in from_tally(merged, names, suppress_n=0):
        same = rows.get((found.metric, found.where["group"]))
        if same is None or same.value is None or found.value is None:
            continue
        assert [found.value, found.low, found.high, found.n] == pytest.approx(
            [same.value, same.low, same.high, same.n], abs=1e-9
        )


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 300), st.integers(30, 300)), min_size=3, max_size=8))
def test_one_more_group_never_brings_another_nearer_to_the_best(counts: list[tuple[int, int]]) -> None:
    rows = [
        Predictions(
            task="binary", classes=("no", "yes"), y_true=np.zeros(n, dtype=np.int64),
            y_pred=(np.arange(n) < min(found, n)).astype(np.int64), where={"group": str(place)},
        )
        for place, (found, n) in enumerate(counts)
    ]  # fmt: skip
    rates = [estimate(one, "selection_rate") for one in rows]
    before, after = ratios_to_highest(rates[:-1], 30), ratios_to_highest(rates, 30)
    for first, second in zip(before, after, strict=False):
        if None in (first.low, second.low, first.value, second.value):
            continue
        assert (second.value or 0) <= (first.value or 0) + 1e-12
        assert (second.low or 0) <= (first.low or 0) + 1e-12


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
