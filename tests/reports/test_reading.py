"""What docs/reading_test.md says of six audits is what their records and first screens say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pytest

from benchmarks.reading import TABLES, audited
from reports import html
from reports.record import AuditRecord

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reading_test.md").read_text(encoding="utf-8")
NUMBER = r"-?\d[\d,]*(?:\.\d+)?"
ENDS = rf"\[({NUMBER}), ({NUMBER})\]"


def sections() -> Mapping[str, list[tuple[str, str, str]]]:
    """Return the rows of each audit's table: question, read from the first screen, what the record says."""
    found = {}
    for part in re.split(r"^## ", PAGE, flags=re.MULTILINE):
        picture = re.search(r"\(reading/(\w+)\.png\)", part)
        rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", part, flags=re.MULTILINE)
        if picture:
            found[picture.group(1)] = [row for row in rows if row[0] not in ("question", "---")]
    return found


@cache
def record_of(name: str, folder: Path) -> AuditRecord:
    return audited(name, folder)


class Words(HTMLParser):
    """Gathers what a page says."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.said: list[str] = []
        self.feed(page[page.index("<body>") :])

    def handle_data(self, data: str) -> None:
        self.said.append(data)


def numbers(text: str) -> set[str]:
    return {one.replace(",", "") for one in re.findall(r"(?<![\w.])\d[\d,]*(?:\.\d+)?", text)}


def close(said: str, value: float | None) -> bool:
    """Tell whether a number is the value as far as it is written out."""
    digits = len(said.partition(".")[2])
    return value is not None and abs(float(said.replace(",", "")) - value) <= 0.5 * 10**-digits + 1e-9


def faults(claim: str, record: AuditRecord) -> list[str]:
    """Return what a claim says that the record does not: metrics, extents, outcomes, counts."""
    found = []
    for metric, value, low, high in re.findall(rf"`(\w+)` ({NUMBER})(?: {ENDS})?", claim):
        one = record.metric(metric)
        ends = ((value, one.value), *(((low, one.low), (high, one.high)) if low else ()))
        found += [f"{metric} is {one}, not {said}" for said, value in ends if not close(said, value)]
    for code, value, low, high in re.findall(rf"(\w+\d{{3}}), extent ({NUMBER}) {ENDS}", claim):
        extents = [one.extent for one in record.verdicts if one.gate == code and one.extent is not None]
        spans = [((value, one.value), (low, one.low), (high, one.high)) for one in extents]
        if not any(all(close(said, value) for said, value in one) for one in spans):
            found.append(f"{code} has no extent {value} [{low}, {high}]")
    for code, word in re.findall(r"(\w+\d{3}) (failed|inconclusive|passed)", claim):
        outcome = {"failed": "fail", "inconclusive": "inconclusive", "passed": "pass"}[word]
        if outcome not in {one.outcome for one in record.verdicts if one.gate == code}:
            found.append(f"{code} is not {word}")
    counted = re.search(r"(\d+) concerns?, (\d+) criteria", claim)
    warned = {one.gate for one in record.concerns if one.severity != "note"}
    if counted and counted.groups() != (str(len(warned)), str(len(record.criteria))):
        found.append(f"{counted.group()}; the record: {record.verdict}")
    return found


def test_every_audit_of_the_page_has_a_recipe_and_a_claim() -> None:
    assert sections().keys() == TABLES.keys()
    for name, rows in sections().items():
        assert [question for question, *_ in rows] == [
            "May it ship?", "How good is it?", "Whom does it harm, by how much?", "What is not known?", "What next?",
        ], name  # fmt: skip
        assert (ROOT / "docs" / "reading" / f"{name}.png").is_file()


@pytest.mark.parametrize(
    "name", ["heart", *(pytest.param(one, marks=pytest.mark.slow) for one in TABLES if one != "heart")]
)
def test_the_page_says_what_record_and_first_screen_say(name: str, shared_data: Path) -> None:
    record = record_of(name, shared_data)
    screen = " ".join(Words(html.first_screen(record)).said)
    for question, read, claim in sections()[name]:
        assert faults(claim, record) == [], question
        assert numbers(read) <= numbers(screen), question
        for code in re.findall(r"\b[A-Z]+\d{3}\b", claim if question == "What next?" else ""):
            assert code in screen, f"{code} is not what to do next"


def test_a_claim_that_the_record_does_not_hold_is_seen(record: AuditRecord) -> None:
    """A made-up audit: the same reading of claims finds what is stale, so a green test means something."""
    accuracy = record.metric("accuracy")
    assert faults(f"`accuracy` {accuracy.value:.3f} [{accuracy.low:.3f}, {accuracy.high:.3f}]", record) == []
    stale = ["`accuracy` 0.5", f"`accuracy` {accuracy.value:.3f} [0.1, 0.2]", "FAIR001, extent 999 [1, 2]",
             "99 concerns, 0 criteria", "PERF001 inconclusive"]  # fmt: skip
    assert [len(faults(one, record)) > 0 for one in stale] == [True] * len(stale)
    assert numbers("in 7.6 % and 1,234 of 100") == {"7.6", "1234", "100"}
