"""The main job through the command line: what is written, what is said, how it ends."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression

from audit.cli import main

CHECKS = '[checks]\nselect = ["classification", "skill", "disparities", "card_blanks", "regression"]\n'


def _table(rows: int, seed: int) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    frame = pd.DataFrame({"age": generator.integers(20, 70, rows), "debt": generator.normal(size=rows)})
    frame["sex"] = generator.choice(["f", "m"], rows)
    late = frame["debt"] + 0.5 * generator.normal(size=rows) > 0
    return frame.assign(late=np.where(late, "yes", "no"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    train, test = _table(300, 0), _table(200, 1)
    train.to_csv(tmp_path / "train.csv", index=False)
    test.to_csv(tmp_path / "test.csv", index=False)
    model = LogisticRegression().fit(train[["age", "debt"]], train["late"])
    skops.io.dump(model, tmp_path / "model.skops")
    return tmp_path


def _config(
    folder: Path, *, model: str = '[model]\npath = "model.skops"\n', data: str = "", rest: str = CHECKS
) -> Path:
    path = folder / "audit.toml"
    usual = 'train = "train.csv"\ntest = "test.csv"\ntarget = "late"\npositive = "yes"\nsensitive = ["sex"]\n'
    path.write_text(f"{model}[data]\n{data or usual}\n{rest}")
    return path


def _written(folder: Path) -> set[str]:
    out = folder / "audit-report"
    return {one.name for one in out.iterdir()} if out.exists() else set()


def test_writes_record_and_reports(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(_config(folder))]) == 0
    assert _written(folder) == {"audit.json", "card.html", "card.md", "junit.xml"}
    record = json.loads((folder / "audit-report" / "audit.json").read_text())
    assert {(one["gate"], one["outcome"]) for one in record["verdicts"]} >= {("PERF001", "pass"), ("CARD001", "fail")}
    assert "card.html" in capsys.readouterr().out


def test_same_inputs_give_the_same_bytes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    config = _config(folder, rest="")
    main(["run", str(config), "--out", str(folder / "one")])
    main(["run", str(config), "--out", str(folder / "two")])
    for name in ("audit.json", "card.html", "card.md", "junit.xml"):
        assert (folder / "one" / name).read_bytes() == (folder / "two" / name).read_bytes()


def test_gives_a_machine_the_record_alone(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(_config(folder)), "--format", "json", "--out", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["schema_version"] == 2
    assert _written(folder) == set()


def test_judges_and_renders_without_the_model(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["run", str(_config(folder))])
    record = folder / "audit-report" / "audit.json"
    (folder / "model.skops").unlink()
    (folder / "test.csv").unlink()
    gates = folder / "gates.toml"
    gates.write_text('[[gate]]\nid = "high"\nmetric = "accuracy"\nthreshold = 0.999\nseverity = "error"\n')
    assert main(["judge", str(record), "--policy", str(gates)]) == 1
    capsys.readouterr()
    assert main(["render", str(record), "--format", "html"]) == 0
    assert capsys.readouterr().out == (folder / "audit-report" / "card.html").read_text()


def test_no_skill_is_an_error(folder: Path) -> None:
    train = _table(300, 0)
    train["late"] = np.random.default_rng(5).permutation(train["late"])
    skops.io.dump(LogisticRegression().fit(train[["age"]], train["late"]), folder / "model.skops")
    assert main(["run", str(_config(folder))]) in {1, 3}


def test_predictions_alone(folder: Path) -> None:
    test = pd.read_csv(folder / "test.csv")
    test["says"] = np.where(test["debt"] > 0, "yes", "no")
    test["sure"] = 1 / (1 + np.exp(-2 * test["debt"]))
    test.to_parquet(folder / "answers.parquet")
    data = (
        'test = "answers.parquet"\ntarget = "late"\npositive = "yes"\nprediction = "says"\nscore = "sure"\n'
        'sensitive = ["sex"]'
    )
    assert main(["run", str(_config(folder, model="", data=data))]) == 0
    record = json.loads((folder / "audit-report" / "audit.json").read_text())
    assert record["model"]["format"] == "none"
    metrics = {
        one["metric"]
        for found in record["findings"]
        if found["measurement"]
        for one in found["measurement"]["estimates"]
    }
    assert {"roc_auc", "log_loss", "selection_rate_ratio"} <= metrics


def test_multiclass_and_regression(folder: Path) -> None:
    generator = np.random.default_rng(0)
    for task, target in (("multiclass", "kind"), ("regression", "size")):
        frame = pd.DataFrame({"a": generator.normal(size=400), "b": generator.normal(size=400)})
        frame["group"] = generator.choice(["x", "y"], 400)
        if task == "multiclass":
            frame[target] = np.digitize(frame["a"], [-0.5, 0.5])
            model = HistGradientBoostingClassifier(max_iter=20).fit(frame[["a", "b"]], frame[target])
        else:
            frame[target] = frame["a"] + 0.1 * generator.normal(size=400)
            model = RandomForestRegressor(n_estimators=10, random_state=0).fit(frame[["a", "b"]], frame[target])
        frame.to_csv(folder / "test.csv", index=False)
        skops.io.dump(model, folder / "model.skops")
        data = f'test = "test.csv"\ntarget = "{target}"\ntask = "{task}"\nsensitive = ["group"]'
        assert main(["run", str(_config(folder, data=data, rest=""))]) in {0, 1}
        record = json.loads((folder / "audit-report" / "audit.json").read_text())
        assert record["task"] == task
        assert not [found for found in record["findings"] if found["outcome"] == "error"]


HOSTILE = [
    "<script>alert(1)</script>",
    'a"b',
    "a|b`c`",
    "two\nlines",
    "🦉" * 3,
    "x" * 10_000,
    "::error::x",
    "=1+1",
    "]]>",
]


def test_hostile_names_are_harmless(folder: Path) -> None:
    generator = np.random.default_rng(0)
    frame = pd.DataFrame({name: generator.normal(size=200) for name in HOSTILE})
    frame["group"] = generator.choice(HOSTILE, 200)
    frame["late"] = (frame[HOSTILE[0]] > 0).astype(int)
    model = LogisticRegression().fit(frame[HOSTILE], frame["late"])
    skops.io.dump(model, folder / "model.skops")
    frame.to_parquet(folder / "test.parquet")
    data = 'test = "test.parquet"\ntarget = "late"\nsensitive = ["group"]'
    formats = "json,html,md,text,junit,sarif,github,gitlab"
    assert main(["run", str(_config(folder, data=data, rest="")), "--format", formats]) in {0, 1}
    html = (folder / "audit-report" / "card.html").read_text()
    assert "<script>alert" not in html
    import xml.etree.ElementTree as ET

    assert ET.parse(folder / "audit-report" / "junit.xml").getroot().tag == "testsuites"
    annotations = (folder / "audit-report" / "annotations.txt").read_text()
    assert all(line.startswith("::") for line in annotations.splitlines() if line)


def _broken(change: str) -> Callable[[Path], Path]:
    usual = {
        "train": '"train.csv"',
        "test": '"test.csv"',
        "target": '"late"',
        "positive": '"yes"',
        "sensitive": '["sex"]',
    }

    def make(folder: Path) -> Path:
        key, _, value = change.partition("=")
        lines = {**usual, key.strip(): value.strip()}
        return _config(folder, data="\n".join(f"{name} = {text}" for name, text in lines.items() if text))

    return make


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ('target = "lat"', "Did you mean 'late'?"),
        ('sensitive = ["sexx"]', "Did you mean 'sex'?"),
        ('features = ["agee"]', "Did you mean 'age'?"),
        ('test = "tst.csv"', "Did you mean 'test.csv'?"),
        ('positive = "ye"', "Did you mean 'yes'?"),
        ("positive = ", "which class is positive"),
        ('targt = "late"', "Did you mean 'target'?"),
        ("target = 3", "'target' is"),
        ('task = "binery"', "binery"),
        ('weight = "sex"', "holds text"),
        ('sensitive = ["age"]', "cut it into bands"),
        ('reference = { sex = "w" }', "not a level"),
        ('score = "sure"', "score column 'sure' is not in the test table"),
    ],
)
def test_wrong_words_end_with_code_2_and_one_clear_line(
    folder: Path, capsys: pytest.CaptureFixture[str], change: str, told: str
) -> None:
    assert main(["run", str(_broken(change)(folder))]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert "Traceback" not in error
    assert error.count("\n") == 1
    assert _written(folder) == set()


def _refused(folder: Path, capsys: pytest.CaptureFixture[str], config: Path) -> str:
    assert main(["run", str(config)]) == 2
    assert _written(folder) == set()
    error = capsys.readouterr().err
    assert "Traceback" not in error
    return error


def test_missing_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(tmp_path / "audit.toml")]) == 2
    assert "no file" in capsys.readouterr().err


def test_broken_toml_names_the_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "audit.toml").write_text("[data]\ntarget = late\n")
    assert "line 2" in _refused(folder, capsys, folder / "audit.toml")


@pytest.mark.parametrize("text", ["", "late,age,debt,sex\n"])
def test_empty_table(folder: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    (folder / "test.csv").write_text(text)
    assert "test.csv" in _refused(folder, capsys, _config(folder))


def test_missing_targets_are_counted(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    test = pd.read_csv(folder / "test.csv")
    test.loc[:4, "late"] = None
    test.to_csv(folder / "test.csv", index=False)
    assert "5 of 200 test rows have no target" in _refused(folder, capsys, _config(folder))
    usual = 'test = "test.csv"\ntarget = "late"\npositive = "yes"\ndrop_missing_target = true'
    assert main(["run", str(_config(folder, data=usual))]) == 0
    record = json.loads((folder / "audit-report" / "audit.json").read_text())
    assert record["data"]["splits"][0]["dropped_rows"] == 5


def test_one_class_only(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    test = pd.read_csv(folder / "test.csv")
    test["late"] = "yes"
    test.to_csv(folder / "test.csv", index=False)
    assert "one class only" in _refused(folder, capsys, _config(folder))


def test_table_lacks_a_feature_of_the_model(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("train", "test"):
        pd.read_csv(folder / f"{name}.csv").rename(columns={"debt": "dept"}).to_csv(folder / f"{name}.csv", index=False)
    error = _refused(folder, capsys, _config(folder))
    assert "lacks 'debt'" in error
    assert "Did you mean 'dept'?" in error


class _Bomb:
    def __reduce__(self) -> tuple[object, ...]:
        return (Path.write_text, (Path("bomb-went-off"), "x"))


@pytest.mark.parametrize("suffix", ["pkl", "joblib", "pt", "pt2"])
def test_code_is_not_run_without_trust(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    monkeypatch.chdir(folder)
    (folder / f"model.{suffix}").write_bytes(pickle.dumps(_Bomb()))
    error = _refused(folder, capsys, _config(folder, model=f'[model]\npath = "model.{suffix}"\n'))
    assert "was not opened" in error
    assert not (folder / "bomb-went-off").exists()


def test_a_trusted_pickle_is_said_on_the_card(folder: Path) -> None:
    train = pd.read_csv(folder / "train.csv")
    model = LogisticRegression().fit(train[["age", "debt"]], train["late"])
    (folder / "model.pkl").write_bytes(pickle.dumps(model))
    rest = '[checks]\nselect = ["artifact_format", "skill"]\n'
    assert main(["run", str(_config(folder, model='[model]\npath = "model.pkl"\ntrust = true\n', rest=rest))]) == 0
    record = json.loads((folder / "audit-report" / "audit.json").read_text())
    assert ("SEC001", "fail") in {(one["gate"], one["outcome"]) for one in record["verdicts"]}


@pytest.mark.parametrize("name", ["model.skops", "model.safetensors"])
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not whole", pickle.dumps([1, 2])])
def test_broken_or_mislabeled_model_file(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str, content: bytes
) -> None:
    (folder / name).write_bytes(content)
    assert name in _refused(folder, capsys, _config(folder, model=f'[model]\npath = "{name}"\n'))


OBJECTS = """
import numpy as np
class Raises:
    def predict(self, X): raise RuntimeError("out of order")
class Short:
    def predict(self, X): return np.array(["yes"] * (len(X) - 1))
class Other:
    def predict(self, X): return np.array(["perhaps"] * len(X))
class Nan:
    classes_ = np.array(["no", "yes"])
    def predict(self, X): return np.where(X["debt"] > 0, "yes", "no")
    def predict_proba(self, X): return np.full((len(X), 2), np.nan)
class Wild(Nan):
    def predict_proba(self, X): return np.column_stack([-X["debt"], 1 + X["debt"]])
raises, short, other, nan, wild, nothing = Raises(), Short(), Other(), Nan(), Wild(), 3
"""


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("raises", "RuntimeError"),
        ("short", "returned 199 answers for 200 rows"),
        ("other", "the target holds 'no', 'yes'"),
        ("nothing", "no predict method"),
        ("shrt", "Did you mean 'short'?"),
    ],
)
def test_models_that_do_not_answer(folder: Path, capsys: pytest.CaptureFixture[str], name: str, told: str) -> None:
    (folder / "own_models.py").write_text(OBJECTS)
    data = 'test = "test.csv"\ntarget = "late"\npositive = "yes"\nfeatures = ["age", "debt"]'
    assert told in _refused(
        folder, capsys, _config(folder, model=f'[model]\nobject = "own_models:{name}"\n', data=data)
    )


@pytest.mark.parametrize("name", ["nan", "wild"])
def test_odd_scores_are_findings(folder: Path, name: str) -> None:
    (folder / "own_models.py").write_text(OBJECTS)
    data = 'test = "test.csv"\ntarget = "late"\npositive = "yes"\nfeatures = ["age", "debt"]\nsensitive = ["sex"]'
    rest = '[checks]\nselect = ["classification", "calibration", "skill"]\n'
    config = _config(folder, model=f'[model]\nobject = "own_models:{name}"\n', data=data, rest=rest)
    assert main(["run", str(config)]) == 0
    record = json.loads((folder / "audit-report" / "audit.json").read_text())
    found = {one["check"]: one for one in record["findings"]}
    assert found["calibration"]["outcome"] == "not_applicable"
    assert "scores" in found["calibration"]["reason"]


def test_a_file_in_the_way_of_the_output_folder(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "audit-report").write_text("in the way")
    assert main(["run", str(_config(folder))]) == 2
    assert "cannot write" in capsys.readouterr().err
    assert (folder / "audit-report").read_text() == "in the way"


def test_unknown_words_on_the_command_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = str(_config(folder))
    assert main(["runn", config]) == 2
    assert main(["run", config, "--formt", "html"]) == 2
    assert main(["run", config, "--format", "htm"]) == 2
    assert "Did you mean 'html'?" in capsys.readouterr().err
    assert _written(folder) == set()


def test_unknown_checks_and_options(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for rest, told in (
        ('[checks]\nselect = ["rocc"]\n', "Did you mean 'roc'?"),
        ("[checks.options.roc]\npoint = 3\n", "Did you mean 'points'?"),
        ("[gather.folds]\nfold = 3\n", "Did you mean 'folds'?"),
        ("[gather.fold]\nfolds = 3\n", "Did you mean 'folds'?"),
    ):
        assert told in _refused(folder, capsys, _config(folder, rest=rest))


def test_a_check_that_breaks_is_a_finding(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from audit import checks

    def broken(predictions: object) -> None:
        raise ZeroDivisionError("planted")

    found = dict(checks.discover())
    found["roc"] = replace(found["roc"], measure=broken)  # type: ignore[arg-type]
    monkeypatch.setattr("audit.checks.discover", lambda: found)
    assert main(["run", str(_config(folder, rest='[checks]\nselect = ["roc", "skill"]\n'))]) == 0
    record = json.loads((folder / "audit-report" / "audit.json").read_text())
    assert [(one["check"], one["outcome"]) for one in record["findings"]] == [("roc", "error"), ("skill", "measured")]
