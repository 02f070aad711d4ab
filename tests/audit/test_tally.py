"""The count table: adding, selecting, resampling."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.data.factor import Factor
from audit.errors import DataError
from audit.estimate.counting import from_counts
from audit.estimate.tally import Tally, merge
from audit.evidence import Predictions


def answers(seed: int, n: int = 60, *, classes: int = 2, weighted: bool = False) -> Predictions:
    rng = np.random.default_rng(seed)
    weight = rng.exponential(size=n).round(2) if weighted else None
    return Predictions(
        task="binary" if classes == 2 else "multiclass",
        classes=tuple("abcdef"[:classes]),
        y_true=rng.integers(0, classes, n),
        y_pred=rng.integers(0, classes, n),
        weight=weight,
        keys={
            "sex": Factor(codes=rng.integers(-1, 2, n).astype(np.int32), levels=("f", "m")),
            "race": Factor(codes=rng.integers(0, 3, n).astype(np.int32), levels=("x", "y", "z", "none")),
        },
    )


Canon = dict[tuple[tuple[str, str], ...], tuple[list[int], list[float], list[float]]]


def canon(tally: Tally) -> Canon:
    return {
        tuple(sorted(address.items())): (
            n.reshape(-1).tolist(), weight.reshape(-1).round(9).tolist(), weight2.reshape(-1).round(9).tolist(),
        )
        for address, n, weight, weight2 in zip(tally.addresses(), tally.n, tally.weight, tally.weight2, strict=True)
    }  # fmt: skip


seeds = st.integers(0, 10_000)


@given(seeds, st.booleans())
def test_cells_count_the_rows_at_their_address(seed: int, weighted: bool) -> None:
    predictions = answers(seed, weighted=weighted)
    tally = Tally.of(predictions, "sex", "race")
    for address, n, weight in zip(tally.addresses(), tally.n, tally.weight, strict=True):
        part = predictions.select(**address)
        kept = part.take(part.weight > 0) if part.weight is not None else part
        assert n.sum() == len(kept)
        assert n[1, 0] == int(((kept.y_true == 1) & (kept.y_pred == 0)).sum())
        assert weight.sum() == pytest.approx(n.sum() if kept.weight is None else kept.weight.sum())


@given(seeds, seeds, seeds)
def test_adding_is_associative_and_commutative(a: int, b: int, c: int) -> None:
    one, two, three = (Tally.of(answers(seed, weighted=True), "sex", "race") for seed in (a, b, c))
    assert canon((one + two) + three) == canon(one + (two + three))
    assert canon(one + two) == canon(two + one)


@given(seeds, st.integers(1, 59), st.booleans())
def test_chunks_add_up_to_the_whole(seed: int, cut: int, weighted: bool) -> None:
    whole = answers(seed, weighted=weighted)
    parts = [whole.take(np.arange(0, cut)), whole.take(np.arange(cut, len(whole)))]
    assert canon(merge([Tally.of(part, "sex", "race") for part in parts])) == canon(Tally.of(whole, "sex", "race"))


@given(seeds)
def test_row_order_does_not_matter(seed: int) -> None:
    whole = answers(seed, weighted=True)
    mixed = whole.take(np.random.default_rng(seed).permutation(len(whole)))
    assert canon(Tally.of(mixed, "sex")) == canon(Tally.of(whole, "sex"))


@given(seeds)
def test_groups_add_up_to_fewer_keys(seed: int) -> None:
    whole = answers(seed)
    assert canon(Tally.of(whole, "race", "sex").by("sex")) == canon(Tally.of(whole, "sex"))
    assert Tally.of(whole, "race").by().rows().tolist() == [len(whole)]


def test_levels_join_in_order_of_appearance() -> None:
    one = answers(1)
    other = Predictions(
        task="binary", classes=("a", "b"), y_true=np.array([0]), y_pred=np.array([1]),
        keys={"sex": Factor.of(["other"]), "race": Factor.of(["y"])},
    )  # fmt: skip
    joined = Tally.of(one, "sex") + Tally.of(other, "sex")
    assert joined.levels == (("f", "m", "other"),)
    assert joined.select(sex="other").n.sum() == 1


def test_selecting_writes_the_address() -> None:
    tally = Tally.of(answers(3).select(race="x"), "sex")
    chosen = tally.select(sex="f")
    assert dict(chosen.where) == {"race": "x", "sex": "f"}
    assert len(tally.select(sex="nobody")) == 0


def test_wide_crossings_stay_sparse() -> None:
    rng = np.random.default_rng(0)
    n, levels = 500, tuple(str(number) for number in range(2000))
    keys = {name: Factor(codes=rng.integers(0, 2000, n).astype(np.int32), levels=levels) for name in ("a", "b", "c")}
    predictions = Predictions(
        task="binary", classes=("n", "y"), y_true=rng.integers(0, 2, n), y_pred=rng.integers(0, 2, n), keys=keys
    )
    tally = Tally.of(predictions, "a", "b", "c")
    assert len(tally) <= n
    assert tally.rows().sum() == n
    assert canon(tally.by("a")) == canon(Tally.of(predictions, "a"))


@pytest.mark.parametrize("name", ["accuracy", "recall", "matthews_corrcoef"])
def test_the_bootstrap_has_the_spread_of_resampled_rows(name: str) -> None:
    rng = np.random.default_rng(5)
    whole = answers(6, n=200)
    tally = Tally.of(whole)
    drawn = tally.resample(name, 3000, rng)[:, 0]
    cell = 2 * whole.y_true.astype(np.int64) + whole.y_pred.astype(np.int64)
    rows = np.stack([np.bincount(rng.choice(cell, 200), minlength=4) for _ in range(3000)])
    direct = from_counts(name, rows.reshape(-1, 2, 2))
    assert drawn.std() == pytest.approx(direct.std(), rel=0.06)
    assert drawn.mean() == pytest.approx(float(tally.metric(name)[0]), abs=0.01)


def test_a_weighted_bootstrap_keeps_mean_weights() -> None:
    tally = Tally.of(answers(7, n=4000, weighted=True))
    drawn = tally.draw(500, np.random.default_rng(0))
    assert drawn.mean(0) == pytest.approx(tally.weight, rel=0.02)


def test_an_empty_table_stays_empty() -> None:
    empty = Tally.of(answers(1).take(np.zeros(60, dtype=bool)), "sex")
    assert len(empty) == 0
    assert empty.by().n.sum() == 0
    assert empty.draw(3, np.random.default_rng(0)).shape == (3, 0, 2, 2)
    assert np.isnan(empty.by().metric("accuracy")).all()


def test_mistakes_are_named() -> None:
    with pytest.raises(DataError, match="Did you mean 'sex'"):
        Tally.of(answers(1), "sx")
    with pytest.raises(DataError, match="cannot be added"):
        Tally.of(answers(1), "sex") + Tally.of(answers(1), "race")
    with pytest.raises(DataError, match="cannot be added"):
        Tally.of(answers(1)) + Tally.of(answers(1, classes=3))
    with pytest.raises(DataError, match="no tally"):
        merge([])
    with pytest.raises(DataError, match="no classes"):
        Tally.of(Predictions(task="regression", y_true=np.zeros(2), y_pred=np.zeros(2)))
    with pytest.raises(ValueError, match="expected"):
        Tally(keys=("a",), levels=(("x",),), classes=("n", "y"), codes=np.zeros((1, 1), dtype=np.int64),
              n=np.zeros((2, 2, 2), dtype=np.int64), weight=np.zeros((1, 2, 2)),
              weight2=np.zeros((1, 2, 2)))  # fmt: skip


def test_a_million_rows_are_counted_and_resampled_in_a_second() -> None:
    rng = np.random.default_rng(0)
    n = 1_000_000
    keys = {"group": Factor(codes=rng.integers(0, 20, n).astype(np.int32), levels=tuple(map(str, range(20))))}
    whole = Predictions(
        task="binary", classes=("n", "y"), y_true=rng.integers(0, 2, n), y_pred=rng.integers(0, 2, n), keys=keys
    )
    started = time.process_time()
    tally = Tally.of(whole, "group")
    draws = tally.draw(2000, rng)
    for name in ("accuracy", "recall", "precision", "selection_rate", "false_positive_rate"):
        assert from_counts(name, draws).shape == (2000, 20)
    assert time.process_time() - started < 1.0
