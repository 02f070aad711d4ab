"""Gates as JUnit test cases, passes too, so that any CI server can list them.

Only a gate of severity ``error`` can be a ``failure`` (it failed, or proof that it demands is owed) or an
``error`` (it found no number). Concerns, which are gates of lesser severity that failed, pass and say so
in ``system-out``; inconclusive, waived and not assessed are ``skipped`` with their reason.
"""

from __future__ import annotations

import re
from itertools import groupby
from xml.etree import ElementTree as ET

from reports import results
from reports.lookup import Estimates
from reports.phrases import address, count_noun, estimate_text, rows_needed, rule, visible
from reports.record import AuditRecord, Verdict
from reports.results import GateResult
from reports.sentences import reach_words, report_words

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(record: AuditRecord) -> str:
    """Draw the verdicts of a record as JUnit XML, one suite a gate and one case a slice; many alike are one case."""
    root = ET.Element("testsuites", name="modelassay")
    known = Estimates(record)
    for result in results.gate_results(record):
        root.append(_suite(record, known, result))
    cases = list(root.iter("testcase"))
    _count(root, cases)
    del root.attrib["skipped"]  # the schema of CI servers knows it of a suite alone
    ET.indent(root, " ")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _suite(record: AuditRecord, known: Estimates, result: GateResult) -> ET.Element:
    name = f"{visible(result.gate_id)} {result.title}".strip()
    suite = ET.Element("testsuite", name=_clean(name), timestamp=_clean(visible(record.created, 40)))
    for outcome, alike in groupby(result.verdicts, key=lambda verdict: verdict.outcome):
        verdicts = list(alike)
        quiet = outcome in ("pass", "not_assessed") and len(result.verdicts) > results.FEW_SLICES
        most = 0 if quiet else results.FEW_SLICES
        for verdict in verdicts[:most]:
            suite.append(_case(record, known, result, verdict))
        if len(verdicts) > most:
            suite.append(_rest(record, result, verdicts[most:]))
    _count(suite, list(suite))
    return suite


def _count(element: ET.Element, cases: list[ET.Element]) -> None:
    element.set("tests", str(len(cases)))
    for plural, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        element.set(plural, str(sum(1 for case in cases if case.find(tag) is not None)))
    element.set("time", "0")


def _case(record: AuditRecord, known: Estimates, result: GateResult, verdict: Verdict) -> ET.Element:
    case = ET.Element(
        "testcase",
        classname=_clean(f"modelassay.{visible(result.gate_id)}"),
        name=_clean(address(verdict.where, record.data.names)),
    )
    case.set("time", "0")
    if verdict.source is not None:
        case.set("file", _clean(visible(verdict.source.file, 300)))
        case.set("line", str(verdict.source.line))
    tag = _tag(record, verdict)
    if tag:
        words = results.OUTCOME_WORDS[verdict.outcome]
        message = f"{words}: {visible(verdict.message, 600) or estimate_text(verdict.estimate)}"
        child = ET.SubElement(case, tag, message=_clean(message))
        if tag != "skipped":
            child.set("type", verdict.severity)
            child.text = _clean(_story(record, known, result, verdict))
    else:
        concern = "concern\n" if verdict.outcome != "pass" else ""
        ET.SubElement(case, "system-out").text = _clean(concern + _story(record, known, result, verdict))
    return case


def _rest(record: AuditRecord, result: GateResult, verdicts: list[Verdict]) -> ET.Element:
    """Count further slices of one outcome in a case whose name stays the same from run to run."""
    first, number = verdicts[0], results.slices(verdicts)
    words = results.OUTCOME_WORDS[first.outcome]
    case = ET.Element(
        "testcase", classname=_clean(f"modelassay.{visible(result.gate_id)}"), name=f"further slices, {words}", time="0"
    )
    tag = _tag(record, first)
    text = f"{count_noun(number, 'slice')} {words}; audit.json holds each"
    if tag:
        child = ET.SubElement(case, tag, message=text)
        if tag != "skipped":
            child.set("type", first.severity)
    else:
        ET.SubElement(case, "system-out").text = text
    return case


def _tag(record: AuditRecord, verdict: Verdict) -> str:
    """Choose the element that tells a CI server what became of a verdict; none for a pass or a concern."""
    binding = verdict.severity == "error"
    if verdict.outcome == "pass":
        return ""
    if verdict.outcome == "error":
        return "error" if binding else ""
    if verdict.outcome == "fail":
        return "failure" if binding else ""
    return "failure" if binding and results.blocks(record, verdict) else "skipped"


def _story(record: AuditRecord, known: Estimates, result: GateResult, verdict: Verdict) -> str:
    lines = [
        f"rule: {rule(result.gate)}" if result.gate else "",
        f"found: {estimate_text(verdict.estimate)}",
        f"in words: {report_words(record, known, verdict)}" if verdict.outcome == "fail" else "",
        f"rows of: {address(verdict.where, record.data.names)}",
        f"because: {visible(result.gate.because, 400)}" if result.gate and result.gate.because else "",
        f"next: {visible(verdict.next_step, 600)}" if verdict.next_step else "",
        f"reaches: {words}" if (words := reach_words(record, verdict)) else "",
        f"what an answer needs: {rows_needed(verdict)}" if verdict.outcome == "inconclusive" else "",
    ]
    return "\n".join(line for line in lines if line)


def _clean(text: str) -> str:
    """Drop what XML 1.0 cannot hold.

    Examples
    --------
    >>> _clean("a" + chr(0) + "b")
    'ab'
    """
    return _NOT_XML.sub("", text)
