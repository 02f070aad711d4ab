"""Gaps among groups against shuffled groups."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from audit.data.factor import Factor
from audit.errors import DataError
from audit.estimate.chance import Chance, gap_against_chance, rows_needed_for_group
from audit.estimate.tally import Tally
from audit.evidence import Predictions
from audit.statistics.shuffles import shuffle_tables


def answers(rng: np.random.Generator, sizes: list[int], gap: float = 0.0) -> Predictions:
    codes = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)
    n = len(codes)
    y = (rng.random(n) < 0.4).astype(np.int64)
    chosen = (rng.random(n) < 0.3 + 0.3 * y - gap * (codes == 0)).astype(np.int64)
    keys = {"group": Factor(codes=codes, levels=tuple(f"g{place}" for place in range(len(sizes))))}
    return Predictions(task="binary", classes=("no", "yes"), y_true=y, y_pred=chosen, keys=keys, sensitive=("group",))


def test_shuffles_keep_both_margins() -> None:
    table = np.array([[5, 9, 0, 3], [2, 1, 0, 8], [10, 4, 0, 1]])
    drawn = shuffle_tables(table, 400, np.random.default_rng(0))
    assert (drawn.sum(2) == table.sum(1)).all()
    assert (drawn.sum(1) == table.sum(0)).all()
    assert drawn.min() >= 0


def test_shuffled_tables_have_hypergeometric_moments() -> None:
    table = np.array([[30, 10], [20, 40]])
    drawn = shuffle_tables(table, 20_000, np.random.default_rng(1))[:, 0, 0]
    n, good, taken = 100, 50, 40
    assert drawn.mean() == pytest.approx(taken * good / n, rel=0.01)
    assert drawn.var() == pytest.approx(taken * good / n * (1 - good / n) * (n - taken) / (n - 1), rel=0.05)


@pytest.mark.parametrize("sizes", [[250, 250], [400, 300, 200, 60, 40], [120] * 14])
def test_parity_keeps_the_level(sizes: list[int]) -> None:
    rng = np.random.default_rng(7)
    audits = 300
    found = [gap_against_chance(answers(rng, sizes), "group", generator=rng, permutations=199).p for _ in range(audits)]
    alarms = sum(p is not None and p <= 0.05 for p in found)
    assert alarms / audits <= 0.09
    assert np.mean([p or 0 for p in found]) == pytest.approx(0.5, abs=0.07)


def test_a_planted_gap_is_found() -> None:
    rng = np.random.default_rng(3)
    found = [
        gap_against_chance(answers(rng, [500, 500, 500], gap=0.15), "group", generator=rng, permutations=199)
        for _ in range(40)
    ]
    assert sum((one.p or 1) <= 0.05 for one in found) >= 36
    named = [gap.group for one in found for gap in one.gaps if gap.metric == "selection_rate"]
    assert named.count("g0") >= 36


def test_the_detectable_gap_is_found_four_times_in_five() -> None:
    rng = np.random.default_rng(5)
    names = ["selection_rate"]
    size = gap_against_chance(answers(rng, [400, 400]), "group", names, generator=rng).gaps[0].detectable
    hits = [
        gap_against_chance(answers(rng, [400, 400], gap=size), "group", names, generator=rng, permutations=199).p or 1
        for _ in range(150)
    ]
    assert 0.68 <= np.mean(np.array(hits) <= 0.05) <= 0.92


def test_rows_and_their_tally_agree() -> None:
    predictions = answers(np.random.default_rng(2), [100, 150, 80])
    one = gap_against_chance(predictions, "group", generator=np.random.default_rng(9))
    other = gap_against_chance(Tally.of(predictions, "group"), "group", generator=np.random.default_rng(9))
    assert (one.p, one.gaps) == (other.p, other.gaps)


def test_whole_clusters_are_shuffled() -> None:
    rng = np.random.default_rng(4)
    alarms = {True: 0, False: 0}
    for _ in range(60):
        group = np.repeat(rng.integers(0, 2, 40), 25).astype(np.int32)
        rate = np.repeat(rng.beta(1, 2, 40), 25)
        chosen = (rng.random(1000) < rate).astype(np.int64)
        cluster = Factor(codes=np.repeat(np.arange(40, dtype=np.int32), 25), levels=tuple(map(str, range(40))))
        for clustered in (True, False):
            part = Predictions(
                task="binary", classes=("no", "yes"), y_true=np.zeros(1000, dtype=np.int64), y_pred=chosen,
                keys={"group": Factor(codes=group, levels=("a", "b"))}, cluster=cluster if clustered else None,
            )  # fmt: skip
            found = gap_against_chance(part, "group", ["selection_rate"], generator=rng, permutations=99)
            alarms[clustered] += (found.p or 1) <= 0.05
    assert alarms[True] <= 8
    assert alarms[False] > 25


def weighted(rng: np.random.Generator, sizes: list[int], gap: float = 0.0, *, spread: float = 1.0) -> Predictions:
    """Weights of very unequal size, three times as large on average in the first group."""
    part = answers(rng, sizes, gap)
    first = part.keys["group"].codes == 0
    return replace(part, weight=np.exp(spread * rng.normal(size=len(part))) * np.where(first, 3.0, 1.0))


@pytest.mark.parametrize("sizes", [[300, 300], [400, 300, 200, 60, 40]])
def test_weights_keep_the_level_under_parity(sizes: list[int]) -> None:
    rng = np.random.default_rng(17)
    found = [gap_against_chance(weighted(rng, sizes), "group", generator=rng, permutations=199) for _ in range(300)]
    p = [one.p or 0 for one in found]
    assert np.mean(np.array(p) <= 0.05) <= 0.09
    assert np.mean(p) == pytest.approx(0.5, abs=0.08)
    assert all("weights" in one.method for one in found)


def test_weighted_gaps_are_found_and_weighed() -> None:
    rng = np.random.default_rng(18)
    part = weighted(rng, [800, 800, 800], gap=0.2)
    found = gap_against_chance(part, "group", generator=rng)
    codes, weight = part.keys["group"].codes, np.asarray(part.weight)
    rates = [float(np.average(part.y_pred[codes == k], weights=weight[codes == k])) for k in range(3)]
    selection = found.gaps[0]
    assert selection.metric == "selection_rate"
    assert selection.value == pytest.approx(max(rates) - min(rates))
    assert selection.group == "g0"
    assert (found.p or 1) < 0.01


def test_a_gap_that_only_weights_show_is_found() -> None:
    """Both groups select half of their rows; in one of them the selected rows stand for nine times as many."""
    chosen = np.tile([0, 1], 300)
    group = np.repeat([0, 1], 300).astype(np.int32)
    part = Predictions(
        task="binary", classes=("no", "yes"), y_true=np.tile([0, 0, 1, 1], 150), y_pred=chosen,
        keys={"group": Factor(codes=group, levels=("a", "b"))},
        weight=np.where((group == 1) & (chosen == 1), 9.0, 1.0),
    )  # fmt: skip
    found = gap_against_chance(part, "group", ["selection_rate"], generator=np.random.default_rng(0))
    assert found.gaps[0].value == pytest.approx(0.4)
    assert (found.p or 1) < 0.01
    bare = gap_against_chance(
        replace(part, weight=None), "group", ["selection_rate"], generator=np.random.default_rng(0)
    )
    assert bare.p == 1.0


def test_equal_weights_are_no_weights() -> None:
    part = answers(np.random.default_rng(2), [100, 150, 80])
    same = replace(part, weight=np.full(330, 2.5))
    found = [gap_against_chance(one, "group", generator=np.random.default_rng(9)) for one in (part, same)]
    assert found[0].p == found[1].p
    for one, other in zip(found[0].gaps, found[1].gaps, strict=True):
        assert (one.value, one.detectable) == pytest.approx((other.value, other.detectable))


def test_rows_of_weight_zero_take_no_part() -> None:
    part = answers(np.random.default_rng(2), [100, 150, 80])
    kept = np.arange(330) % 4 > 0
    found = [
        gap_against_chance(one, "group", generator=np.random.default_rng(9))
        for one in (replace(part, weight=kept.astype(np.float64)), part.take(kept))
    ]
    assert (found[0].n, found[0].p) == (found[1].n, found[1].p)
    nothing = gap_against_chance(replace(part, weight=np.zeros(330)), "group", generator=np.random.default_rng(9))
    assert (nothing.p, nothing.reason) == (None, "all weights are 0")


def test_weighted_clusters_keep_the_level() -> None:
    rng = np.random.default_rng(19)
    p = []
    for _ in range(120):
        group = np.repeat(rng.integers(0, 2, 60), 10).astype(np.int32)
        chosen = (rng.random(600) < np.repeat(rng.beta(1, 2, 60), 10)).astype(np.int64)
        part = Predictions(
            task="binary", classes=("no", "yes"), y_true=np.zeros(600, dtype=np.int64), y_pred=chosen,
            keys={"group": Factor(codes=group, levels=("a", "b"))}, weight=np.exp(rng.normal(size=600)),
            cluster=Factor(codes=np.repeat(np.arange(60, dtype=np.int32), 10), levels=tuple(map(str, range(60)))),
        )  # fmt: skip
        found = gap_against_chance(part, "group", ["selection_rate"], generator=rng, permutations=99)
        assert found.method == "99 shuffles of whole clusters"
        p.append(found.p or 1)
    assert np.mean(np.array(p) <= 0.05) <= 0.11
    assert np.mean(p) == pytest.approx(0.5, abs=0.09)


def test_clusters_across_groups_are_a_reason() -> None:
    predictions = answers(np.random.default_rng(2), [100, 100])
    cluster = Factor(codes=(np.arange(200) % 20).astype(np.int32), levels=tuple(map(str, range(20))))
    found = gap_against_chance(replace(predictions, cluster=cluster), "group", generator=np.random.default_rng(0))
    assert found.p is None
    assert "rows of several groups" in found.reason


def errors(rng: np.random.Generator, n: int, gap: float = 0.0) -> Predictions:
    codes = rng.integers(0, 4, n).astype(np.int32)
    y = rng.normal(size=n)
    return Predictions(
        task="regression", y_true=y, y_pred=y + rng.normal(size=n) + gap * (codes == 1),
        keys={"group": Factor(codes=codes, levels=tuple("abcd"))},
    )  # fmt: skip


def test_regression_keeps_the_level_and_finds_gaps() -> None:
    rng = np.random.default_rng(8)
    found = [gap_against_chance(errors(rng, 400), "group", generator=rng, permutations=99).p or 0 for _ in range(200)]
    assert np.mean(np.array(found) <= 0.05) <= 0.095
    planted = gap_against_chance(errors(rng, 2000, gap=0.5), "group", generator=rng)
    assert (planted.p or 1) < 0.01
    assert [gap.group for gap in planted.gaps if gap.metric == "mean_error"] == ["b"]


def test_very_many_rows_use_the_normal_limit() -> None:
    rng = np.random.default_rng(8)
    found = gap_against_chance(errors(rng, 120_000), "group", generator=rng, permutations=1000)
    exact = gap_against_chance(errors(rng, 20_000), "group", generator=rng, permutations=1000)
    assert "normal limit" in found.method
    for one, other in zip(found.gaps, exact.gaps, strict=True):
        assert one.expected * np.sqrt(6) == pytest.approx(other.expected, rel=0.1)


def test_regression_counts_weights_and_clusters() -> None:
    rng = np.random.default_rng(21)
    p: dict[str, list[float]] = {"weights": [], "clusters": [], "rows": []}
    for _ in range(120):
        codes = np.repeat(rng.integers(0, 3, 50), 8).astype(np.int32)
        shared = np.repeat(rng.normal(size=50), 8) + 0.3 * rng.normal(size=400)
        part = Predictions(
            task="regression", y_true=np.zeros(400), y_pred=shared,
            keys={"group": Factor(codes=codes, levels=tuple("abc"))},
        )  # fmt: skip
        cluster = Factor(codes=np.repeat(np.arange(50, dtype=np.int32), 8), levels=tuple(map(str, range(50))))
        weight = np.exp(rng.normal(size=400))
        free = errors(rng, 400)
        for name, one in (
            ("weights", replace(free, weight=weight)),
            ("clusters", replace(part, cluster=cluster, weight=weight)),
            ("rows", part),
        ):
            p[name].append(gap_against_chance(one, "group", generator=rng, permutations=99).p or 0)
    alarms = {name: float(np.mean(np.array(found) <= 0.05)) for name, found in p.items()}
    assert alarms["weights"] <= 0.11
    assert alarms["clusters"] <= 0.11
    assert alarms["rows"] > 0.4


def test_estimates_say_what_was_found() -> None:
    found = gap_against_chance(
        answers(np.random.default_rng(2), [100, 150]), "group", generator=np.random.default_rng(0)
    )
    by_name = {(one.metric, one.where.get("metric", "")): one for one in found.estimates()}
    p = by_name["gap_p_value", ""]
    assert p.value == found.p
    assert (p.unit, dict(p.where)) == ("p-value", {"feature": "group"})
    assert {name for name, _ in by_name} == {
        "gap_p_value", "gap_p_value_by_metric", "gap", "gap_by_chance", "detectable_gap",
    }  # fmt: skip


def test_nothing_to_compare_is_a_reason() -> None:
    alone = gap_against_chance(
        answers(np.random.default_rng(2), [100, 10]), "group", generator=np.random.default_rng(0)
    )
    assert (alone.p, alone.gaps) == (None, ())
    assert alone.estimates()[0].reason == "fewer than two groups of 30 rows"
    assert isinstance(alone, Chance)
    constant = answers(np.random.default_rng(2), [100, 100])
    none = gap_against_chance(
        Predictions(task="binary", classes=("no", "yes"), y_true=np.zeros(200, dtype=np.int64),
                    y_pred=np.zeros(200, dtype=np.int64), keys=constant.keys),
        "group", generator=np.random.default_rng(0),
    )  # fmt: skip
    assert none.p == 1.0
    assert [gap.metric for gap in none.gaps] == ["selection_rate", "false_positive_rate", "error_rate"]


def test_unknown_features_and_metrics_are_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(DataError, match="grouping column"):
        gap_against_chance(answers(rng, [50, 50]), "race", generator=rng)
    with pytest.raises(DataError, match="cannot be compared"):
        gap_against_chance(errors(rng, 100), "group", ["r2_score"], generator=rng)


def test_rows_needed_follow_the_catalogue() -> None:
    assert rows_needed_for_group(0.3) == int(np.ceil((1.959964 + 0.841621) ** 2 * 0.21 / 0.01))
    assert rows_needed_for_group(0.3, gap=0.05) > 3.9 * rows_needed_for_group(0.3)
    assert rows_needed_for_group(0.0) == 0


@pytest.mark.parametrize("clustered", [False, True])
def test_many_classes_are_shuffled_as_right_and_wrong(clustered: bool) -> None:
    """The rates of a task with many classes see two kinds of cells, so 2,000 shuffles of 40,000 cells are not drawn."""
    rng = np.random.default_rng(0)
    rows, classes = 2000, 200
    true = rng.integers(0, classes, rows)
    wrong = rng.random(rows) < 0.3
    group = Factor.of(rng.choice(["a", "b", "c"], rows).tolist())
    many = Predictions(
        task="multiclass", classes=tuple(map(str, range(classes))), y_true=true, y_pred=(true + wrong) % classes,
        keys={"group": group}, cluster=Factor.of(list(range(rows))) if clustered else None,
    )  # fmt: skip
    two = replace(many, task="binary", classes=("right", "wrong"), y_true=np.zeros(rows), y_pred=wrong.astype(np.int64))
    tracemalloc.start()
    found = gap_against_chance(many, "group", generator=np.random.default_rng(1), permutations=500)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    same = gap_against_chance(two, "group", ["error_rate"], generator=np.random.default_rng(1), permutations=500)
    assert (found.p, found.gaps[0].value) == (same.p, same.gaps[0].value)
    assert peak < 100e6
