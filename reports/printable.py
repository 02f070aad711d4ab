"""Names as one printable line: everything a user names is hostile text until it went through here."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

NAME_LIMIT = 120
"""Characters of a name that are shown; the whole name is in the record."""

UNPRINTABLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufdd0-\ufdef\ufeff"
    "\ufff9-\ufffb\ufffe\uffff\ud800-\udfff\U000e0000-\U000e0fff]"
)
"""Control characters, marks that turn the direction of text, lone surrogates and non-characters."""
_SPACES = re.compile(r"\s+")


def visible(text: object, limit: int = NAME_LIMIT) -> str:
    r"""Return a name as one printable line of at most `limit` characters.

    Examples
    --------
    >>> visible("two\nlines")
    'two lines'
    >>> visible("a" * 10, limit=4)
    'aaa…'
    >>> visible("a\u202eb")
    'a�b'
    """
    return _line(str(text)[: 4 * limit + 4], limit)


@lru_cache(maxsize=8192)
def _line(text: str, limit: int) -> str:
    """Clean a text; a card says the same few names thousands of times."""
    line = _SPACES.sub(" ", UNPRINTABLE.sub("\ufffd", text)).strip()
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def list_names(names: Iterable[str], limit: int = 4) -> str:
    """Name a few, count the rest.

    Examples
    --------
    >>> list_names(["a", "b", "c"], limit=2)
    'a, b and 1 more'
    """
    everything = list(names)
    head = ", ".join(everything[:limit])
    return head if len(everything) <= limit else f"{head} and {len(everything) - limit} more"


_BREAKS = re.compile("\r\n|[\r\x0b\x0c\u2028\u2029]")
_COMMAND = re.compile(r"^(\s*):(?=:)", re.MULTILINE)
_OLD_COMMAND = re.compile(r"##(?=\w*\[)")


def harmless(text: str) -> str:
    r"""Return text for a terminal or a build log, in which nothing commands either of them.

    Escape sequences, marks that turn the direction of text and returns of the carriage are made visible; a line
    that a build server would take for a command (``::error``, ``##[error]``, ``##vso[…]``) is not one any more.

    Examples
    --------
    >>> harmless("::error::done\x1b[2J")
    ': :error::done�[2J'
    >>> harmless("a ##vso[task]")
    'a # #vso[task]'
    """
    plain = UNPRINTABLE.sub("\ufffd", _BREAKS.sub("\ufffd", text))
    return _OLD_COMMAND.sub("# #", _COMMAND.sub(r"\1: ", plain))
