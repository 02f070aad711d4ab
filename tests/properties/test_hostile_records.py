"""Records with numbers that no audit writes: one line with the place, exit code 2, in moments."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reports.store as store
from audit.cli import main
from reports.formats import FORMATS, render
from reports.store import RecordError, load, loads

TEXT = (Path(__file__).resolve().parents[1] / "golden" / "record.v2.json").read_text(encoding="utf-8")
LONG = "9" * 5000


@pytest.mark.parametrize("number", [LONG, "-" + LONG, "1e400", "-1e400", "1.7e308", "-5", "9" * 400, "9" * 30, "0.5"])
@pytest.mark.parametrize("key", ["n"])
def test_counts_that_cannot_be(key: str, number: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = re.search(rf'"{key}": 16281', TEXT)
    assert found
    path = tmp_path / "audit.json"
    path.write_text(TEXT[: found.start()] + f'"{key}": {number}' + TEXT[found.end() :], encoding="utf-8")
    assert main(["render", str(path), "--format", "html", "--out", "-"]) == 2
    told = capsys.readouterr()
    assert "estimates[0]" in told.err or "line " in told.err
    assert not told.out
    assert len(told.err) < 500


@pytest.mark.parametrize("key", ["value", "low", "seed", "schema_version"])
def test_integers_of_thousands_of_digits_are_named_with_their_line(key: str) -> None:
    found = re.search(rf'"{key}": [\d.]+', TEXT)
    assert found
    line = TEXT.count("\n", 0, found.start()) + 1
    with pytest.raises(RecordError, match=f"5000 digits at line {line}, column"):
        loads(TEXT[: found.start()] + f'"{key}": {LONG}' + TEXT[found.end() :])


@pytest.mark.parametrize("size", [1e308, 1.7e308, 1.1e300])
def test_figures_beyond_all_axes_are_refused(size: float) -> None:
    data = json.loads(TEXT)
    for finding in data["findings"]:
        if finding.get("measurement"):
            exhibits = finding["measurement"]["exhibits"]
            finding["measurement"]["exhibits"] = [_grown(one, size) for one in exhibits if one["kind"] != "table"]
    with pytest.raises(RecordError, match=r"exhibits\[\d+\].*figures hold numbers up to"):
        loads(json.dumps(data))


@pytest.mark.parametrize("size", [1e299, 5e-324, 0.0])
def test_figures_of_any_other_size_are_drawn(size: float) -> None:
    data = json.loads(TEXT)
    for finding in data["findings"]:
        if finding.get("measurement"):
            finding["measurement"]["exhibits"] = _grown(finding["measurement"]["exhibits"], size)
    record = loads(json.dumps(data))
    for name in FORMATS:
        assert render(record, name)


def _grown(data: Any, size: float) -> Any:  # noqa: ANN401
    if isinstance(data, dict):
        return {key: _grown(value, size) for key, value in data.items()}
    if isinstance(data, list):
        return [_grown(value, size) for value in data]
    return (size if data > 0 else -size) if isinstance(data, float) else data


def test_a_file_without_end_is_read_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MOST_BYTES", 1 << 20)
    with pytest.raises(RecordError, match="longer than 1 MiB"):
        load("/dev/zero")


@given(st.data())
@settings(max_examples=60)
def test_a_damaged_record_is_one_line(data: st.DataObject) -> None:
    """Cut, overwrite or double any stretch of a sound record."""
    start = data.draw(st.integers(0, len(TEXT) - 1))
    end = data.draw(st.integers(start, min(len(TEXT), start + 300)))
    middle = data.draw(st.one_of(st.text(max_size=20), st.sampled_from(["", "null", "1e400", "[]", "{}", LONG, "NaN"])))
    assert _told(TEXT[:start] + middle + TEXT[end:]) is not None


def _told(text: str) -> str | None:
    """Return what is said of a record, ``None`` where that is not one short line."""
    try:
        loads(text)
    except RecordError as error:
        return str(error) if "\n" not in str(error) and len(str(error)) < 2000 else None
    return ""
