"""``modelassay monitor``: each window of a log against its reference; the folder of records is all the state."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from audit.cli import output
from audit.config.configuration import limits_of, load_card, load_policy, settings_of
from audit.config.own_code import open_config
from audit.config.plan import current
from audit.models.containment import PRINTS, contain, hand_over
from audit.monitoring.watching import FAMILY, Watch, Watched, keep, watch
from audit.pipeline import execute
from audit.progress import Progress
from reports.record import AuditRecord
from reports.results import exit_code

WORST_FIRST = (2, 1, 3, 0, 5)


def monitor(
    config: Path,
    *,
    window: str | None,
    out: str | None,
    policy: Path | None,
    formats: str | None,
    strict: bool,
    trust: bool,
) -> int:
    """Count what is new, judge each new or changed window, keep its record, and return the worst exit code."""
    asked = open_config(config, trust=trust)
    folder = config.resolve().parent
    names = output.chosen_formats(formats, asked.report.formats)
    state = folder / asked.monitor.state
    output.require_writable(state)
    codes: list[int] = []
    every: list[Watched] = []

    def work(_: Progress) -> bool:
        watching = Watch(
            data=asked.data,
            folder=folder,
            settings=settings_of(asked, folder),
            policy=current(load_policy(asked, folder, policy)[0]),
            card=load_card(asked, folder),
            monitor=asked.monitor if window is None else replace(asked.monitor, window=window),
            reference=asked.monitor.reference,
            state=state,
            seed=asked.audit.seed,
            config=asked.as_json(),
        )
        for watched in watch(watching, execute):
            hand_over(watched)
        return True

    def tell(watched: object) -> None:
        assert isinstance(watched, Watched)  # noqa: S101 -- what the work hands over
        every.append(watched)
        if watched.is_new:
            codes.append(exit_code(watched.record, strict))
            output.note(f"{watched.name}: {_summary(watched.record)}")

    done = contain(work, limits=limits_of(asked), early=tell)  # metrics of one's own are code
    last = every[-1].record
    if done.printed:
        last = replace(last, warnings=(*last.warnings, PRINTS))
    target = Path(out) if out is not None else state / "latest"
    code = output.tell(last, output.write_reports(last, target, names), strict=strict)
    keep(every, state)  # last: a window counts as told once everything of it was
    return next((number for number in WORST_FIRST if number in codes), code)


def _summary(record: AuditRecord) -> str:
    lines = [
        finding.measurement.summary for finding in record.findings if finding.family == FAMILY and finding.measurement
    ]
    name = record.data.splits[0].file.removeprefix("window ")
    bare = [text.removeprefix(f"{name}: ").rstrip(".") for text in lines]
    return f"{'; '.join(bare)}."
