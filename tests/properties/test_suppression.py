"""No count of a small group can be solved for from what a record shows, by whatever subtraction."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from itertools import combinations, product
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

import modelassay
from audit.cli.compare import as_json, as_people
from audit.comparing.comparison import compare
from audit.comparing.pairing import unpack
from audit.data.factor import Factor
from audit.data.suppression import Address, groups_to_hide
from reports.formats import FORMATS, render
from reports.history import entry, page
from reports.record import AuditRecord, Task
from reports.store import dumps
from reports.text import lines

Array = npt.NDArray[np.float64]
Row = tuple[int, ...]
LEAST = 10
LETTERS = "abcd"
LEVELS = [f"a{k}" for k in range(12)]


class Shown:
    """Linear equations over groups of rows: each shown count is the sum of the crossings that it is made of."""

    def __init__(self, factors: Mapping[str, Factor]) -> None:
        self.factors = factors
        rows = list(zip(*(factor.codes.tolist() for factor in factors.values()), strict=True))
        self.atoms = sorted(set(rows))
        self.sizes = np.array([rows.count(atom) for atom in self.atoms], dtype=float)
        self.equations: list[Array] = [np.ones(len(self.atoms))]

    def part(self, where: Mapping[str, str]) -> Array:
        """Tell which crossings an address consists of; the level ``""`` stands for no value."""
        places = {name: at for at, name in enumerate(self.factors)}
        codes = {name: _code(self.factors[name], level) for name, level in where.items() if name in places}
        inside = [all(atom[places[name]] == code for name, code in codes.items()) for atom in self.atoms]
        return np.array(inside, dtype=float)

    def show(self, where: Mapping[str, str]) -> None:
        self.equations.append(self.part(where))

    def solved(self, depth: int) -> list[tuple[dict[str, str], int]]:
        """Return the groups of fewer than the least number of rows whose counts follow from what is shown."""
        known = np.unique(np.stack(self.equations), axis=0)
        found = []
        for where in self.addresses(depth):
            wanted = self.part(where)
            count = int(wanted @ self.sizes)
            if 0 < count < LEAST and follows(known, wanted):
                found.append((where, count))
        return found

    def addresses(self, depth: int) -> Iterator[dict[str, str]]:
        for size in range(1, depth + 1):
            for names in combinations(self.factors, size):
                for levels in product(*(self.factors[name].levels for name in names)):
                    yield dict(zip(names, levels, strict=True))


def _code(factor: Factor, level: str) -> int:
    return factor.levels.index(level) if level in factor.levels else -1


def follows(known: Array, wanted: Array) -> bool:
    combined, *_ = np.linalg.lstsq(known.T, wanted, rcond=None)
    return bool(np.abs(known.T @ combined - wanted).max() < 1e-7)


@st.composite
def columns(draw: st.DrawFn) -> dict[str, Factor]:
    """Draw a few sensitive features with thin levels, thin crossings and missing values."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows = draw(st.integers(20, 350))
    made = {}
    for name in LETTERS[: draw(st.integers(1, 3))]:
        levels = draw(st.integers(1, 6))
        share = generator.dirichlet(np.full(levels, draw(st.sampled_from([0.4, 1.0, 3.0]))))
        codes = generator.choice(levels, rows, p=share)
        missing = draw(st.sampled_from([0.0, 0.0, 0.02, 0.2]))
        codes = np.where(generator.random(rows) < missing, -1, codes)
        made[name] = Factor(codes=codes.astype(np.int32), levels=tuple(f"{name}{k}" for k in range(levels)))
    return made


def _is_shown(hidden: frozenset[Address], where: Mapping[str, str], count: int) -> bool:
    items = tuple(where.items())
    some = (frozenset(part) for size in range(1, len(items) + 1) for part in combinations(items, size))
    return count == 0 or (count >= LEAST and not any(part in hidden for part in some))


@given(columns(), st.integers(1, 3))
@settings(max_examples=80)
def test_no_small_count_follows_from_the_groups_that_may_be_shown(factors: dict[str, Factor], depth: int) -> None:
    depth = min(depth, len(factors))
    rows = len(next(iter(factors.values())))
    hidden = groups_to_hide(factors, LEAST, depth, [np.ones(rows, dtype=np.int64)])
    shown = Shown(factors)
    for where in shown.addresses(depth):
        if _is_shown(hidden, where, int(shown.part(where) @ shown.sizes)):
            shown.show(where)
    assert not shown.solved(depth)


@st.composite
def thin_levels(draw: st.DrawFn) -> dict[str, Factor]:
    """Draw a feature of two large levels and several of few rows."""
    sizes = [200, 60, *draw(st.lists(st.integers(1, 12), min_size=1, max_size=12))]
    codes = np.repeat(np.arange(len(sizes)), sizes).astype(np.int32)
    return {"a": Factor(codes=codes, levels=tuple(f"a{k}" for k in range(len(sizes))))}


@given(st.one_of(columns(), thin_levels()))
@settings(max_examples=60)
@example({"a": Factor(codes=np.repeat(np.arange(12), [200, 60, *[1] * 10]).astype(np.int32), levels=tuple(LEVELS))})
def test_no_small_count_is_bounded_to_one_number(factors: dict[str, Factor]) -> None:
    depth = min(2, len(factors))
    rows = len(next(iter(factors.values())))
    hidden = groups_to_hide(factors, LEAST, depth, [np.ones(rows, dtype=np.int64)])
    shown, present, small = Shown(factors), [], []
    for where in shown.addresses(depth):
        part = shown.part(where)
        count = int(part @ shown.sizes)
        if _is_shown(hidden, where, count):
            shown.show(where)
        elif count:
            present.append(part)  # it is named as hidden, so it has a row
            small += [part] if count < LEAST else []
    known = np.unique(np.stack(shown.equations), axis=0)
    for wanted in small:
        least, most = (_furthest(sign * wanted, known, known @ shown.sizes, present) for sign in (1, -1))
        assert most - least > 1 - 1e-6, (least, most)


def _furthest(wanted: Array, known: Array, counts: Array, present: Sequence[Array]) -> float:
    """Return the lowest sum of `wanted` that agrees with all that is shown; of its negative, the highest."""
    limits = -np.ones(len(present))
    solved = linprog(wanted, A_ub=-np.stack(present), b_ub=limits, A_eq=known, b_eq=counts, bounds=(0, None))
    assert solved.status == 0
    assert solved.fun is not None
    return abs(float(solved.fun))


@given(columns())
@settings(max_examples=20)
def test_what_is_hidden_of_one_split_is_hidden_of_all(factors: dict[str, Factor]) -> None:
    rows = len(next(iter(factors.values())))
    first = np.arange(rows) % 3 == 0
    parts = [first.astype(np.int64), (~first).astype(np.int64)]
    together = groups_to_hide(factors, LEAST, 2, parts)
    assert all(groups_to_hide(factors, LEAST, 1, [part]) <= together for part in parts)


@pytest.mark.parametrize(
    ("sizes", "hidden"),
    [
        ((215, 80, 5), {"l1", "l2"}),
        ((215, 80, 40), set()),
        ((292, 5, 3), {"l0", "l1", "l2"}),
        ((295, 5), {"l0", "l1"}),
        ((200, 80, 11, 6, 3), {"l2", "l3", "l4"}),
        ((200, 80, 11, 6, 5), {"l3", "l4"}),
        ((200, 50, *[1] * 10), {f"l{k}" for k in range(1, 12)}),
        ((200, 50, 9, 1), {"l1", "l2", "l3"}),
        ((300,), set()),
        ((7,), set()),
    ],
)
def test_the_smallest_groups_are_the_cover(sizes: Sequence[int], hidden: set[str]) -> None:
    codes = np.repeat(np.arange(len(sizes)), sizes).astype(np.int32)
    factor = Factor(codes=codes, levels=tuple(f"l{k}" for k in range(len(sizes))))
    found = groups_to_hide({"x": factor}, LEAST, 1, [np.ones(len(codes), dtype=np.int64)])
    assert {dict(one)["x"] for one in found} == hidden


def test_thousands_of_groups_take_moments() -> None:
    generator = np.random.default_rng(0)
    factors = {
        name: Factor(codes=generator.integers(0, k, 100_000, dtype=np.int32), levels=tuple(map(str, range(k))))
        for name, k in (("town", 2_000), ("sex", 2))
    }
    assert groups_to_hide(factors, 60, 2, [np.ones(100_000, dtype=np.int64)])


# --- what whole records show ------------------------------------------------------------------------


@cache
def audited(rows: int, sizes: tuple[int, ...], seed: int, *, task: Task = "binary") -> tuple[AuditRecord, pd.DataFrame]:
    """Audit kept answers of two splits, with groups of the sizes asked for among the test rows."""
    generator = np.random.default_rng(seed)
    frames = {}
    for split, scale in (("train", 2), ("test", 1)):
        race = np.repeat([f"r{k}" for k in range(len(sizes))], sizes)
        race = np.concatenate([race, np.full(max(rows - len(race), 0), "r0")])
        frame = pd.DataFrame({"race": np.tile(race, scale), "age": generator.normal(size=scale * len(race))})
        frame["sex"] = generator.choice(["f", "m", "x"], len(frame), p=[0.55, 0.43, 0.02])
        signal = frame["age"] + generator.normal(size=len(frame))
        frame["y"] = signal if task == "regression" else (signal > 0).astype(int)
        frame["p"] = frame["age"] if task == "regression" else 1 / (1 + np.exp(-2 * frame["age"]))
        frames[split] = frame
    chosen = [
        "group_performance", "disparities", "thin_group", "missing_values", "label_rate", "slice_gap", "weak_slices",
        "gap_against_chance", "decision_costs", "score_histogram", "roc_by_group", "group_calibration",
        "residual_disparities", "proxy_feature", "class_performance", "confusion", "duplicate_rows",
    ]  # fmt: skip
    columns_ = {"prediction": "p"} if task == "regression" else {"score": "p", "positive": 1}
    record = modelassay.run(
        test=frames["test"], train=frames["train"], target="y", sensitive=["race", "sex"], task=task, checks=chosen,
        costs=None if task == "regression" else {"false_positive": 1, "false_negative": 2}, **columns_,
    )  # fmt: skip
    return record, frames["test"]


def shown_addresses(data: object) -> Iterator[dict[str, str]]:
    """Yield the address of every number with a count or a value, wherever it stands in a record."""
    if isinstance(data, dict):
        where = data.get("where")
        told = data.get("n") is not None or data.get("value") is not None
        if isinstance(where, dict) and told and where.get("split") == "test":
            bound = str(data.get("metric", "")).startswith("missing_") and data.get("n") is None
            if not bound and "feature" not in where and "slice" not in where:
                yield where
        for one in data.values():
            yield from shown_addresses(one)
    elif isinstance(data, list):
        for one in data:
            yield from shown_addresses(one)


def factors_of(frame: pd.DataFrame) -> dict[str, Factor]:
    return {name: Factor.of(frame[name]) for name in ("race", "sex")}


@pytest.mark.parametrize(
    ("sizes", "task"),
    [((215, 80, 5), "binary"), ((150, 100, 44, 6), "binary"), ((200, 93, 7), "regression")],
)
def test_no_small_count_follows_from_a_record(sizes: tuple[int, ...], task: Task) -> None:
    record, test = audited(300, sizes, seed=3, task=task)
    data: dict[str, Any] = json.loads(dumps(record))
    shown = Shown(factors_of(test))
    for where in shown_addresses(data):
        shown.show({name: level for name, level in where.items() if name in shown.factors})
    for group in data["data"]["groups"]:
        if group["rows"] is not None:
            shown.show({group["feature"]: group["level"]})
    for feature, count in data["data"]["missing_sensitive"].items():
        if count is not None:
            shown.show({feature: ""})
    assert len(shown.equations) > 5, "something is shown"
    assert not shown.solved(2)


def test_kept_answers_tell_no_more_than_tables() -> None:
    record, test = audited(300, (215, 80, 5), seed=3, task="binary")
    assert record.pairing is not None
    shown = Shown(factors_of(test))
    for where in shown_addresses(json.loads(dumps(record))):
        shown.show({name: level for name, level in where.items() if name in shown.factors})
    kept = unpack(record.pairing, "binary", record.data.classes)
    codes = np.stack([kept.keys[name].codes for name in kept.sensitive])
    cells, counts = np.unique(codes, axis=1, return_counts=True)
    assert counts.min() >= LEAST
    for cell in cells.T.tolist():
        where = {
            name: kept.keys[name].levels[code] for name, code in zip(kept.sensitive, cell, strict=True) if code >= 0
        }
        if len(where) == len(kept.sensitive):
            shown.show(where)
    assert not shown.solved(2)


PIECES = re.compile(r"\n|</(?:tr|li|p|title|text|dd|figcaption)>|<br>")
NO_COUNTS = re.compile(
    r"<(?!testcase|skipped|failure)[^>]*>|fewer than 10 rows, or so few|fewer than 30 rows, or than 10"
    r"|r[0-2]|class(: |\": \")[01]|[A-Z]{3,4}\d{3}| (time|line)=\"\d+\""
)
"""Marks, rules, names and places, which hold digits that count no rows."""


@pytest.mark.parametrize("paired", [True, False])
def test_a_comparison_tells_no_more_than_its_records(paired: bool) -> None:
    record, test = audited(300, (215, 80, 5), seed=3, task="binary")
    before = record if paired else audited(300, (215, 80, 5), seed=4, task="binary")[0]
    comparison = compare(before, record)
    assert comparison.paired == paired
    shown = Shown(factors_of(test))
    for where in shown_addresses(json.loads(as_json(comparison))):
        shown.show({name: level for name, level in where.items() if name in shown.factors})
    assert len(shown.equations) > 5
    assert not shown.solved(2)
    for markdown in (False, True):
        for line in as_people(comparison, markdown=markdown, everything=True).splitlines():
            if re.search(r"\br[12]\b", line):
                assert not re.search(r"\d", NO_COUNTS.sub(" ", line)), line


def in_history(record: AuditRecord) -> str:
    return page([entry("audit", json.loads(dumps(record)))])


DRAWN: dict[str, Callable[[AuditRecord], str]] = {
    **{name: partial(render, name=name) for name in FORMATS},
    "the short edition": partial(render, name="html", edition="short"),
    "the page of a history": in_history,
    "a notebook": lambda record: record._repr_html_(),
    "a table": lambda record: str(record.to_frame().drop(columns=["level", "class"]).to_csv(index=False)),
    "every line of a terminal": lambda record: "\n".join(one.text for one in lines(record, everything=True)),
}


@pytest.mark.parametrize("draw", DRAWN.values(), ids=list(DRAWN))
def test_no_format_names_a_number_of_a_hidden_group(draw: Callable[[AuditRecord], str]) -> None:
    record, _ = audited(300, (215, 80, 5), seed=3, task="binary")
    drawn = draw(record)
    assert len(drawn) > 200
    for piece in PIECES.split(drawn):
        if re.search(r"\br[12]\b", piece):
            assert not re.search(r"\d", NO_COUNTS.sub(" ", piece)), piece[:400]


@pytest.mark.parametrize("name", ["html", "json", "junit", "a notebook", "a table"])
def test_the_same_pieces_name_numbers_of_a_group_that_is_shown(name: str) -> None:
    record, _ = audited(300, (215, 80, 40), seed=3, task="binary")
    pieces = [piece for piece in PIECES.split(DRAWN[name](record)) if re.search(r"\br1\b", piece)]
    assert any(re.search(r"\d", NO_COUNTS.sub(" ", piece)) for piece in pieces)
