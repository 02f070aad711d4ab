"""Gates that did not pass as GitLab's code-quality report."""

from __future__ import annotations

import json

from reports import results
from reports.lookup import Estimates
from reports.phrases import visible
from reports.record import AuditRecord, Verdict
from reports.sarif import fingerprint, source_of
from reports.sentences import reach_words, report_words

_DECIDED = {"error": "critical", "warning": "major", "note": "info", "off": "info"}


def render(record: AuditRecord) -> str:
    """Draw every failed, undecided or inconclusive verdict as an issue, worst first."""
    known = Estimates(record)
    issues = [
        _issue(record, known, verdict)
        for result in results.gate_results(record)
        for verdict in result.verdicts
        if verdict.outcome in ("fail", "error", "inconclusive")
    ]
    return json.dumps(issues, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _issue(record: AuditRecord, known: Estimates, verdict: Verdict) -> dict[str, object]:
    file, line = source_of(record, verdict)
    words = results.OUTCOME_WORDS[verdict.outcome]
    reach = f"; about {reach_words(record, verdict)}" if reach_words(record, verdict) else ""
    description = f"{words}: {report_words(record, known, verdict).rstrip('.')}{reach}"
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
