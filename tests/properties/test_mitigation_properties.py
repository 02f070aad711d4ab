"""What must hold for the report of any mitigation, and for its weights and cuts."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.dummy import DummyClassifier

from audit.checks.mitigation import mitigation
from audit.data.dataset import Roles, build
from audit.data.factor import Factor
from audit.evidence import Mitigated, Perturbed, Predictions, Settings, join
from audit.mitigation.candidates import cell_weights
from audit.mitigation.constraints import constraint
from audit.mitigation.preparation import prepare
from audit.mitigation.rules import Scored, best_cuts, cut_for_rate
from audit.models.load import wrap
from reports.mitigation import people
from reports.record import AuditRecord, DataInfo, Environment, Estimate, ModelInfo

GROUPS = ("f", "m", "d")


@st.composite
def mitigated(draw: st.DrawFn) -> Mitigated:
    """Answers of two or three groups, before and after, of any size that has rows of each."""
    generator = np.random.default_rng(draw(st.integers(0, 10**6)))
    rows, groups = draw(st.integers(90, 240)), draw(st.integers(2, 3))
    group = np.sort(np.arange(rows) % groups)
    y, before, after = (generator.integers(0, 2, rows) for _ in range(3))
    after = np.where(generator.random(rows) < draw(st.floats(0, 1)), after, before)
    keys = {
        "split": Factor.of(["test"] * rows),
        "sex": Factor(codes=group.astype(np.int32), levels=GROUPS[:groups]),
    }
    one = Predictions(
        task="binary", classes=("no", "yes"), y_true=y, y_pred=before, keys=keys, sensitive=("sex",),
        row=np.arange(rows), settings=Settings(suppress_n=1, favorable="yes"),
    )  # fmt: skip
    return _of(one, after)


def _of(before: Predictions, after: np.ndarray) -> Mitigated:
    arms = join([before, replace(before, y_pred=after)], "variant", ["none", "mitigated"])
    return Mitigated(
        method="thresholds", constraint="demographic-parity", words="how often", rates=("selection_rate",), higher=True,
        features=("sex",), arms=Perturbed(predictions=arms), reads_group=True, read_before=(),
    )  # fmt: skip


def _known(case: Mitigated) -> dict[tuple[str, str, str], Estimate]:
    """Return the estimates by metric, group and outcome."""
    return {
        (one.metric, one.where.get("sex", ""), one.where.get("class", "")): one for one in mitigation(case).estimates
    }


def _counts(case: Mitigated) -> Counter[tuple[str, str, str]]:
    pair = case.before_and_after
    names = np.array(pair.before.keys["sex"].levels)[pair.before.keys["sex"].codes]
    truth = np.array(pair.before.classes)[pair.before.y_true]
    moved = {
        "gained": (pair.before.y_pred == 0) & (pair.after.y_pred == 1),
        "lost": (pair.before.y_pred == 1) & (pair.after.y_pred == 0),
        "rows": np.ones(len(truth), dtype=np.bool_),
    }
    return Counter(
        (name, *person) for name, rows in moved.items() for person in zip(names[rows], truth[rows], strict=True)
    )


@given(mitigated())
def test_gained_and_lost_add_up_to_the_changed_decisions(case: Mitigated) -> None:
    known = _known(case)
    for group in case.arms.predictions.keys["sex"].levels:
        changed = known["churn", group, ""]
        shares = [known[name, group, outcome] for name in ("gained", "lost") for outcome in ("no", "yes")]
        assert sum((one.value or 0.0) * (one.n or 0) for one in shares) == pytest.approx(
            (changed.value or 0.0) * (changed.n or 0)
        )


@given(mitigated())
def test_rows_of_1000_in_words_are_those_that_were_counted(case: Mitigated) -> None:
    record = AuditRecord(
        tool="modelassay", created="2026-01-01T00:00:00+00:00", seed=0, task="binary", findings=(),
        environment=Environment(), model=ModelInfo(name="m", kind="k", format="object"),
        data=DataInfo(target="y", favorable="yes"),
    )  # fmt: skip
    counts = _counts(case)
    lines = people(record, mitigation(case).estimates)
    assert lines
    for line in lines:
        parts = re.fullmatch(r"Of 1,000 with sex (\w) whose outcome was (\w+): (\d+) more .*, (\d+) get .*", line)
        assert parts is not None
        group, outcome, gained, lost = parts.groups()
        for name, count in (("gained", gained), ("lost", lost)):
            share = counts[name, group, outcome] / counts["rows", group, outcome]
            assert abs(int(count) - 1000 * share) <= 0.5 + 1e-9


@given(mitigated(), st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(case: Mitigated, random: object) -> None:
    pair = case.before_and_after
    order = np.arange(len(pair.before))
    random.shuffle(order)  # type: ignore[attr-defined]  # of hypothesis
    again = _of(pair.before.take(order), pair.after.y_pred[order])
    first, second = _known(case), _known(again)
    assert first.keys() == second.keys()
    for address, estimate in first.items():
        assert second[address].value == pytest.approx(estimate.value)
        assert second[address].low == pytest.approx(estimate.low)


@given(mitigated())
def test_who_is_harmed_does_not_depend_on_which_class_is_called_positive(case: Mitigated) -> None:
    pair = case.before_and_after
    turned = replace(pair.before, classes=("yes", "no"), y_true=1 - pair.before.y_true, y_pred=1 - pair.before.y_pred)
    first, second = _known(case), _known(_of(turned, 1 - pair.after.y_pred))
    for address, estimate in first.items():
        if address[0] in ("gained", "lost", "gap_before", "gap_after", "better_off_loss", "worse_off_gain"):
            assert second[address].value == pytest.approx(estimate.value)


@given(mitigated())
def test_what_one_outcome_gains_the_other_loses(case: Mitigated) -> None:
    pair = case.before_and_after
    unfavorable = replace(pair.before, settings=replace(pair.before.settings, favorable="no"))
    first, second = _known(case), _known(_of(unfavorable, pair.after.y_pred))
    for (metric, group, outcome), estimate in first.items():
        if metric == "gained":
            assert second["lost", group, outcome].value == pytest.approx(estimate.value)
    assert second["gap_before", "", ""].value == pytest.approx(first["gap_before", "", ""].value)


@given(st.integers(0, 10**6), st.booleans(), st.floats(0.25, 3.0))
def test_weights_are_above_0_with_mean_1_and_part_group_from_outcome(seed: int, weighted: bool, power: float) -> None:
    generator = np.random.default_rng(seed)
    rows = 120
    frame = pd.DataFrame({"x": 0.0, "sex": generator.choice(GROUPS, rows), "y": generator.choice(["no", "yes"], rows)})
    frame.loc[:5, ["sex", "y"]] = [(group, outcome) for group in GROUPS for outcome in ("no", "yes")]
    roles = Roles(
        target="y", task="binary", positive="yes", sensitive=("sex",), features=("x",), weight="n" if weighted else None
    )
    frame["n"] = generator.integers(1, 5, rows).astype(float)
    parts = {"train": frame, "validation": frame, "test": frame}
    model = wrap(DummyClassifier().fit(frame[["x"]], frame["y"]))
    bench = prepare(
        build(parts, roles), model, constraint("demographic-parity", "binary"), Settings(), feature="", seed=0
    )
    train = bench.rows("train")
    weight, count = cell_weights(bench, train, power), bench.weight(train)
    assert (weight > 0).all()
    assert weight.sum() == pytest.approx(count.sum())
    whole = frame.assign(weight=cell_weights(bench, train, 1.0))
    rate = whole[whole["y"] == "yes"].groupby("sex")["weight"].sum() / whole.groupby("sex")["weight"].sum()
    assert rate.to_numpy() == pytest.approx(np.full(3, count[frame["y"] == "yes"].sum() / count.sum()))


@given(st.integers(0, 10**6), st.sampled_from([5, 50, 399, 400, 1000]), st.floats(0, 1))
def test_the_control_selects_as_many_as_are_asked_within_one_row(seed: int, rows: int, rate: float) -> None:
    score = np.random.default_rng(seed).random(rows)
    cut = cut_for_rate(score, np.ones(rows), rate)
    assert abs((score >= cut).sum() - rate * rows) <= 1 + 1e-9


@given(st.integers(0, 10**6), st.floats(0, 0.3))
def test_cuts_do_not_depend_on_the_order_of_rows(seed: int, width: float) -> None:
    generator = np.random.default_rng(seed)
    rows = Scored(
        generator.random(90).round(2),
        generator.random(90) < 0.5,
        np.arange(90) % 3,
        generator.integers(1, 4, 90).astype(np.float64),
    )
    first, second = (
        best_cuts(part, np.where(part.earned, 0.6, -0.4), 3, ["selection_rate"], width, 0.6)
        for part in (rows, rows.take(generator.permutation(90)))
    )
    assert first == pytest.approx(second)
