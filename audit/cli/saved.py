"""``judge`` and ``render``: everything that needs a saved record alone."""

from __future__ import annotations

import datetime
import sys
from dataclasses import replace
from pathlib import Path

from audit.cli import output
from audit.errors import ConfigError, hint, shown
from audit.judging import ledger
from audit.judging.gate import judge as decide
from audit.policy.read import Terms, default_policy, read_policy, read_terms, require_current_waivers
from reports.formats import render as draw
from reports.record import AuditRecord, Policy
from reports.results import exit_code
from reports.store import RecordError, load, write_text_atomically


def judge(
    record: Path,
    *,
    policy: Path | None,
    out: str | None,
    formats: str | None,
    strict: bool,
    baseline: Path | None = None,
    unpaired: bool = False,
) -> int:
    """Judge a record under a policy, the default without one; write only where ``--out`` says."""
    names = output.chosen_formats(formats, ["json", "html", "md", "junit"])
    gates, terms = (default_policy(), Terms()) if policy is None else (read_policy(policy), read_terms(policy))
    if baseline is not None:
        terms = replace(terms, baseline=baseline, on_missing="error")
    if unpaired:
        terms = replace(terms, on_data_change="unpaired")
    require_current_waivers(gates, _today())
    found = judged(load(record), gates, terms, baseline=earlier(terms))
    uses, spent = ledger.used(found, terms)
    found = output.warned(found, spent)
    if out == "-":
        output.to_standard_output(found, names)
        ledger.write(uses, terms)
        return exit_code(found, strict)
    written = [] if out is None else output.write_reports(found, Path(out), names)
    ledger.write(uses, terms)
    return output.tell(found, written, strict=strict)


def _today() -> datetime.date:
    return datetime.datetime.now(tz=datetime.UTC).date()


def judged(record: AuditRecord, policy: Policy, terms: Terms, *, baseline: AuditRecord | None = None) -> AuditRecord:
    """Judge a record on the terms of a policy file, against a baseline where there is one.

    Raises
    ------
    PolicyError, ConfigError
        If gates do not fit the record, or the baseline does not.
    """
    if baseline is not None:
        from audit.comparing.baseline import against  # brings numbers along, which judging alone does without

        record = against(record, baseline, on_data_change=terms.on_data_change)
    return decide(record, policy, today=_today(), suppress_n=terms.suppress_n or 0)


def earlier(terms: Terms) -> AuditRecord | None:
    """Load the record of the baseline, where one is named and there.

    Raises
    ------
    ConfigError
        If it must be there and is not.
    RecordError
        If it is no record, or one of a schema that is not known.
    """
    path = terms.baseline
    if path is None:
        return None
    if not path.exists():
        if terms.on_missing == "skip":
            output.note(f"there is no baseline {shown(path.name)} yet; nothing is compared")
            return None
        siblings = [one.name for one in path.parent.iterdir()] if path.parent.is_dir() else []
        known = hint(path.name, siblings)
        raise ConfigError(f"no baseline {shown(path)}; expected the audit.json of an earlier run.{known}")
    try:
        return load(path)
    except RecordError as error:
        raise ConfigError(f"the baseline cannot be used: {error}.") from error


def render(record: Path, *, name: str, out: str) -> int:
    """Draw a record in one format to a file or to standard output."""
    names = output.chosen_formats(name, [])
    text = draw(load(record), names[0])
    if out == "-":
        sys.stdout.write(text)
    else:
        write_text_atomically(out, text)
    return 0
