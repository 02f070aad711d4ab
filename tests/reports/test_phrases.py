from __future__ import annotations

from dataclasses import replace

import pytest

from reports import evidence_map, phrases
from reports.estimates import estimate_line, estimates_view, is_told_by
from reports.exhibits import CURVE_ROWS, cap_rows, view
from reports.record import AuditRecord, Curve, Estimate, Gate, Image, Matrix, Prose, Series, Table

STAR = {"*": "*"}


def gate(**parts: object) -> Gate:
    return Gate(**{"id": "G", "title": "t", "check": "", "metric": "recall", **parts})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (gate(threshold=0.5), "recall ≥ 0.5"),
        (gate(threshold=0.5, where={"split": "train"}), "recall ≥ 0.5 on train rows"),
        (gate(threshold=0.5, where={"class": "*"}), "recall ≥ 0.5 for every class"),
        (gate(threshold=0.5, where={"sex": "F", "race": "*"}), "recall ≥ 0.5 for every race within sex: F"),
        (gate(op="abs<=", threshold=0.1, where=STAR), "|recall| ≤ 0.1 for every group"),
        (gate(op="between", threshold=(0.8, 1.25)), "recall between 0.8 and 1.25"),
        (gate(kind="ratio", reference="most_favored", threshold=0.8), "recall ≥ 0.8 × the most favored group's"),
        (
            gate(kind="ratio", op="between", threshold=(0.8, 1.25)),
            "recall between 0.8 × and 1.25 × the reference group's",
        ),
        (
            gate(kind="difference", op="abs<=", reference={"sex": "M"}, threshold=0.1),
            "recall within ±0.1 of that of sex: M",
        ),
        (gate(kind="difference", reference="overall", threshold=-0.1), "recall minus the overall value ≥ -0.1"),
        (gate(kind="no_regression", threshold=-0.01), "recall at most 0.01 worse than the baseline"),
    ],
)
def test_gates_in_words(made: Gate, words: str) -> None:
    assert phrases.rule(made) == words


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (0.5, "proportion", "0.500"),
        (0.0, "", "0.000"),
        (0.00012345, "", "0.00012"),
        (1e-9, "", "1e-09"),
        (-0.0456, "difference", "-0.046"),
        (123.456, "", "123.5"),
        (1234567.0, "dollars", "1,234,567"),
        (1e12, "", "1e+12"),
        (1234.0, "count", "1,234"),
        (0.5, "count", "0.5"),
        (0.04, "p-value", "0.040"),
        (None, "p-value", "–"),
    ],
)
def test_numbers_by_unit(value: float | None, unit: str, shown: str) -> None:
    assert phrases.number(value, unit) == shown


def test_addresses_do_not_depend_on_the_order_of_keys() -> None:
    assert phrases.address({"b": "2", "a": "1"}) == phrases.address({"a": "1", "b": "2"}) == "a: 1, b: 2"
    assert phrases.address({"split": "test"}) == "all test rows"
    assert phrases.address({"feature": "*", "*": "*"}) == "every group, every feature"


def test_visible_names_are_one_printable_line() -> None:
    shown = phrases.visible("a\x00b\u202ec\r\n\td" + "x" * 10_000)
    assert shown.startswith("a\ufffdb\ufffdc d")
    assert len(shown) == phrases.NAME_LIMIT
    assert phrases.visible("👩‍👩‍👧") == "👩‍👩‍👧"


def test_slugs_stay_apart() -> None:
    assert phrases.slug("a b") != phrases.slug("a-b")
    assert phrases.slug("<>") != phrases.slug("><")
    assert phrases.slug("x" * 10_000).startswith("x" * 40)


@pytest.mark.parametrize(
    "text", ["javascript:alert(1)", "data:text/html,x", 'https://x"onx=1', "//evil", "ftp://x", " x"]
)
def test_links_that_a_reader_may_not_follow_are_none(text: str) -> None:
    assert phrases.link(text) is None


# --- exhibits and estimates -----------------------------------------------------------------------


def test_columns_have_one_precision() -> None:
    table = Table(
        title="t",
        columns=("name", "whole", "real", "mixed"),
        rows=(("a", 1, 0.5, "x"), ("b", 12_345, 0.25, 2), ("c", None, 1 / 3, 0.5)),
    )
    found = view(table)
    assert found.rows == (("a", "1", "0.500", "x"), ("b", "12,345", "0.250", "2"), ("c", "–", "0.333", "0.500"))
    assert found.numeric == (False, True, True, False)


def test_long_curves_are_thinned_and_say_so() -> None:
    x = tuple(float(k) for k in range(1001))
    found = view(Curve(title="t", x_label="x", y_label="y", series=(Series(name="s", x=x, y=x),)))
    assert len(found.rows) == CURVE_ROWS
    assert found.rows[-1] == ("1,000.0", "1,000.0")
    assert found.notes


def test_lines_over_the_same_places_stand_side_by_side() -> None:
    one = Series(name="a", x=(0.0, 1.0), y=(0.5, 0.6), low=(0.4, 0.5), high=(0.6, 0.7))
    two = Series(name="b", x=(0.0, 1.0), y=(0.1, 0.2))
    found = view(Curve(title="t", x_label="x", y_label="y", series=(one, two)))
    assert found.columns == ("x", "a", "b")
    assert found.rows[0] == ("0.000", "0.500 [0.400, 0.600]", "0.100")
    apart = view(Curve(title="t", x_label="x", y_label="y", series=(one, Series(name="c", x=(2.0,), y=(3.0,)))))
    assert apart.columns == ("Line", "x", "y")
    assert apart.rows[-1] == ("c", "2.000", "3.000")


def test_whole_matrices_are_shown_whole() -> None:
    matrix = Matrix(
        title="t", row_label="r", column_label="c", rows=("a",), columns=("b", "d"), values=((1.0, 2000.0),)
    )
    assert view(matrix).rows == (("a", "1", "2,000"),)


def test_pixels_that_are_no_picture_are_not_shown() -> None:
    for pixels in ("", "!!", "PHNjcmlwdD4=", "iVBORw0KGgo"):
        found = view(Image(title="t", png_base64=pixels, width=1, height=1, alt="a"))
        assert found.image == ""
        assert found.notes


def test_prose_keeps_its_paragraphs() -> None:
    assert view(Prose(title="t", text="a\nb\n\n\nc")).text == ("a b", "c")


def test_tables_are_capped_aloud() -> None:
    found = cap_rows(view(Table(title="t", columns=("a",), rows=tuple((k,) for k in range(10)))), 3)
    assert len(found.rows) == 3
    assert found.notes == ("The first 3 of 10 rows; all of them are in audit.json.",)


def some(metric: str, value: float, **where: str) -> Estimate:
    return Estimate(metric=metric, value=value, low=value - 0.1, high=value + 0.1, n=100, method="wilson", where=where)


def test_metrics_by_group_stand_across() -> None:
    found = estimates_view([some(m, 0.5, sex=s) for s in ("F", "M") for m in ("recall", "precision")])
    assert found.columns == ("Rows of", "recall", "precision")
    assert [cell.replace("\u00a0", " ") for cell in found.rows[0]] == ["sex: F", *["0.500 [0.400, 0.600], n 100"] * 2]
    assert found.notes == ("95% intervals: wilson.",)


def test_what_all_estimates_share_is_said_once() -> None:
    found = estimates_view([some("recall", 0.5, sex="F"), some("recall", 0.6, sex="M")])
    assert found.title == "Recall"
    assert found.columns == ("Rows of", "Value", "95% interval")
    assert found.notes == ("n 100 throughout.", "Method: wilson.")


def test_a_shared_interval_is_not_dropped() -> None:
    found = estimates_view([some("share", 0.0, feature="a"), some("share", 0.0, feature="b")])
    assert found.rows == (("feature: a", "0.000", "[-0.100, 0.100]"), ("feature: b", "0.000", "[-0.100, 0.100]"))


def test_undefined_estimates_keep_their_reason() -> None:
    undefined = Estimate(metric="recall", value=None, reason="no positive rows", where={"sex": "M"})
    found = estimates_view([some("recall", 0.5, sex="F"), undefined])
    assert found.rows[1] == ("sex: M", "–", "", "", "no positive rows")
    assert "no positive rows" in estimate_line(undefined)


def test_a_table_is_told_only_if_every_number_is() -> None:
    numbers = estimates_view([some("recall", 0.5, sex="F"), some("recall", 0.6, sex="M")])
    table = Table(title="t", columns=("g", "recall", "n"), rows=(("F", 0.5, 100),))
    assert is_told_by(view(table), [numbers])
    assert not is_told_by(view(Table(title="t", columns=("g", "recall"), rows=(("F", 0.51),))), [numbers])
    assert not is_told_by(view(Table(title="t", columns=("g",), rows=())), [numbers])


# --- evidence map ---------------------------------------------------------------------------------


def test_the_mapping_is_dated_and_sourced() -> None:
    found = evidence_map.items()
    assert len({one.id for one in found}) == len(found)
    assert all(one.source and one.status and one.checked in ("primary", "secondary") for one in found)
    assert all(one.as_of is not None and one.as_of.year >= 2026 for one in found)


def test_evidence_is_claimed_only_where_there_is_some(record: AuditRecord) -> None:
    rows = {row.item.id: row for row in evidence_map.evidence_map(record)}
    assert rows["eu-ai-act:14"].supply == "needs a person"
    assert rows["eu-ai-act:9(8)"].supply == "partly"
    assert rows["nist-ai-rmf:measure-2.1"].supply == "supplied"
    assert rows["nist-ai-rmf:measure-4.3"].supply == "not run"
    assert rows["nyc-ll144:impact-ratio"].gates == ("FAIR001",)


def test_no_word_of_the_mapping_promises_conformity() -> None:
    text = evidence_map.MAPPING.read_text(encoding="utf-8").lower()
    assert "compliant" not in text
    assert "complies" not in text


def test_an_item_that_only_the_policy_names_stands_in_the_map(record: AuditRecord) -> None:
    gates = (replace(record.policy.gates[2], evidence_for=("house-rule:7",)),)
    rows = evidence_map.evidence_map(replace(record, policy=replace(record.policy, gates=gates)))
    assert (rows[-1].item.title, rows[-1].supply, rows[-1].gates) == ("house-rule:7", "partly", ("FAIR001",))
