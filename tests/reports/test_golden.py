"""The golden record and what is drawn from it change only on purpose.

``MODELASSAY_REWRITE_GOLDEN=1 pytest tests/reports/test_golden.py`` writes them anew; look at the diff.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reports import formats, store
from reports.record import AuditRecord

GOLDEN = Path(__file__).parents[1] / "golden"
REWRITE = os.environ.get("MODELASSAY_REWRITE_GOLDEN") == "1"
RECORD = GOLDEN / "record.v1.json"


def test_the_golden_record_is_read_for_ever(record: AuditRecord) -> None:
    if REWRITE:
        store.save(record, RECORD)
    assert store.load(RECORD) == record
    assert RECORD.read_text(encoding="utf-8") == store.dumps(record)


@pytest.mark.parametrize("name", [name for name in formats.FORMATS if name != "json"])
def test_every_report_of_the_golden_record_stays_as_it_is(name: str) -> None:
    drawn = formats.render(store.load(RECORD), name)
    path = GOLDEN / formats.FORMATS[name].file
    if REWRITE:
        store.write_text_atomically(path, drawn)
    with path.open(encoding="utf-8", newline="") as file:
        assert file.read() == drawn, f"{name} changed; if on purpose, rewrite the golden files"
