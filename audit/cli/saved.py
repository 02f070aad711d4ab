"""``judge`` and ``render``: everything that needs a saved record alone."""

from __future__ import annotations

import datetime
from dataclasses import replace
from pathlib import Path

from audit.cli import output
from audit.judging import ledger
from audit.judging.gate import judge as decide
from audit.policy.read import Terms, default_policy, read_policy_and_terms, require_current_waivers
from reports.formats import render as draw
from reports.phrases import visible
from reports.record import AuditRecord, Policy
from reports.results import INTERRUPTED, exit_code
from reports.store import load, write_text_atomically

SHOWN = output.Shown()
BLANKS = "card_blanks"


def judge(
    record: Path,
    *,
    policy: Path | None,
    out: str | None,
    formats: str | None,
    strict: bool,
    baseline: Path | None = None,
    unpaired: bool = False,
    card: Path | None = None,
    shown: output.Shown = SHOWN,
) -> int:
    """Judge a record under a policy, the default without one; write only where ``--out`` says."""
    names = output.chosen_formats(formats, ["json", "html", "md", "junit"])
    output.chosen_edition(shown.edition)
    gates, terms = (default_policy(), Terms()) if policy is None else read_policy_and_terms(policy)
    if baseline is not None:
        terms = replace(terms, baseline=baseline, on_missing="error")
    if unpaired:
        terms = replace(terms, on_data_change="unpaired")
    require_current_waivers(gates, _today())
    saved = load(record) if card is None else with_card(load(record), card)
    judgement = ledger.spend(judge_record(saved, gates, terms), terms)
    output.new_warnings(saved, judgement)
    if out == "-":
        output.to_standard_output(judgement, names)
        return exit_code(judgement, strict)
    written = [] if out is None else output.write_reports(judgement, Path(out), names, shown.edition)
    return output.tell(judgement, written, strict=strict, everything=shown.everything)


def _today() -> datetime.date:
    return datetime.datetime.now(tz=datetime.UTC).date()


def judge_record(record: AuditRecord, policy: Policy, terms: Terms) -> AuditRecord:
    """Judge a record on the terms of a policy file, against the baseline that it names.

    Raises
    ------
    PolicyError, ConfigError
        If gates do not fit the record, or the baseline does not.
    """
    if terms.baseline is not None:
        # brings numbers along, which judging alone does without
        from audit.comparing.baseline import against, load_baseline

        before, warning = load_baseline(terms)
        if before is not None:
            record = against(record, before, on_data_change=terms.on_data_change)
        elif warning:
            record = replace(record, warnings=(*record.warnings, warning))
    return decide(record, policy, today=_today(), suppress_n=terms.suppress_n or 0)


def render(record: Path, *, name: str, out: str, edition: str = "full", card: Path | None = None) -> int:
    """Draw a record in one format to a file or to standard output, with other words of people if asked."""
    names = output.chosen_formats(name, [])
    chosen = output.chosen_edition(edition)
    saved = load(record)
    text = draw(saved if card is None else rejudged_card(with_card(saved, card)), names[0], chosen)
    if out == "-":
        output.emit(text, names[0])
    else:
        output.require_replaceable(Path(out), record)
        write_text_atomically(out, text)
    output.note(visible(saved.partial, 300))
    return exit_code(saved) if saved.partial.startswith(INTERRUPTED) else 0


def with_card(record: AuditRecord, file: Path) -> AuditRecord:
    """Give a record the words of people in a card.toml, and count its blanks anew.

    Raises
    ------
    ConfigError
        If the file cannot be read, or holds what a card has not.
    """
    # bring numbers along, which judging alone does without
    from audit.checks.card_blanks import card_blanks
    from audit.config.configuration import read_card

    card = read_card(file)
    findings = tuple(
        replace(finding, measurement=card_blanks(card))
        if finding.check == BLANKS and finding.measurement is not None
        else finding
        for finding in record.findings
    )
    return replace(record, card=card, findings=findings)


def rejudged_card(record: AuditRecord) -> AuditRecord:
    """Judge the rules on blanks anew under the policy of the record; all other verdicts stand as they were."""
    asked = {gate.id for gate in record.policy.gates if gate.check == BLANKS}
    if not asked & {verdict.gate for verdict in record.verdicts}:
        return record
    anew = [verdict for verdict in decide(record, record.policy, today=_today()).verdicts if verdict.gate in asked]
    rest = [verdict for verdict in record.verdicts if verdict.gate not in asked]
    return replace(record, verdicts=(*rest, *anew))
