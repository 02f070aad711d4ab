"""``modelassay run``: the main job."""

from __future__ import annotations

from pathlib import Path

from audit.cli import output, progress
from audit.config import Config, load_card, load_dataset, load_model, load_policy, read_config, settings_of
from audit.errors import ConfigError
from audit.pipeline import audit
from reports.record import AuditRecord


def run(config: Path, *, out: str | None, policy: Path | None, formats: str | None, strict: bool) -> int:
    """Audit as a configuration says; write, tell, and return the exit code."""
    asked = read_config(config)
    folder = config.resolve().parent
    names = output.chosen_formats(formats, asked.report.formats)
    to_machine = out == "-"
    target = Path(out) if out is not None else folder / asked.report.out
    if not to_machine:
        output.require_writable(target)
    record = assess(asked, folder, policy, quiet=to_machine)
    if to_machine:
        output.to_standard_output(record, names)
        from reports.digest import exit_code

        return exit_code(record, strict)
    return output.tell(record, output.write_reports(record, target, names), strict=strict)


def assess(config: Config, folder: Path, policy: Path | None = None, *, quiet: bool = False) -> AuditRecord:
    """Load what a configuration names and audit it."""
    gates = load_policy(config, folder, policy)
    card = load_card(config, folder)
    if config.data.modality != "tabular" and config.model is None:
        raise ConfigError("[data] modality needs a [model]; predictions alone are a table.")
    model = load_model(config, folder)
    dataset = load_dataset(config, folder)
    with progress.shown(quiet=quiet) as bar:
        return audit(
            model,
            dataset,
            settings=settings_of(config),
            policy=gates,
            card=card,
            seed=config.audit.seed,
            checks=config.checks.select,
            ignore=config.checks.ignore,
            options=config.checks.options,
            gather=config.gather,
            config=config.as_json(),
            progress=bar,
        )
