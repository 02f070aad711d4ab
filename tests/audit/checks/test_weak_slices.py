"""SLICE001: slices searched on one half and confirmed on the other."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from audit.checks.weak_slices import _secret, _Weak, to_overall, weak_slices
from audit.data.dataset import Roles, build
from audit.data.factor import Factor
from audit.evidence import Predictions, Settings
from audit.slices.conditions import Column, Condition, inside
from audit.statistics.intervals import Span, wilson
from reports.record import AuditRecord, Verdict

GATE = """
[[gate]]
id = "slice001"
check = "weak_slices"
metric = "slice_error_ratio"
where = { split = "test", slice = "*" }
op = "<="
threshold = 1.5
"""
Judged = Callable[..., AuditRecord]
Failing = Callable[[AuditRecord], list[Verdict]]
Hit = Callable[[pd.DataFrame], pd.Series]
PLAIN = {"positive": 1, "prediction": "answer"}


def table(rows: int, hit: Hit, times: float, seed: int = 0, base: float = 0.1) -> pd.DataFrame:
    """Answers wrong in `base` of the rows, in those that are hit `times` as often."""
    generator = np.random.default_rng(seed)
    frame = pd.DataFrame(generator.normal(size=(rows, 4)), columns=list("abcd"))
    frame["age"] = generator.integers(18, 80, rows)
    frame["region"] = generator.choice(["north", "south", "east", "west"], rows)
    frame["sex"] = generator.choice(["f", "m"], rows)
    wrong = generator.uniform(size=rows) < base * np.where(hit(frame), times, 1.0)
    frame["y"] = generator.integers(0, 2, rows)
    return frame.assign(answer=np.where(wrong, 1 - frame["y"], frame["y"]))


def young_north(frame: pd.DataFrame) -> pd.Series:
    return (frame["age"] <= 35) & (frame["region"] == "north")


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("times", [5.0, 3.0])
def test_a_planted_slice_fails_and_is_named(judged: Judged, failing: Failing, times: float, seed: int) -> None:
    found = failing(judged("weak_slices", GATE, None, table(8000, young_north, times, seed), **PLAIN))
    assert found
    assert all("region = north" in one.where["slice"] and "age up to" in one.where["slice"] for one in found)


@pytest.mark.parametrize("seed", range(5))
def test_no_slice_and_a_near_miss_do_not_fail(judged: Judged, failing: Failing, seed: int) -> None:
    for times in (1.0, 1.3):
        assert not failing(judged("weak_slices", GATE, None, table(3000, young_north, times, seed), **PLAIN))


@pytest.mark.parametrize("seed", range(3))
def test_what_both_halves_find_is_confirmed_on_all_rows(judged: Judged, failing: Failing, seed: int) -> None:
    frame = table(1000, lambda rows: rows["region"] == "north", 6.0, seed)
    (found,) = failing(judged("weak_slices", GATE, None, frame, **PLAIN))
    assert found.where["slice"] == "region = north"
    assert found.estimate is not None
    assert found.estimate.n == (frame["region"] == "north").sum()


def test_three_conditions(judged: Judged, failing: Failing) -> None:
    frame = table(12_000, lambda f: young_north(f) & (f["a"] > 0), 6.0)
    (found,) = failing(judged("weak_slices", GATE, None, frame, **PLAIN))
    words = found.where["slice"]
    assert "region = north" in words
    assert "age up to" in words
    assert "a over" in words


def test_a_sensitive_feature_is_named_as_such(judged: Judged, failing: Failing) -> None:
    frame = table(6000, lambda f: f["sex"] == "f", 20.0, base=0.02)
    (found,) = failing(judged("weak_slices", GATE, None, frame, sensitive=("sex",), **PLAIN))
    assert found.where["slice"] == "sex (sensitive) = f"


def test_missing_values_are_a_condition(judged: Judged, failing: Failing) -> None:
    frame = table(6000, lambda f: f["a"] > 1.0, 4.0)
    frame.loc[frame["a"] > 1.0, "a"] = np.nan
    (found,) = failing(judged("weak_slices", GATE, None, frame, **PLAIN))
    assert found.where["slice"] == "a is missing"


@pytest.mark.parametrize(("times", "count"), [(2.5, 1), (1.0, 0)])
def test_regression_uses_the_mean_squared_error(judged: Judged, failing: Failing, times: float, count: int) -> None:
    frame = table(6000, young_north, 1.0).assign(y=lambda f: f["b"])
    off = np.where(young_north(frame), times, 1.0) * np.random.default_rng(0).normal(size=len(frame))
    frame["answer"] = frame["y"] + off
    found = failing(judged("weak_slices", GATE, None, frame, task="regression", prediction="answer"))
    assert len(found) == count


def test_false_alarms_are_rare() -> None:
    """With the same error everywhere no slice may be told to err clearly more: here over 1.2 times."""
    alarms = 0
    for seed in range(40):
        frame = table(1200, young_north, 1.0, seed, base=0.2)
        made = weak_slices(predictions(frame), build({"test": frame}, Roles(target="y", positive=1)))
        alarms += any((one.low or 0.0) > 1.2 for one in made.estimates if one.metric == "slice_error_ratio")
    assert alarms <= 2


def predictions(frame: pd.DataFrame, weight: np.ndarray | None = None) -> Predictions:
    return Predictions(
        task="binary", classes=("0", "1"), y_true=frame["y"].to_numpy(), y_pred=frame["answer"].to_numpy(),
        keys={"split": Factor.constant("test", len(frame))}, row=np.arange(len(frame)), weight=weight,
    )  # fmt: skip


def test_the_ratio_to_the_overall_error_covers() -> None:
    generator, hits = np.random.default_rng(0), 0
    for _ in range(400):
        a, b = generator.binomial(200, 0.3), generator.binomial(800, 0.1)
        span = to_overall(Span(a / 200, *wilson(a, 200)[:2]), Span(b / 800, *wilson(b, 800)[:2]), 0.2)
        hits += span.low <= 0.3 / 0.14 <= span.high
    assert 370 <= hits <= 395


@pytest.mark.parametrize(
    ("own", "rest"), [(Span(0.5, 0.4, 0.6), Span(0.0, 0.0, 0.01)), (Span(0.0, 0.0, 0.1), Span(0.2, 0.1, 0.3))]
)
def test_the_ratio_at_the_edge(own: Span, rest: Span) -> None:
    span = to_overall(own, rest, 0.25)
    assert 0 <= span.low <= span.value <= span.high <= 4 + 1e-9


def test_odd_tables(judged: Judged) -> None:
    frame = table(300, young_north, 1.0).assign(
        flat=1.0, empty=np.nan, day=pd.date_range("2026-01-01", periods=300), flag=True,
        number=np.random.default_rng(0).choice(["1", "2", "30"], 300), text="a long line of words, ever " * 3,
        many=[f"id{k}" for k in range(300)], huge=np.arange(300) * 1e300,
    )  # fmt: skip
    record = judged("weak_slices", GATE, None, frame, **PLAIN)
    assert record.findings[0].outcome == "measured", record.findings[0].reason
    assert judged("weak_slices", GATE, None, frame.head(20), **PLAIN).findings[0].outcome == "not_applicable"
    perfect = frame.assign(answer=frame["y"])
    assert judged("weak_slices", GATE, None, perfect, **PLAIN).findings[0].outcome == "not_applicable"
    wrong = frame.assign(answer=1 - frame["y"])
    assert {one.outcome for one in judged("weak_slices", GATE, None, wrong, **PLAIN).verdicts} <= {
        "pass",
        "inconclusive",
    }


def test_many_columns_are_capped_and_it_is_said(judged: Judged) -> None:
    frame = table(600, young_north, 5.0)
    wide = pd.DataFrame(np.random.default_rng(0).normal(size=(600, 300)), columns=[f"z{k}" for k in range(300)])
    record = judged("weak_slices", GATE, None, pd.concat([frame, wide], axis=1), **PLAIN)
    notes = record.findings[0].measurement.notes  # type: ignore[union-attr]
    assert any("of 307" in note for note in notes)


def test_weights_count_in_the_confirmation() -> None:
    frame = table(4000, young_north, 4.0)
    data = build({"test": frame}, Roles(target="y", positive=1))
    plain = weak_slices(predictions(frame), data).estimates[0]
    heavy = weak_slices(predictions(frame, np.where(young_north(frame), 3.0, 1.0)), data).estimates[0]
    assert plain.value is not None
    assert heavy.value is not None
    assert heavy.value < plain.value


def test_texts_are_sliced_by_what_they_are_about(judged: Judged, failing: Failing) -> None:
    generator = np.random.default_rng(0)
    topics = ["loan bank credit money account", "dog cat animal pet puppy", "rain snow sun wind storm"]
    topic = generator.integers(0, 3, 3000)
    texts = [" ".join(generator.choice(topics[one].split(), 6)) for one in topic]
    y = generator.integers(0, 2, 3000)
    wrong = generator.uniform(size=3000) < np.where(topic == 1, 0.4, 0.05)
    frame = pd.DataFrame({"text": texts, "y": y, "answer": np.where(wrong, 1 - y, y)})
    found = failing(judged("weak_slices", GATE, None, frame, gather={"clusters": {"clusters": 3}}, **PLAIN))
    assert found
    assert any(word in found[0].where["slice"] for word in topics[1].split())


def test_images_are_sliced_by_clusters(judged: Judged, failing: Failing) -> None:
    generator = np.random.default_rng(0)
    y = generator.integers(0, 2, 2000)
    pixels = generator.uniform(size=(2000, 36))
    pixels[:500, :18] += 3.0

    class Blind:
        classes_ = np.array([0, 1])
        input_shape_ = (1, 6, 6)

        def predict(self, X: np.ndarray) -> np.ndarray:
            values = np.asarray(X).reshape(len(X), -1)
            return np.where(values[:, :18].mean(axis=1) > 2, 0, np.rint(values[:, 35]).astype(int))

    pixels[:, 35] = np.where(generator.uniform(size=2000) < 0.95, y, 1 - y)
    frame = pd.DataFrame(pixels, columns=[f"p{k}" for k in range(36)]).assign(y=y)
    order = generator.permutation(2000)
    found = failing(
        judged(
            "weak_slices", GATE, Blind(), frame.take(order).reset_index(drop=True), positive=1,
            gather={"clusters": {"clusters": 4}},
        )
    )  # fmt: skip
    assert found


@pytest.mark.parametrize(("beside", "hidden"), [(0, set()), (1, {1}), (9, {1}), (10, set())])
def test_no_few_rows_are_told_by_two_slices(beside: int, hidden: set[int]) -> None:
    seen, wide = np.ones(400, dtype=np.bool_), np.arange(400) < 100
    narrow = np.arange(400) < 100 - beside
    column = Column(name="age", codes=np.arange(400) // 100, levels=("a", "b", "c", "d"))
    kept = [_Weak((Condition(0, 0, 0),), seen, rows, 1.0) for rows in (wide, narrow)]
    assert _secret(kept, [column], Settings(suppress_n=10)) == hidden


def test_no_few_rows_are_told_by_a_slice_and_what_is_around_it() -> None:
    seen, rows = np.ones(400, dtype=np.bool_), np.arange(400) < 95
    columns = [
        Column(name="sex", codes=(np.arange(400) >= 100).astype(np.int64), levels=("f", "m")),
        Column(name="age", codes=(np.arange(400) % 100 >= 95).astype(np.int64), levels=("young", "old")),
    ]
    conditions = (Condition(0, 0, 0), Condition(1, 0, 0))
    assert _secret([_Weak(conditions, seen, rows, 1.0)], columns, Settings(suppress_n=10)) == {0}, "five women are old"
    assert _secret([_Weak(conditions, seen, rows, 1.0)], columns, Settings(suppress_n=5)) == set()
    assert _secret([_Weak(conditions[:1], seen, np.arange(400) < 395, 1.0)], columns, Settings(suppress_n=10)) == {0}


@pytest.mark.parametrize(
    ("levels", "depth", "secret"),
    [((0, 0), 2, False), ((0, 1), 2, True), ((0, 0), 1, True), ((0, -1), 1, False)],
)
def test_a_slice_within_a_hidden_crossing_is_not_shown(levels: tuple[int, int], depth: int, secret: bool) -> None:
    """Nor is one of more sensitive features than are crossed: whether its rest is small was not looked at."""
    generator = np.random.default_rng(0)
    columns = [
        Column(name=f"{name} (sensitive)", codes=generator.integers(0, 2, 400), levels=("a", "b"), sensitive=name)
        for name in ("sex", "race")
    ]
    conditions = tuple(Condition(place, level, level) for place, level in enumerate(levels) if level >= 0)
    settings = Settings(suppressed=frozenset({frozenset({("sex", "a"), ("race", "b")})}), depth=depth)
    weak = _Weak(conditions, np.ones(400, dtype=np.bool_), inside(columns, conditions), 1.0)
    assert _secret([weak], columns, settings) == ({0} if secret else set())
