"""What decisions cost, and what the threshold that was chosen elsewhere would cost, against numbers by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import audit
from audit.checks.decision_costs import cheapest_threshold, decision_costs
from audit.config.configuration import read_config, settings_of
from audit.costs import Costs
from audit.data.factor import Factor
from audit.errors import ConfigError, NotApplicable
from audit.estimate.thresholds import mean_of_changes
from audit.evidence import Predictions, Settings
from reports.record import AuditRecord, Curve, Estimate, Table

COSTS = Costs(false_positive=1, false_negative=5)


def answers(
    rows: int = 4000, seed: int = 0, cut: float = 0.5, costs: Costs | None = COSTS, sensitive: bool = False
) -> Predictions:
    """Calibrated scores cut at `cut`; the cheapest threshold is that of the costs."""
    rng = np.random.default_rng(seed)
    score = rng.uniform(size=rows)
    y = (rng.uniform(size=rows) < score).astype(np.int64)
    return Predictions(
        task="binary", classes=("no", "yes"), y_true=y, y_pred=(score >= cut).astype(np.int64), y_score=score,
        probabilities=True, row=np.arange(rows), settings=Settings(costs=costs), sensitive=("sex",) * sensitive,
        keys={"split": Factor.constant("test", rows), "sex": Factor.of(["f", "m"] * (rows // 2))},
    )  # fmt: skip


def by_metric(found: audit.Measurement) -> dict[str, Estimate]:
    return {one.metric: one for one in found.estimates if set(one.where) == {"split"}}


def test_the_cost_of_ten_rows_by_hand() -> None:
    """Four right, two alarms at 1, three misses at 5, one hit that earns 2: (2 + 15 - 2) / 10."""
    y = np.array([0, 0, 0, 0, 0, 0, 1, 1, 1, 1])
    called = np.array([0, 0, 0, 0, 1, 1, 0, 0, 0, 1])
    costs = Costs(false_positive=1, false_negative=5, true_positive=-2)
    test = Predictions(
        task="binary", classes=("no", "yes"), y_true=y, y_pred=called, settings=Settings(costs=costs),
        keys={"split": Factor.constant("test", 10)},
    )  # fmt: skip
    (cost,) = decision_costs(test).estimates
    assert cost.metric == "expected_cost"
    assert cost.value == pytest.approx(1.5)
    assert cost.low is not None
    assert cost.high is not None
    assert -2 < cost.low < 1.5 < cost.high < 5


def test_weights_count_by_hand() -> None:
    """One miss at 5 of weight 3, one alarm at 1 of weight 1, four right rows of weight 1: 16 / 8."""
    test = Predictions(
        task="binary", classes=("no", "yes"), y_true=np.array([1, 0, 0, 0, 1, 1, 0]),
        y_pred=np.array([0, 1, 0, 0, 1, 1, 1]), weight=np.array([3.0, 1, 1, 1, 1, 1, 0]),
        settings=Settings(costs=COSTS), keys={"split": Factor.constant("test", 7)},
    )  # fmt: skip
    (cost,) = decision_costs(test).estimates
    assert cost.value == pytest.approx(2.0)
    assert cost.n == 6


def test_the_cheapest_threshold_is_the_cheapest_there_is() -> None:
    test = answers(300)
    score = np.asarray(test.y_score)
    chosen = cheapest_threshold(test, COSTS)

    def paid(threshold: float) -> float:
        return float(COSTS.by_row(test.y_true, np.greater_equal(score, threshold)).mean())

    assert paid(chosen) == pytest.approx(min(paid(one) for one in [*score, 2.0]))


def test_calling_nobody_positive_may_be_cheapest() -> None:
    test = answers(400, costs=(costs := Costs(false_positive=1000, false_negative=1)))
    assert cheapest_threshold(replace(test, y_score=1 - np.asarray(test.y_score)), costs) == np.inf
    found = decision_costs(replace(test, y_score=1 - np.asarray(test.y_score)))
    assert "above all scores" in found.summary


def test_a_threshold_by_the_costs_is_cheaper_and_the_sentence_says_so() -> None:
    """Scores are uniform and right: at 1/2 a decision costs 3/4, at 1/6 it costs 5/12 (integrals by hand)."""
    found = decision_costs(answers(40_000))
    told = by_metric(found)
    assert told["expected_cost"].value == pytest.approx(0.75, abs=0.02)
    assert told["expected_cost_chosen"].value == pytest.approx(5 / 12, abs=0.02)
    assert told["expected_cost_change"].value == pytest.approx(5 / 12 - 0.75, abs=0.02)
    assert (told["expected_cost_change"].high or 0) < 0
    assert "cheaper" in found.summary
    assert any("0.167" in note for note in found.notes)


def test_at_the_best_threshold_a_chosen_one_is_hardly_ever_called_cheaper() -> None:
    clear = sum(
        (by_metric(decision_costs(answers(400, seed=seed, cut=1 / 6)))["expected_cost_change"].high or 0) < 0
        for seed in range(200)
    )
    assert clear <= 10


def test_the_change_covers_what_it_says() -> None:
    """Rare changes at unequal costs: the mean change of 200 rows holds the truth about as often as it says."""
    rng = np.random.default_rng(3)
    steps, chances = np.array([-5.0, 0.0, 1.0]), np.array([0.01, 0.94, 0.05])
    truth = float(steps @ chances)
    held = 0
    for _ in range(1000):
        drawn = rng.choice(steps, 200, p=chances)
        low, high = mean_of_changes([(np.maximum(drawn, 0.0), 1.0), (np.minimum(drawn, 0.0), 5.0)])[1:]
        held += low <= truth <= high
    assert 0.93 <= held / 1000 <= 0.995


def test_groups_pay_by_the_same_thresholds() -> None:
    test = answers(sensitive=True)
    found = decision_costs(test)
    (change,) = [one for one in found.estimates if one.metric == "expected_cost_change" and one.where.get("sex") == "f"]
    whole = by_metric(found)["expected_cost_change"]
    other = next(one for one in found.estimates if one.metric == "expected_cost_change" and one.where.get("sex") == "m")
    assert ((change.value or 0) + (other.value or 0)) / 2 == pytest.approx(whole.value)


def test_small_groups_leave_no_count() -> None:
    test = answers(600, sensitive=True)
    sex = Factor.of(["x"] * 6 + ["f", "m"] * 297)
    found = decision_costs(replace(test, keys={**test.keys, "sex": sex}))
    hidden = [one for one in found.estimates if one.where.get("sex") == "x"]
    assert len(hidden) == 2
    assert all(one.value is None and one.n is None for one in hidden)


def test_clusters_widen_the_interval() -> None:
    test = answers(400)
    again = test.take(np.repeat(np.arange(400), 4))
    clustered = replace(again, cluster=Factor.of([str(k) for k in np.repeat(np.arange(400), 4)]))
    plain, grouped = (by_metric(decision_costs(one))["expected_cost"] for one in (again, clustered))
    widths = [(one.high or 0) - (one.low or 0) for one in (plain, grouped)]
    assert widths[1] > 1.7 * widths[0]


def test_table_and_curve_tell_the_threshold_in_use() -> None:
    found = decision_costs(answers())
    curve = next(one for one in found.exhibits if isinstance(one, Curve))
    table = next(one for one in found.exhibits if isinstance(one, Table))
    assert curve.series[0].mark is not None
    assert curve.series[0].mark[0] == 0.5
    assert table.rows[0][0] == "0.5 (in use)"
    assert table.rows[1][0] == "above all scores"


def test_without_costs_or_with_one_class_there_is_nothing_to_say() -> None:
    with pytest.raises(NotApplicable, match=r"\[costs\]"):
        decision_costs(answers(costs=None))
    test = answers(100)
    with pytest.raises(NotApplicable, match="one class"):
        decision_costs(replace(test, y_true=np.ones(100, dtype=np.int64)))
    with pytest.raises(NotApplicable, match="not finite"):
        decision_costs(replace(test, y_score=np.full(100, np.nan)))
    constant = decision_costs(replace(test, y_score=np.full(100, 0.5)))
    assert by_metric(constant)["expected_cost"].value is not None


# --- how costs are declared -----------------------------------------------------------------------

HEAD = '[data]\ntest = "t.csv"\ntarget = "y"\nscore = "s"\n'


@pytest.mark.parametrize(
    ("costs", "said"),
    [
        ("false_positive = 1", "'false_negative' is missing"),
        ("false_positive = 1\nfalse_negativ = 5", "Did you mean 'false_negative'"),
        ('false_positive = 1\nfalse_negative = "5"', "expected a valid number"),
        ("false_positive = 1\nfalse_negative = inf", "finite"),
        ("false_positive = true\nfalse_negative = 1", "expected a valid number"),
        ("false_positive = -1\nfalse_negative = 5", "cheaper than the right decision"),
        ("false_positive = 0\nfalse_negative = 0", "all thresholds cost the same"),
    ],
)
def test_costs_are_read_strictly(tmp_path: Path, costs: str, said: str) -> None:
    (tmp_path / "audit.toml").write_text(f"{HEAD}[costs]\n{costs}\n")
    with pytest.raises(ConfigError, match=said.replace("[", r"\[")):
        read_config(tmp_path / "audit.toml")


def test_costs_reach_the_settings(tmp_path: Path) -> None:
    (tmp_path / "audit.toml").write_text(f"{HEAD}[costs]\nfalse_positive = 1\nfalse_negative = 5\n")
    config = read_config(tmp_path / "audit.toml")
    assert settings_of(config, tmp_path).costs == COSTS
    assert config.as_json()["costs"] == {
        "false_positive": 1, "false_negative": 5, "true_positive": 0.0, "true_negative": 0.0,
    }  # fmt: skip


def frame(task: str = "binary") -> pd.DataFrame:
    test = answers(400)
    y = test.y_true if task == "binary" else np.arange(400) % 3
    return pd.DataFrame({"x": test.y_score, "target": y, "s": test.y_score, "p": test.y_pred})


def test_from_python_costs_are_a_mapping() -> None:
    record = audit.run(
        test=frame(), task="binary", positive=1, score="s", prediction="p", checks=["decision_costs"],
        costs={"false_positive": 1, "false_negative": 5},
    )  # fmt: skip
    assert record.findings[0].outcome == "measured"
    with pytest.raises(ConfigError, match="Did you mean 'false_positive'"):
        audit.run(test=frame(), task="binary", score="s", costs={"false_positiv": 1, "false_negative": 5})
    with pytest.raises(ConfigError, match="needs false_positive and false_negative"):
        audit.run(test=frame(), task="binary", score="s", costs={"false_positive": 1})
    with pytest.raises(ConfigError, match="this task is multiclass"):
        audit.run(test=frame("multiclass"), task="multiclass", prediction="p", costs=COSTS)


def test_a_gate_may_ask_for_a_cost(judged: Callable[..., AuditRecord]) -> None:
    gate = (
        '[[gate]]\nid = "cost"\ncheck = "decision_costs"\nmetric = "expected_cost_change"\n'
        'where = { split = "test" }\nop = ">="\nthreshold = -0.1\nseverity = "error"\n'
    )
    record = judged("decision_costs", gate, None, frame().rename(columns={"target": "y"}), positive=1, score="s")
    assert [one.outcome for one in record.verdicts] == ["not_assessed"]  # no costs are declared
