"""``modelassay run`` against an earlier audit, stated fingerprints, and the budget of a test set."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression

from audit.cli import main
from audit.data.tables import file_sha256

CONFIG = """
[model]
path = "{model}"
{model_more}
[data]
train = "train.csv"
test = "test.csv"
target = "ill"
task = "binary"
positive = 1
sensitive = ["sex"]
{data_more}
[checks]
select = ["classification", "group_performance", "baseline_change", "fingerprints", "skill"]
[policy]
{policy}
[report]
formats = ["json"]
"""


def table(rows: int, seed: int) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    frame = pd.DataFrame({"a": generator.normal(size=rows), "b": generator.normal(size=rows)})
    frame["sex"] = generator.choice(["f", "m"], rows)
    return frame.assign(ill=(frame["a"] + frame["b"] + generator.normal(size=rows) > 0).astype(int))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    train, test = table(400, 0), table(1500, 1)
    train.to_csv("train.csv", index=False)
    test.to_csv("test.csv", index=False)
    skops.io.dump(LogisticRegression().fit(train[["a", "b"]], train["ill"]), "good.skops")
    skops.io.dump(LogisticRegression().fit(train[["a"]], train["ill"]), "poor.skops")
    return tmp_path


def run(model: str, *more: str, policy: str = "", model_more: str = "", data_more: str = "") -> int:
    text = CONFIG.format(model=model, policy=policy, model_more=model_more, data_more=data_more)
    Path("audit.toml").write_text(text, encoding="utf-8")
    return main(["run", "audit.toml", *more])


def record(folder: str = "audit-report") -> dict[str, Any]:
    return json.loads((Path(folder) / "audit.json").read_text())  # type: ignore[no-any-return]


def outcomes(code: str) -> set[str]:
    return {one["outcome"] for one in record()["verdicts"] if one["gate"] == code}


def test_a_poorer_model_is_a_regression(folder: Path) -> None:
    assert run("good.skops", "--out", "main") == 0
    assert run("poor.skops", "--baseline", "main/audit.json") == 1
    assert outcomes("BASE001") == {"fail"}
    assert outcomes("BASE002") == {"fail"}
    gain = next(one for one in record()["verdicts"] if one["gate"] == "BASE001")["estimate"]
    assert gain["method"] == "paired delong"


def test_the_configuration_names_baseline_and_margin(folder: Path) -> None:
    assert run("good.skops", "--out", "main") == 0
    stated = 'baseline = "main/audit.json"\n'
    assert run("poor.skops", policy=stated) == 1
    assert run("poor.skops", policy=stated + "margin = 0.4\n") == 0
    assert outcomes("BASE001") == {"pass"}
    assert run("good.skops", policy=stated) == 0
    assert run("good.skops", policy='baseline = "mian/audit.json"\n') == 2


def test_running_and_judging_again_agree(folder: Path) -> None:
    assert run("good.skops", "--out", "main") == 0
    assert run("poor.skops", "--out", "plain") == 0
    assert run("poor.skops", "--baseline", "main/audit.json") == 1
    assert (
        main(["judge", "plain/audit.json", "--baseline", "main/audit.json", "--out", "again", "--format", "json"]) == 1
    )
    nowhere = [{**one, "source": None} for one in record()["verdicts"]]  # judging named no file
    assert record("again")["verdicts"] == nowhere
    assert main(["compare", "main/audit.json", "audit-report/audit.json", "--out", "change.txt"]) == 0
    assert "BASE001" in Path("change.txt").read_text()


def test_other_rows_are_refused_before_the_work_begins(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("good.skops", "--out", "main") == 0
    table(1500, 2).to_csv("test.csv", index=False)
    assert run("good.skops", "--baseline", "main/audit.json") == 2
    assert "measured on other rows" in capsys.readouterr().err
    assert not Path("audit-report").exists()
    assert run("good.skops", "--baseline", "main/audit.json", "--unpaired") in {0, 1}
    assert run("good.skops", policy='baseline = "main/audit.json"\non_data_change = "unpaired"\n') in {0, 1}
    (found,) = [one for one in record()["findings"] if one["check"] == "baseline_change"]
    assert "not paired" in found["measurement"]["summary"]


def test_the_same_rows_in_another_order_and_format(folder: Path) -> None:
    assert run("good.skops", "--out", "main") == 0
    shuffled = pd.read_csv("test.csv").sample(frac=1, random_state=0)
    shuffled.assign(ill=shuffled["ill"].astype(float)).to_csv("test.csv", index=False)
    assert run("good.skops", "--baseline", "main/audit.json") == 0
    assert outcomes("BASE001") == {"pass"}


def test_stated_fingerprints(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = f'sha256 = "{file_sha256(Path("good.skops")).upper()}"'
    data = f'sha256 = {{ test = "{file_sha256(Path("test.csv"))}" }}'
    assert run("good.skops", model_more=model, data_more=data) == 0
    assert outcomes("SEC002") == {"pass"}
    shutil.copy("poor.skops", "good.skops")
    assert run("good.skops", model_more=model, data_more=data) == 1
    assert outcomes("SEC002") == {"pass", "fail"}
    capsys.readouterr()
    assert run("good.skops", model_more='sha256 = "abc"') == 2
    assert "64 hexadecimal digits" in capsys.readouterr().err
    assert run("good.skops", data_more=data.replace("test =", "tets =")) == 2
    assert "expected 'train' or 'test'" in capsys.readouterr().err


def test_without_stated_fingerprints_nothing_is_claimed(folder: Path) -> None:
    assert run("good.skops") == 0
    assert outcomes("SEC002") == {"not_assessed"}


def test_a_policy_with_a_baseline_and_a_budget(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("gates.toml").write_text(
        '[policy]\nextends = "default"\n[baseline]\nsource = "main.json"\n[test_set]\nmax_uses = 1\n', encoding="utf-8"
    )
    assert run("good.skops", policy='path = "gates.toml"\n') == 0
    assert "baseline 'main.json' does not exist yet" in capsys.readouterr().err
    shutil.copy("audit-report/audit.json", "main.json")
    assert run("poor.skops", policy='path = "gates.toml"\n') == 1
    assert "used for 2 different models" in capsys.readouterr().err
    assert any("used for 2 different models" in line for line in record()["warnings"])
    assert len(json.loads(Path("test-set-uses.json").read_text())) == 1


def test_rows_are_kept_as_asked(folder: Path) -> None:
    assert run("good.skops", data_more="[gather.pairing]\nrows = 100\n") == 0
    assert (record()["pairing"]["kept"], record()["pairing"]["rows"]) == (100, 1500)
    assert run("good.skops", data_more="[gather.pairing]\nrows = 0\n") == 0
    assert record()["pairing"] is None


def test_a_hostile_baseline_changes_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("good.skops", "--out", "main") == 0
    saved = record("main")
    saved["pairing"]["kept"] = 10**9
    saved["pairing"]["rows"] = 10**9
    Path("main/audit.json").write_text(json.dumps(saved), encoding="utf-8")
    assert run("good.skops", "--baseline", "main/audit.json") in {0, 2}
    saved["pairing"]["kept"] = saved["pairing"]["rows"] = 1500
    saved["pairing"]["y_pred"] = "AAAA"
    Path("main/audit.json").write_text(json.dumps(saved), encoding="utf-8")
    capsys.readouterr()
    assert run("good.skops", "--baseline", "main/audit.json") == 2
