"""``modelassay init``: what is inferred, what is left to people, and that the result runs."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline

from audit.cli import main
from audit.cli.initial import bands, key, task_of, text
from audit.config.configuration import read_card, read_config
from audit.policy.read import default_policy, read_policy
from reports import store

Files = Path


class Doubled(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """A step of the user's own."""

    def fit(self, X: pd.DataFrame, y: object = None) -> Doubled:
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: pd.DataFrame) -> object:
        return 2 * X


def table(rows: int, seed: int) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    frame = pd.DataFrame({"amount": generator.normal(size=rows), "age": generator.integers(18, 80, rows)})
    frame["sex"] = generator.choice(["f", "m"], rows)
    frame["ill"] = (frame["amount"] + generator.normal(size=rows) > 0).astype(int)
    return frame


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Files:
    monkeypatch.chdir(tmp_path)
    train, test = table(300, 0), table(300, 1)
    train.to_csv("train.csv", index=False)
    test.to_csv("test.csv", index=False)
    model = LogisticRegression().fit(train[["amount", "age"]], train["ill"])
    skops.io.dump(model, "model.skops")
    return tmp_path


def init(*more: str) -> int:
    return main(["init", "--model", "model.skops", "--train", "train.csv", "--test", "test.csv", *more])


def parsed(path: str) -> dict[str, Any]:
    return tomllib.loads(Path(path).read_text(encoding="utf-8"))


def test_what_can_be_inferred_runs_right_away(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    assert init("--target", "ill", "--sensitive", "sex", "--sensitive", "age") == 0
    assert "DECIDE" not in capsys.readouterr().out
    data = parsed("audit.toml")["data"]
    assert (data["task"], data["positive"], data["sensitive"]) == ("binary", "1", ["sex", "age"])
    assert data["bins"] == {"age": [25, 45, 65]}
    path = files / "audit.toml"
    quick = path.read_text(encoding="utf-8") + '\n[checks]\nselect = ["classification", "disparities", "card_blanks"]\n'
    path.write_text(quick, encoding="utf-8")
    assert main(["run", "audit.toml", "--format", "json"]) == 0
    record = json.loads((files / "audit-report" / "audit.json").read_text())
    assert record["policy"]["file"] == "gates.toml"
    assert record["card"]["name"] == ""
    assert {group["feature"] for group in record["data"]["groups"]} == {"sex", "age"}


def test_the_files_are_read_strictly(files: Files) -> None:
    assert init("--target", "ill") == 0
    assert read_config(files / "audit.toml").data.task == "binary"
    assert {gate.id for gate in read_policy(files / "gates.toml").gates} == {g.id for g in default_policy().gates}
    assert read_card(files / "card.toml").owner == ""
    for name in ("audit.toml", "gates.toml", "card.toml"):
        assert "DECIDE" in (files / name).read_text()


def test_commented_gates_are_gates(files: Files) -> None:
    assert init("--target", "ill", "--sensitive", "sex") == 0
    lines = (files / "gates.toml").read_text().split("# DECIDE: the number")[1].splitlines()[1:]
    code = [line.removeprefix("# ") for line in lines if "=" in line or line.startswith("# [[")]
    (files / "all.toml").write_text('[policy]\nextends = "default"\n' + "\n".join(code))
    policy = read_policy(files / "all.toml")
    assert {"floor", "recall-gap"} <= {gate.id for gate in policy.gates}
    assert len(policy.waivers) == 1


def test_commented_costs_are_costs(files: Files) -> None:
    init("--target", "ill")
    path = files / "audit.toml"
    lines = path.read_text(encoding="utf-8").splitlines()
    start = next(k for k, line in enumerate(lines) if line.startswith("# [costs]"))
    opened = [line.removeprefix("# ") if start <= k < start + 5 else line for k, line in enumerate(lines)]
    path.write_text("\n".join(opened), encoding="utf-8")
    costs = read_config(path).costs
    assert costs is not None
    assert (costs.false_positive, costs.false_negative) == (1.0, 5.0)


def test_what_sounds_sensitive_is_named(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    assert init("--target", "ill") == 0
    assert "'age', 'sex'" in capsys.readouterr().out
    assert "'age', 'sex'" in (files / "audit.toml").read_text()


def test_nothing_is_written_over(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    (files / "gates.toml").write_text("# mine")
    assert init("--target", "ill") == 2
    assert "already holds 'gates.toml'" in capsys.readouterr().err
    assert not (files / "audit.toml").exists()
    assert (files / "gates.toml").read_text() == "# mine"
    assert init("--target", "ill", "--force") == 0
    assert "extends" in (files / "gates.toml").read_text()


def test_paths_are_relative_to_where_the_files_stand(files: Files) -> None:
    assert init("--target", "ill", "--out", "sub/deep") == 0
    assert parsed("sub/deep/audit.toml")["model"]["path"] == "../../model.skops"
    assert main(["run", "sub/deep/audit.toml", "--format", "json", "--out", "-"]) in {0, 1, 3}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--target", "il"], "Did you mean 'ill'"),
        (["--target", "ill", "--sensitive", "sexx"], "Did you mean 'sex'"),
        (["--target", "ill", "--positive", "2"], "positive class '2' does not occur"),
        (["--target", "ill", "--test", "tset.csv"], "Did you mean 'test.csv'"),
        (["--target", "ill", "--model", "modle.skops"], "Did you mean 'model.skops'"),
    ],
)
def test_what_does_not_exist(files: Files, arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert init(*arguments) == 2
    assert told in capsys.readouterr().err
    assert not (files / "audit.toml").exists()


def test_a_format_that_runs_code_is_not_opened(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    (files / "model.pkl").write_bytes(b"cos\nsystem\n(S'touch owned'\ntR.")
    assert init("--target", "ill", "--model", "model.pkl") == 0
    assert "DECIDE [model] trust" in capsys.readouterr().out
    assert not (files / "owned").exists()
    assert parsed("audit.toml")["model"]["trust"] is False
    assert main(["run", "audit.toml"]) == 2
    assert not (files / "owned").exists()


def test_a_trusted_model_is_looked_at(files: Files) -> None:
    train = pd.read_csv("train.csv")
    joblib.dump(LinearRegression().fit(train[["amount"]], train["age"]), "line.joblib")
    assert init("--target", "age", "--model", "line.joblib", "--trust") == 0
    found = parsed("audit.toml")
    assert found["model"]["trust"] is True
    assert found["data"]["task"] == "regression"


def test_a_positive_class_is_a_persons_to_name(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("train.csv", "test.csv"):
        frame = pd.read_csv(name)
        frame.assign(ill=frame["ill"].map({0: "no", 1: 'y"es\\'})).to_csv(name, index=False)
    train = pd.read_csv("train.csv")
    skops.io.dump(LogisticRegression().fit(train[["amount", "age"]], train["ill"]), "model.skops")
    assert init("--target", "ill") == 0
    assert "DECIDE [data] positive" in capsys.readouterr().out
    assert "positive" not in parsed("audit.toml")["data"]
    assert main(["run", "audit.toml"]) == 2
    assert init("--target", "ill", "--positive", 'y"es\\', "--force") == 0
    assert parsed("audit.toml")["data"]["positive"] == 'y"es\\'


def test_whole_numbers_may_be_classes_or_amounts(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("train.csv", "test.csv"):
        pd.read_csv(name).assign(score=0.5, grade=np.arange(300) % 5).to_csv(name, index=False)
    args = ["init", "--test", "test.csv", "--target", "grade", "--prediction", "ill"]
    assert main(args) == 0
    assert "DECIDE [data] task" in capsys.readouterr().out
    assert "task" not in parsed("audit.toml")["data"]


def test_answers_in_the_table_need_no_model(files: Files) -> None:
    frame = pd.read_csv("test.csv")
    frame.assign(score=1 / (1 + np.exp(-frame["amount"]))).to_csv("test.csv", index=False)
    assert main(["init", "--test", "test.csv", "--target", "ill", "--score", "score", "--sensitive", "sex"]) == 0
    assert main(["run", "audit.toml", "--format", "json", "--out", "-"]) in {0, 1, 3}
    assert main(["init", "--test", "test.csv", "--target", "ill", "--force"]) == 2


def test_a_model_of_other_columns_is_told(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    generator = np.random.default_rng(0)
    other = pd.DataFrame(generator.normal(size=(50, 2)), columns=["amount", "weight"])
    skops.io.dump(LogisticRegression().fit(other, np.arange(50) % 2), "model.skops")
    assert init("--target", "ill") == 0
    assert "the table lacks 'weight'" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("values", "task"),
    [
        ([0, 1, 1], "binary"),
        (["a", "b", "c"], "multiclass"),
        ([1, 2, 3], None),
        (list(np.linspace(0, 1, 50)), "regression"),
        ([True, False, True], "binary"),
    ],
)
def test_a_task_that_cannot_be_another(values: list[object], task: str | None) -> None:
    assert task_of(pd.Series(values)) == task


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=200), st.sampled_from(["age", "income"]))
def test_suggested_bands_rise_and_hold_rows(values: list[float], name: str) -> None:
    column = pd.Series(values, name=name)
    edges = bands(column)
    assert list(edges) == sorted(set(edges))
    assert not edges or column.nunique() > 20


@given(st.text(max_size=40))
def test_any_name_can_be_written(name: str) -> None:
    clean = name.encode("utf-8", "replace").decode()
    assert tomllib.loads(f"{key(name)} = {text(name)}") == {clean: clean}


def test_labels_that_do_not_meet_and_the_way_of_writing_are_found_before_the_first_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=200), "b": rng.normal(size=200)})
    y = (frame["a"] > 0).astype(int)
    model = LogisticRegression().fit(frame, y)
    skops.io.dump(model, "model.skops")
    frame.assign(y=y + 1).to_csv("t.csv", index=False, sep=";", decimal=",", encoding="utf-16")
    asked = ["--model", "model.skops", "--test", "t.csv", "--target", "y", "--positive", "2"]
    assert main(["init", *asked]) == 0
    written = (tmp_path / "audit.toml").read_text()
    assert 'separator = ";"' in written
    decided = written.replace('# labels = { "1" = "0", "2" = "1" }', 'labels = { "1" = "0", "2" = "1" }')
    assert decided != written
    (tmp_path / "audit.toml").write_text(decided + '\n[checks]\nselect = ["classification", "skill"]\n')
    assert main(["run", "audit.toml"]) in (0, 1, 3)
    record = store.load(tmp_path / "audit-report" / "audit.json")
    assert record.metric("accuracy").value == pytest.approx(model.score(frame, y))


def test_types_that_nobody_vouched_for_are_a_decision(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    train = table(300, 0)
    model = make_pipeline(Doubled(), LogisticRegression()).fit(train[["amount"]], train["ill"])
    skops.io.dump(model, "model.skops")
    assert init("--target", "ill") == 0
    assert "DECIDE [model] trusted_types" in capsys.readouterr().out
    assert main(["run", "audit.toml"]) == 2  # nothing was decided
    assert "trusted_types" in capsys.readouterr().err
    file = Path("audit.toml")
    file.write_text(file.read_text(encoding="utf-8").replace("# trusted_types", "trusted_types"), encoding="utf-8")
    assert parsed("audit.toml")["model"]["trusted_types"] == [f"{Doubled.__module__}.Doubled"]


def test_labels_that_do_not_meet_are_told_beside_an_open_positive_class(
    files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    for split in ("train", "test"):
        frame = pd.read_csv(f"{split}.csv")
        frame.assign(ill=frame["ill"].map({0: "well", 1: "ill"})).to_csv(f"{split}.csv", index=False)
    assert init("--target", "ill") == 0
    told = capsys.readouterr().out
    assert "[data] positive" in told
    assert "[data] labels" in told
    assert 'labels = { "' in Path("audit.toml").read_text(encoding="utf-8")
