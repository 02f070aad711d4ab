"""The way through the house: gather what the checks ask for, check, judge, record."""

from __future__ import annotations

import datetime
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from audit.check import Check
from audit.check import run as run_check
from audit.checks import select as select_checks
from audit.config.environment import describe_environment, version_of
from audit.config.plan import RunPlan
from audit.data.dataset import Dataset, address_name
from audit.evidence import Absence, Predictions, Settings
from audit.gather import QUICK, Context, available, check_options
from audit.gather._resume import Unfinished, open_unfinished
from audit.gather._suppression import hide_small_groups
from audit.gather.corrupted import reads_images
from audit.judging import gate, ledger
from audit.judging.vocabulary import require_known_words
from audit.models import random_states
from audit.models.answers import learn_labels
from audit.models.column_names import match
from audit.models.objects import require_task
from audit.progress import Progress, silent
from reports.record import (
    LEFT_OUT,
    UNREACHED,
    AuditRecord,
    DataInfo,
    Finding,
    GroupInfo,
    Json,
    ModelInfo,
    Pairing,
)


def execute(
    plan: RunPlan,
    *,
    progress: Progress = silent,
    kept: Unfinished | None = None,
    stage: Callable[[AuditRecord], None] | None = None,
) -> AuditRecord:
    """Carry out a plan: gather what the checks ask for, check, judge, and count the use of the test set.

    Parameters
    ----------
    plan : RunPlan
    progress : callable
        Told of long work.
    kept : Unfinished, optional
        What an interrupted run of the same audit left, and where this one keeps what it gathers.
    stage : callable, optional
        Given the record of what answers alone tell, before the long work; it says of itself that it is partial.

    Returns
    -------
    AuditRecord

    Raises
    ------
    AuditError
        If the audit cannot be run as asked; what fails within a check becomes a finding.
    """
    chosen = select_checks(plan.checks, plan.ignore, plan.options)
    require_known_words(plan.policy, plan.settings.metrics)
    check_options(plan.gather)
    context, predictions = _prepared(plan, progress, kept)
    settled: dict[str, Finding] = {}
    if stage is not None and not plan.quick:
        early = replace(context, left_out=UNREACHED, collected=dict(context.collected), warnings=list(context.warnings))
        entries = [_finding(check, early, plan) for check in chosen]
        stage(gate.judge(_record(plan, early, predictions, entries), plan.policy))
        settled = {
            check.id: finding for check, finding in zip(chosen, entries, strict=True) if _needs_answers_alone(check)
        }
    findings = []
    for done, check in enumerate(chosen):
        progress("checking", done, len(chosen))
        findings.append(settled.get(check.id) or _finding(check, context, plan))
    progress("checking", len(chosen), len(chosen))
    record = _record(plan, context, predictions, findings)
    return ledger.spend(gate.judge(record, plan.policy), plan.terms)


def _prepared(plan: RunPlan, progress: Progress, kept: Unfinished | None) -> tuple[Context, Predictions]:
    """Fit model and table to each other, and ask for the answers without which there is no audit."""
    model, dataset = plan.model, plan.dataset
    random_states.restart()
    if model is not None:
        columns, note = match(model.feature_names, model.feature_count, dataset)
        dataset = dataset.for_model(columns, model.feature_count)
        require_task(model, dataset.task)
        notes = [text for text in (note, learn_labels(model, dataset)) if text]
        dataset = replace(dataset, pictures=reads_images(model, plan.gather))
        model = replace(model, info=replace(model.info, notes=(*model.info.notes, *notes)))
    info = model.info if model is not None else ModelInfo(name="predictions", kind="predictions only", format="none")
    context = Context(
        model=model,
        dataset=dataset,
        settings=plan.settings,
        seed=plan.seed,
        options=plan.gather,
        progress=progress,
        left_out=LEFT_OUT if plan.quick else "",
        deadline=time.monotonic() + plan.time_limit,
        kept=kept,
    )
    rows = plan.evidence.get("dataset", dataset)  # a log that was counted has none
    context.collected.update({**plan.at_hand(), "dataset": rows, "artifact": info})
    predictions = context.need("predictions", Predictions)
    return hide_small_groups(context, predictions), predictions


def _finding(check: Check, context: Context, plan: RunPlan) -> Finding:
    absent = Absence(outcome="skipped", reason=context.left_out)
    evidence = (lambda _: absent) if context.left_out and check.searches else context
    return _timeless(run_check(check, evidence, task=context.dataset.task, options=plan.options.get(check.id)))


def _needs_answers_alone(check: Check) -> bool:
    """Tell a check that finds the same whether or not more is gathered."""
    return not check.searches and not {*check.needs, *check.wants} & {*available()} - QUICK


def _record(plan: RunPlan, context: Context, predictions: Predictions, findings: Sequence[Finding]) -> AuditRecord:
    model, kept = context.model, context.kept
    artifact = context.collected["artifact"]
    assert isinstance(artifact, ModelInfo)  # noqa: S101 -- put there by name
    return AuditRecord(
        tool=f"modelassay {version_of('modelassay')}",
        created=_now(),
        seed=plan.seed,
        task=context.dataset.task,
        model=artifact,
        data=_data_info(context.dataset, context.settings, predictions),
        environment=describe_environment(),
        headline=predictions.headline,
        config=_state(plan.config, context.settings, plan.seed),
        findings=tuple(findings),
        card=plan.card,
        warnings=(*plan.warnings, *context.dataset.notes, *(model.warnings if model else ()), *context.warnings),
        pairing=_pairing(context),
        reused=tuple(sorted(getattr(kept, "reused", ()))),
        partial=_left_out(findings),
    )


def _left_out(findings: Sequence[Finding]) -> str:
    """Say what a quick audit leaves out, or what an interrupted one did not come to."""
    for reason, words in (
        (LEFT_OUT, "A quick audit: {} are left out."),
        (UNREACHED, "Interrupted: {} were not run."),
    ):
        count = sum(finding.reason == reason for finding in findings)
        if count:
            return words.format(f"{count} of {len(findings)} checks")
    return ""


def unfinished_of(plan: RunPlan) -> Unfinished | None:
    """Open what an interrupted run of the same audit left; ``None`` where files do not decide everything.

    A model or a table without a hash, as an endpoint or an object of Python, may be another one the next time.
    """
    models = [value for value in (plan.model, plan.evidence.get("source_model")) if value is not None]
    hashes = [getattr(getattr(model, "info", None), "sha256", "") for model in models]
    hashes += [split.sha256 for split in plan.dataset.splits]
    if not all(hashes) or len(plan.dataset) == 0:
        return None
    stated = {
        "config": plan.config, "settings": repr(plan.settings), "gather": plan.gather, "seed": plan.seed,
        "hashes": hashes, "splits": [(split.name, split.rows) for split in plan.dataset.splits],
        "checks": (plan.checks, plan.ignore), "given": sorted(plan.evidence),
    }  # fmt: skip
    return open_unfinished(stated)


def _state(config: Mapping[str, Json], settings: Settings, seed: int) -> dict[str, Json]:
    """Return what was configured, with what holds for the whole audit, which a later judgement goes by."""
    asked: dict[str, Json] = {name: getattr(settings, name) for name in ("level", "min_n", "suppress_n", "depth")}
    ordered: dict[str, Json] = {"ordered": True} if settings.ordered else {}
    return {"audit": {"seed": seed, **asked, **ordered}, **config}


def _pairing(context: Context) -> Pairing | None:
    """Keep what a later audit of the same rows needs to be compared with this one, where it can be had."""
    value = context("pairing")
    return value if isinstance(value, Pairing) else None


def _timeless(finding: Finding) -> Finding:
    """Leave out how long a check took where a build is to be the same byte for byte."""
    return replace(finding, seconds=0.0) if "SOURCE_DATE_EPOCH" in os.environ else finding


def _now() -> str:
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    stamp = float(epoch) if epoch.isdigit() else time.time()
    return datetime.datetime.fromtimestamp(int(stamp), tz=datetime.UTC).isoformat()


def _data_info(dataset: Dataset, settings: Settings, predictions: Predictions) -> DataInfo:
    roles = dataset.roles
    groups, missing = [], {}
    test = predictions.select(split="test") if predictions.repeats is not None else None
    for feature, factor in dataset.sensitive.items():
        here = factor.take(dataset.split.mask("test")) if test is None else test.keys[feature]
        masks = [here.mask(level) for level in here.levels] + [here.codes < 0]
        *counts, without = [int(mask.sum()) if test is None else test.count(mask) for mask in masks]
        for level, count in zip(here.levels, counts, strict=True):
            hidden = count and settings.why_hidden({feature: level}, count)
            groups.append(GroupInfo(feature=feature, level=level, rows=None if hidden else count))
        missing[feature] = settings.count_of_missing(feature, without)
    return DataInfo(
        target=roles.target,
        positive=dataset.classes[1] if dataset.task == "binary" else "",
        favorable=dataset.favorable,
        classes=dataset.classes,
        splits=dataset.splits,
        features=dataset.feature_infos(),
        sensitive=tuple(dataset.sensitive),
        groups=tuple(groups),
        missing_sensitive=missing,
        weight=roles.weight or "",
        cluster=roles.cluster or "",
        time=roles.time or "",
        names={address_name(name): dict(labels) for name, labels in roles.names.items()},
        read_as_missing={
            name: {word: None if settings.hides_missing(name) else rows for word, rows in words.items()}
            for name, words in dataset.read_as_missing.items()
        },
    )
