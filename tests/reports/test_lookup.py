from __future__ import annotations

import copy
import pickle
from dataclasses import replace
from pathlib import Path

import pytest

from reports import html
from reports.record import AuditRecord, Card, Estimate
from reports.store import load


def test_a_metric_is_found_by_its_slice(record: AuditRecord) -> None:
    assert record.metric("accuracy").value == 0.8576
    assert record.metric("recall", sex="Female").value == 0.51
    assert record.metric("recall", {"class": ">50K"}).value == 0.609
    assert record.metric("recall", split="test", race="Black").n == 1561


@pytest.mark.parametrize(
    ("name", "where", "said"),
    [
        ("recal", {}, "no metric 'recal' in this record; nearest: recall"),
        ("recall", {"sex": "female"}, "no estimate for sex: female; it has sex: Female"),
        ("accuracy", {"sex": "Female"}, "it has all test rows"),
        ("\x1b[31m", {}, "no metric"),
    ],
)
def test_what_is_not_there_is_named_with_the_nearest(
    record: AuditRecord, name: str, where: dict[str, str], said: str
) -> None:
    with pytest.raises(LookupError, match=said.replace("[", r"\[")):
        record.metric(name, where)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_estimates_become_a_frame(record: AuditRecord, library: str) -> None:
    pytest.importorskip(library)
    frame = record.to_frame(library)  # type: ignore[arg-type]
    assert list(frame.columns)[:3] == ["check", "metric", "address"]
    rows = [dict(zip(frame.columns, row, strict=True)) for row in (frame.to_numpy().tolist())]
    mine = [row for row in rows if row["address"] == "sex: Female" and row["metric"] == "recall"]
    assert [(row["sex"], row["value"], row["n"]) for row in mine] == [("Female", 0.51, 5421)]


def test_recall_is_found_under_its_other_name(record: AuditRecord) -> None:
    found = record.findings[0].measurement
    assert found is not None
    rate = Estimate(metric="true_positive_rate", value=0.25, where={"split": "test", "zip": "9"})
    measured = replace(record.findings[0], measurement=replace(found, estimates=(*found.estimates, rate)))
    record = replace(record, findings=(measured, *record.findings[1:]))
    assert record.metric("recall", zip="9") == rate
    assert record.metric("sensitivity", sex="Female").value == 0.51


def test_a_record_writes_itself_and_its_card(record: AuditRecord, tmp_path: Path) -> None:
    record.save(tmp_path / "audit.json")
    record.write_card(tmp_path / "card.html", "short")
    assert load(tmp_path / "audit.json") == record
    assert (tmp_path / "card.html").read_text() == html.render(record, "short")


def test_an_unknown_library_is_refused(record: AuditRecord) -> None:
    with pytest.raises(ValueError, match="expected 'pandas' or 'polars'"):
        record.to_frame("arrow")  # type: ignore[arg-type]


def test_a_prompt_shows_at_most_ten_printable_lines(record: AuditRecord) -> None:
    shown = repr(record)
    assert len(shown.splitlines()) <= 10
    assert record.verdict in shown
    assert "\x1b" not in shown


def test_a_notebook_shows_a_frame_that_runs_nothing(record: AuditRecord) -> None:
    shown = record._repr_html_()
    assert shown.startswith("<iframe sandbox srcdoc=")
    assert shown.count("<") == 2  # the page within is escaped whole


def test_concerns_come_in_order_of_rank(record: AuditRecord) -> None:
    assert [verdict.gate for verdict in record.concerns] == ["FAIR001", "FAIR001"]
    assert [verdict.rank for verdict in record.concerns] == [1, 2]
    assert [verdict.outcome for verdict in record.criteria] == ["inconclusive"]


def test_the_words_of_a_record_draw_its_card(record: AuditRecord, tmp_path: Path) -> None:
    """One name for both: the words are read as fields, and called they return and write the page."""
    assert record.card() == html.render(record)
    page = record.card(tmp_path / "card.html", "short")
    assert (tmp_path / "card.html").read_text(encoding="utf-8") == page == html.render(record, "short")
    words = Card(owner="Ada")
    other = replace(record, card=words)
    assert other.card == words == replace(other.card, owner="Ada")
    assert hash(other.card) == hash(words)
    assert ("Ada" in other.card(), "Ada" in record.card()) == (True, False)
    assert pickle.loads(pickle.dumps(other)) == copy.deepcopy(other) == other
    assert repr(other.card) == repr(words)
    for alone in (words, replace(other.card, owner="Bo")):
        with pytest.raises(TypeError, match="do not belong to a record"):
            alone()
    with pytest.raises(ValueError, match="expected 'full' or 'short'"):
        record.card(None, "tiny")  # type: ignore[arg-type]


def test_newcomers_are_told_what_was_expected(record: AuditRecord) -> None:
    with pytest.raises(TypeError, match="where is 'f'; expected a mapping, or the column"):
        record.metric("recall", "f")  # type: ignore[arg-type]
    assert ".roc(by)" in repr(record.plot)
    assert len(repr(record).splitlines()) <= 10
