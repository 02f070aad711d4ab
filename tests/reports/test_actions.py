"""What is advised first, and sentences about groups."""

from __future__ import annotations

import json
from dataclasses import replace

from reports import sarif
from reports.actions import actions
from reports.lookup import Estimates
from reports.people import gap_of, rows_words
from reports.record import LEFT_OUT, UNREACHED, AuditRecord, Estimate, Finding, Measurement, ModelInfo
from reports.summary import title
from reports.text import _cut


def rates(record: AuditRecord, **groups: tuple[float, int]) -> AuditRecord:
    """Return a record whose groups of a made-up column have these selection rates and rows."""
    made = tuple(
        Estimate(metric="selection_rate", value=value, n=n, where={"zone": level}, unit="proportion")
        for level, (value, n) in groups.items()
    )
    finding = Finding(
        check="c", title="c", family="groups", revision=1, outcome="measured",
        measurement=Measurement(summary="", estimates=made),
    )  # fmt: skip
    return replace(record, findings=(finding,))


def test_a_tiny_group_is_not_what_others_are_compared_with(record: AuditRecord) -> None:
    here = rates(record, a=(0.5, 900), b=(0.4, 800), tiny=(0.95, 11))
    gap = gap_of(here, Estimates(here), "selection_rate", {"zone": "a"})
    assert gap is not None
    assert gap.other.where == {"zone": "b"}


def test_rows_of_another_split_are_said_once() -> None:
    one = Estimate(metric="base_rate", value=0.1, n=1200, where={"split": "train", "zone": "a"})
    assert rows_words(one) == " (n 1,200, train rows)"
    assert rows_words(replace(one, where={"zone": "a"})) == " (n 1,200)"


def test_notes_come_after_what_the_owner_owes(record: AuditRecord) -> None:
    notes = tuple(replace(one, severity="note") for one in record.verdicts)
    gates = tuple(replace(one, severity="note") for one in record.policy.gates)
    calm = replace(record, verdicts=notes, policy=replace(record.policy, gates=gates))
    assert [one.gate_id for one in actions(calm, limit=1)] in ([""], ["CARD001"])


def test_the_file_of_a_model_is_no_title(record: AuditRecord) -> None:
    named = replace(
        record, model=ModelInfo(name="model", kind="k", format="skops", file="out/model.skops"),
        card=replace(record.card, name="model"),
    )  # fmt: skip
    assert title(named) != "model"
    assert title(replace(named, card=replace(named.card, name="Loan screening"))) == "Loan screening"


def test_a_sarif_message_names_the_slice_once(record: AuditRecord) -> None:
    verdict = record.verdicts[0]
    message = f"{verdict.estimate.address if verdict.estimate else ''}: recall is 0.4; the rule asks for at least 0.8"
    where = verdict.estimate.where if verdict.estimate else {}
    told = replace(record, verdicts=(replace(verdict, where=where, message=message, outcome="fail", estimate=None),))
    found = json.loads(sarif.render(told))["runs"][0]["results"][0]["message"]["text"]
    assert found.startswith(f"Failed: {message}.")
    assert found.count("recall") == 1


def test_a_known_reach_goes_before_an_unknown_one_of_lower_rank(record: AuditRecord) -> None:
    """Two gaps among people come before what ranks behind both and reaches nobody knows how many of them."""
    reach = Estimate(metric="extent", value=90.0, low=50.0, high=110.0, unit="rows per 1,000")
    asked = (
        ("A", "people", "fairness", reach),
        ("B", "people", "fairness", reach),
        ("C", "machine", "robustness", None),
    )
    base = record.policy.gates[0]
    gates = tuple(replace(base, id=code, check=check, from_catalogue=True, remedy=code) for code, check, *_ in asked)
    verdicts = tuple(
        replace(record.verdicts[0], gate=code, outcome="fail", severity="warning", extent=extent, rank=rank)
        for rank, (code, _, _, extent) in enumerate(asked, start=1)
    )
    findings = tuple(
        Finding(
            check=check, title=check, family=family, revision=1, outcome="measured", measurement=Measurement(summary="")
        )
        for check, family in dict.fromkeys((check, family) for _, check, family, _ in asked)
    )
    here = replace(record, findings=findings, verdicts=verdicts, policy=replace(record.policy, gates=gates))
    assert [one.gate_id for one in actions(here, limit=9)][:3] in (["A", "B", "C"], ["A", "B", ""])
    first = replace(here, verdicts=tuple(replace(one, rank=4 - (one.rank or 0)) for one in verdicts))
    assert actions(first, limit=9)[0].gate_id == "C"


def test_a_criterion_without_a_remedy_is_told_as_what_was_found(record: AuditRecord) -> None:
    score = Estimate(metric="recall", value=0.6, low=0.55, high=0.65, n=700, where={"split": "test"}, unit="proportion")
    gate = replace(
        record.policy.gates[0], id="floor", check="", metric="recall", kind="value", where={"split": "test"}, op=">=",
        threshold=0.8, remedy="", from_catalogue=False,
    )  # fmt: skip
    verdict = replace(record.verdicts[0], gate="floor", where={}, outcome="fail", estimate=score, next_step="", rank=1)
    here = replace(record, policy=replace(record.policy, gates=(gate,)), verdicts=(verdict,))
    said = "Find out why: found among those who are “>50K”: 60 % [55, 65] (n 700); limit: at least 80 %."
    assert actions(here)[0].text == said


def test_what_was_skipped_is_a_step_that_a_reader_can_take(record: AuditRecord) -> None:
    def skipped(check: str, family: str, reason: str) -> Finding:
        return Finding(check=check, title=check, family=family, revision=1, outcome="skipped", reason=reason)

    install = "explanations need 'shap'. Run: pip install 'modelassay[explain]'"
    findings = (
        skipped("adversarial", "robustness", LEFT_OUT), skipped("weak_slices", "slices", LEFT_OUT),
        skipped("SHAP", "explanations", install),
    )  # fmt: skip
    steps = [step.text for step in actions(replace(record, findings=findings), limit=40)][-2:]
    assert steps == [
        "Run without --quick for the results of 2 more checks: robustness, slices.",
        f"SHAP: {install}",
    ]
    late = replace(record, findings=(skipped("adversarial", "robustness", UNREACHED),))
    assert actions(late, limit=40)[-1].text == "Run to the end for the results of 1 more check: robustness."


def test_a_step_on_a_terminal_is_a_whole_sentence() -> None:
    assert _cut(("next", 0), "1. Ask whether it is needed; fit without it; compare", 44) == (
        "1. Ask whether it is needed; fit without it"
    )
    assert _cut(("good", 0), "Right in 8 of 10 decisions; always no in 7 of 10", 44) == "Right in 8 of 10 decisions…"
