"""Features of very many levels: the largest by name, the others together, every level ranked."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import audit
from audit.checks.level_ranking import level_ranking
from audit.config.loading import require_references
from audit.config.logs import MANY_ROWS
from audit.data.columns import MOST_LEVELS, NAMED, POOL
from audit.data.dataset import Roles, build
from audit.data.factor import Factor
from audit.errors import DataError
from audit.evidence import Predictions, Settings
from audit.statistics.intervals import holm
from reports import html
from reports.record import AuditRecord, Estimate, Json, Table

ROWS = 12_000


def table(levels: int = 300, rows: int = ROWS, *, bad: str = "", seed: int = 0, spread: float = 0.0) -> pd.DataFrame:
    """Make answers that err in a tenth of the rows, more by level, and in half of those of the level `bad`."""
    rng = np.random.default_rng(seed)
    place = rng.choice(levels, rows, p=(share := 1 / np.arange(20, levels + 20)) / share.sum())
    names = np.array([f"county {k}" for k in range(levels)])[place]
    truth = rng.random(rows) < 0.4
    error = np.clip(0.1 + rng.normal(scale=spread, size=levels)[place], 0.0, 1.0)
    wrong = rng.random(rows) < np.where(names == bad, 0.5, error)
    frame = pd.DataFrame(
        {"county": names, "sex": rng.choice(["f", "m"], rows), "truth": truth, "answer": truth ^ wrong}
    )
    return frame.replace({True: "yes", False: "no"})


def audited(frame: pd.DataFrame, **further: object) -> AuditRecord:
    return audit.run(
        test=frame, target="truth", positive="yes", favorable="yes", prediction="answer",
        sensitive=["county", "sex"], **further,  # type: ignore[arg-type]
    )  # fmt: skip


def estimates(record: AuditRecord) -> list[Estimate]:
    (finding,) = [one for one in record.findings if one.check == "level_ranking"]
    assert finding.measurement is not None, finding.reason
    return list(finding.measurement.estimates)


def test_the_largest_levels_are_named_and_the_others_are_one_group() -> None:
    frame = table()
    record = audited(frame, checks=["group_performance", "level_ranking"])
    told = {one.level: one.rows for one in record.data.groups if one.feature == "county"}
    counts = frame["county"].value_counts(sort=False).sort_index()
    largest = counts.sort_values(ascending=False, kind="stable").index[:NAMED]
    assert set(told) == {*largest, POOL}
    assert told[POOL] == ROWS - counts[largest].sum()
    assert sum(rows or 0 for rows in told.values()) == ROWS


def test_a_bad_level_that_is_not_among_the_largest_fails_by_name() -> None:
    record = audited(table(bad="county 60"), checks=["disparities", "level_ranking"])
    failed = [dict(one.where) for one in record.verdicts if one.gate == "FAIR005" and one.outcome == "fail"]
    assert failed == [{"split": "test", "county": "county 60"}]
    first = next(one for one in estimates(record) if one.metric == "error_rate_from_rest")
    assert first.where["county"] == "county 60"
    assert first.low is not None
    assert first.low > 0.05


def test_like_levels_do_not_fail() -> None:
    """Holm's promise over the levels: of 40 audits of 300 like levels, hardly one names a level."""
    wrong = 0
    for seed in range(40):
        record = audited(table(seed=seed, rows=6000), checks=["level_ranking"])
        wrong += any(one.outcome == "fail" for one in record.verdicts if one.gate.startswith("FAIR"))
    assert wrong <= 2


def test_spread_between_levels() -> None:
    alike, apart = (
        next(one for one in estimates(audited(table(spread=spread), checks=["level_ranking"])))
        for spread in (0.0, 0.05)
    )
    assert (alike.metric, alike.low) == ("error_rate_spread", 0.0)
    assert apart.low is not None
    assert apart.high is not None
    assert 0 < apart.low < 0.05 < apart.high


def answers(frame: pd.DataFrame, settings: Settings = Settings()) -> Predictions:  # noqa: B008 -- frozen
    places = Factor.of(frame["county"])
    return Predictions(
        task="binary", classes=("no", "yes"), y_true=(frame["truth"] == "yes").to_numpy().astype(int),
        y_pred=(frame["answer"] == "yes").to_numpy().astype(int), settings=settings, sensitive=("county",),
        keys={"split": Factor.constant("test", len(frame)), "county": places},
    )  # fmt: skip


def test_rates_and_p_values_are_those_of_the_rows() -> None:
    from audit.estimate.levels import gap_from_rest, levels_of

    frame = table(40)
    part = answers(frame)
    found = levels_of(part, part.keys["county"], "error_rate", least=2, level=0.95, hidden=frozenset())
    assert not isinstance(found, str)
    wrong = frame["truth"] != frame["answer"]
    by_hand = wrong.groupby(frame["county"]).mean()
    assert dict(zip(found.names(), found.value, strict=True)) == pytest.approx(by_hand.to_dict())
    at = found.names().index("county 7")
    gap = gap_from_rest(found, at, "county", {}, 0.95)
    own = frame["county"] == "county 7"
    assert gap.value == pytest.approx(wrong[own].mean() - wrong[~own].mean())
    assert gap.n == own.sum()
    raw = 2 * (1 - np.vectorize(_phi)(np.abs(found.deviations()[0] / found.deviations()[1])))
    assert found.p_values() == pytest.approx(holm(raw.tolist()), abs=1e-9)


def _phi(z: float) -> float:
    from statistics import NormalDist

    return NormalDist().cdf(z)


def test_weights_and_clusters_make_less_sure() -> None:
    rng = np.random.default_rng(0)
    part = answers(table(15))
    weighted = replace(part, weight=rng.gamma(1.0, size=ROWS))
    of = part.keys["county"].codes.astype(np.int64)
    whole = Factor.of((of * 100 + rng.integers(0, 100, ROWS)).tolist())
    twice = replace(part.take(np.repeat(np.arange(ROWS), 2)), cluster=Factor.of(np.repeat(np.arange(ROWS), 2).tolist()))
    plain, heavy, tied, doubled = (level_ranking(one).estimates[0] for one in (
        part, weighted, replace(part, cluster=whole), twice))  # fmt: skip
    assert None not in (plain.high, heavy.high, tied.high, doubled.high)
    assert (heavy.high or 0) > (plain.high or 0)
    assert doubled.high == pytest.approx(plain.high, rel=0.05)  # twice the same rows are no more rows
    across = level_ranking(replace(part, cluster=Factor.of(rng.integers(0, 50, ROWS).tolist()))).estimates[0]
    assert across.value is None
    assert "clusters contain rows of several groups" in across.reason


def test_small_levels_leave_no_trace_and_cannot_be_worked_out() -> None:
    rng = np.random.default_rng(0)
    sizes = {f"big {k}": 200 for k in range(NAMED)} | {f"middle {k}": 60 for k in range(30)} | {"tiny": 4}
    frame = pd.DataFrame({"county": np.repeat(list(sizes), list(sizes.values()))})
    frame["truth"] = frame["answer"] = rng.choice(["no", "yes"], len(frame))
    frame["sex"] = rng.choice(["f", "m"], len(frame))
    record = audited(frame, checks=["level_ranking", "group_performance"], options={"level_ranking": {"most": 1000}})
    (finding,) = [one for one in record.findings if one.check == "level_ranking"]
    assert finding.measurement is not None
    told = {str(row[0]) for one in finding.measurement.exhibits if isinstance(one, Table) for row in one.rows}
    unlisted = [name for name in sizes if name not in told]
    assert "tiny" in unlisted
    assert sum(sizes[name] for name in unlisted) >= 10
    assert "tiny" not in json.dumps([str(one.measurement) for one in record.findings])


def test_verdicts_and_card_stay_readable() -> None:
    record = audited(table(3000, 60_000, spread=0.05))
    assert len(record.verdicts) <= 3000
    assert len(html.render(record).encode()) <= html.USUAL_LIMIT


def test_a_counted_table_says_the_same(tmp_path: Path) -> None:
    from audit.cli import main

    frame = table(200, spread=0.05)
    frame.to_csv(tmp_path / "t.csv", index=False)
    found: dict[str, list[Json]] = {}
    for rows in ("keep", "count"):
        (tmp_path / "audit.toml").write_text(
            f'[data]\ntest = "t.csv"\ntarget = "truth"\npositive = "yes"\nfavorable = "yes"\nprediction = "answer"\n'
            f'sensitive = ["county", "sex"]\nrows = "{rows}"\n[checks]\nselect = ["level_ranking"]\n',
            encoding="utf-8",
        )
        main(["run", str(tmp_path / "audit.toml"), "--out", str(tmp_path / rows)])
        record = json.loads((tmp_path / rows / "audit.json").read_text(encoding="utf-8"))
        (finding,) = [one for one in record["findings"] if one["check"] == "level_ranking"]
        found[rows] = finding["measurement"]["estimates"]
    assert len(frame) < MANY_ROWS
    assert found["keep"] == found["count"]


def test_features_of_few_levels_are_told_by_themselves() -> None:
    record = audited(table(5), checks=["level_ranking"])
    (finding,) = record.findings
    assert finding.outcome == "not_applicable"


def test_too_many_levels_are_refused() -> None:
    frame = pd.concat([table(50), table(50)], ignore_index=True)
    frame["county"] = [f"n{k}" for k in range(len(frame))]
    assert len(frame) > MOST_LEVELS
    with pytest.raises(DataError, match=r"24,000 groups; at most 10,000"):
        audited(frame)


def test_a_level_called_as_the_others_are_keeps_its_name() -> None:
    frame = table(100)
    frame["county"] = frame["county"].replace("county 0", POOL)
    record = audited(frame, checks=["group_performance"])
    told = {one.level for one in record.data.groups if one.feature == "county"}
    assert {POOL, f"{POOL} (joined)"} <= told


def test_a_reference_must_be_one_of_the_largest() -> None:
    data = build({"test": table(100)}, Roles(target="truth", positive="yes", sensitive=("county",)))
    with pytest.raises(DataError, match=r"'county 99' is one of 100 levels; only the 20 largest"):
        require_references({"county": "county 99"}, data)
