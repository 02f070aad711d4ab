"""What must hold for any record: it comes back equal, and no name of a user becomes markup."""

from __future__ import annotations

import base64
import json
import lzma
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from reports import formats, results, store
from reports.printable import UNPRINTABLE
from reports.record import AuditRecord
from tests.properties.strategies import MARKER, records

pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")
some = settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],  # a record is large: shrinking one takes minutes
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TAGS = frozenset({
    "html", "head", "meta", "title", "style", "body", "a", "div", "header", "p", "h1", "h2", "h3", "small",
    "dl", "dt", "dd", "nav", "ol", "ul", "li", "main", "section", "article", "span", "b", "code", "table",
    "caption", "thead", "tbody", "tr", "th", "td", "details", "summary", "figure", "figcaption", "img", "svg",
    "desc", "path", "g", "circle", "text", "script", "br", "pre", "footer",
})  # fmt: skip


class Tags(HTMLParser):
    """Counts elements and checks that they close in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: Counter[str] = Counter()
        self.attributes: set[str] = set()
        self.open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found[tag] += 1
        self.attributes |= {name for name, _ in attrs}
        if tag not in ("meta", "br", "img"):
            self._close_cells(tag)
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found[tag] += 1
        self.attributes |= {name for name, _ in attrs}

    def handle_endtag(self, tag: str) -> None:
        self._close_cells(f"/{tag}")
        assert self.open.pop() == tag

    def _close_cells(self, tag: str) -> None:
        """Close cells and rows whose end tags HTML lets go."""
        cell, row = ("td", "th"), ("td", "th", "tr")
        ends = {"td": cell, "th": cell, "tr": row, "tbody": row, "/tr": cell, "/thead": row, "/tbody": row}
        while self.open and self.open[-1] in ends.get(tag, ()):
            self.open.pop()

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")


@some
@given(records)
def test_any_record_comes_back_equal(record: AuditRecord) -> None:
    text = store.dumps(record)
    assert store.loads(text) == record
    assert store.dumps(store.loads(text)) == text


@some
@given(records)
def test_the_page_holds_no_markup_but_its_own(record: AuditRecord) -> None:
    page = formats.render(record, "html")
    tags = Tags(page)
    assert tags.open == []
    assert set(tags.found) <= TAGS
    assert tags.found["script"] == 0
    assert tags.found["h1"] == tags.found["main"] == tags.found["title"] - tags.found["desc"] == 1
    assert not [name for name in tags.attributes if name.startswith("on") or MARKER in name or name == "style"]
    data = re.search(r'href="data:application/x-xz;base64,([^"]*)"', page)
    assert data is not None
    saved = lzma.decompress(base64.b64decode(data[1])).decode()
    assert store.loads(saved) == replace(record, pairing=None)
    assert formats.render(store.loads(store.dumps(record)), "html") == page


@some
@given(records)
def test_markdown_holds_no_markup_of_a_name(record: AuditRecord) -> None:
    drawn = formats.render(record, "md")
    assert set(re.findall(r"<[^>\s]*>?", drawn)) <= {
        "<details>", "</details>", "<summary>", "</summary>", "<sub>", "</sub>",
    }  # fmt: skip
    assert f"@{MARKER}" not in drawn
    assert not re.search(r"(?<!\\)\]\(", drawn)
    assert f"`{MARKER}" not in drawn.replace("\\`", "")
    for line in drawn.splitlines():
        if line.startswith("| "):
            assert len(re.findall(r"(?<!\\)\|", line)) in (4, 5)


@some
@given(records)
def test_logs_cannot_be_commanded(record: AuditRecord) -> None:
    for line in formats.render(record, "text").splitlines():
        assert not line.lstrip().startswith("::")
        assert "##[" not in line
        assert not UNPRINTABLE.search(line)
    commands = formats.render(record, "github").splitlines()
    assert len(commands) <= 10
    for command in commands:
        assert re.match(r"::(error|warning|notice) (file=[^:,]*,line=\d+,)?title=[^:,]*::", command)


@some
@given(records)
def test_machines_can_read_what_is_for_them(record: AuditRecord) -> None:
    root = ET.fromstring(formats.render(record, "junit"))
    assert len(list(root.iter("testcase"))) == sum(1 for one in record.verdicts if one.severity != "off")
    log = json.loads(formats.render(record, "sarif"))
    assert all(one["locations"][0]["physicalLocation"]["region"]["startLine"] >= 1 for one in log["runs"][0]["results"])
    assert isinstance(json.loads(formats.render(record, "gitlab")), list)
    lenient, strict = results.exit_code(record), results.exit_code(record, strict=True)
    assert {lenient, strict} <= {0, 1, 2, 3, 5}
    assert lenient not in (1, 2, 3) or strict in (1, 2, 3), "strictness made a record pass"
