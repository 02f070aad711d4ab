"""A change is split into the mix of rows and what happens within groups; the parts add up and their intervals hold."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt
import pytest

from audit.checks.drift_attribution import drift_attribution
from audit.checks.window_drift import window_drift
from audit.data.factor import Factor
from audit.estimate.attribution import attribute_change
from audit.evidence import Predictions, Repeats, Settings, Window, Windows

GROUPS = ("a", "b", "c")


def drawn(
    generator: np.random.Generator, rows: int, shares: tuple[float, ...], right: tuple[float, ...]
) -> Predictions:
    """Rows of groups with these shares, decided rightly as often as stated; scores differ by group."""
    code = generator.choice(len(shares), rows, p=shares)
    truth = generator.integers(0, 2, rows)
    hit = generator.random(rows) < np.array(right)[code]
    score = generator.beta(2, 2 + code)
    return Predictions(
        task="binary", classes=("no", "yes"), y_true=truth, y_pred=np.where(hit, truth, 1 - truth), y_score=score,
        probabilities=True, sensitive=("group",),
        keys={"group": Factor(codes=code.astype(np.int32), levels=GROUPS[: len(shares)])},
    )  # fmt: skip


def window(name: str, labeled: Predictions) -> Window:
    return Window(name=name, labeled=labeled, unlabeled=labeled.take(np.zeros(0, dtype=np.int64)))


def split_of(old: Predictions, new: Predictions, value: str = "accuracy") -> list[float]:
    return [one.value or 0.0 for one in attribute_change(old, new, value, "group", {})]


@pytest.mark.parametrize("value", ["accuracy", "decisions", "score"])
def test_mix_and_change_within_add_up_to_the_whole(value: str) -> None:
    generator = np.random.default_rng(0)
    old, new = drawn(generator, 900, (0.6, 0.4), (0.9, 0.6)), drawn(generator, 700, (0.2, 0.3, 0.5), (0.8, 0.7, 0.5))
    numbers: dict[str, list[npt.NDArray[np.float64]]] = {
        "accuracy": [(part.y_true == part.y_pred).astype(float) for part in (old, new)],
        "decisions": [part.y_pred.astype(float) for part in (old, new)],
        "score": [part.y_score if part.y_score is not None else np.zeros(0) for part in (old, new)],
    }
    before, after = (float(one.mean()) for one in numbers[value])
    assert sum(split_of(old, new, value)) == pytest.approx(after - before)


def test_the_intervals_hold() -> None:
    """Of 300 draws the truth lies in nearly 19 of 20 intervals, also where only the mix or only the groups move."""
    generator = np.random.default_rng(1)
    for shares, right in (((0.6, 0.4), (0.9, 0.6)), ((0.2, 0.8), (0.9, 0.6)), ((0.6, 0.4), (0.8, 0.6))):
        hits = np.zeros(2)
        p0, p1, m0, m1 = (np.array(one) for one in ((0.6, 0.4), shares, (0.9, 0.6), right))
        truth = float((p1 - p0) @ (m0 + m1)) / 2, float((p0 + p1) @ (m1 - m0)) / 2
        for _ in range(300):
            old, new = drawn(generator, 800, (0.6, 0.4), (0.9, 0.6)), drawn(generator, 500, shares, right)
            for place, one in enumerate(attribute_change(old, new, "accuracy", "group", {})):
                assert one.low is not None
                assert one.high is not None
                hits[place] += one.low <= truth[place] <= one.high
        assert (hits >= 273).all(), hits


def test_counted_rows_say_what_rows_say() -> None:
    generator = np.random.default_rng(2)
    old, new = drawn(generator, 900, (0.6, 0.4), (0.9, 0.6)), drawn(generator, 700, (0.2, 0.8), (0.8, 0.7))
    cells = []
    for part in (old, new):
        address = part.keys["group"].codes * 4 + part.y_true.astype(int) * 2 + part.y_pred.astype(int)
        n = np.bincount(address, minlength=8).astype(np.int64)
        group, true, predicted = np.indices((2, 2, 2)).reshape(3, -1)
        whole = n.astype(np.float64)
        cells.append(
            Predictions(
                task="binary",
                classes=("no", "yes"),
                y_true=true,
                y_pred=predicted,
                weight=whole,
                repeats=Repeats(n, whole),
                sensitive=("group",),
                keys={"group": Factor(codes=group.astype(np.int32), levels=GROUPS[:2])},
            )
        )
    by_rows = attribute_change(old, new, "accuracy", "group", {})
    for one, other in zip(by_rows, attribute_change(cells[0], cells[1], "accuracy", "group", {}), strict=True):
        assert (one.value, one.low, one.high) == pytest.approx((other.value, other.low, other.high), rel=1e-3, abs=1e-6)


def test_a_window_says_what_its_drift_comes_from() -> None:
    generator = np.random.default_rng(3)
    old, new = drawn(generator, 4000, (0.6, 0.4), (0.9, 0.6)), drawn(generator, 4000, (0.3, 0.7), (0.9, 0.6))
    windows = Windows(reference=window("r", old), recent=(window("w", new),))
    told = drift_attribution(windows)
    assert re.search(
        r"accuracy changed by −\d+(\.\d)? points, −\d+(\.\d)? points of it by another mix of group", told.summary
    )
    assert {one.where["of"] for one in told.estimates} == {"accuracy", "decisions", "score"}
    assert window_drift(windows).estimates
    hidden = frozenset({frozenset({("group", "a")})})
    old, new = (
        Predictions(**{**_fields(part), "settings": Settings(suppressed=hidden)})  # type: ignore[arg-type]
        for part in (old, new)
    )
    shy = drift_attribution(Windows(reference=window("r", old), recent=(window("w", new),)))
    assert {one.value for one in shy.estimates} == {None}


def _fields(part: Predictions) -> dict[str, object]:
    return {name: getattr(part, name) for name in part.__dataclass_fields__}
