from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import fields, replace

import pytest

from reports import results, sarif
from reports.record import (
    AuditRecord,
    Card,
    DataInfo,
    Environment,
    Estimate,
    Gate,
    ModelInfo,
    OnInconclusive,
    Policy,
    Severity,
    Verdict,
    VerdictOutcome,
    blank_sections,
)

Case = tuple[VerdictOutcome, Severity, OnInconclusive]


def judged(cases: Iterable[Case]) -> AuditRecord:
    """Return a record with one gate a case."""
    listed = list(cases)
    return AuditRecord(
        tool="t", created="2026-01-01", seed=0, task="binary", environment=Environment(), data=DataInfo(target="y"),
        model=ModelInfo(name="m", kind="k", format="none"),
        policy=Policy(
            gates=tuple(
                Gate(id=f"G{k}", title="t", check="", metric="recall", severity=severity, on_inconclusive=burden)
                for k, (_, severity, burden) in enumerate(listed)
            )
        ),
        verdicts=tuple(
            Verdict(gate=f"G{k}", where={}, outcome=outcome, severity=severity)
            for k, (outcome, severity, _) in enumerate(listed)
        ),
    )  # fmt: skip


CODES: tuple[tuple[str, list[Case], int, int], ...] = (
    ("nothing", [], 5, 5),
    ("a pass", [("pass", "error", "warn")], 0, 0),
    ("a failed error", [("fail", "error", "warn")], 1, 1),
    ("a failed warning", [("fail", "warning", "warn")], 0, 1),
    ("a failed note", [("fail", "note", "warn")], 0, 0),
    ("an undecided error", [("error", "error", "warn")], 2, 2),
    ("an undecided warning beside a pass", [("error", "warning", "warn"), ("pass", "note", "warn")], 0, 2),
    ("an undecided warning alone", [("error", "warning", "warn")], 5, 2),
    ("proof owed", [("inconclusive", "error", "block")], 3, 3),
    ("proof owed as a warning", [("inconclusive", "warning", "block")], 0, 3),
    ("inconclusive, warned", [("inconclusive", "error", "warn")], 0, 0),
    ("inconclusive, let pass", [("inconclusive", "error", "pass")], 0, 0),
    ("a waiver", [("waived", "error", "warn")], 0, 0),
    ("not assessed alone", [("not_assessed", "error", "block")], 5, 5),
    ("only switched off", [("fail", "off", "warn")], 5, 5),
    ("undecided before failed", [("fail", "error", "warn"), ("error", "error", "warn")], 2, 2),
    ("failed before proof owed", [("inconclusive", "error", "block"), ("fail", "error", "warn")], 1, 1),
    ("proof owed before a pass", [("pass", "error", "warn"), ("inconclusive", "error", "block")], 3, 3),
)


@pytest.mark.parametrize(("cases", "code", "strict"), [one[1:] for one in CODES], ids=[one[0] for one in CODES])
def test_the_exit_code_follows_the_contract(cases: list[Case], code: int, strict: int) -> None:
    record = judged(cases)
    assert results.exit_code(record) == code
    assert results.exit_code(record, strict=True) == strict


def test_worst_gates_come_first() -> None:
    record = judged([
        ("pass", "error", "warn"),
        ("fail", "note", "warn"),
        ("inconclusive", "warning", "warn"),
        ("fail", "warning", "warn"),
        ("inconclusive", "error", "block"),
        ("waived", "error", "warn"),
        ("fail", "error", "warn"),
        ("error", "error", "warn"),
        ("not_assessed", "error", "warn"),
    ])  # fmt: skip
    order = [result.gate_id for result in results.gate_results(record)]
    assert order == ["G6", "G7", "G4", "G3", "G2", "G1", "G5", "G8", "G0"]
    assert [one.gate for one in results.worst_first(record)] == order


def test_the_worst_slice_speaks_for_its_gate() -> None:
    record = judged([("pass", "warning", "warn")])
    found: list[tuple[str, VerdictOutcome, float | None]] = [
        ("a", "pass", None),
        ("b", "fail", 0.04),
        ("c", "fail", 0.001),
    ]
    slices = tuple(
        Verdict(gate="G0", where={"sex": level}, outcome=outcome, severity="warning", p_adjusted=p)
        for level, outcome, p in found
    )
    result = results.gate_results(replace(record, verdicts=slices))[0]
    assert [one.where["sex"] for one in result.verdicts] == ["c", "b", "a"]


def test_blanks_are_the_fields_that_only_a_person_can_fill() -> None:
    assert len(blank_sections(Card())) == len(fields(Card)) - 3
    filled = Card(**{one.name: "said" for one in fields(Card)})
    assert blank_sections(filled) == ()
    assert blank_sections(replace(filled, owner="  \n")) == ("owner",)


def test_a_code_over_two_gates_shows_the_one_that_was_judged() -> None:
    record = judged([("fail", "warning", "warn")])
    first = record.policy.gates[0]
    second = replace(first, metric="rank", threshold=3.0)
    estimate = Estimate(metric="rank", value=1.0)
    record = replace(
        record,
        policy=replace(record.policy, gates=(first, second)),
        verdicts=(replace(record.verdicts[0], estimate=estimate),),
    )
    assert results.gate_results(record)[0].gate == second
    assert len(json.loads(sarif.render(record))["runs"][0]["tool"]["driver"]["rules"]) == 1
