"""A text as words that can be taken away, and what each adds."""

from __future__ import annotations

import re
from dataclasses import dataclass

from audit.explain.encoding import FloatArray

_WORD = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pieces:
    """A text cut into pieces: single words, or runs of words where there are too many.

    Examples
    --------
    >>> pieces = Pieces.of("Call me, now!", most=10)
    >>> pieces.words
    ('Call', 'me', ',', 'now', '!')
    >>> pieces.without((1, 1, 0, 0, 1))
    'Call me!'
    """

    text: str
    ends: tuple[int, ...]
    """Where each piece ends in the text, the blanks after it included."""
    words: tuple[str, ...]

    @classmethod
    def of(cls, text: str, *, most: int) -> Pieces:
        """Cut a text into at most `most` pieces."""
        starts = [match.start() for match in _WORD.finditer(text)]
        size = -(-len(starts) // most) if starts else 1
        starts = starts[::size]
        ends = (*starts[1:], len(text)) if starts else (len(text),)
        first = [0, *ends[:-1]]
        words = tuple(text[a:b].strip() for a, b in zip(first, ends, strict=True))
        return cls(text=text, ends=ends, words=words)

    def without(self, present: tuple[int, ...] | FloatArray) -> str:
        """Return the text with the absent pieces (zeros) left out."""
        start, kept = 0, []
        for end, here in zip(self.ends, present, strict=True):
            if here:
                kept.append(self.text[start:end])
            start = end
        return "".join(kept)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TextCase:
    """A text with what its words add to the output, by two methods."""

    why: str
    row: int
    predicted: str
    actual: str
    words: tuple[str, ...]
    shap: FloatArray
    lime: FloatArray
    fit: float
    base: float
    output: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TextExplanations:
    """Single texts, and the words of a sample of texts."""

    cases: tuple[TextCase, ...]
    sample: tuple[TextCase, ...]
    scale: str
    column: str
    notes: tuple[str, ...] = ()
