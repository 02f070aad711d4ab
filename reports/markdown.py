"""A pull-request comment or step summary: the verdict, what to do, the gates, what was not tested.

Everything user-named is escaped for GitHub's Markdown: no table cell, no link, no mention and no tag
can begin in a name. A step summary may hold one mebibyte; long lists are cut and say so.
"""

from __future__ import annotations

import re

from reports import results
from reports.phrases import address, counted, estimate_text, interval, metric_words, number, rule, visible
from reports.record import AuditRecord, Estimate, blank_sections
from reports.sections import SECTIONS, Section, findings_of

MOST_GATES = 100
MOST_NUMBERS = 30
_SIGNS = re.compile(r"([\\`*_{}\[\]()#!|~$])")


def render(record: AuditRecord) -> str:
    """Draw a record as Markdown, well below a mebibyte."""
    blocks = [
        *_head(record),
        *_steps(record),
        *_gates(record),
        *_performance(record),
        *_missing(record),
        *_foot(record),
    ]
    return "\n\n".join(blocks) + "\n"


def escaped(text: object, limit: int = 120) -> str:
    r"""Escape a name for GitHub's Markdown, in and out of tables.

    Examples
    --------
    >>> escaped("a|b <img> `x`")
    'a\\|b &lt;img&gt; \\`x\\`'
    >>> escaped("@admin") == "@\u2060admin"
    True
    """
    line = visible(text, limit).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    line = _SIGNS.sub(r"\\\1", line)
    line = line.replace("://", "&#58;//").replace("www.", "www&#46;").replace("@", "@\u2060")
    return re.sub(r"^(\d+(?=[.)](?:\s|$))|(?=[-+=](?:\s|[-=]|$)))", r"\1\\", line)


def _head(record: AuditRecord) -> list[str]:
    overall = results.overall(record)
    marks = {"pass": "●", "warn": "●", "fail": "▲", "inconclusive": "◆", "none": "○"}
    name = escaped(record.card.name.strip() or record.model.name or "unnamed model")
    tally = " · ".join(
        f"{results.OUTCOME_MARKS[outcome]} {n} {results.OUTCOME_WORDS[outcome]}"
        for outcome, n in overall.counts.items()
        if n
    )
    rows = ", ".join(f"{split.rows:,} {escaped(split.name, 40)}" for split in record.data.splits)
    facts = [f"{record.task}: {escaped(record.data.target)}", f"{rows} rows" if rows else "", escaped(record.created)]
    return [
        f"## {marks[overall.tone]} {overall.word.capitalize()}: {name}",
        escaped(overall.sentence, 600),
        f"{tally or 'no verdicts'}  \n{' · '.join(fact for fact in facts if fact)}",
    ]


def _steps(record: AuditRecord) -> list[str]:
    steps = results.next_steps(record)
    if not steps:
        return []
    lines = [
        f"{k}. {f'**{escaped(step.gate_id)}** ' if step.gate_id else ''}{escaped(step.text, 500)}"
        for k, step in enumerate(steps, start=1)
    ]
    return ["### What to do next", "\n".join(lines)]


def _gates(record: AuditRecord) -> list[str]:
    found = results.gate_results(record)
    if not found:
        return ["### Gates", "No gate was evaluated."]
    calm = [result for result in found if result.worst.outcome == "pass"]
    open_ones = [result for result in found if result.worst.outcome != "pass"]
    blocks = ["### Gates", _gate_table(open_ones) if open_ones else f"All {counted(len(calm), 'gate')} passed."]
    if open_ones and calm:
        table = _gate_table(calm)
        blocks.append(f"<details><summary>{counted(len(calm), 'gate')} passed</summary>\n\n{table}\n\n</details>")
    return blocks


def _gate_table(listed: list[results.GateResult]) -> str:
    lines = ["| | gate | rule | found | rows of | n |", "| --- | --- | --- | --- | --- | ---: |"]
    for result in listed[:MOST_GATES]:
        verdict = result.worst
        mark = f"{results.OUTCOME_MARKS[verdict.outcome]} {results.OUTCOME_WORDS[verdict.outcome]} ({verdict.severity})"
        more = len(result.verdicts) - 1
        others = f" ({result.passed})" if result.passed else f" and {counted(more, 'other slice')}" if more else ""
        where = escaped(address(verdict.where)) + others
        estimate = verdict.estimate
        n = "" if estimate is None or estimate.n is None else f"{estimate.n:,}"
        needed = f" (about {verdict.n_needed:,} rows would settle it)" if verdict.n_needed else ""
        cells = (
            mark,
            f"**{escaped(result.gate_id)}** {escaped(result.title)}".strip(),
            escaped(rule(result.gate), 200) if result.gate else "",
            escaped(estimate_text(estimate), 200) + needed,
            where,
            n,
        )
        lines.append(f"| {' | '.join(cells)} |")
    if len(listed) > MOST_GATES:
        lines.append(f"\n{counted(len(listed) - MOST_GATES, 'more gate')} in audit.json.")
    return "\n".join(lines)


def _performance(record: AuditRecord) -> list[str]:
    section = next(one for one in SECTIONS if one.id == "performance")
    lines = ["| metric | rows of | value | interval | n |", "| --- | --- | ---: | ---: | ---: |"]
    for one in _overall_estimates(record, section)[:MOST_NUMBERS]:
        n = "" if one.n is None else f"{one.n:,}"
        unit = one.unit or ("count" if one.method == "count" else "")
        cells = (
            escaped(metric_words(one.metric)),
            escaped(address(one.where)),
            number(one.value, unit),
            interval(one),
            n,
        )
        lines.append(f"| {' | '.join(cells)} |")
    return ["### Overall performance", "\n".join(lines)] if len(lines) > 2 else []


def _overall_estimates(record: AuditRecord, section: Section) -> list[Estimate]:
    found = [
        one
        for finding in findings_of(record, section)
        if finding.measurement
        for one in finding.measurement.estimates
        if set(one.where) <= {"split"}
    ]
    return sorted(found, key=lambda one: one.metric != record.headline)


def _missing(record: AuditRecord) -> list[str]:
    missing = results.not_tested(record)
    if not missing:
        return []
    lines = [f"- {escaped(one.what, 300)} — {one.status}: {escaped(one.reason, 300)}" for one in missing[:MOST_GATES]]
    if len(missing) > MOST_GATES:
        lines.append(f"- and {len(missing) - MOST_GATES} more in audit.json")
    body = "\n".join(lines)
    return [f"<details><summary>What was not tested ({len(missing)})</summary>\n\n{body}\n\n</details>"]


def _foot(record: AuditRecord) -> list[str]:
    blanks = blank_sections(record.card)
    owed = f"{counted(len(blanks), 'field')} of the card are left blank for a person. " if blanks else ""
    level = number(record.policy.confidence * 100).rstrip("0").rstrip(".")
    source = f"{escaped(record.tool)}, policy {escaped(record.policy.name)}"
    return [f"<sub>{owed}Intervals at {level}%. {source}. Evidence, not a statement of legal conformity.</sub>"]
