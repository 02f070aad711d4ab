"""An audit of a log says what an audit of the same rows says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import modelassay
from audit.cli import main
from audit.errors import DataError
from reports.formats import render
from reports.record import AuditRecord, Estimate, Table
from reports.store import load

TOML = """
[data]
{source}
target = "y"
positive = 1
favorable = 1
prediction = "p"
score = "s"
sensitive = ["sex", "age"]
{more}
[data.bins]
age = [30, 50]
[report]
formats = ["json"]
"""
ROW_CHECKS = {"threshold_choice", "weak_slices"}


def rows(n: int = 6000, seed: int = 1) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    sex = np.where(generator.random(n) < 0.3, "f", "m")
    age = generator.integers(18, 80, n)
    logit = generator.normal(-0.6, 1.2, n) + 0.4 * (sex == "m")
    y = (generator.random(n) < 1 / (1 + np.exp(-logit))).astype(int)
    score = 1 / (1 + np.exp(-logit - generator.normal(0, 0.4, n)))
    frame = pd.DataFrame({"y": y, "p": (score >= 0.5).astype(int), "s": score, "sex": sex, "age": age})
    return frame.assign(w=generator.integers(1, 4, n) / 2, person=np.arange(n) // 3)


def audited(folder: Path, source: str, more: str = "") -> AuditRecord:
    (folder / "audit.toml").write_text(TOML.format(source=source, more=more))
    assert main(["run", str(folder / "audit.toml"), "--out", str(folder / "out")]) in (0, 1, 3)
    return load(folder / "out" / "audit.json")


def estimates(record: AuditRecord) -> dict[tuple[object, ...], Estimate]:
    found: dict[tuple[object, ...], Estimate] = {}
    for finding in record.findings:
        for one in finding.measurement.estimates if finding.measurement else ():
            found[finding.check, one.metric, tuple(sorted(one.where.items()))] = one
    return found


@pytest.mark.parametrize("more", ["", 'weight = "w"'])
def test_verdicts_of_a_log_are_those_of_its_rows(tmp_path: Path, more: str) -> None:
    frame = rows()
    frame.to_csv(tmp_path / "rows.csv", index=False)
    for place, part in enumerate(np.array_split(np.arange(len(frame)), 3)):
        frame.take(part).to_csv(tmp_path / f"log-{place}.csv", index=False)
    log = audited(tmp_path, 'log = "log-*.csv"', more)
    kept = audited(tmp_path, 'test = "rows.csv"', more)
    assert log.data.splits[0].rows == kept.data.splits[0].rows == 6000
    assert log.data.groups == kept.data.groups
    outcomes = {
        (one.gate, tuple(sorted(one.where.items())), one.estimate.metric): one.outcome
        for one in log.verdicts
        if one.estimate is not None
    }
    assert len(outcomes) > 60
    for verdict in kept.verdicts:
        address = tuple(sorted(verdict.where.items()))
        at = (verdict.gate, address, verdict.estimate.metric if verdict.estimate else "")
        assert outcomes.get(at, verdict.outcome) == verdict.outcome, at
    by_rows, compared = estimates(kept), 0
    for key, one in estimates(log).items():
        other = by_rows[key]
        assert (one.value is None) == (other.value is None), key
        assert one.n == other.n, key
        if one.value is None or other.value is None or other.low is None or other.high is None:
            continue
        slack = 0.1 * (other.high - other.low) + 2e-4
        assert one.value == pytest.approx(other.value, abs=slack), key
        if one.low is not None and one.high is not None:
            assert (one.low, one.high) == pytest.approx((other.low, other.high), abs=2 * slack), key
            compared += 1
    assert compared > 150
    absent = {one.check: one.reason for one in log.findings if "counted log" in one.reason}
    assert ROW_CHECKS | {"duplicate_rows", "missing_values"} <= set(absent)
    assert set(absent.values()) == {"needs single rows, which a counted log does not keep"}


@pytest.mark.parametrize("classes", [2, 3])
def test_answers_that_are_no_class_are_treated_as_those_of_rows(classes: int) -> None:
    """In a binary task they are in no measure, else they are wrong answers; a blank is no answer."""
    frame = rows(1500).assign(p=lambda table: table["p"].astype(str), y=lambda table: table["y"].astype(str))
    if classes == 3:
        frame.loc[frame["age"] > 70, ["y", "p"]] = "2"
    frame.loc[:19, "p"], frame.loc[20:24, "p"], frame.loc[25:31, "p"] = "maybe", None, " "
    stated: dict[str, Any] = {
        "target": "y",
        "prediction": "p",
        "sensitive": ["sex"],
        "task": "binary" if classes == 2 else "multiclass",
    }
    stated |= {"positive": "1", "favorable": "1"} if classes == 2 else {}
    log, kept = modelassay.run(log=frame, **stated), modelassay.run(test=frame, **stated)
    counted, by_rows = estimates(log), estimates(kept)
    assert len(counted) > 30
    of_labels = {"thin_group", "label_rate", "class_imbalance"}  # of rows without an answer, too, where rows are kept
    counted = {key: one for key, one in counted.items() if key[0] not in of_labels}
    assert {key: by_rows[key] for key in counted} == counted
    summary = next(
        one.measurement.summary for one in log.findings if one.check == "output_validity" and one.measurement
    )
    kinds = "Invalid outputs: 12 answers without a label, 20 labels that the target does not have ('maybe' 20)"
    assert summary.startswith(kinds)
    assert log.metric("accuracy").n == (1468 if classes == 2 else 1488)
    for record in (log, kept):
        tables = [
            exhibit for one in record.findings if one.check == "output_validity" and one.measurement
            for exhibit in one.measurement.exhibits if isinstance(exhibit, Table)
        ]  # fmt: skip
        sexes = frame["sex"].value_counts()
        odd = frame.loc[:31, "sex"].value_counts()
        assert tables[1].rows == tuple((f"sex: {sex}", int(odd[sex]), int(sexes[sex])) for sex in ("f", "m"))
    assert [one.outcome for one in log.verdicts if one.gate == "ROB007"] == ["fail"]
    first = render(log, "html").partition("Do next")[0]
    assert "20 labels that the target does not have (&#39;maybe&#39; 20)" in first


def test_a_log_of_which_no_answer_is_a_class_is_refused() -> None:
    frame = rows(100).assign(p=None)
    with pytest.raises(DataError, match=r"no predicted label is a class of the target \('0', '1'\)"):
        modelassay.run(log=frame, target="y", prediction="p", positive=1)


def test_unequal_weights_leave_no_mark_of_counting(tmp_path: Path) -> None:
    frame = rows(1500)
    weight = np.random.default_rng(4).choice([0.25, 1.0, 8.0], len(frame))
    frame = frame.assign(w=weight, s=np.where(frame["y"] == 1, 0.75, 0.25) + frame["s"] / 8)
    frame.to_csv(tmp_path / "rows.csv", index=False)
    counted = estimates(audited(tmp_path, 'log = "rows.csv"', 'weight = "w"'))
    by_rows = estimates(audited(tmp_path, 'test = "rows.csv"', 'weight = "w"'))
    rates = {"accuracy", "recall", "precision", "false_positive_rate", "selection_rate", "base_rate"}
    exact = {key: one for key, one in counted.items() if key[1] in rates}
    assert len(exact) > 20
    assert exact == {key: by_rows[key] for key in exact}
    ranked = [key for key in counted if key[1] in ("average_precision", "roc_auc")]
    assert {key[1] for key in ranked} == {"average_precision", "roc_auc"}
    for key in ranked:
        one, other = counted[key], by_rows[key]
        assert one.value == other.value == 1.0, key
        assert one.low == pytest.approx(other.low, rel=1e-12), key


@pytest.mark.parametrize("more", ["", 'weight = "w"\n'])
def test_clusters_of_a_log_count_as_those_of_its_rows(tmp_path: Path, more: str) -> None:
    """Rows of a person say the same; scores stand in the middle of their bins, so that binning changes nothing."""
    frame = rows(1800)
    frame[["y", "p", "sex", "age"]] = frame.loc[frame["person"] * 3, ["y", "p", "sex", "age"]].to_numpy()
    flip = np.random.default_rng(2).random(len(frame)) < 0.1
    frame["p"] = frame["p"].astype(int) ^ flip
    frame["s"] = (0.1 + 0.2 * (np.arange(len(frame)) % 4) + 0.1 * frame["p"]).round(1)
    frame.to_csv(tmp_path / "rows.csv", index=False)
    for place, part in enumerate(np.array_split(np.arange(len(frame)), 4)):
        frame.take(part).to_csv(tmp_path / f"log-{place}.csv", index=False)
    cluster = more + 'cluster = "person"\n[costs]\nfalse_positive = 1\nfalse_negative = 5\n'
    log = estimates(audited(tmp_path, 'log = "log-*.csv"', cluster))
    kept = estimates(audited(tmp_path, 'test = "rows.csv"', cluster))
    alone = estimates(audited(tmp_path, 'test = "rows.csv"', more))
    wider, compared = 0, set()
    for key, one in log.items():
        other = kept[key]
        if key[0] == "gap_against_chance" or key[1] == "average_precision":  # drawn anew; and ties are a log's own
            continue
        assert (one.n, one.method, one.reason) == (other.n, other.method, other.reason), key
        numbers = ((one.value, other.value), (one.low, other.low), (one.high, other.high))
        assert all(a is b is None or a == pytest.approx(b, rel=1e-6, abs=1e-7) for a, b in numbers), (key, numbers)
        compared.add(key[1])
        before = alone.get(key, other)
        if None not in (one.low, one.high, before.low, before.high):
            wider += (one.high or 0) - (one.low or 0) > 1.2 * ((before.high or 0) - (before.low or 0))
    assert {"accuracy", "roc_auc", "brier_score", "calibration_error", "expected_cost", "class_share"} <= compared
    assert wider > 60


def of_three_classes(n: int = 4000) -> pd.DataFrame:
    generator = np.random.default_rng(7)
    logits = generator.normal(0, 1.5, (n, 3))
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    y = np.array([generator.choice(3, p=row) for row in shares])
    noisy = shares ** generator.uniform(0.6, 1.2, (n, 1))
    noisy /= noisy.sum(1, keepdims=True)
    names = np.array(["low", "middle", "high"])
    table = pd.DataFrame(noisy, columns=["p_low", "p_middle", "p_high"])
    return table.assign(y=names[y], p=names[noisy.argmax(1)], sex=generator.choice(["f", "m"], n))


CLASSES_TOML = """
[data]
{source}
target = "y"
task = "multiclass"
sensitive = ["sex"]
{more}
score = {{ low = "p_low", middle = "p_middle", high = "p_high" }}
[report]
formats = ["json"]
"""


@pytest.mark.parametrize("more", ['prediction = "p"', ""])
def test_scores_of_several_classes_are_counted(tmp_path: Path, more: str) -> None:
    of_three_classes().to_parquet(tmp_path / "rows.parquet")
    found = []
    for source in ('log = "rows.parquet"', 'test = "rows.parquet"\nrows = "keep"'):
        (tmp_path / "audit.toml").write_text(CLASSES_TOML.format(source=source, more=more))
        assert main(["run", str(tmp_path / "audit.toml"), "--out", str(tmp_path / "out")]) in (0, 1, 3)
        found.append(estimates(load(tmp_path / "out" / "audit.json")))
    log, kept = found
    compared = set()
    for key, one in log.items():
        other = kept[key]
        assert one.n == other.n, key
        if None in (one.value, other.value, other.low, other.high) or key[0] == "gap_against_chance":
            continue
        slack = (0.1 if key[1] == "calibration_error" else 0.02) * ((other.high or 0) - (other.low or 0)) + 1e-9
        assert one.value == pytest.approx(other.value, abs=slack), key
        assert (one.low, one.high) == pytest.approx((other.low, other.high), abs=2 * slack), key
        compared.add(key[1])
    assert {"log_loss", "brier_score", "roc_auc", "calibration_error", "accuracy"} <= compared


def test_scores_of_too_many_combinations_are_not_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audit.logs.counting.MOST_CELLS", 300)
    of_three_classes(900).to_parquet(tmp_path / "rows.parquet")
    (tmp_path / "audit.toml").write_text(CLASSES_TOML.format(source='log = "rows.parquet"', more='prediction = "p"'))
    assert main(["run", str(tmp_path / "audit.toml"), "--out", str(tmp_path / "out")]) in (0, 1, 3)
    record = load(tmp_path / "out" / "audit.json")
    assert record.metric("accuracy").value is not None
    assert {one.check: one.reason for one in record.findings}["calibration"] == (
        "scores of 3 classes: needs single rows, which a counted log does not keep"
    )


def test_clusters_of_too_many_combinations_are_counted_without_scores_or_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = rows(1500).assign(person=np.arange(1500) // 10)
    frame.to_csv(tmp_path / "rows.csv", index=False)
    monkeypatch.setattr("audit.logs.counting.MOST_CELLS", 1_200)
    record = audited(tmp_path, 'log = "rows.csv"', 'cluster = "person"')
    assert record.metric("recall").method.endswith("cluster-effective n")
    assert "scores, of too many combinations: needs single rows, which a counted log does not keep" in {
        one.reason for one in record.findings
    }
    monkeypatch.setattr("audit.logs.counting.MOST_CELLS", 100)
    assert main(["run", str(tmp_path / "audit.toml"), "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert "'rows.csv' has more than 100 combinations of 'person' (150 values)" in said
    assert "leave cluster out" in said


AMOUNTS_TOML = """
[data]
{source}
target = "y"
task = "regression"
prediction = "p"
sensitive = ["sex"]
{more}
[report]
formats = ["json"]
"""


def of_amounts(n: int = 3000) -> pd.DataFrame:
    generator = np.random.default_rng(9)
    sex = generator.choice(["f", "m"], n)
    y = np.round(generator.lognormal(7, 0.8, n), 2) * generator.choice([1, 1, 1, -1], n)
    error = generator.normal(0, 150, n) + generator.standard_t(4, n) * 50 + 40 * (sex == "f")
    frame = pd.DataFrame({"y": y, "p": np.where(generator.random(n) < 0.05, y, y + error), "sex": sex})
    return frame.assign(w=generator.choice([0.5, 1.0, 2.0], n), person=np.arange(n) // 3)


@pytest.mark.parametrize("more", ["", 'weight = "w"', 'cluster = "person"'])
def test_amounts_are_counted(tmp_path: Path, more: str) -> None:
    of_amounts().to_parquet(tmp_path / "rows.parquet")
    found = []
    for source in ('log = "rows.parquet"', 'test = "rows.parquet"'):
        (tmp_path / "audit.toml").write_text(AMOUNTS_TOML.format(source=source, more=more))
        assert main(["run", str(tmp_path / "audit.toml"), "--out", str(tmp_path / "out")]) in (0, 1, 3)
        found.append(estimates(load(tmp_path / "out" / "audit.json")))
    log, kept = found
    compared = set()
    for key, one in log.items():
        other = kept[key]
        if key[0] == "gap_against_chance":  # shuffles rows
            assert one.reason == "needs single rows, which a counted log does not keep"
            continue
        assert (one.n, one.method, one.reason) == (other.n, other.method, other.reason), key
        if one.value is None or other.value is None or other.low is None or other.high is None:
            continue
        slack = (0.1 if "median" in str(key[1]) else 0.02) * ((other.high or 0) - (other.low or 0)) + 1e-6
        assert one.value == pytest.approx(other.value, abs=slack), key
        assert (one.low, one.high) == pytest.approx((other.low, other.high), abs=2 * slack), key
        compared.add(key[1])
    errors = {"mean_error", "mean_absolute_error", "root_mean_squared_error", "median_absolute_error", "r2_score"}
    assert errors | {"standardized_mean_error", "skill_over_constant"} <= compared


def test_amounts_that_cannot_be_counted_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "audit.toml").write_text(AMOUNTS_TOML.format(source='log = "rows.parquet"', more=""))
    frame = of_amounts(60)
    for change, said in (
        ({"p": frame["p"].where(frame.index != 3)}, "prediction column 'p' has 1 values that are not finite numbers"),
        ({"y": frame["y"].where(frame.index != 3, np.inf)}, "target column 'y' has 1 values that are not finite"),
        ({"y": "much"}, "column 'y' holds String; a regression needs numbers"),
        ({"y": frame["y"].where(frame.index != 3)}, "1 of 60 rows of the log have no target 'y'"),
    ):
        frame.assign(**change).to_parquet(tmp_path / "rows.parquet")
        assert main(["run", str(tmp_path / "audit.toml"), "--out", str(tmp_path / "out")]) == 2
        assert said in capsys.readouterr().err


def test_a_table_of_predictions_is_counted_when_asked(tmp_path: Path) -> None:
    rows(1500).to_csv(tmp_path / "rows.csv", index=False)
    log = audited(tmp_path, 'test = "rows.csv"', 'rows = "count"')
    assert log.data.splits[0].file == "rows.csv"
    assert "needs single rows, which a counted log does not keep" in {one.reason for one in log.findings}


def test_a_view_of_a_database_is_a_log(tmp_path: Path) -> None:
    import duckdb

    frame = rows(1500)
    with duckdb.connect(str(tmp_path / "house.duckdb")) as connection:
        connection.register("given", frame)
        connection.execute('CREATE TABLE decisions AS SELECT * FROM given; CREATE VIEW "last month" AS FROM decisions')
    record = audited(tmp_path, 'log = "house.duckdb"\ntable = "last month"')
    assert record.data.splits[0].file == "house.duckdb: last month"
    assert record.data.splits[0].rows == 1500


@pytest.mark.parametrize(
    ("source", "more", "said"),
    [
        ('log = "rows.csv"\ntest = "rows.csv"', "", "[data] needs either 'test'"),
        ('log = "rows.csv"', 'cluster = "persn"', "cluster column 'persn' is not in 'rows.csv'"),
        ('log = "rows.csv"\nlabels = "rows.csv"', "", "[data] labels needs 'id'"),
        ('log = "rows.csv"\ntable = "x"', "", "database 'rows.csv' cannot be read"),
        ('log = "none/*.parquet"', "", "log 'none/*.parquet': no such file"),
        ('log = "rows.csv"', 'weight = "wieght"', "weight column 'wieght' is not in 'rows.csv'"),
        (
            'log = "rows.csv"',
            'task = "regression"',
            "[data] log of a regression needs a prediction column, and no score",
        ),
    ],
)
def test_what_cannot_be_counted_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], source: str, more: str, said: str
) -> None:
    rows(300).to_csv(tmp_path / "rows.csv", index=False)
    (tmp_path / "audit.toml").write_text(TOML.format(source=source, more=more))
    assert main(["run", str(tmp_path / "audit.toml"), "--out", str(tmp_path / "out")]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1


def test_the_order_of_rows_does_not_matter(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    frame = rows(1000)
    (tmp_path / "audit.toml").write_text(TOML.format(source='log = "a.parquet"', more='weight = "w"'))
    texts = []
    for seed in (0, 1):
        frame.sample(frac=1, random_state=seed).to_parquet(tmp_path / "a.parquet")
        assert main(["run", str(tmp_path / "audit.toml"), "--format", "json", "--out", "-"]) == 0
        record = json.loads(capsys.readouterr().out)
        record["data"]["splits"][0]["sha256"] = ""
        texts.append(json.dumps(record))
    assert texts[0] == texts[1]


def test_what_the_policy_hides_leaves_no_trace_of_a_log(tmp_path: Path) -> None:
    frame = rows(1500)
    frame.loc[:14, "sex"] = "x"
    frame.to_csv(tmp_path / "rows.csv", index=False)
    (tmp_path / "gates.toml").write_text('schema_version = 1\n[policy]\nextends = "default"\nsuppress_n = 40\n')
    record = audited(tmp_path, 'log = "rows.csv"', '[policy]\npath = "gates.toml"')
    assert {one.level: one.rows for one in record.data.groups if one.feature == "sex"}["x"] is None
    hidden = [one for key, one in estimates(record).items() if dict(one.where).get("sex") == "x" and one.n is not None]
    assert [one.metric for one in hidden if not one.metric.startswith("missing_")] == []


def test_words_of_a_log_stay_words(tmp_path: Path) -> None:
    """A region NA is a region, yes is no truth value, and NA among numbers is missing, as in a table."""
    generator = np.random.default_rng(0)
    frame = pd.DataFrame({"y": generator.choice(["yes", "no"], 900), "g": generator.choice(["NA", "EU", "None"], 900)})
    frame["p"] = np.where(generator.random(900) < 0.8, frame["y"], "no")
    frame["w"] = generator.choice(["1", "2.5"], 900)
    frame.loc[0, "g"] = ""
    frame.to_csv(tmp_path / "rows.csv", index=False)
    (tmp_path / "audit.toml").write_text(
        '[data]\nlog = "rows.csv"\ntarget = "y"\nprediction = "p"\npositive = "yes"\nsensitive = ["g"]\nweight = "w"\n'
    )
    assert main(["run", str(tmp_path / "audit.toml"), "--out", str(tmp_path / "out")]) in (0, 1)
    record = load(tmp_path / "out" / "audit.json")
    assert {group.level for group in record.data.groups} >= {"NA", "EU", "None"}
    weight = frame["w"].astype(float)
    right = float(np.average(frame["p"] == frame["y"], weights=weight))
    assert record.metric("accuracy").value == pytest.approx(right)


def test_missing_words_among_numbers_of_a_log_are_missing(tmp_path: Path) -> None:
    frame = pd.DataFrame({"y": ["1", "0", "NA"] * 200, "p": ["1", "0", "1"] * 200, "g": ["a", "b", "NA"] * 200})
    frame.to_csv(tmp_path / "rows.csv", index=False)
    (tmp_path / "audit.toml").write_text(
        '[data]\nlog = "rows.csv"\ntarget = "y"\nprediction = "p"\npositive = 1\n'
        'sensitive = ["g"]\ndrop_missing_target = true\n'
    )
    assert main(["run", str(tmp_path / "audit.toml"), "--out", str(tmp_path / "out")]) in (0, 1)
    record = load(tmp_path / "out" / "audit.json")
    assert record.data.classes == ("0", "1")


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_numbers_of_a_log_that_are_names_are_groups_as_they_are_written(suffix: str, tmp_path: Path) -> None:
    frame = rows(3000)
    codes = np.random.default_rng(0).integers(0, 40, len(frame))
    frame["sex"] = codes if suffix == "parquet" else np.char.zfill(codes.astype(str), 5)
    getattr(frame, f"to_{suffix}")(tmp_path / f"log.{suffix}", index=False)
    found = [audited(tmp_path, f'{key} = "log.{suffix}"', 'text = ["sex"]') for key in ("log", "test")]
    groups = [{one.level for one in record.data.groups if one.feature == "sex"} for record in found]
    assert groups[0] == groups[1] == {str(code) if suffix == "parquet" else f"{code:05d}" for code in range(40)}
