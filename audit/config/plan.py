"""What is to be done: one frozen plan, whether it comes from ``audit.toml`` or from Python."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from audit.comparing.baseline import evaluated_file, load_baseline, require_comparable, require_same_rows
from audit.config.configuration import (
    TIME_LIMIT,
    Config,
    gather_options,
    load_card,
    load_policy,
    settings_of,
    stated_fingerprints,
)
from audit.config.loading import load_dataset, load_model, load_source
from audit.config.logs import is_counted, load_log
from audit.data.dataset import Dataset
from audit.errors import ConfigError
from audit.evidence import Settings
from audit.evidence.history import read_history
from audit.gather.pairing import rows_seen
from audit.models.load import Model
from audit.policy.read import Terms, brought_in_by, default_policy, require_current_waivers
from reports.record import AuditRecord, Card, DataInfo, Json, Policy


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RunPlan:
    """All that an audit needs; :func:`audit.pipeline.execute` carries it out.

    Examples
    --------
    >>> import pandas as pd
    >>> from audit.data.dataset import Roles, build
    >>> table = pd.DataFrame({"y": [0, 1], "p": [0, 1]})
    >>> RunPlan(dataset=build({"test": table}, Roles(target="y", prediction="p", task="binary", positive=1))).seed
    0
    """

    dataset: Dataset
    model: Model | None = None
    """Without one the data set carries predictions or scores."""
    settings: Settings = field(default_factory=Settings)
    policy: Policy = field(default_factory=default_policy)
    terms: Terms = field(default_factory=Terms)
    """What the policy file asks for beside gates: baseline, suppression, budget of the test set."""
    card: Card = field(default_factory=Card)
    seed: int = 0
    """All randomness is derived from it."""
    time_limit: float = TIME_LIMIT
    """Seconds after which no new work begins."""
    quick: bool = False
    """Whether to stop after the answers: facts, performance, groups; no refits, no explanations."""
    checks: tuple[str, ...] = ()
    """Checks to run; all without one."""
    ignore: tuple[str, ...] = ()
    options: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    """Options by check."""
    gather: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    """Options by kind of evidence."""
    config: Mapping[str, Json] = field(default_factory=dict)
    """What was configured, for the record."""
    baseline: AuditRecord | None = None
    """Record of an earlier audit to be compared with."""
    fingerprints: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """By what it speaks of: the SHA-256 that was stated, and the one that was found."""
    evidence: Mapping[str, object] = field(default_factory=dict)
    """Evidence that need not be gathered, by name."""
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        known = replace(self.settings, favorable=self.dataset.favorable, ordered=bool(self.dataset.roles.order))
        object.__setattr__(self, "settings", known)  # what is known of the target is known to all that follow
        if self.settings.costs is not None and self.dataset.task != "binary":
            raise ConfigError(f"[costs] applies to binary tasks only; this task is {self.dataset.task}.")

    def at_hand(self) -> dict[str, object]:
        """Return the evidence that need not be gathered."""
        at_hand = {**self.evidence, "dataset": self.dataset, "card": self.card, "settings": self.settings}
        if self.baseline is not None:
            at_hand["baseline"] = self.baseline
        if self.fingerprints:
            at_hand["fingerprints"] = self.fingerprints
        return at_hand


def plan_from_config(
    config: Config,
    folder: Path,
    *,
    file: Path | None = None,
    policy: Path | None = None,
    baseline: Path | None = None,
    unpaired: bool = False,
    validation: bool = False,
    quick: bool = False,
) -> RunPlan:
    """Load what a configuration names; what cannot be compared is refused before the long work.

    Parameters
    ----------
    config : Config
    folder : Path
        Paths in the configuration are relative to it.
    file : Path, optional
        The configuration's own file, which verdicts of the catalogue point at.
    policy : Path, optional
        A policy file in place of the configured one.
    baseline : Path, optional
        The record of an earlier audit in place of the configured one.
    unpaired : bool
        Whether a baseline of other rows is accepted.
    validation : bool
        Whether the rows that a mitigation chooses on are read, too.
    quick : bool
        Whether to stop after the model's answers.

    Raises
    ------
    AuditError
        If policy, model, data or baseline cannot be read or do not fit each other.
    """
    gates, terms = load_policy(config, folder, policy)
    gates = current(gates if file is None else brought_in_by(gates, file))
    if baseline is not None:
        terms = replace(terms, baseline=baseline, on_missing="error")
    if unpaired:
        terms = replace(terms, on_data_change="unpaired")
    card = load_card(config, folder)
    before, warning = load_baseline(terms)
    if config.data.modality != "tabular" and config.model is None:
        raise ConfigError("[data] modality needs a [model]; predictions alone are a table.")
    config = replace(config, audit=replace(config.audit, suppress_n=suppression(config.audit.suppress_n, terms)))
    model = load_model(config, folder)
    source = load_source(config, folder)
    settings = settings_of(config, folder)
    log = load_log(config.data, settings, folder) if is_counted(config, folder) else None
    dataset = load_dataset(config, folder, model, validation=validation) if log is None else log.dataset
    if before is not None:
        require_fitting(dataset, before, terms, model)
    return RunPlan(
        dataset=dataset,
        model=model,
        settings=settings,
        policy=gates,
        terms=terms,
        card=card,
        seed=config.audit.seed,
        time_limit=config.audit.time_limit,
        quick=quick,
        checks=tuple(config.checks.select),
        ignore=tuple(config.checks.ignore),
        options=config.checks.options,
        gather=gather_options(config),
        config=config.as_json(),
        baseline=before,
        fingerprints=stated_fingerprints(config, model.info if model else None, dataset.splits),
        evidence={
            **({} if log is None else log.evidence),
            **_log(config, folder),
            **({} if source is None else {"source_model": source}),
        },
        warnings=(warning,) if warning else (),
    )


def _log(config: Config, folder: Path) -> dict[str, object]:
    """Read the log of the training that ``[model] history`` names, as evidence at hand."""
    if config.model is None or config.model.history is None:
        return {}
    return {"history": read_history(folder / config.model.history)}


def current(policy: Policy) -> Policy:
    """Return the policy if none of its waivers has ended.

    Raises
    ------
    PolicyError
        Naming the waiver, its owner and its last day.
    """
    require_current_waivers(policy, datetime.datetime.now(tz=datetime.UTC).date())
    return policy


def suppression(suppress_n: int, terms: Terms) -> int:
    """Return the larger of two suppressions, so that neither configuration nor policy shows less than it hides."""
    return max(suppress_n, terms.suppress_n or 0)


def require_fitting(dataset: Dataset, baseline: AuditRecord, terms: Terms, model: Model | None) -> None:
    """Refuse a baseline of another question, or of other rows where that is not accepted.

    Raises
    ------
    ConfigError
        Naming what differs.
    """
    positive = dataset.classes[1] if dataset.task == "binary" else ""
    info = DataInfo(
        target=dataset.roles.target,
        positive=positive,
        favorable=dataset.favorable,
        classes=dataset.classes,
        splits=dataset.splits,
    )
    require_comparable(dataset.task, info, baseline)
    if terms.on_data_change == "error":
        rows = rows_seen(dataset) if baseline.pairing else None
        file = evaluated_file(dataset.splits, model.info.format if model else "none")
        require_same_rows(rows, file, baseline)
