"""The interval of a gap's change holds the truth as often as it says, near a gap of 0 as well."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from audit.data.factor import Factor
from audit.estimate.gaps import gap_change
from audit.evidence import Predictions

DRAWS = 150


def _answers(yes: npt.NDArray[np.bool_], group: npt.NDArray[np.int64]) -> Predictions:
    names = tuple("abcde"[: group.max() + 1])
    y = yes.astype(np.int64)
    return Predictions(
        task="binary", classes=("no", "yes"), y_true=np.arange(len(y)) % 2, y_pred=y, row=np.arange(len(y)),
        keys={"group": Factor(codes=group.astype(np.int32), levels=names)},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "kept"),
    [
        ((0.50, 0.50), (0.50, 0.50), 0.5),
        ((0.50, 0.55), (0.50, 0.50), 0.9),  # one linearization alone: 82 %
        ((0.40, 0.60), (0.50, 0.50), 0.5),
        ((0.40, 0.60), (0.45, 0.60), 0.8),
        ((0.40, 0.50, 0.60), (0.50, 0.50, 0.50), 0.5),  # alone: 91 %
    ],
)
def test_the_truth_is_inside_as_often_as_promised(
    before: tuple[float, ...], after: tuple[float, ...], kept: float
) -> None:
    generator = np.random.default_rng(7)
    group = np.arange(300 * len(before)) % len(before)
    first, second = np.array(before)[group], np.array(after)[group]
    truth = (max(before) - min(before)) - (max(after) - min(after))
    inside = 0
    for _ in range(DRAWS):
        lot = generator.random(len(group))
        again = np.where(generator.random(len(group)) < kept, lot, generator.random(len(group)))
        found = gap_change("gap_change", _answers(lot < first, group), _answers(again < second, group),
                           ["selection_rate"], ["group"])  # fmt: skip
        assert found.low is not None
        assert found.high is not None
        inside += found.low <= truth <= found.high
    assert inside / DRAWS >= 0.90  # 0.95, less 2.8 standard errors of so many draws


def test_a_wide_gap_has_the_interval_of_one_linearization() -> None:
    group = np.arange(800) % 2
    lot = np.random.default_rng(0).random(800)
    one, other = _answers(lot < np.where(group, 0.9, 0.1), group), _answers(lot < np.where(group, 0.8, 0.2), group)
    found = gap_change("gap_change", one, other, ["selection_rate"], ["group"])
    before, after = (np.asarray(part.y_pred, dtype=np.int64) for part in (one, other))
    moved = [(before - after)[group == code] for code in (0, 1)]
    spread = np.sqrt(sum(part.var() / len(part) for part in moved))
    assert found.high is not None
    assert found.value is not None
    assert found.high - found.value == pytest.approx(1.96 * spread, rel=0.03)
