"""The golden record and what is drawn from it change only on purpose.

``MODELASSAY_REWRITE_GOLDEN=1 pytest tests/reports/test_golden.py`` writes them anew; look at the diff.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reports import formats, store
from reports.record import SCHEMA_VERSION, AuditRecord

GOLDEN = Path(__file__).parents[1] / "golden"
REWRITE = os.environ.get("MODELASSAY_REWRITE_GOLDEN") == "1"
RECORD = GOLDEN / "record.v2.json"
OLD_RECORDS = tuple(GOLDEN / f"record.v{version}.json" for version in range(1, SCHEMA_VERSION))


def test_the_golden_record_is_read_for_ever(record: AuditRecord) -> None:
    if REWRITE:
        store.save(record, RECORD)
    assert store.load(RECORD) == record
    assert RECORD.read_text(encoding="utf-8") == store.dumps(record)


@pytest.mark.parametrize("path", OLD_RECORDS, ids=lambda path: path.name)
def test_old_records_are_read_and_drawn_in_every_format(path: Path) -> None:
    old = store.load(path)
    assert old.schema_version == SCHEMA_VERSION
    assert {gate.id: gate.from_catalogue for gate in old.policy.gates}["FAIR001"]
    assert all(formats.render(old, name) for name in formats.FORMATS)


@pytest.mark.parametrize("name", [name for name in formats.FORMATS if name != "json"])
def test_every_report_of_the_golden_record_stays_as_it_is(name: str) -> None:
    drawn = formats.render(store.load(RECORD), name)
    path = GOLDEN / formats.FORMATS[name].file
    if REWRITE:
        store.write_text_atomically(path, drawn)
    with path.open(encoding="utf-8", newline="") as file:
        assert file.read() == drawn, f"{name} changed; if on purpose, rewrite the golden files"
