"""``modelassay mitigate`` end to end: the gap, the control, who gained, and nothing where there is no gap."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from audit.cli import main
from audit.integrations.mitigation import mitigate
from audit.models.load import load as load_model
from reports.record import AuditRecord
from reports.store import load
from tests.audit.mitigation.worlds import project, table


def _mitigate(config: Path, out: Path, method: str, constraint: str = "demographic-parity", *more: str) -> int:
    return main(["mitigate", str(config), "--method", method, "--constraint", constraint, "--out", str(out), *more])


def _record(out: Path) -> AuditRecord:
    return load(out / "audit.json")


def _outcomes(record: AuditRecord) -> dict[str, str]:
    return {one.gate: one.outcome for one in record.verdicts if one.gate.startswith("MIT")}


def test_thresholds_close_the_gap_that_a_moved_threshold_leaves(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, out = project(tmp_path / "p"), tmp_path / "out"
    assert _mitigate(config, out, "thresholds") == 0
    said = capsys.readouterr().out.splitlines()
    assert len(said) <= 15
    assert any(re.match(r"Gap before: [\d.]+ points \[", line) for line in said)
    assert any("Of 1,000 with sex f whose outcome was yes:" in line for line in said)
    record = _record(out)
    before, after, control = (record.metric(f"gap_{arm}", feature="sex") for arm in ("before", "after", "control"))
    assert before.low is not None
    assert before.low > 0.1
    assert after.value is not None
    assert after.value < 0.08
    assert control.value is not None
    assert control.value > 0.1
    change = record.metric("gap_change", feature="sex")
    assert change.low is not None
    assert change.low > 0.05
    assert _outcomes(record)["MIT003"] == "pass"
    assert {path.name for path in out.iterdir()} == {"audit.json", "card.html", "model.skops"}


def test_numbers_of_the_record_are_those_of_the_written_model(tmp_path: Path) -> None:
    config, out = project(tmp_path / "p"), tmp_path / "out"
    _mitigate(config, out, "thresholds")
    test = pd.read_csv(tmp_path / "p" / "test.csv")
    old, new = (load_model(path).predictor for path in (tmp_path / "p" / "model.skops", out / "model.skops"))
    answers = {
        "before": np.asarray(old.predict(test[["x", "z", "kind"]])) == "yes",
        "after": np.asarray(new.predict(test[["x", "z", "kind", "sex"]])) == "yes",
    }
    record = _record(out)
    for arm, yes in answers.items():
        rates = pd.Series(yes).groupby(test["sex"]).mean()
        assert record.metric(f"gap_{arm}", feature="sex").value == pytest.approx(rates.max() - rates.min())
    inside = ((test["sex"] == "f") & (test["y"] == "yes")).to_numpy()
    gained = (~answers["before"] & answers["after"])[inside].mean()
    assert record.metric("gained", {"sex": "f", "class": "yes"}).value == pytest.approx(gained)
    assert record.metric("churn").value == pytest.approx((answers["before"] != answers["after"]).mean())


def test_the_written_model_can_be_audited_like_any_other(tmp_path: Path) -> None:
    config, out = project(tmp_path / "p", rows=800), tmp_path / "out"
    _mitigate(config, out, "thresholds")
    text = config.read_text().replace('"model.skops"', f'"{out / "model.skops"}"')
    again = tmp_path / "p" / "again.toml"
    again.write_text(text + '[checks]\nselect = ["classification", "disparities"]\n[report]\nformats = ["json"]\n')
    assert main(["run", str(again)]) == 0
    rates = load(tmp_path / "p" / "audit-report" / "audit.json").metric("demographic_parity_difference", feature="sex")
    assert rates.value == pytest.approx(_record(out).metric("gap_after", feature="sex").value)


@pytest.mark.parametrize("method", ["thresholds", "reweigh"])
def test_a_placebo_has_no_gap_and_nothing_is_written(
    method: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, out = project(tmp_path / "p", gap=0.0), tmp_path / "out"
    assert _mitigate(config, out, method) == 0
    assert "no gap to mitigate" in capsys.readouterr().err
    assert not out.exists()


def test_forty_features_that_have_no_part_in_anything_leave_everything_as_it_is() -> None:
    written = 0
    for seed in range(40):
        generator = np.random.default_rng(seed)
        sex = generator.choice(["f", "m"], 1200, p=[0.2 + 0.3 * (seed % 2), 0.8 - 0.3 * (seed % 2)])
        frame = pd.DataFrame({"x": generator.normal(size=1200), "sex": sex})
        base = (-1.5, 0.0, 1.0)[seed % 3]
        frame["y"] = np.where(frame["x"] + generator.normal(size=1200) > base, "yes", "no")
        train, validation, test = (frame.iloc[part] for part in np.split(np.arange(1200), [400, 800]))
        model = LogisticRegression().fit(train[["x"]], train["y"])
        done = mitigate(
            model, train=train, validation=validation, test=test, target="y", positive="yes", favorable="yes",
            sensitive=["sex"], features=["x"], method="thresholds", constraint="demographic-parity",
        )  # fmt: skip
        written += done.record is not None
    assert written == 0


def test_reweighing_trains_anew_and_does_not_read_the_group(tmp_path: Path) -> None:
    config, out = project(tmp_path / "p", gap=1.2), tmp_path / "out"
    _mitigate(config, out, "reweigh")
    record = _record(out)
    change = record.metric("gap_change", feature="sex")
    assert change.value is not None
    assert change.value > 0
    assert _outcomes(record)["MIT001"] == "fail"
    test = pd.read_csv(tmp_path / "p" / "test.csv")
    load_model(out / "model.skops").predictor.predict(test[["x", "z", "kind"]])
    finding = next(one for one in record.findings if one.check == "mitigation")
    assert finding.measurement is not None
    assert "No decision reads 'sex'" in str(finding.measurement.exhibits)
    assert "Measures of fairness conflict" in " ".join(finding.measurement.notes)


def test_validation_rows_are_carved_out_and_said(tmp_path: Path) -> None:
    config, out = project(tmp_path / "p", validation=False), tmp_path / "out"
    assert _mitigate(config, out, "thresholds") == 0
    finding = next(one for one in _record(out).findings if one.check == "mitigation")
    assert finding.measurement is not None
    assert any("were taken from the training rows" in note for note in finding.measurement.notes)


def test_what_is_good_for_the_person_turns_the_words_not_the_gap(tmp_path: Path) -> None:
    first, second = project(tmp_path / "a"), project(tmp_path / "b", favorable="no")
    for config in (first, second):
        _mitigate(config, config.parent / "out", "thresholds")
    gaps = [_record(one.parent / "out").metric("gap_before", feature="sex").value for one in (first, second)]
    assert gaps[0] == pytest.approx(gaps[1])
    gained = _record(second.parent / "out").metric("gained", {"sex": "m", "class": "no"})
    lost = _record(first.parent / "out").metric("lost", {"sex": "m", "class": "no"})
    assert gained.value == pytest.approx(lost.value, abs=0.05)


def test_the_same_inputs_give_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    config = project(tmp_path / "p", rows=400, validation=False)
    for name in ("one", "two"):
        _mitigate(config, tmp_path / name, "reweigh", "demographic-parity", "--anyway")
    assert (tmp_path / "one" / "audit.json").read_bytes() == (tmp_path / "two" / "audit.json").read_bytes()


@pytest.mark.parametrize(
    ("method", "constraint", "more", "said"),
    [
        ("tresholds", "demographic-parity", (), "Did you mean 'thresholds'"),
        ("thresholds", "demographic-party", (), "Did you mean 'demographic-parity'"),
        ("thresholds", "bounded-group-loss", (), "no constraint 'bounded-group-loss' for binary tasks"),
        ("thresholds", "demographic-parity", ("--feature", "sax"), "Did you mean 'sex'"),
        ("thresholds", "demographic-parity", ("--feature", "sex, kine"), "--feature names 'kine'"),
        ("thresholds", "demographic-parity", ("--limit", "5"), "--limit is 5"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(
    method: str, constraint: str, more: tuple[str, ...], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = project(tmp_path / "p", rows=200)
    assert _mitigate(config, tmp_path / "out", method, constraint, *more) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_gap_without_train_rows_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = project(tmp_path / "p", rows=200, validation=False)
    config.write_text(config.read_text().replace('train = "train.csv"\n', ""))
    assert _mitigate(config, tmp_path / "out", "thresholds") == 2
    assert "state [data] train" in capsys.readouterr().err


def test_rows_without_a_group_are_left_out_and_counted(tmp_path: Path) -> None:
    config = project(tmp_path / "p", rows=800)
    for name in ("validation", "test"):
        frame = table(800, 5)
        frame.loc[:9, "sex"] = None
        frame.drop(columns="v").to_csv(tmp_path / "p" / f"{name}.csv", index=False)
    assert _mitigate(config, tmp_path / "out", "thresholds") == 0
    finding = next(one for one in _record(tmp_path / "out").findings if one.check == "mitigation")
    assert finding.measurement is not None
    assert "20 rows have no group of 'sex'" in " ".join(finding.measurement.notes)


def test_mitigated_models_are_exported_from_the_command_line(tmp_path: Path) -> None:
    pytest.importorskip("skl2onnx")
    pytest.importorskip("onnxruntime")
    config = project(tmp_path / "p", rows=600, gap=1.2)
    train = str(tmp_path / "p" / "train.csv")
    X = pd.read_csv(tmp_path / "p" / "test.csv")
    for method in ("reweigh", "thresholds"):
        out = tmp_path / method
        _mitigate(config, out, method)
        assert main(["export", str(out / "model.skops"), "--data", train, "--out", str(out / "model.onnx")]) == 0
        old, new = (load_model(out / f"model.{kind}").predictor for kind in ("skops", "onnx"))
        rows = X[list(old.feature_names_in_)]  # type: ignore[attr-defined]
        assert np.array_equal(np.asarray(old.predict(rows)), np.asarray(new.predict(rows)))


def test_a_mitigated_model_is_served_with_its_group_in_the_schema(tmp_path: Path) -> None:
    pytest.importorskip("fastapi")
    from audit.deploy.service import make_service, open_model

    config = project(tmp_path / "p", rows=600)
    _mitigate(config, tmp_path / "out", "thresholds")
    description, model = open_model(tmp_path / "out" / "model.skops", data=tmp_path / "p" / "train.csv")
    service = make_service(description, model)
    assert [one.name for one in service.description.columns] == ["x", "z", "kind", "sex"]
    assert service.batcher.merges


def test_a_use_of_the_test_set_is_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more = '[policy]\npath = "gates.toml"'
    config = project(tmp_path / "p", rows=600, more=more)
    (tmp_path / "p" / "gates.toml").write_text('[test_set]\nmax_uses = 1\nledger = "uses.json"\n', encoding="utf-8")
    for method in ("thresholds", "reweigh"):
        _mitigate(config, tmp_path / method, method)
    assert "2 different models, more than the 1" in " ".join(capsys.readouterr().err.split())


def test_a_model_that_no_mitigation_wrote_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = project(tmp_path / "p", rows=200)
    before = (tmp_path / "p" / "model.skops").read_bytes()
    assert _mitigate(config, tmp_path / "p", "thresholds") == 2
    assert "holds the model that is read" in capsys.readouterr().err
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "model.skops").write_bytes(b"mine")
    assert _mitigate(config, tmp_path / "out", "thresholds") == 2
    assert (tmp_path / "out" / "model.skops").read_bytes() == b"mine"
    assert (tmp_path / "p" / "model.skops").read_bytes() == before


def test_the_card_says_in_words_who_gained_and_what_a_person_signs(tmp_path: Path) -> None:
    config = project(tmp_path / "p", rows=800)
    _mitigate(config, tmp_path / "out", "thresholds")
    card = (tmp_path / "out" / "card.html").read_text(encoding="utf-8")
    for words in ("Who gained and who lost, in words", "Of 1,000 with sex f", "For a person to decide and sign"):
        assert words in card
    assert not any(word in card.lower() for word in ("unbiased", "fair model", "compliant"))
