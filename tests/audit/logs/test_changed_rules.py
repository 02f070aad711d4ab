"""A window keeps the verdicts of the rules of its time, until its counts change or somebody asks to judge again."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from audit.cli import main
from reports.record import AuditRecord
from reports.store import load

TOML = """
[data]
log = "log-*.csv"
target = "y"
positive = 1
favorable = 1
prediction = "p"
time = "t"
[report]
formats = ["json"]
[monitor]
reference = 2
[[policy.override]]
id = "MON003"
threshold = {threshold}
severity = "{severity}"
"""


def write(folder: Path, months: range, *, unlabeled: float = 0.3, name: str = "") -> None:
    for month in months:
        generator = np.random.default_rng(month)
        y = generator.integers(0, 2, 400)
        frame = pd.DataFrame({"y": np.where(generator.random(400) < unlabeled, np.nan, y), "p": y})
        frame["t"] = pd.Timestamp(2025, month, 1) + pd.to_timedelta(generator.integers(0, 28, 400), unit="D")
        frame.to_csv(folder / f"log-{month}{name}.csv", index=False)


def monitored(
    folder: Path, *more: str, threshold: float = 0.5, severity: str = "error", code: int = 0
) -> dict[str, AuditRecord]:
    (folder / "audit.toml").write_text(TOML.format(threshold=threshold, severity=severity))
    assert main(["monitor", str(folder / "audit.toml"), *more]) == code
    return {path.stem: load(path) for path in sorted((folder / "monitor").glob("2025-*.json"))}


def outcomes(records: dict[str, AuditRecord]) -> dict[str, str]:
    """Return what became of the share of missing labels in each window."""
    return {
        name: one.outcome
        for name, record in records.items()
        for one in record.verdicts
        if one.gate == "MON003" and one.estimate is not None and one.estimate.metric == "missing_label_share"
    }


def test_earlier_windows_keep_the_verdicts_of_their_rules(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, range(1, 6))
    assert set(outcomes(monitored(tmp_path)).values()) == {"pass"}
    assert "rules have changed" not in capsys.readouterr().err
    changed = monitored(tmp_path, threshold=0.1, code=1)
    assert outcomes(changed) == {"2025-03": "pass", "2025-04": "pass", "2025-05": "fail"}
    said = capsys.readouterr().err
    assert "2 windows from 2025-03 to 2025-04 keep the verdicts of the rules of that time. --judge-again" in said
    assert [line[:7] for line in said.splitlines() if line.startswith("2025-") and "compared" not in line] == [
        "2025-05"
    ]
    thresholds = [
        {one.threshold for one in changed[name].policy.gates if one.id == "MON003"} for name in sorted(changed)
    ]
    assert thresholds == [{0.5}, {0.5}, {0.1}]
    (earlier,) = (tmp_path / "monitor" / "earlier").iterdir()
    assert outcomes({earlier.stem[:7]: load(earlier)}) == {"2025-05": "pass"}
    again = monitored(tmp_path, "--judge-again", threshold=0.1, code=1)
    assert set(outcomes(again).values()) == {"fail"}
    assert "rules have changed" not in capsys.readouterr().err
    assert len(list((tmp_path / "monitor" / "earlier").iterdir())) == 3


def test_a_window_with_new_rows_is_judged_by_the_rules_of_now(tmp_path: Path) -> None:
    write(tmp_path, range(1, 7))
    monitored(tmp_path)
    write(tmp_path, range(3, 4), name="-late")
    records = monitored(tmp_path, threshold=0.1, code=1)
    assert outcomes(records)["2025-03"] == "fail"
    assert records["2025-03"].data.splits[0].rows > 400
    assert outcomes(records)["2025-06"] == "fail"


def test_a_kept_window_does_not_bring_back_its_exit_code(tmp_path: Path) -> None:
    write(tmp_path, range(1, 5))
    assert set(outcomes(monitored(tmp_path, threshold=0.1, code=1)).values()) == {"fail"}
    assert outcomes(monitored(tmp_path, threshold=0.5)) == {"2025-03": "fail", "2025-04": "pass"}


@pytest.mark.parametrize("forged", [False, True])
def test_records_without_a_seal_are_made_again_by_their_own_rules(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], forged: bool
) -> None:
    write(tmp_path, range(1, 6))
    first = monitored(tmp_path)
    shutil.rmtree(tmp_path / "monitor" / "tallies")
    if forged:
        path = tmp_path / "monitor" / "2025-03.json"
        path.write_text(path.read_text().replace('"outcome": "pass"', '"outcome": "waived"'))
    capsys.readouterr()
    records = monitored(tmp_path, threshold=0.1, code=1)
    assert outcomes(records) == {"2025-03": "fail" if forged else "pass", "2025-04": "pass", "2025-05": "fail"}
    assert records["2025-04"].policy == first["2025-04"].policy
    assert ("2025-03: " in capsys.readouterr().err) == forged
