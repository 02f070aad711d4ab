"""``modelassay compare``: what changed from one audit to another, the bottom line first."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from audit.cli import compared
from audit.cli.compared import Section
from audit.cli.output import emit, require_own
from audit.comparing.comparison import compare as compare_records
from audit.comparing.result import Comparison, bottom_line, ranking_line
from audit.errors import ConfigError, hint, quote, quote_all
from reports.markdown import escape
from reports.phrases import count_noun, visible
from reports.store import load, write_text_atomically
from reports.text import tame

FORMATS = ("text", "json", "md")
FAIL_ON = ("never", "worse")
MOST = 30
"""Lines of a section with --all; JSON has all."""
LINE = 600
"""Characters of the first lines."""
FEW = 8
"""Lines of a section otherwise."""


def compare(
    records: Sequence[Path], *, format_: str, out: str, fail_on: str = "never", everything: bool = False
) -> int:
    """Compare records and print, or write, what changed.

    Returns
    -------
    int
        1 where ``fail_on="worse"`` and the last model is shown to be worse than the first, or than the best
        of several; 0 otherwise.

    Raises
    ------
    ConfigError
        If fewer than two records are named, an option is unknown, or the records ask different questions.
    """
    _require_known("format", format_, FORMATS)
    _require_known("value of --fail-on", fail_on, FAIL_ON)
    if len(records) < 2:
        raise ConfigError("one record cannot be compared; name the audit.json of the earlier run, then of the later.")
    comparison = compare_records(*(load(path) for path in records), names=_names(records))
    text = (
        as_json(comparison)
        if format_ == "json"
        else as_people(comparison, markdown=format_ == "md", everything=everything)
    )
    if out == "-":
        emit(text, format_)
    else:
        require_own(Path(out), b'"bottom_line"' if format_ == "json" else b"independent samples", *records)
        write_text_atomically(out, text)
    return 1 if fail_on == "worse" and _lost(comparison) else 0


def _names(records: Sequence[Path]) -> tuple[str, ...]:
    """Return what distinguishes the paths: their folders where all files are called alike, else the files."""
    files = [path.stem for path in records]
    folders = [path.resolve().parent.name for path in records]
    return tuple(files if len(set(files)) == len(files) else folders)


def _require_known(what: str, name: str, known: Sequence[str]) -> None:
    if name not in known:
        raise ConfigError(f"no {what} {quote(name)}; there are {quote_all(known)}.{hint(name, known)}")


def _lost(comparison: Comparison) -> bool:
    return comparison.worse or any(
        contender.standing == "worse than the best" for contender in comparison.contenders[-1:]
    )


# --- formats --------------------------------------------------------------------------------------


def as_json(comparison: Comparison) -> str:
    """Write everything as JSON, sorted."""
    whole = {**asdict(comparison), "bottom_line": bottom_line(comparison), "worse": comparison.worse}
    return json.dumps(whole, sort_keys=True, ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def as_people(comparison: Comparison, *, markdown: bool, everything: bool) -> str:
    """Draw a screen of plain text, or a pull-request comment."""
    first = [bottom_line(comparison)]
    if comparison.contenders:
        first = [ranking_line(comparison.contenders, comparison.headline), f"From the first to the last: {first[0]}"]
    sections, folded = compared.first(comparison), compared.rest(comparison)
    draw = _markdown if markdown else _text
    return draw(comparison, first, sections, folded, everything)


def _text(
    comparison: Comparison, first: list[str], sections: list[Section], folded: list[Section], everything: bool
) -> str:
    most = MOST if everything else FEW
    blocks = [
        "\n".join([*first, f"{visible(comparison.before, 60)} → {visible(comparison.after, 60)}. {comparison.note}"])
    ]
    blocks += [_table(value, most) for value in (*sections, *(folded if everything else ()))]
    lines = [compared.open_words(comparison)]
    if folded and not everything:
        lines.insert(0, f"Not shown: {'; '.join(section.short for section in folded)}. --all shows them.")
    blocks.append("\n".join(lines))
    return "\n".join(tame(line) for line in "\n\n".join(blocks).split("\n")) + "\n"


def _table(section: Section, most: int) -> str:
    cells = [list(section.head), *([visible(cell, 60) for cell in row] for row in section.rows[:most])]
    cells = [row for row in cells if any(row)]
    widths = [max(len(row[place]) for row in cells) for place in range(len(section.head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    return "\n".join([section.title, *(f"  {line}" for line in lines), *_more(section, most)])


def _markdown(
    comparison: Comparison, first: list[str], sections: list[Section], folded: list[Section], everything: bool
) -> str:
    blocks = [f"**{escape(first[0], LINE)}**", *(escape(line, LINE) for line in first[1:])]
    blocks.append(f"{escape(comparison.before)} → {escape(comparison.after)}. {escape(comparison.note)}")
    for section in sections:
        blocks += [f"### {section.title}", *_markdown_table(section, MOST)]
    for section in folded:
        opened = " open" if everything else ""
        blocks += [f"<details{opened}><summary>{escape(section.short[:1].upper() + section.short[1:], LINE)}</summary>"]
        blocks += [*_markdown_table(section, MOST), "</details>"]
    return "\n\n".join([*blocks, compared.open_words(comparison)]) + "\n"


def _markdown_table(section: Section, most: int) -> list[str]:
    table = ["| " + " | ".join(section.head) + " |", "|" + " --- |" * len(section.head)]
    table += ["| " + " | ".join(escape(cell) for cell in row) + " |" for row in section.rows[:most]]
    return ["\n".join(table), *(line.strip() for line in _more(section, most))]


def _more(section: Section, most: int) -> list[str]:
    left = len(section.rows) - most
    return [f"  and {count_noun(left, 'more row', 'more rows')}; --format json has all"] if left > 0 else []
