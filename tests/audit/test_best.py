"""The best of many groups: the limits that all pairs give, without asking all pairs."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.estimate import best
from audit.estimate.best import against_best
from audit.estimate.comparing import span_of
from audit.statistics.intervals import Span, at_level, difference, ratio, wilson
from reports.record import Estimate

ROWS = st.sampled_from([2, 29, 31, 100, 1000])


@st.composite
def crossings(draw: st.DrawFn) -> list[Estimate]:
    made = []
    for place in range(draw(st.integers(1, 9))):
        rows = draw(ROWS)
        made.append(rate(draw(st.integers(0, rows)), rows, place))
    return made


def rate(count: int, rows: int, place: int) -> Estimate:
    low, high, *_ = wilson(count, rows)
    where = {"g": str(place)}
    return Estimate(metric="m", value=count / rows, low=low, high=high, n=rows, unit="proportion", where=where)


def limits_of_all_pairs(one: Estimate, peers: Sequence[Estimate], kind: str, highest: bool, min_n: int) -> list[float]:
    """Work out both limits from every pair, as Hsu's method says."""
    compare = difference if kind == "difference" else ratio
    sign = 1 if highest else -1
    others = [peer for peer in peers if peer is not one]
    large = [peer for peer in others if (peer.n or 0) >= min_n]
    bar = max(sign * (peer.value or 0) for peer in [*large, one])
    rivals = large + [peer for peer in others if peer not in large and sign * (peer.value or 0) > bar]
    level = 1 - 0.05 / max(len(large), 1)
    plain = [compare(span(one), span(peer)) or Span(0, 0, math.inf) for peer in rivals]
    strict = [compare(span(one, level), span(peer, level)) or Span(0, 0, math.inf) for peer in large]
    own = 1.0 if kind == "ratio" else 0.0
    if highest:
        return [min(made.low for made in plain), min([made.high for made in strict] + [own])]
    return [max([made.low for made in strict] + [own]), max(made.high for made in plain)]


def span(estimate: Estimate, level: float = 0.95) -> Span:
    made = span_of(estimate)
    assert made is not None
    return at_level(made, 0.95, level, "proportion")


@given(crossings(), st.sampled_from(["difference", "ratio"]), st.booleans(), st.sampled_from([0, 30, 500]))
def test_the_limits_are_those_of_all_pairs(groups: list[Estimate], kind: str, highest: bool, min_n: int) -> None:
    for one, made in zip(groups, against_best(groups, groups, kind, highest=highest, min_n=min_n), strict=True):
        if made.low is None or made.high is None or made.value is None:
            continue
        low, high = limits_of_all_pairs(one, groups, kind, highest, min_n)
        assert made.low == pytest.approx(min(low, made.value), abs=1e-12)
        assert made.high == pytest.approx(max(high, made.value), abs=1e-12)


@pytest.mark.parametrize("min_n", [0, 100])
def test_ten_times_the_groups_ask_for_little_more_than_ten_times_the_pairs(
    monkeypatch: pytest.MonkeyPatch, min_n: int
) -> None:
    asked = 0

    def counted(a: Span, b: Span) -> Span | None:
        nonlocal asked
        asked += 1
        return ratio(a, b)

    monkeypatch.setattr(best, "ratio", counted)
    counts = []
    for size in (200, 2_000):
        generator = np.random.default_rng(0)
        rows = generator.integers(30, 160, size)
        groups = [rate(int(generator.binomial(n, 0.4)), int(n), place) for place, n in enumerate(rows)]
        asked = 0
        against_best(groups, groups, "ratio", min_n=min_n)
        counts.append(asked)
    assert counts[1] < 25 * counts[0]
    assert counts[1] < 2_000**2 / 20
