"""Slices too small to be shown, where the policy says how small: nothing that is written may count them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from audit.cli import main

SMALL = 17
CONFIG = """\
[data]
test = "test.csv"
target = "late"
positive = "yes"
score = "score"
sensitive = ["sex", "race"]

[costs]
false_positive = 1
false_negative = 3
{}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A table with a group of seventeen rows, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    rows = 600
    score = rng.uniform(0.01, 0.99, rows)
    race = np.where(np.arange(rows) < SMALL, "hidden", rng.choice(["a", "b"], rows))
    frame = pd.DataFrame(
        {
            "age": rng.integers(20, 70, rows), "sex": rng.choice(["f", "m"], rows), "race": race, "score": score,
            "late": np.where(rng.uniform(size=rows) < score, "yes", "no"),
        }
    )  # fmt: skip
    frame.to_csv(tmp_path / "test.csv", index=False)
    (tmp_path / "audit.toml").write_text(CONFIG.format(""))
    (tmp_path / "gates.toml").write_text('[policy]\nextends = "default"\nsuppress_n = 20\n')
    return tmp_path


def speaking_of(data: object, level: str) -> Iterator[dict[str, object]]:
    """Yield every table of a record whose address names a level."""
    if isinstance(data, dict):
        where = data.get("where")
        if isinstance(where, dict) and level in where.values():
            yield data
        for one in data.values():
            yield from speaking_of(one, level)
    elif isinstance(data, list):
        for one in data:
            yield from speaking_of(one, level)


def test_a_policys_suppression_holds_in_all_that_is_written(folder: Path) -> None:
    code = main(
        ["run", "audit.toml", "--policy", "gates.toml", "--out", "out", "--format", "json,html,md,text,junit,sarif"]
    )
    assert code in (0, 1, 3)
    record = json.loads((folder / "out" / "audit.json").read_text())
    found = [one for one in speaking_of(record, "hidden") if "metric" in one]
    assert found
    assert all(one["n"] is None for one in found)
    told = {one["value"] for one in found if not str(one["metric"]).startswith("missing_")}
    assert told == {None}, "what a thin group lacks at least is a bound, not a count"
    assert {one["rows"] for one in record["data"]["groups"] if one["level"] == "hidden"} == {None}
    assert record["config"]["audit"]["suppress_n"] == 20
    for name in ("card.html", "card.md", "summary.txt", "junit.xml", "gates.sarif"):
        path = folder / "out" / name
        for line in path.read_text().splitlines() if path.exists() else ():
            if "hidden" in line and "<svg" not in line and not line.startswith("{"):
                assert not re.search(rf"\bn\s*=?\s*{SMALL}\b", line), f"{name}: {line[:300]}"


def test_without_it_the_group_is_shown(folder: Path) -> None:
    assert main(["run", "audit.toml", "--out", "out", "--format", "json"]) in (0, 1, 3)
    record = json.loads((folder / "out" / "audit.json").read_text())
    assert any(one.get("n") == SMALL for one in speaking_of(record, "hidden"))


def test_a_record_that_shows_more_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["run", "audit.toml", "--out", "out", "--format", "json"])
    capsys.readouterr()
    assert main(["judge", "out/audit.json", "--policy", "gates.toml", "--out", "judged"]) == 2
    told = " ".join(capsys.readouterr().err.split())
    assert "suppress_n = 10" in told
    assert "Run the audit again" in told
    assert not (folder / "judged").exists()


def test_the_audits_own_number_holds_where_it_hides_more(folder: Path) -> None:
    (folder / "audit.toml").write_text(CONFIG.format("\n[audit]\nsuppress_n = 40\n"))
    main(["run", "audit.toml", "--policy", "gates.toml", "--out", "out", "--format", "json"])
    record = json.loads((folder / "out" / "audit.json").read_text())
    assert record["config"]["audit"]["suppress_n"] == 40
    assert main(["judge", "out/audit.json", "--policy", "gates.toml"]) in (0, 1, 3)
