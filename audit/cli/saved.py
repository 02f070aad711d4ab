"""``judge`` and ``render``: everything that needs a saved record alone."""

from __future__ import annotations

import datetime
import sys
from pathlib import Path

from audit.cli import output
from audit.gate import judge as decide
from audit.policy import default_policy, read_policy
from reports.digest import exit_code
from reports.formats import render as draw
from reports.store import load, write_text_atomically


def judge(record: Path, *, policy: Path | None, out: str | None, formats: str | None, strict: bool) -> int:
    """Judge a record under a policy, the default without one; write only where ``--out`` says."""
    gates = default_policy() if policy is None else read_policy(policy)
    judged = decide(load(record), gates, today=datetime.datetime.now(tz=datetime.UTC).date())
    names = output.chosen_formats(formats, ["json", "html", "md", "junit"])
    if out == "-":
        output.to_standard_output(judged, names)
        return exit_code(judged, strict)
    written = [] if out is None else output.write_reports(judged, Path(out), names)
    return output.tell(judged, written, strict=strict)


def render(record: Path, *, name: str, out: str) -> int:
    """Draw a record in one format to a file or to standard output."""
    names = output.chosen_formats(name, [])
    text = draw(load(record), names[0])
    if out == "-":
        sys.stdout.write(text)
    else:
        write_text_atomically(out, text)
    return 0
