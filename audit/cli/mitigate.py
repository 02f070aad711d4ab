"""``modelassay mitigate``: narrow a gap, and say who gained and who lost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from audit.cli import output, progress
from audit.config.configuration import limits_of
from audit.config.own_code import open_config
from audit.config.plan import plan_from_config
from audit.errors import ConfigError, quote
from audit.judging import ledger
from audit.mitigation.work import FILE, Asked, Outcome, mitigate_plan
from audit.models.containment import PRINTS, contain
from audit.pipeline import execute
from audit.progress import Progress
from reports import mitigation
from reports.record import AuditRecord
from reports.results import exit_code

FORMATS = ["json", "html"]


def mitigate(config: Path, asked: Asked, *, out: Path, policy: Path | None, trust: bool, strict: bool) -> int:
    """Mitigate as asked; write model, record and card, or nothing where there is no gap; return the exit code."""
    stated = open_config(config, trust=trust)
    folder = config.resolve().parent
    output.require_writable(out)
    source = None if stated.model is None or stated.model.path is None else folder / stated.model.path
    _require_own(out, source)

    def work(tell: Progress) -> tuple[Outcome, AuditRecord | None]:
        plan = plan_from_config(stated, folder, file=config, policy=policy, validation=True)
        outcome = mitigate_plan(plan, asked, progress=tell)
        if outcome.plan is None:
            return outcome, None
        return replace(outcome, plan=None), execute(outcome.plan, progress=tell)

    done = contain(work, limits=limits_of(stated), bar=lambda: progress.progress_bar(quiet=False))
    outcome, record = done.value
    if record is None:
        output.note(outcome.reason)
        return 0
    if done.printed:
        record = replace(record, warnings=(*record.warnings, PRINTS))
    output.write_reports(record, out, FORMATS, also={FILE: outcome.file})
    return _tell(record, out, strict=strict)


def _require_own(out: Path, source: Path | None) -> None:
    """Refuse to write over a model that is read, or that no mitigation wrote."""
    target = out / FILE
    if not target.exists():
        return
    if source is not None and source.exists() and target.samefile(source):
        raise ConfigError(f"--out holds the model that is read ({FILE}). Name another folder.")
    if not (out / "audit.json").exists():
        raise ConfigError(f"{quote(target)} exists and was not written by modelassay mitigate. Name another folder.")


def _tell(record: AuditRecord, out: Path, *, strict: bool) -> int:
    for warning in record.warnings:
        if isinstance(warning, ledger.Spent):
            output.note(warning)
    for line in mitigation.lines(record):
        output.say(line)
    code = exit_code(record, strict)
    output.say(f'{record.verdict} → {out} (exit {code}). Audit the model: [model] path = "{out / FILE}"')
    return code
