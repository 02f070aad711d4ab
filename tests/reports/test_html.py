from __future__ import annotations

import base64
import hashlib
import lzma
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from types import ModuleType

import pytest

from reports import html, store
from reports.answers import answers
from reports.evidence_map import items
from reports.labels import relabel_exhibit
from reports.lookup import Estimates
from reports.record import AuditRecord, Estimate, Finding, Forest, ForestRow, GroupInfo, Measurement, Table
from reports.sections import SECTIONS

VOID = {"meta", "br", "img", "link", "hr", "input"}


def close_cells(stack: list[str], tag: str) -> None:
    """Close cells and rows whose end tags HTML lets go."""
    ends = {"td": ("td", "th"), "th": ("td", "th"), "tr": ("td", "th", "tr"), "tbody": ("td", "th", "tr")}
    ends |= {"/tr": ("td", "th"), "/thead": ("td", "th", "tr"), "/tbody": ("td", "th", "tr")}
    while stack and stack[-1] in ends.get(tag, ()):
        stack.pop()


class Page(HTMLParser):
    """Reads a page strictly: every tag closed in order, every element counted."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, dict[str, str]]] = []
        self.ids: Counter[str] = Counter()
        self.open: list[str] = []
        self.said: list[str] = []
        self.faults: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.tags[tag] += 1
        self.attributes.append((tag, found))
        if "id" in found:
            self.ids[found["id"]] += 1
        if tag not in VOID:
            close_cells(self.open, tag)
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        close_cells(self.open, f"/{tag}")
        if not self.open or self.open[-1] != tag:
            self.faults.append(f"</{tag}> closes {self.open[-1:]}")
        else:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        self.said.append(data)


@pytest.fixture(scope="module")
def card(record: AuditRecord) -> str:
    return html.render(record)


@pytest.fixture(scope="module")
def page(card: str) -> Page:
    return Page(card)


def test_the_page_is_well_formed(page: Page) -> None:
    assert page.faults == []
    assert page.open == []
    assert [name for name, n in page.ids.items() if n > 1] == []


def test_nothing_a_user_named_becomes_markup(page: Page, card: str) -> None:
    assert page.tags["script"] == 0
    assert page.tags["img"] == 1
    assert "{{" not in card.replace("{{ 7*7 }}", "")
    for tag, found in page.attributes:
        assert not [name for name in found if name.startswith("on")], tag
        assert not found.get("href", "").lower().startswith(("javascript", "file"))
        assert "download" in found or not found.get("href", "").startswith("data")
        assert "style" not in found


def test_nothing_is_fetched(page: Page, card: str) -> None:
    policy = next(found["content"] for tag, found in page.attributes if found.get("http-equiv"))
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    assert not page.tags.keys() & {"link", "iframe", "object", "form", "base", "video", "audio", "embed"}
    assert all(found["src"].startswith("data:image/png;base64,") for _, found in page.attributes if "src" in found)
    assert "url(" not in card
    assert "@import" not in card


def saved(page: Page) -> str:
    """Unpack the record that a reader can save from the page."""
    (link,) = [found["href"] for tag, found in page.attributes if tag == "a" and "download" in found]
    return lzma.decompress(base64.b64decode(link.removeprefix("data:application/x-xz;base64,"))).decode()


def test_the_record_stands_in_the_page(page: Page, record: AuditRecord) -> None:
    assert store.dumps(store.loads(saved(page))) == store.dumps(record)


def test_the_hash_is_that_of_audit_json(card: str, record: AuditRecord) -> None:
    assert hashlib.sha256(store.dumps(record).encode()).hexdigest() in card


def test_sections_stand_in_the_order_of_the_contract(page: Page, card: str) -> None:
    places = [card.index(f'<h2 id="{section.id}">') for section in SECTIONS]
    assert places == sorted(places)
    assert page.tags["h1"] == 1
    assert page.tags["main"] == 1


def test_links_within_the_page_lead_somewhere(page: Page) -> None:
    targets = {found["href"][1:] for _, found in page.attributes if found.get("href", "").startswith("#")}
    assert targets
    assert targets <= page.ids.keys()


def test_tables_have_captions_and_scopes(card: str) -> None:
    for table in re.findall(r"<table.*?</table>", card, flags=re.S):
        assert "<caption" in table
        assert 'scope="col"' in table
        assert 'scope="row"' in table


def test_wide_things_scroll_by_keyboard(page: Page) -> None:
    regions = [found for _, found in page.attributes if found.get("class") == "scroll"]
    assert regions
    assert all(found["tabindex"] == "0" and found["aria-label"] and found["role"] == "group" for found in regions)


def test_figures_are_named_and_stand_beside_their_numbers(card: str) -> None:
    figures = re.findall(r"<figure.*?</figure>", card, flags=re.S)
    drawn = [figure for figure in figures if "<svg" in figure]
    assert len(drawn) >= 6
    for figure in drawn:
        assert 'role="img"' in figure
        assert "<title" in figure
        assert "<desc" in figure
        assert "<table" in figure


def test_headings_do_not_skip_a_level(page: Page) -> None:
    levels = [int(tag[1]) for tag, _ in page.attributes if re.fullmatch(r"h\d", tag)]
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_the_gate_table_is_not_folded(card: str) -> None:
    table = card[card.index('<table class="gates') :]
    first = table[: table.index("</tbody>")]
    assert first.index("FAIR001") < first.index("<details>")


def test_blanks_are_visible(page: Page) -> None:
    said = " ".join(page.said)
    assert "Ethical considerations" in said
    assert said.count("Not provided by the owner") == 5
    assert "left blank for a person" in said


def test_sections_that_nothing_feeds_say_so(page: Page, record: AuditRecord) -> None:
    assert " ".join(page.said).count("Not tested: no check of this audit covers this.") == 0
    bare = Page(html.render(replace(record, findings=(), verdicts=())))
    assert " ".join(bare.said).count("Not tested: no check of this audit covers this.") == 4


def test_a_family_nobody_knows_gets_its_own_heading(page: Page) -> None:
    assert "Third-party <b>" in page.said


def test_an_old_mapping_says_that_it_is_old(record: AuditRecord, card: str) -> None:
    assert "mapping may be out of date" not in card
    later = html.render(replace(record, created="2028-01-01T00:00:00+00:00"))
    assert later.count("mapping may be out of date") == len({one.regime for one in items()})


def test_a_bare_record_still_makes_a_card(record: AuditRecord) -> None:
    bare = replace(record, findings=(), verdicts=(), policy=type(record.policy)(), warnings=())
    page = Page(html.render(bare))
    assert page.faults == []
    assert "No gate was evaluated." in page.said


def plain(record: AuditRecord) -> AuditRecord:
    """Return the sample without its hostile parts."""
    card, data, model = type(record.card)(), type(record.data)(target="y"), type(record.model)
    named = model(name="m", kind="k", format="none")
    return replace(record, findings=(), verdicts=(), policy=type(record.policy)(), warnings=(), config={}, card=card,
                   data=data, model=named)  # fmt: skip


def usual() -> tuple[Finding, ...]:
    """Return ten metrics over thirty groups, each with a forest."""
    groups = [f"race=group {k}, sex={'F' if k % 2 else 'M'}" for k in range(30)]
    metrics = ("recall", "precision", "f1", "fpr", "fnr", "accuracy", "selection_rate", "roc_auc", "brier", "error")
    estimates = tuple(
        Estimate(metric=metric, value=0.5, low=0.44, high=0.56, n=1000 + k, method="wilson", unit="proportion",
                 where={"split": "test", "race": f"group {k}", "sex": "F" if k % 2 else "M"})
        for metric in metrics
        for k in range(30)
    )  # fmt: skip
    forests = tuple(
        Forest(title=f"{metric} by group", x_label=metric, reference=0.5,
               rows=tuple(ForestRow(label=g, value=0.5, low=0.44, high=0.56, n=1000 + k) for k, g in enumerate(groups)))
        for metric in metrics
    )  # fmt: skip
    measured = Measurement(summary="Ten metrics by group.", estimates=estimates, exhibits=forests)
    return (
        Finding(check="g", title="By group", family="groups", revision=1, outcome="measured", measurement=measured),
    )


def test_a_usual_card_is_small(record: AuditRecord) -> None:
    drawn = html.render(replace(plain(record), findings=usual()))
    assert len(drawn.encode()) <= html.USUAL_LIMIT
    assert 'download="audit.json.xz"' in drawn


def test_numbers_are_not_told_twice(record: AuditRecord) -> None:
    drawn = html.render(replace(plain(record), findings=usual()))
    measured = drawn[drawn.index('<h2 id="measured">') : drawn.index('<h2 id="evidence">')]
    assert measured.count("<table") == 1


def test_a_small_card_tells_in_full_what_matters_most(record: AuditRecord, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the page has no room for all findings, those of groups come first, and every other has its sentence."""
    found = [replace(usual()[0], check=f"d{k}", family="explanations", title=f"Explained {k}") for k in range(10)]
    made = replace(plain(record), findings=(*found, *large(2)), verdicts=())
    least = len(html.render(replace(made, findings=())).encode())
    monkeypatch.setattr(html, "USUAL_LIMIT", least + 25_000)
    card = html.render(made)
    assert len(card.encode()) <= least + 25_000
    told = re.findall(r"<article id=[^>]*>\n<h3>([^<]*)</h3>", card)
    assert {f"By group {k}" for k in range(2)} <= set(told)
    assert 2 < len(told) < 12
    briefly = set(re.findall(r"<li id=[^>]*><b>([^<]*)</b>: Ten metrics by group", card))
    assert briefly | set(told) == {one.title for one in made.findings}


def large(count: int) -> tuple[Finding, ...]:
    return tuple(replace(usual()[0], check=f"g{k}", title=f"By group {k}") for k in range(count))


def test_a_large_record_stands_in_the_page_as_long_as_both_fit_a_megabyte(record: AuditRecord) -> None:
    page = Page(html.render(replace(plain(record), findings=large(8))))
    assert store.loads(saved(page)).findings == large(8)


def test_the_short_edition_has_no_annex(record: AuditRecord) -> None:
    short, full = Page(html.render(record, "short")), Page(html.render(record))
    assert short.faults == []
    assert "gates" in full.ids
    assert not {"gates", "measured", "evidence", "machine"} & short.ids.keys()
    targets = {found["href"][1:] for _, found in short.attributes if found.get("href", "").startswith("#")}
    assert targets <= short.ids.keys()


def test_a_large_card_tells_what_passed_in_a_sentence(record: AuditRecord) -> None:
    gate = replace(record.policy.gates[0], id="DRIFT001", check="drift")
    passed = replace(record.verdicts[0], gate="DRIFT001", outcome="pass")
    drift = replace(usual()[0], check="drift", family="drift", title="Drift of everything")
    made = replace(plain(record), findings=(drift, *large(3)), verdicts=(passed,))
    card = html.render(replace(made, policy=replace(made.policy, gates=(gate,))))
    assert len(card.encode()) <= html.USUAL_LIMIT
    assert "Measured (tables and figures are in audit.json)" in card


def test_the_first_screen_says_what_the_record_says(record: AuditRecord) -> None:
    page = Page(html.first_screen(record))
    said = " ".join(page.said)
    assert page.faults == []
    assert record.verdict in said
    assert all(one.question in said for one in answers(record))
    assert page.tags["script"] == 0


def test_a_card_never_grows_beyond_a_megabyte(record: AuditRecord, samples: ModuleType) -> None:
    rows = tuple((f"name {k} " + "é" * 200, k, k / 3) for k in range(2000))
    table = Table(title="Large", columns=("name", "k", "share"), rows=rows)
    large = replace(record.findings[0], measurement=Measurement(summary="s", exhibits=(table,) * 3))
    drawn = html.render(replace(record, findings=(large,) * 8))
    page = Page(drawn)
    assert len(drawn.encode()) <= html.SIZE_LIMIT
    assert page.faults == []
    assert page.tags["script"] == 0


def test_groups_beyond_forty_are_counted(record: AuditRecord) -> None:
    rows = tuple(ForestRow(label=f"g{k}", value=k / 100, low=0.0, high=1.0, n=k) for k in range(100))
    forest = Forest(title="Many", x_label="recall", rows=rows, reference=0.0)
    measured = Measurement(summary="s", exhibits=(forest,))
    finding = replace(record.findings[0], check="group_performance", family="groups", measurement=measured)
    drawn = html.render(replace(record, findings=(finding,)))
    svg = drawn[drawn.index('<svg viewBox="0 0 ', drawn.index('<h2 id="worse">')) :]
    svg = svg[: svg.index("</svg>")]
    assert "40 of 100 groups drawn: the farthest from the reference first" in svg
    assert ">g99 (n 99)<" in svg
    assert ">g59 (n 59)<" not in svg


@pytest.mark.parametrize(
    ("gaps", "marked"),
    [
        ({"selection_rate_ratio": {"f": 0.7, "m": 1.0, "x": 0.9}}, "m"),
        ({"selection_rate_difference": {"m": 0.1, "x": 0.2}}, "f"),
        ({"selection_rate_ratio": {"f": 1.0, "m": 1.0, "x": 0.5}}, ""),
        ({"selection_rate_difference": {"x": 0.2}}, ""),
        ({}, ""),
    ],
)
def test_the_group_that_others_are_compared_with_is_marked(
    record: AuditRecord, gaps: dict[str, dict[str, float]], marked: str
) -> None:
    """Selection rates are compared with the highest, other rates with the largest group: the record says which."""
    made = tuple(
        Estimate(metric=metric, value=value, low=value, high=value, n=90, where={"split": "test", "sex": level})
        for metric, levels in gaps.items()
        for level, value in levels.items()
    )
    rows = tuple(ForestRow(label=f"sex: {level}", value=0.5, n=90) for level in "fmx")
    forest = Forest(title="selection rate by sex", x_label="selection rate", rows=rows)
    measured = Measurement(summary="s", estimates=made, exhibits=(forest,))
    finding = replace(record.findings[0], check="g", measurement=measured)
    groups = tuple(GroupInfo(feature="sex", level=level, rows=90) for level in "fmx")
    data = replace(record.data, sensitive=("sex",), groups=groups, favorable=record.data.classes[0], names={})
    judged = replace(record, data=data, findings=(finding,), task="binary")
    drawn = relabel_exhibit(judged, forest, Estimates(judged))
    assert isinstance(drawn, Forest)
    assert [row.label for row in drawn.rows if row.label.endswith(" (reference)")] == (
        [f"sex: {marked} (reference)"] if marked else []
    )
    assert drawn.x_label == f"selection rate: called “{record.data.classes[0]}”"
