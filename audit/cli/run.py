"""``modelassay run``: the main job."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from audit.cli import output, progress
from audit.config.configuration import limits_of
from audit.config.own_code import open_config
from audit.config.plan import plan_from_config
from audit.gather._resume import Unfinished
from audit.judging import ledger
from audit.models.containment import PRINTS, contain, hand_over
from audit.models.load import Model
from audit.pipeline import execute, unfinished_of
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
    quick: bool = False,
    trust: bool = False,
    shown: output.Shown = SHOWN,
) -> int:
    """Audit as a configuration says; write, tell, and return the exit code."""
    asked = open_config(config, trust=trust)
    folder = config.resolve().parent
    names = output.chosen_formats(formats, asked.report.formats)
    output.chosen_edition(shown.edition)
    to_machine = out == "-"
    target = Path(out) if out is not None else folder / asked.report.out
    if not to_machine:
        output.require_writable(target)

    def work(tell: Progress) -> tuple[AuditRecord, tuple[str, ...], Unfinished | None]:
        plan = plan_from_config(
            asked, folder, file=config, policy=policy, baseline=baseline, unpaired=unpaired, quick=quick
        )
        kept = None if quick else unfinished_of(plan)
        record = execute(plan, progress=tell, kept=kept, stage=None if to_machine else hand_over)
        latency = getattr(plan.model and plan.model.predictor, "latency", str)()
        lines = (
            *plan.warnings,
            *(plan.dataset.notes if "predictions" in plan.evidence else ()),  # of a log, as monitor says them
            latency,
            *(warning for warning in record.warnings if isinstance(warning, ledger.Spent)),
        )
        return record, lines, kept

    def first(record: object) -> None:
        assert isinstance(record, AuditRecord)  # noqa: S101 -- what the work hands over
        output.first_numbers(record)
        output.write_early(record, target, names)

    done = contain(work, limits=limits_of(asked), bar=lambda: progress.progress_bar(quiet=to_machine), early=first)
    record, result, kept = done.value
    for warning in result:
        output.note(warning)
    output.note(_went_on(record))
    if done.printed:
        record = replace(record, warnings=(*record.warnings, PRINTS))
    if to_machine:
        output.to_standard_output(record, names)
        _end(kept)
        return exit_code(record, strict)
    written = output.write_reports(record, target, names, shown.edition)
    _end(kept)
    return output.tell(record, written, strict=strict, everything=shown.everything)


def _latency(model: Model | None) -> str:
    """Say how fast an endpoint answered: on the terminal, since a second run repeats the record to the byte."""
    return str(model.predictor.latency()) if model is not None and model.info.format == "endpoint" else ""  # type: ignore[attr-defined]


def _end(kept: Unfinished | None) -> None:
    """Delete what was kept of the run: its record is written."""
    if kept is not None:
        kept.end()


def _went_on(record: AuditRecord) -> str:
    """Say what was not gathered again."""
    return f"Continued an interrupted run, which had gathered {', '.join(record.reused)}." if record.reused else ""
