"""Gates as SARIF 2.1.0, each result at the line of its gate in the policy file.

A failed gate is a result of kind ``fail`` at the level of its severity; an inconclusive one is
``open`` (the rule could not decide), a waived one carries its suppression. Passes and slices that were
not assessed are not results; the list of rules holds every gate.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from reports import results
from reports.lookup import Estimates
from reports.phrases import link, rule, visible
from reports.record import AuditRecord, Gate, Severity, Verdict
from reports.sentences import reach_words, report_words

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
MOST_RESULTS = 5000
"""Results that GitHub shows at most."""
_LEVELS: dict[Severity, str] = {"error": "error", "warning": "warning", "note": "note", "off": "none"}
_KINDS = {"fail": "fail", "error": "fail", "inconclusive": "open", "waived": "fail"}


def render(record: AuditRecord) -> str:
    """Draw the verdicts of a record as a SARIF log with one run."""
    reported = [verdict for verdict in results.worst_first(record) if verdict.outcome in _KINDS][:MOST_RESULTS]
    rules: dict[str, list[Gate]] = {}  # a code may stand over several gates: one rule
    for gate in record.policy.gates:
        rules.setdefault(gate.id, []).append(gate)
    known = Estimates(record)
    positions = {name: k for k, name in enumerate(rules)}
    name, _, version = visible(record.tool).partition(" ")
    driver: dict[str, Any] = {"name": name or "modelassay", "rules": [_rule(gates) for gates in rules.values()]}
    if version:
        driver["version"] = version
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(record, known, verdict, positions) for verdict in reported],
    }
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _text(text: str) -> dict[str, str]:
    """Return a message in which a name makes no link: SARIF 3.11.6 reads ``[words](target)`` as one."""
    return {"text": text.replace("](", "\\](")}


def _rule(gates: Sequence[Gate]) -> dict[str, Any]:
    """Describe all gates of one code."""
    gate = gates[0]
    asked = "; ".join(dict.fromkeys(rule(gate) for gate in gates))
    reasons = " ".join(dict.fromkeys(visible(gate.because, 1000) for gate in gates if gate.because))
    severity = min((gate.severity for gate in gates), key=results.SEVERITIES.index)
    fields: dict[str, Any] = {
        "id": visible(gate.id),
        "name": visible(gate.title) or visible(gate.id),
        "shortDescription": _text(asked),
        "fullDescription": _text(reasons or asked),
        "defaultConfiguration": {"level": _LEVELS[severity], "enabled": severity != "off"},
    }
    remedies = " ".join(dict.fromkeys(visible(gate.remedy, 1000) for gate in gates if gate.remedy))
    if remedies:
        fields["help"] = _text(remedies)
    targets = [target for gate in gates for reference in gate.references if (target := link(reference))]
    if targets:
        fields["helpUri"] = targets[0]
    return fields


def _result(record: AuditRecord, known: Estimates, verdict: Verdict, positions: dict[str, int]) -> dict[str, Any]:
    kind = _KINDS[verdict.outcome]
    fields: dict[str, Any] = {
        "ruleId": visible(verdict.gate),
        "kind": kind,
        "level": _LEVELS[verdict.severity] if kind == "fail" else "none",
        "message": _text(_message(record, known, verdict)),
        "locations": [_location(record, verdict)],
        "partialFingerprints": {"primaryLocationLineHash": f"{fingerprint(verdict)}:1"},
    }
    if verdict.gate in positions:
        fields["ruleIndex"] = positions[verdict.gate]
    if verdict.outcome == "waived":
        fields["suppressions"] = [_suppression(record, verdict)]
    return fields


def _message(record: AuditRecord, known: Estimates, verdict: Verdict) -> str:
    words = results.OUTCOME_WORDS[verdict.outcome]
    parts = [f"{words.capitalize()}: {report_words(record, known, verdict)}"]
    if verdict.extent is not None and reach_words(record, verdict):
        parts.append(f"About {reach_words(record, verdict)} would have to come out differently.")
    if verdict.next_step:
        parts.append(f"Next: {visible(verdict.next_step, 600)}")
    return " ".join(part for part in parts if part)


def _suppression(record: AuditRecord, verdict: Verdict) -> dict[str, str]:
    waivers = [waiver for waiver in record.policy.waivers if waiver.gate == verdict.gate]
    reasons = [
        f"{visible(waiver.reason, 300)} ({visible(waiver.owner)}, until {visible(waiver.expires)})"
        for waiver in waivers
    ]
    return {"kind": "external", "status": "accepted", "justification": "; ".join(reasons) or "waived"}


def source_of(record: AuditRecord, verdict: Verdict) -> tuple[str, int]:
    """Return file and line of a verdict's gate, as near as the record knows them."""
    if verdict.source is not None and verdict.source.file:
        return verdict.source.file, max(verdict.source.line, 1)
    lines = record.policy.lines
    return record.policy.file or "gates.toml", max(lines.get(verdict.gate, lines.get("", 1)), 1)


def _location(record: AuditRecord, verdict: Verdict) -> dict[str, Any]:
    file, line = source_of(record, verdict)
    path = PurePath(visible(file, 1000)).as_posix()
    uri = f"file://{quote(path)}" if path.startswith("/") else quote(path)
    return {"physicalLocation": {"artifactLocation": {"uri": uri}, "region": {"startLine": line}}}


def fingerprint(verdict: Verdict) -> str:
    """Identify a gate on a slice, whatever the number found this time.

    Examples
    --------
    >>> one = Verdict(gate="FAIR001", where={"sex": "F"}, outcome="fail", severity="warning")
    >>> fingerprint(one) == fingerprint(Verdict(gate="FAIR001", where={"sex": "F"}, outcome="pass", severity="error"))
    True
    """
    parts = json.dumps([verdict.gate, sorted(verdict.where.items())])
    return hashlib.sha256(parts.encode()).hexdigest()[:32]
