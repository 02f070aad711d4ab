"""``modelassay run``: the main job."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from audit.cli import output, progress
from audit.config.configuration import limits_of, load_terms, read_config
from audit.config.plan import plan_from_config
from audit.judging import ledger
from audit.models.containment import PRINTS, contained
from audit.pipeline import execute
from audit.progress import Progress
from reports.record import AuditRecord
from reports.results import exit_code

SHOWN = output.Shown()


def run(
    config: Path,
    *,
    out: str | None,
    policy: Path | None,
    formats: str | None,
    strict: bool,
    baseline: Path | None = None,
    unpaired: bool = False,
    shown: output.Shown = SHOWN,
) -> int:
    """Audit as a configuration says; write, tell, and return the exit code."""
    asked = read_config(config)
    folder = config.resolve().parent
    names = output.chosen_formats(formats, asked.report.formats)
    output.chosen_edition(shown.edition)
    to_machine = out == "-"
    target = Path(out) if out is not None else folder / asked.report.out
    if not to_machine:
        output.require_writable(target)
    terms = load_terms(asked, folder, policy)
    if baseline is not None:
        terms = replace(terms, baseline=baseline, on_missing="error")
    if unpaired:
        terms = replace(terms, on_data_change="unpaired")

    def work(tell: Progress) -> tuple[AuditRecord, tuple[str, ...]]:
        plan = plan_from_config(asked, folder, policy=policy, terms=terms)
        record = execute(plan, progress=tell)
        return record, (*plan.warnings, *(one for one in record.warnings if one.startswith(ledger.SPENT)))

    done = contained(work, limits=limits_of(asked), bar=lambda: progress.shown(quiet=to_machine))
    record, told = done.value
    for warning in told:
        output.note(warning)
    if done.printed:
        record = replace(record, warnings=(*record.warnings, PRINTS))
    if to_machine:
        output.to_standard_output(record, names)
        return exit_code(record, strict)
    written = output.write_reports(record, target, names, shown.edition)
    return output.tell(record, written, strict=strict, everything=shown.everything)
