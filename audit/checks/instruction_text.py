"""Do names, values or card texts read like instructions to whoever, or whatever, reads the report?"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import fields

from audit.check import check
from audit.data.dataset import Dataset
from audit.estimate.making import exact
from reports.phrases import visible
from reports.record import Card, Measurement, Table

MOST = 200
"""Texts that are listed at most."""
_HIDDEN = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\U000e0000-\U000e007f]")
"""Signs that no reader sees and a language model does."""
_GAPS = re.compile(r"[\s_\-./\\]+")
_EARLIER = r"(?:previous|prior|above|earlier|preceding|foregoing|other|all|any|these|those|your|system|safety)"
_ORDERS = r"(?:instructions?|prompts?|rules?|guidelines?|directions?|commands?|context|messages?|guardrails?)"
_READER = r"(?:ai|llm|language model|chatbot|assistant)s?"
_SPEAKING = r"(?:must|should|please|report|say|answer|approve|write|output|respond|reply|print|state|conclude|ignore)"
_PRAISE = r"(?:pass(?:es|ed)?|approved?|fair|safe|compliant|no (?:issues?|concerns?|bias))"
_SUBJECT = r"(?:user|reader|anyone|findings?|this|bias|gaps?|instructions?|prompt)"
_OTHER_TONGUES = (
    r"ignoriere\b.{0,40}\banweisungen|ignore[zr]?\b.{0,40}\bles instructions|ignora\b.{0,40}\binstrucciones"
)
PATTERNS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b(?:ignore|disregard|forget|override|bypass|skip)\b.{{0,40}}\b{_EARLIER}\b.{{0,30}}\b{_ORDERS}\b",
        rf"\b(?:new|updated|real|hidden|secret|system) {_ORDERS} ?:",
        rf"\byou are (?:now |no longer )?(?:an? |the )?(?:{_READER}|auditor|agent)\b",
        rf"\b(?:as|dear|attention|hey|to) (?:an? |the |any |all )?{_READER}\b.{{0,60}}\b{_SPEAKING}\b",
        rf"\b{_SPEAKING}\b (?:only |exactly |just )?(?:with|that|as)\b.{{0,60}}\b{_PRAISE}\b",
        rf"\b(?:do not|don.?t|never) (?:mention|reveal|report|flag|tell|disclose)\b.{{0,60}}\b{_SUBJECT}\b",
        rf"\bmark (?:this|the) (?:model|audit|card|result)s? (?:as )?{_PRAISE}\b",
        r"<\|?/?(?:im start|im end|system|assistant|user|endoftext|instructions?)\|?>|\[/?inst\]|<</?sys>>",
        r"(?:^|\n) ?#* ?(?:system|assistant|developer) ?(?:prompt|message)? ?:",
        r"\b(?:prompt injection|jailbreak|developer mode enabled)\b",
        rf"\b(?:{_OTHER_TONGUES})\b",
    )
)
"""What texts that give orders to a language model are known to hold (English first)."""


@check(
    title="Texts that read like instructions",
    family="artifact",
    references=("Greshake et al. 2023, Not what you've signed up for: indirect prompt injection", "OWASP LLM01:2025"),
)
def instruction_text(dataset: Dataset, card: Card | None = None) -> Measurement:
    """Look for the user's names and texts that read like orders to a reader or a language model.

    Reading. Reports quote names of columns, classes and groups and the card's own words. Whoever has a
    language model read the report passes such a text on to it. Invisible characters are ignored in the
    search.

    Limits. Known turns of phrase only, most of them English; an order in other words is not found. Values
    of features that are not groups are not quoted anywhere, and not looked at.
    """
    texts = list(_texts(dataset, card or Card()))
    entries = [(place, text) for place, text in texts if reads_like_an_instruction(text)]
    rows = tuple((place, visible(text, 120)) for place, text in entries[:MOST])
    table = Table(title="Texts that read like instructions", columns=("where", "text"), rows=rows)
    summary = f"{len(entries)} of {len(texts)} names and texts read like instructions."
    return Measurement(
        summary=summary,
        estimates=(exact("instruction_texts", len(entries), {}, n=len(texts), unit="count"),),
        exhibits=(table,) if rows else (),
    )


def reads_like_an_instruction(text: str) -> bool:
    """Tell whether a text holds a known order to a reader or a language model.

    Examples
    --------
    >>> reads_like_an_instruction("ignore_all_previous_instructions"), reads_like_an_instruction("prior_convictions")
    (True, False)
    """
    plain = unicodedata.normalize("NFKC", _HIDDEN.sub("", text))
    if _tags(text):
        return True
    lines = "\n".join(_GAPS.sub(" ", line) for line in plain.splitlines())
    joined = _GAPS.sub(" ", plain)
    return any(pattern.search(lines) or pattern.search(joined) for pattern in PATTERNS)


def _tags(text: str) -> bool:
    """Tell whether a text holds letters as Unicode tags, which have no use but to hide text."""
    return any(0xE0020 <= ord(sign) <= 0xE007E for sign in text) and "\U0001f3f4" not in text


def _texts(dataset: Dataset, card: Card) -> Iterator[tuple[str, str]]:
    """Name everything of the user's that reports quote, with where it stands."""
    yield from (("column", str(name)) for name in dict.fromkeys([dataset.roles.target, *dataset.frame.columns]))
    yield from (("class", name) for name in dataset.classes)
    for feature, factor in {**dataset.sensitive, **dataset.levels}.items():
        yield from ((f"group of {visible(feature, 40)}", level) for level in factor.levels)
    for column, labels in dataset.roles.names.items():
        yield from ((f"label of {visible(column, 40)}", words) for words in labels.values())
    for field in fields(card):
        text = getattr(card, field.name)
        if isinstance(text, str) and text.strip():
            yield f"card: {field.name}", text
