"""Groups compared with each other."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.data.factor import Factor
from audit.estimate.disparity import differences, extreme_difference, extremes, ratios_to, ratios_to_highest
from audit.estimate.measure import by_group
from audit.evidence import Predictions
from audit.statistics.intervals import Span, difference, ratio, wilson
from reports.record import Estimate


def rate(
    name: str, hits: int, n: int, *, metric: str = "selection_rate", feature: str = "race", **where: str
) -> Estimate:
    limits = wilson(hits, n)
    return Estimate(
        metric=metric, value=hits / n, low=limits.low, high=limits.high, n=n, method="wilson", unit="proportion",
        where={"split": "test", feature: name, **where},
    )  # fmt: skip


def nothing(name: str, reason: str = "no rows") -> Estimate:
    return Estimate(metric="selection_rate", value=None, n=None, where={"split": "test", "race": name}, reason=reason)


def test_differences_are_group_minus_reference_at_the_group() -> None:
    a, b = rate("a", 30, 100), rate("b", 50, 100)
    found = differences([a, b, nothing("c")], {"race": "b"})
    assert [(one.metric, one.where["race"]) for one in found] == [
        ("selection_rate_difference", "a"), ("selection_rate_difference", "c"),
    ]  # fmt: skip
    expected = difference(Span(0.3, a.low or 0, a.high or 0), Span(0.5, b.low or 0, b.high or 0))
    assert (found[0].value, found[0].low, found[0].high) == pytest.approx(tuple(expected))
    assert (found[0].unit, found[0].n, found[0].level) == ("difference", 100, 0.95)
    assert (found[1].value, found[1].reason) == (None, "no rows")


def test_metrics_and_classes_are_kept_apart() -> None:
    everyone = [
        rate(name, hits, 100, metric=metric, **{"class": class_})
        for metric, class_, name, hits in [
            ("recall", "x", "a", 10), ("recall", "x", "b", 20), ("recall", "y", "a", 80), ("recall", "y", "b", 60),
            ("precision", "x", "a", 50), ("precision", "x", "b", 50),
        ]
    ]  # fmt: skip
    found = differences(everyone, {"race": "b"})
    assert [(one.metric, one.where["class"], round(one.value or 0, 6)) for one in found] == [
        ("recall_difference", "x", -0.1), ("recall_difference", "y", 0.2), ("precision_difference", "x", 0.0),
    ]  # fmt: skip
    ratios = ratios_to_highest(everyone, 30)
    assert [round(one.value or 0, 6) for one in ratios] == [0.5, 1.0, 1.0, 0.75, 1.0, 1.0]


def test_a_missing_or_suppressed_reference_is_a_reason() -> None:
    assert differences([rate("a", 1, 20)], {"race": "b"})[0].reason == "the reference group was not measured"
    found = differences([rate("a", 1, 20), nothing("b", "fewer than 10 rows: suppressed")], {"race": "b"})
    assert found[0].reason == "the reference group has no value: fewer than 10 rows: suppressed"
    assert "above 0" in ratios_to([rate("a", 1, 20), rate("b", 0, 20)], {"race": "b"})[0].reason


def test_ratios_to_a_reference_are_mover_ratios() -> None:
    a, b = rate("a", 30, 100), rate("b", 50, 100)
    found = ratios_to([a, b], {"race": "b"})[0]
    expected = ratio(Span(0.3, a.low or 0, a.high or 0), Span(0.5, b.low or 0, b.high or 0))
    assert expected is not None
    assert (found.value, found.low, found.high) == pytest.approx(tuple(expected))
    assert (found.metric, found.unit) == ("selection_rate_ratio", "ratio")


groups = st.lists(
    st.integers(30, 400).flatmap(lambda n: st.tuples(st.integers(1, n), st.just(n))), min_size=2, max_size=6
)


@given(groups)
def test_the_ratio_to_the_highest_is_at_most_one_and_held(counts: list[tuple[int, int]]) -> None:
    everyone = [rate(f"g{place}", k, n) for place, (k, n) in enumerate(counts)]
    best = max(k / n for k, n in counts)
    for one, (k, n) in zip(ratios_to_highest(everyone, 30), counts, strict=True):
        assert one.value == pytest.approx(k / n / best)
        assert one.low is not None
        assert one.high is not None
        assert 0 <= one.low <= (one.value or 0) <= one.high <= 1


@given(groups)
def test_order_of_groups_does_not_matter(counts: list[tuple[int, int]]) -> None:
    everyone = [rate(f"g{place}", k, n) for place, (k, n) in enumerate(counts)]
    forward = {one.where["race"]: one for one in ratios_to_highest(everyone, 30)}
    backward = {one.where["race"]: one for one in ratios_to_highest(everyone[::-1], 30)}
    for name, one in forward.items():
        assert one.value == backward[name].value
        assert [one.low, one.high] == pytest.approx([backward[name].low, backward[name].high])


def test_two_groups_give_the_plain_interval() -> None:
    a, b = rate("a", 30, 100), rate("b", 50, 100)
    found, expected = ratios_to_highest([a, b], 30)[0], ratios_to([a, b], {"race": "b"})[0]
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_a_small_group_with_the_highest_rate_is_named_and_nothing_passes_by_leaving_it_out() -> None:
    for tiny_hits, tiny_n in ((26, 29), (10, 12)):
        tiny, big, other = rate("tiny", tiny_hits, tiny_n), rate("big", 500, 1000), rate("other", 190, 400)
        found = {one.where["race"]: one for one in ratios_to_highest([tiny, big, other], 30)}
        assert found["tiny"].value == found["tiny"].high == 1.0
        for name, own in (("big", 0.5), ("other", 0.475)):
            assert found[name].value == pytest.approx(own * tiny_n / tiny_hits)
            assert (found[name].low or 1) < 0.8 < (found[name].high or 0) <= 1
            assert f"highest group 'tiny' has {tiny_n} rows" in found[name].reason


def test_a_small_group_proves_nobody_worse_but_a_large_one_does() -> None:
    tiny, big, poor = rate("tiny", 26, 29), rate("big", 500, 1000), rate("poor", 100, 1000)
    found = {one.where["race"]: one for one in ratios_to_highest([tiny, big, poor], 30)}
    assert (found["poor"].high or 1) < 0.3
    assert found["poor"].value == pytest.approx(0.1 * 29 / 26)
    modest = {one.where["race"]: one for one in ratios_to_highest([rate("tiny", 3, 12), big, poor], 30)}
    assert modest["big"].value == 1.0
    assert not modest["big"].reason
    assert modest["tiny"].value == pytest.approx(0.5)


@pytest.mark.parametrize("compare", [differences, ratios_to])
def test_a_reference_of_few_rows_gives_no_interval_and_is_named(
    compare: Callable[[list[Estimate], dict[str, str], int], tuple[Estimate, ...]],
) -> None:
    (found,) = compare([rate("a", 30, 100), rate("b", 10, 20)], {"race": "b"}, 30)
    assert found.value is not None
    assert (found.low, found.high) == (None, None)
    assert found.reason == "the reference group 'b' has 20 rows, fewer than 30"


def test_no_best_no_ratio() -> None:
    assert "above 0" in ratios_to_highest([rate("a", 0, 50), rate("b", 0, 50)], 30)[0].reason
    assert "large enough" in ratios_to_highest([rate("a", 5, 50), rate("b", 0, 5)], 30)[0].reason
    assert ratios_to_highest([nothing("a"), rate("b", 2, 50)], 30)[0].reason == "no rows"


def test_the_extreme_difference_can_reach_zero() -> None:
    same = [rate(f"g{place}", 30 + place, 100) for place in range(5)]
    found = extreme_difference(same, 30)
    assert found is not None
    assert found.value == pytest.approx(0.04)
    assert found.low == 0.0
    assert dict(found.where) == {"split": "test"}
    apart = extreme_difference([rate("a", 10, 200), rate("b", 150, 200), rate("c", 100, 200)], 30)
    assert apart is not None
    assert 0.5 < (apart.low or 0) < 0.7 < (apart.high or 0)
    assert extreme_difference(same[:1], 30) is None
    assert extreme_difference(same, 1000) is None


def test_parity_raises_no_alarm_over_fourteen_groups() -> None:
    """The four-fifths rule on points trips in nearly all audits of 14 equal groups; its interval in few."""
    rng = np.random.default_rng(11)
    audits = 300
    alarms = points = 0
    for _ in range(audits):
        everyone = [rate(f"g{place}", int(rng.binomial(n, 0.3)), n) for place, n in enumerate([60] * 7 + [600] * 7)]
        found = ratios_to_highest(everyone, 30)
        points += any((one.value or 1) < 0.8 for one in found)
        alarms += any((one.high or 1) < 0.8 for one in found)
    assert points / audits > 0.8
    assert alarms / audits <= 0.05


def test_fairlearn_has_the_same_extreme_differences() -> None:
    metrics = pytest.importorskip("fairlearn.metrics")
    rng = np.random.default_rng(5)
    group, y, told = rng.choice(["a", "b", "c"], 900), rng.integers(0, 2, 900), rng.integers(0, 2, 900)
    answers = Predictions(task="binary", classes=("no", "yes"), y_true=y, y_pred=told, keys={"race": Factor.of(group)})
    names = ("selection_rate", "true_positive_rate", "false_positive_rate")
    found = {one.metric: one for one in extremes(by_group(answers, names, ("race",)), "race", 30)}
    for name in ("demographic_parity_difference", "equalized_odds_difference"):
        expected = getattr(metrics, name)(y, told, sensitive_features=group)
        assert found[name].value == pytest.approx(expected)
        assert (found[name].low or 0) <= expected <= (found[name].high or 0)
