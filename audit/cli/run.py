"""``modelassay run``: the main job."""

from __future__ import annotations

import datetime
from dataclasses import replace
from pathlib import Path

from audit.cli import output, progress
from audit.cli.saved import earlier
from audit.comparing.baseline import evaluated_file, require_comparable, require_same_rows
from audit.config.configuration import (
    Config,
    gather_options,
    load_card,
    load_policy,
    load_terms,
    read_config,
    settings_of,
    stated_fingerprints,
)
from audit.config.loading import load_dataset, load_model
from audit.data.dataset import Dataset
from audit.errors import ConfigError
from audit.gather.pairing import fingerprint
from audit.judging import ledger
from audit.pipeline import audit
from audit.policy.read import Terms, require_current_waivers
from reports.record import AuditRecord, DataInfo


def run(
    config: Path,
    *,
    out: str | None,
    policy: Path | None,
    formats: str | None,
    strict: bool,
    baseline: Path | None = None,
    unpaired: bool = False,
) -> int:
    """Audit as a configuration says; write, tell, and return the exit code."""
    asked = read_config(config)
    folder = config.resolve().parent
    names = output.chosen_formats(formats, asked.report.formats)
    to_machine = out == "-"
    target = Path(out) if out is not None else folder / asked.report.out
    if not to_machine:
        output.require_writable(target)
    terms = load_terms(asked, folder, policy)
    if baseline is not None:
        terms = replace(terms, baseline=baseline, on_missing="error")
    if unpaired:
        terms = replace(terms, on_data_change="unpaired")
    record = assess(asked, folder, policy, terms=terms, quiet=to_machine)
    uses, spent = ledger.used(record, terms)
    record = output.warned(record, spent)
    if to_machine:
        output.to_standard_output(record, names)
        ledger.write(uses, terms)
        from reports.results import exit_code

        return exit_code(record, strict)
    written = output.write_reports(record, target, names)
    ledger.write(uses, terms)
    return output.tell(record, written, strict=strict)


def assess(
    config: Config,
    folder: Path,
    policy: Path | None = None,
    *,
    terms: Terms | None = None,
    quiet: bool = False,
) -> AuditRecord:
    """Load what a configuration names and audit it; what cannot be compared is refused before the long work."""
    asked = terms or Terms()
    gates = load_policy(config, folder, policy)
    require_current_waivers(gates, datetime.datetime.now(tz=datetime.UTC).date())
    card = load_card(config, folder)
    before = earlier(asked)
    config = discreet(config, asked)
    if config.data.modality != "tabular" and config.model is None:
        raise ConfigError("[data] modality needs a [model]; predictions alone are a table.")
    model = load_model(config, folder)
    dataset = load_dataset(config, folder)
    if before is not None:
        require_fitting(dataset, before, asked, model.info.format if model else "none")
    given: dict[str, object] = {} if before is None else {"baseline": before}
    given |= stated_fingerprints(config, model.info if model else None, dataset.splits)
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
            gather=gather_options(config),
            config=config.as_json(),
            given=given,
            progress=bar,
        )


def discreet(config: Config, terms: Terms) -> Config:
    """Return the configuration with the policy's ``suppress_n`` where that hides more, so that nothing counts less."""
    asked = max(config.audit.suppress_n, terms.suppress_n or 0)
    return replace(config, audit=replace(config.audit, suppress_n=asked))


def require_fitting(dataset: Dataset, baseline: AuditRecord, terms: Terms, model_format: str) -> None:
    """Refuse a baseline of another question, or of other rows where that is not accepted.

    Raises
    ------
    ConfigError
        Naming what differs.
    """
    positive = dataset.classes[1] if dataset.task == "binary" else ""
    info = DataInfo(target=dataset.roles.target, positive=positive, classes=dataset.classes, splits=dataset.splits)
    require_comparable(dataset.task, info, baseline)
    if terms.on_data_change == "error":
        rows = fingerprint(dataset) if baseline.pairing else ""
        require_same_rows(rows, evaluated_file(dataset.splits, model_format), baseline)
