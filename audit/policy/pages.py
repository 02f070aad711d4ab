"""The page of each rule in docs/rules: what the catalogue says of it, and what people wrote beside.

``python -m audit.policy.pages docs/rules`` writes the parts anew that the catalogue holds (severity, check,
numbers, reasons, remedies, references) and leaves introduction, method, example and limits as they are.
"""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path

from audit.policy.read import default_policy
from reports.record import Gate

WIDTH = 100
DECIDED = {
    "count": "By count: a fact about the rows at hand, decided exactly.",
    "interval": "By the interval: it passes if the whole interval holds, fails if that is shown after Holm's "
    "correction over the rule's numbers (single features before their crossings), and is inconclusive otherwise.",
    "proof": "It must be shown to hold: an inconclusive verdict blocks.",
}
"""What a page says of the method where nobody wrote more."""


def page(gates: tuple[Gate, ...], written: str) -> str:
    """Return the page of a rule.

    Parameters
    ----------
    gates : tuple of Gate
        All gates of one code.
    written : str
        The page as it stands, whose own words are kept.
    """
    first, own = gates[0], sections(written)
    parts = {
        "": f"{_wrap(own.get('', ''))}\n\n{_wrap(_facts(gates))}",
        "Why": _wrap(" ".join(dict.fromkeys(gate.because for gate in gates))),
        "How it is decided": _wrap(own.get("How it is decided", "") or _decide(gates)),
        "What to do": _wrap(" ".join(dict.fromkeys(gate.remedy for gate in gates))),
        "Example": _wrap(own.get("Example", "")),
        "Limits": _wrap(own.get("Limits", "")),
        "References": "\n".join(
            f"- {fromkey}" for fromkey in dict.fromkeys(reference for gate in gates for reference in gate.references)
        ),
    }
    body = [f"## {name}\n\n{text}" if name else text for name, text in parts.items() if text.strip()]
    return "\n\n".join([f"# {first.id} {first.title}", *body]) + "\n"


def sections(written: str) -> Mapping[str, str]:
    r"""Return the sections of a page by heading; what stands before the first, without facts, under ``""``.

    Examples
    --------
    >>> dict(sections("# X001 name\n\nIntro.\n\nSeverity: note. Check: `c`.\n\n## Why\n\nSo."))
    {'': 'Intro.', 'Why': 'So.'}
    """
    head, *rest = re.split(r"^## +", written, flags=re.MULTILINE)
    blocks = [block for block in re.split(r"\n\s*\n", head) if not re.match(r"#|Severity:", block.strip())]
    texts = {"": "\n\n".join(block.strip() for block in blocks if block.strip())}
    for part in rest:
        name, _, text = part.partition("\n")
        texts[name.strip()] = text.strip()
    return texts


def _facts(gates: tuple[Gate, ...]) -> str:
    asked = dict.fromkeys(f"`{gate.metric}` {_ask(gate)}" for gate in gates)
    more = " If it fails, the audit itself cannot be relied on." if gates[0].invalidates else ""
    return f"Severity: {gates[0].severity}. Check: `{gates[0].check}`. Holds while {', '.join(asked)}.{more}"


def _ask(gate: Gate) -> str:
    if gate.kind == "no_regression":
        return "is not lost by more than the margin"
    if isinstance(gate.threshold, tuple):
        return f"is between {gate.threshold[0]:g} and {gate.threshold[1]:g}"
    return f"is within ±{gate.threshold:g}" if gate.op == "abs<=" else f"{gate.op} {gate.threshold:g}"


def _decide(gates: tuple[Gate, ...]) -> str:
    return " ".join(dict.fromkeys(DECIDED[gate.decided] for gate in gates))


def _wrap(text: str) -> str:
    """Wrap running text; lists, tables and code stay as they are."""
    blocks = re.split(r"\n\s*\n", text.strip())
    return "\n\n".join(
        block if re.match(r"\s*([-*|`]|    )", block) and not re.match(r"`[^`\n]+`[^`]", block) else _fill(block)
        for block in blocks
    )


def _fill(block: str) -> str:
    return textwrap.fill(" ".join(block.split()), WIDTH, break_long_words=False, break_on_hyphens=False)


def pages(gates: Iterable[Gate], folder: Path) -> dict[Path, str]:
    """Return the text of each rule's page, by its file."""
    codes: dict[str, list[Gate]] = {}
    for gate in gates:
        codes.setdefault(gate.id, []).append(gate)
    table = {}
    for code, alike in codes.items():
        file = folder / f"{code}.md"
        table[file] = page(tuple(alike), file.read_text(encoding="utf-8") if file.exists() else "")
    return table


if __name__ == "__main__":
    for path, text in pages(default_policy().gates, Path(sys.argv[1])).items():
        path.write_text(text, encoding="utf-8")
