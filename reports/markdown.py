"""A pull-request comment or step summary: the verdict, five answers, what to do, the concerns, what is open.

Everything user-named is escaped for GitHub's Markdown: no table cell, no link, no mention and no tag
can begin in a name. At most sixty lines; long lists are cut and say so.
"""

from __future__ import annotations

import re

from reports.actions import actions
from reports.answers import answers
from reports.concerns import KIND_WORDS, found_concerns
from reports.phrases import count_noun, estimate_text, number, rule, visible
from reports.record import AuditRecord, blank_sections
from reports.results import GateResult, gate_results
from reports.summary import subtitle, title, tone, verdict_sentence
from reports.topics import topics

MOST_CONCERNS = 10
MOST_CRITERIA = 10
MOST_TOPICS = 8
_SIGNS = re.compile(r"([\\`*_{}\[\]()#!|~$])")
_MARKS = {"invalid": "✖", "missed": "▲", "owed": "◆", "concern": "◆", "met": "●", "clear": "○", "none": "○"}
_OUTCOMES = {
    "pass": "● met", "fail": "▲ not met", "error": "✖ no number", "inconclusive": "◆ not settled",
    "waived": "◇ waived", "not_assessed": "○ not judged",
}  # fmt: skip


def render(record: AuditRecord) -> str:
    """Draw a record as Markdown of at most sixty lines."""
    blocks = [
        *_head(record),
        *_answers(record),
        *_actions(record),
        *_criteria(record),
        *_concerns(record),
        *_open(record),
        _foot(record),
    ]
    return "\n\n".join(blocks) + "\n"


def escape(text: object, limit: int = 120) -> str:
    r"""Escape a name for GitHub's Markdown, in and out of tables.

    Examples
    --------
    >>> escape("a|b <img> `x`")
    'a\\|b &lt;img&gt; \\`x\\`'
    >>> escape("@admin") == "@\u2060admin"
    True
    """
    line = visible(text, limit).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    line = _SIGNS.sub(r"\\\1", line)
    line = line.replace("://", "&#58;//").replace("www.", "www&#46;").replace("@", "@\u2060")
    return re.sub(r"^(\d+(?=[.)](?:\s|$))|(?=[-+=](?:\s|[-=]|$)))", r"\1\\", line)


def _head(record: AuditRecord) -> list[str]:
    return [
        f"## {_MARKS[tone(record)]} {escape(verdict_sentence(record), 300)}",
        f"**{escape(title(record))}** · {escape(subtitle(record), 300)}",
    ]


def _answers(record: AuditRecord) -> list[str]:
    lines = [f"- **{answer.question}** {escape(answer.sentence, 400)}" for answer in answers(record)]
    return ["\n".join(lines)]


def _actions(record: AuditRecord) -> list[str]:
    steps = actions(record)
    lines = [
        f"{k}. {escape(step.text, 300)} _{step.who}_{f' {escape(step.gate_id)}' if step.gate_id else ''}"
        for k, step in enumerate(steps, start=1)
    ]
    return ["**Do next**", "\n".join(lines)] if lines else []


def _criteria(record: AuditRecord) -> list[str]:
    own = [
        gate_result
        for gate_result in gate_results(record)
        if gate_result.gate is not None and not gate_result.gate.from_catalogue
    ]
    if not own:
        return []
    lines = ["| release criterion | demand | found | outcome |", "| --- | --- | --- | --- |"]
    lines += [_criterion(result) for result in own[:MOST_CRITERIA]]
    rest = len(own) - MOST_CRITERIA
    more = [f"{count_noun(rest, 'more criterion', 'more criteria')} in audit.json."] if rest > 0 else []
    return ["\n".join(lines), *more]


def _criterion(result: GateResult) -> str:
    lead, gate = result.lead, result.gate
    demand = escape(rule(gate), 160) if gate is not None else ""
    name = escape(result.title or result.gate_id)
    return f"| {name} | {demand} | {escape(estimate_text(lead.estimate), 120)} | {_OUTCOMES[lead.outcome]} |"


def _concerns(record: AuditRecord) -> list[str]:
    concerns = [
        found_concern for found_concern in found_concerns(record) if found_concern.kind in ("invalid", "concern")
    ]
    if not concerns:
        return []
    lines = ["| concern | of 1,000 | rule |", "| --- | --- | --- |"]
    for concern in concerns[:MOST_CONCERNS]:
        reach = concern.reach.replace(" of 1,000", "") or "–"
        kind = f"**{KIND_WORDS['invalid']}:** " if concern.kind == "invalid" else ""
        lines.append(f"| {kind}{escape(concern.sentence, 200)} | {escape(reach)} | {escape(concern.gate_id)} |")
    rest = len(concerns) - MOST_CONCERNS
    return ["\n".join(lines), *([f"{count_noun(rest, 'more concern')} on the card."] if rest > 0 else [])]


def _open(record: AuditRecord) -> list[str]:
    pair = topics(record)
    if not pair:
        return []
    lines = [f"- {escape(topic.line, 200)}" for topic in pair[:MOST_TOPICS]]
    if len(pair) > MOST_TOPICS:
        lines.append(f"- and {len(pair) - MOST_TOPICS} more on the card")
    body = "\n".join(lines)
    return [f"<details><summary>Not settled by these rows ({len(pair)})</summary>\n\n{body}\n\n</details>"]


def _foot(record: AuditRecord) -> str:
    blanks = blank_sections(record.card)
    owed = f"{count_noun(len(blanks), 'field')} of the card are left blank for a person. " if blanks else ""
    level = number(record.policy.confidence * 100).rstrip("0").rstrip(".")
    source = f"{escape(record.tool)}, policy {escape(record.policy.name)}"
    return f"<sub>{owed}Intervals at {level} %. {source}. Evidence, not a statement of legal conformity.</sub>"
