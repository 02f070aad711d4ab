"""``modelassay init``: a first configuration from what the files show."""

from __future__ import annotations

from pathlib import Path

from audit.cli import output
from audit.cli.initial import Asked, Start, look
from audit.cli.initial_files import drafts
from audit.errors import ConfigError, quote_all
from audit.models.containment import contain
from reports.together import write_together


def init(asked: Asked, *, out: Path, force: bool) -> int:
    """Write ``audit.toml``, ``gates.toml`` and ``card.toml``, and say what a person must decide."""
    output.require_writable(out)
    start: Start = contain(lambda _: look(asked)).value
    texts = drafts(start, out)
    standing = [name for name in texts if (out / name).exists()]
    if standing and not force:
        raise ConfigError(f"folder {str(out)!r} already holds {quote_all(standing)}; --force overwrites.")
    write_together(out, {name: content.encode("utf-8", "replace") for name, content in texts.items()}, texts)
    output.say(f"Wrote {', '.join(str(out / name) for name in texts)}")
    for question in start.undecided:
        output.say(f"  DECIDE {' '.join(question.split())}")
    if start.likely:
        output.say(f"  These columns sound sensitive and are not declared: {quote_all(start.likely)}")
    text = "once that is decided" if start.undecided else "now"
    output.say(f"Run it {text}: modelassay run {out / 'audit.toml'}")
    return 0
