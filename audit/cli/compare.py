"""``modelassay compare``: what changed from one audit to another."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from audit.cli.output import require_unread
from audit.comparing.comparison import Change, Comparison
from audit.comparing.comparison import compare as compared
from audit.errors import ConfigError, hint, listed, shown
from reports.markdown import escaped
from reports.phrases import address, counted, metric_words, visible
from reports.record import Estimate
from reports.store import load, write_text_atomically
from reports.text import tame

FORMATS = ("text", "json", "md")
MOST = 30
"""Lines of a section for people; JSON has all."""
TOLD = ("better", "worse", "changed")


def compare(before: Path, after: Path, *, format_: str, out: str) -> int:
    """Compare two records and print, or write, what changed; gates do not decide the exit code here."""
    if format_ not in FORMATS:
        raise ConfigError(f"no format {shown(format_)}; there are {listed(FORMATS)}.{hint(format_, FORMATS)}")
    found = compared(load(before), load(after))
    text = {"text": as_text, "json": as_json, "md": as_markdown}[format_](found)
    if out == "-":
        sys.stdout.write(text)
    else:
        require_unread(Path(out), before, after)
        write_text_atomically(out, text)
    return 0


# --- formats --------------------------------------------------------------------------------------


def as_json(found: Comparison) -> str:
    """Write everything as JSON, sorted."""
    return json.dumps(asdict(found), sort_keys=True, ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def as_text(found: Comparison) -> str:
    """Draw a screen of plain text."""
    blocks = [f"{visible(found.before, 60)} → {visible(found.after, 60)}\n{found.note}"]
    for title, head, rows in _sections(found):
        cells = [list(head), *([visible(cell, 60) for cell in row] for row in rows[:MOST])]
        widths = [max(len(row[place]) for row in cells) for place in range(len(head))]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
        ]
        blocks.append("\n".join([title, *(f"  {line}" for line in lines), *_more(rows)]))
    blocks.append(_open(found))
    return "\n".join(tame(line) for line in "\n\n".join(blocks).split("\n")) + "\n"


def as_markdown(found: Comparison) -> str:
    """Draw a pull-request comment."""
    blocks = [f"## {escaped(found.before)} → {escaped(found.after)}", found.note]
    for title, head, rows in _sections(found):
        table = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
        table += ["| " + " | ".join(escaped(cell) for cell in row) + " |" for row in rows[:MOST]]
        blocks += [f"### {title}", "\n".join([*table, *(f"\n{line.strip()}" for line in _more(rows))])]
    return "\n\n".join([*blocks, _open(found)]) + "\n"


def _more(rows: Sequence[object]) -> list[str]:
    return [f"  and {len(rows) - MOST} more; --format json has all"] if len(rows) > MOST else []


def _open(found: Comparison) -> str:
    alike = sum(1 for one in found.changes if one.direction in {"same", "no difference shown"})
    return (
        f"{counted(alike, 'other number')} show no difference. Intervals are not corrected for "
        "their number: one in twenty moves beyond its interval by chance."
    )


Section = tuple[str, tuple[str, ...], list[tuple[str, ...]]]


def _sections(found: Comparison) -> list[Section]:
    """Return title, head and rows of each table that has rows."""
    once = list({(one.metric, tuple(one.where.items())): one for one in reversed(found.changes)}.values())[::-1]
    overall = [one for one in once if set(one.where) <= {"split"} and one.paired]
    moved = [one for one in once if one.direction in TOLD and one not in overall]
    moved.sort(key=lambda one: ("worse", "changed", "better").index(one.direction))
    head = ("metric", "where", "before", "after", "difference", "")
    turns: list[tuple[str, ...]] = [
        (one.gate, address(one.where), one.before.replace("_", " "), one.after.replace("_", " "), one.severity)
        for one in found.turns
    ]
    drawn: list[Section] = [
        ("What is compared", ("", "before", "after"), [tuple(one) for one in found.identity]),
        ("Overall, the same rows", head, [_row(one) for one in overall]),
        ("Other numbers that changed", head, [_row(one) for one in moved]),
        ("Decisions that changed", ("where", "share"), [(address(one.where), _told(one)) for one in found.churn]),
        ("Right and wrong", *_disagreement(found)),
        ("Gates that turned", ("gate", "where", "before", "after", "severity"), turns),
        ("Measured in one audit only", ("check", "metric", "where", ""), _lone(found.changes)),
    ]
    return [one for one in drawn if one[2]]


def _row(one: Change) -> tuple[str, ...]:
    paired = "" if one.paired or one.difference is None or one.difference.method == "count" else ", not paired"
    return (
        metric_words(one.metric),
        address(one.where),
        _told(one.before, short=True),
        _told(one.after, short=True),
        _told(one.difference),
        one.direction + paired,
    )


def _told(estimate: Estimate | None, *, short: bool = False) -> str:
    if estimate is None or estimate.value is None:
        return "–"
    return f"{estimate.value:.3f}" if short and estimate.method != "count" else str(estimate)


def _disagreement(found: Comparison) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    table = found.disagreement
    return ((), []) if table is None else (table.columns, [tuple(str(cell) for cell in row) for row in table.rows])


def _lone(changes: Sequence[Change]) -> list[tuple[str, ...]]:
    lone = [one for one in changes if one.direction.startswith("only")]
    return [(one.check, metric_words(one.metric), address(one.where), one.direction) for one in lone]
