"""Gates that did not pass as GitLab's code-quality report."""

from __future__ import annotations

import json

from reports import results
from reports.phrases import address, estimate_text, rule, visible
from reports.record import AuditRecord, Verdict
from reports.results import GateResult
from reports.sarif import fingerprint, source_of
from reports.sentences import extent_words

_DECIDED = {"error": "critical", "warning": "major", "note": "info", "off": "info"}


def render(record: AuditRecord) -> str:
    """Draw every failed, undecided or inconclusive verdict as an issue, worst first."""
    issues = [
        _issue(record, result, verdict)
        for result in results.gate_results(record)
        for verdict in result.verdicts
        if verdict.outcome in ("fail", "error", "inconclusive")
    ]
    return json.dumps(issues, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _issue(record: AuditRecord, result: GateResult, verdict: Verdict) -> dict[str, object]:
    file, line = source_of(record, verdict)
    demand = f"{rule(result.gate)}; " if result.gate else ""
    words = results.OUTCOME_WORDS[verdict.outcome]
    reach = f"; about {extent_words(verdict)}" if extent_words(verdict) else ""
    description = f"{words}: {demand}{address(verdict.where)}: {estimate_text(verdict.estimate)}{reach}"
    return {
        "description": visible(description, 1000),
        "check_name": visible(verdict.gate),
        "fingerprint": fingerprint(verdict),
        "severity": _severity(record, verdict),
        "location": {"path": visible(file, 1000), "lines": {"begin": line}},
    }


def _severity(record: AuditRecord, verdict: Verdict) -> str:
    """Choose among info, minor, major, critical and blocker."""
    if results.blocks(record, verdict) and verdict.severity == "error":
        return "critical"
    if verdict.outcome == "inconclusive":
        return "info" if verdict.severity == "note" else "minor"
    if verdict.outcome == "fail" and verdict.severity == "error":
        return "blocker"
    return _DECIDED[verdict.severity]
