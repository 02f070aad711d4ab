"""What changed against an earlier audit: is the model no worse than before, by more than a margin?

Where both records keep answers to the same rows, the comparison is paired: what the rows have in common
cancels, so the same rows tell far more. Otherwise two audits are two independent samples, and said so.
Gains are turned so that more is better, whatever the metric.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Literal, NamedTuple

from audit.comparing.pairing import unpack
from audit.errors import ConfigError, hint, quote
from audit.estimate.area_difference import AREA, area_p_value
from audit.estimate.comparing import compare_estimates, gain
from audit.estimate.influence import SCALES, carries, metric_of, scaled_headline
from audit.estimate.metrics import METRICS, metrics_for
from audit.estimate.paired import churn, mcnemar, paired_by_group, paired_difference
from audit.evidence import Predictions, Settings
from audit.exhibits import by_address_table, estimates_table
from audit.policy.read import Terms
from reports.record import (
    AuditRecord,
    DataInfo,
    Estimate,
    Exhibit,
    Finding,
    Measurement,
    Pairing,
    SplitInfo,
    Table,
    Task,
)
from reports.store import RecordError, load

CHECK = "baseline_change"
Directions = Mapping[str, str]
"""Which way metrics of the user's own are better, by name."""
NO_METRIC: Directions = {}
OnDataChange = Literal["error", "unpaired"]

IN_CROSSINGS = 2
"""So many of them, the headline first, are compared in crossings of features, of which there are many."""


def load_baseline(terms: Terms) -> tuple[AuditRecord | None, str]:
    """Load the record of the baseline, where one is named and there.

    Returns
    -------
    tuple of AuditRecord or None, and str
        The record, and what to warn of where a baseline is named that does not exist yet.

    Raises
    ------
    ConfigError
        If it must be there and is not, or is not a record of a known schema.

    Examples
    --------
    >>> from audit.policy.read import Terms
    >>> load_baseline(Terms())
    (None, '')
    """
    path = terms.baseline
    if path is None:
        return None, ""
    if not path.exists():
        if terms.on_missing == "skip":
            return None, f"baseline {quote(path.name)} does not exist yet; nothing is compared"
        siblings = [file.name for file in path.parent.iterdir()] if path.parent.is_dir() else []
        known = hint(path.name, siblings)
        raise ConfigError(f"no baseline {quote(path)}; expected the audit.json of an earlier run.{known}")
    try:
        return load(path), ""
    except RecordError as error:
        raise ConfigError(f"the baseline cannot be used: {error}.") from error


OTHER_KEY = (
    "The two records order their kept answers by different keys, so rows cannot be paired: make both with the same "
    "MODELASSAY_PAIRING_KEY, or on the same computer."
)


class RowsSeen(NamedTuple):
    """Which rows are evaluated, before any model has answered them."""

    fingerprint: str
    key: str
    """Name of the key that the fingerprint was made with."""


def is_paired(now: Pairing | None, before: Pairing | None) -> bool:
    """Tell whether two audits kept answers to the same rows."""
    if now is None or before is None:
        return False
    return (now.key, now.fingerprint, now.kept) == (before.key, before.fingerprint, before.kept)


def keys_differ(now: Pairing | RowsSeen | None, before: Pairing | None) -> bool:
    """Tell whether two audits put kept answers in order by different keys, so that nobody can pair them."""
    return now is not None and before is not None and now.key != before.key


def require_comparable(task: Task, data: DataInfo, baseline: AuditRecord) -> None:
    """Refuse a baseline of another question.

    Parameters
    ----------
    task : {"binary", "multiclass", "regression"}
    data : DataInfo
        Of the audit at hand.
    baseline : AuditRecord

    Raises
    ------
    ConfigError
        Naming what differs.
    """
    questions = {
        "task": (task, baseline.task),
        "target": (data.target, baseline.data.target),
        "positive class": (data.positive, baseline.data.positive),
        "favorable class": (data.favorable, baseline.data.favorable or data.favorable),
        "classes": (", ".join(data.classes), ", ".join(baseline.data.classes)),
    }
    for name, (here, there) in questions.items():
        if here != there:
            raise ConfigError(
                f"the baseline's {name} is {quote(there)}, this audit's is {quote(here)}: they cannot be compared. "
                "Name the record of an audit of the same question."
            )


def require_same_rows(rows: Pairing | RowsSeen | None, file: str, baseline: AuditRecord) -> None:
    """Refuse a baseline that was made on other rows.

    Parameters
    ----------
    rows : Pairing or RowsSeen, optional
        Fingerprint of the evaluated rows and the key that it was made with, where they are known.
    file : str
        SHA-256 of the file they came from, or ``""``; it is compared where fingerprints are missing or were made
        with different keys.
    baseline : AuditRecord

    Raises
    ------
    ConfigError
        If fingerprints differ; where nothing is known nothing is refused.
    """
    here, there = (rows.fingerprint, baseline.pairing.fingerprint) if rows and baseline.pairing else ("", "")
    if not (here and there) or keys_differ(rows, baseline.pairing):
        here, there = file, evaluated_file(baseline.data.splits, baseline.model.format)
    if here and there and here != there:
        raise ConfigError(
            f"the baseline was measured on other rows: its evaluation set has fingerprint {there[:12]}…, this one "
            f"{here[:12]}…. Audit the baseline's model on these rows, or compare independent samples with --unpaired."
        )


def evaluated_file(splits: Iterable[SplitInfo], model_format: str) -> str:
    """Return the SHA-256 of the file that the evaluated rows came from, ``""`` where it is not known.

    A file that carries a model's answers is another one for each model, so it says nothing about the rows.
    """
    return "" if model_format == "none" else next((split.sha256 for split in splits if split.name == "test"), "")


def against(record: AuditRecord, baseline: AuditRecord, *, on_data_change: OnDataChange = "error") -> AuditRecord:
    """Return a saved record with what changed against a baseline measured anew.

    Raises
    ------
    ConfigError
        If the baseline asks another question, or was made on other rows and that is not accepted.
    """
    require_comparable(record.task, record.data, baseline)
    if on_data_change == "error":
        require_same_rows(record.pairing, evaluated_file(record.data.splits, record.model.format), baseline)
    measured = change(record, baseline)
    old = next((finding for finding in record.findings if finding.check == CHECK), None)
    blank = Finding(
        check=CHECK, title="Change since the baseline", family="comparison", revision=1, outcome="skipped", reason="-"
    )
    finding = replace(old or blank, outcome="measured", reason="", measurement=measured)
    findings = [finding if measured is old else measured for measured in record.findings] + ([] if old else [finding])
    return replace(record, findings=tuple(findings))


def change(record: AuditRecord, baseline: AuditRecord) -> Measurement:
    """Measure how much better the model of one saved audit is than that of another.

    Returns
    -------
    Measurement
        ``headline_gain`` and ``<metric>_gain`` over all rows and by group, and ``churn`` where rows are the same.
    """

    def independent() -> Measurement:
        measurement = unpaired_gains(by_address(record), by_address(baseline), record.headline, record.task, own)
        return with_key_note(measurement, record.pairing, baseline.pairing)

    own = own_directions(record)
    if not is_paired(record.pairing, baseline.pairing):
        return independent()
    new, old = answers_of(record.pairing, record), answers_of(baseline.pairing, record)
    measurement = paired_gains(new, old, record.pairing, independent)
    return _with_own(measurement, independent(), own) if own else measurement


def _with_own(measurement: Measurement, independent: Measurement, own: Directions) -> Measurement:
    """Add the gains in metrics of the user's own, whose code a record does not hold, as of independent samples."""
    there = {estimate.metric for estimate in measurement.estimates}
    added = [
        estimate
        for estimate in independent.estimates
        if estimate.metric.removesuffix("_gain") in own and estimate.metric not in there
    ]
    note = "Your own metrics are compared here as independent samples, since a record holds no code."
    return replace(
        measurement,
        estimates=(*measurement.estimates, *added),
        notes=(*measurement.notes, note) if added else measurement.notes,
    )


def settings_of(record: AuditRecord) -> Settings:
    """Return what an audit agreed on, as far as its record says."""
    asked = record.config.get("audit")
    known = asked if isinstance(asked, dict) else {}
    stated = {
        name: value for name, value in known.items() if name in {"level", "min_n", "suppress_n", "depth", "ordered"}
    }
    hidden = frozenset(frozenset({(group.feature, group.level)}) for group in record.data.groups if group.rows is None)
    return Settings(headline=record.headline, favorable=record.data.favorable, suppressed=hidden, **stated)  # type: ignore[arg-type]


def answers_of(pairing: Pairing | None, record: AuditRecord) -> Predictions:
    """Unpack a pairing under a record's task, classes and settings."""
    assert pairing is not None  # noqa: S101 -- the caller asked whether rows can be paired
    return unpack(pairing, record.task, record.data.classes, settings_of(record))


# --- the same rows --------------------------------------------------------------------------------


def paired_gains(
    new: Predictions, old: Predictions, kept: Pairing | None, independent: Callable[[], Measurement]
) -> Measurement:
    """Measure gains row by row.

    Parameters
    ----------
    new, old : Predictions
        Kept answers to the same rows in the same order.
    kept : Pairing, optional
        Of how many rows they are.
    independent : callable
        Makes the comparison of independent samples, which stands in where answers do not carry the headline metric.
    """
    old = replace(old, y_true=new.y_true)
    names, own = names_for(new, old), {name: metric.better for name, metric in new.settings.metrics.items()}
    estimates = [gain(paired_difference(new, old, name), better_of(name, own), f"{name}_gain") for name in names]
    for features in new.crossings():
        few = names if len(features) == 1 else names[:IN_CROSSINGS]
        gaps = [(_plain(gap), gap) for gap in paired_by_group(new, old, few, features)]
        estimates += [gain(gap, better_of(name, own), f"{name}_gain") for name, gap in gaps]
    judged = _judge(new)
    headlines = [headline_of(estimate) for estimate in estimates if estimate.metric == f"{judged}_gain"]
    headlines = headlines or [estimate for estimate in independent().estimates if estimate.metric == "headline_gain"]
    exhibits: list[Exhibit] = []
    if headlines:
        exhibits.append(by_address_table(f"Gain in {judged}", headlines))
    if new.task != "regression":
        estimates.append(churn(new, old))
        exhibits.append(disagreement(new, old))
        if both_carry(new, old, AREA):
            tested = area_p_value(new, old)
            estimates.append(tested)
            exhibits.append(estimates_table("DeLong's test of the two models' ROC AUC", [tested]))
    text = f"{judged} changed by {headlines[0]} " if headlines else "Answers were paired "
    return Measurement(
        summary=f"{text}on the same {len(new):,} rows.",
        estimates=(*headlines, *estimates),
        exhibits=tuple(exhibits),
        notes=(*_notes(new, kept), *_stands_in(new.headline, judged)),
    )


def _notes(new: Predictions, kept: Pairing | None) -> list[str]:
    notes = []
    if kept is not None and kept.kept < kept.rows:
        notes.append(f"Paired on {kept.kept:,} of {kept.rows:,} rows, a random sample by hash.")
    if new.sensitive:
        notes.append("Rows of crossed groups too small to show are left out of the groups here.")
    if new.task == "multiclass" and new.y_score is None:
        notes.append("Scores of many rows and many classes are not kept, so areas and losses are not paired.")
    if new.task == "regression":
        notes.append("Targets and errors were kept in 16 bits, so numbers may differ in the fifth digit.")
    return notes


def names_for(new: Predictions, old: Predictions) -> tuple[str, ...]:
    """Name the metrics that two models' kept answers carry, the headline first."""
    names = dict.fromkeys((new.headline, _judge(new), *metrics_for("comparison", new.task), *new.settings.metrics))
    known = [name for name in names if name in METRICS or name in new.settings.metrics]
    return tuple(name for name in known if metric_of(new, name).better != "neither" and both_carry(new, old, name))


def _judge(new: Predictions) -> str:
    """Name the metric that rules on losses go by; of a metric whose code is not at hand, its own name."""
    known = new.headline in METRICS or new.headline in new.settings.metrics
    return scaled_headline(new) if known else new.headline


def both_carry(new: Predictions, old: Predictions, name: str) -> bool:
    """Tell whether two models' answers are both of the kind that a metric is made of."""
    return carries(new, name) and carries(replace(old, settings=new.settings), name)


def _plain(estimate: Estimate) -> str:
    return estimate.metric.removesuffix("_difference")


def own_directions(record: AuditRecord) -> Directions:
    """Return which way the metrics of the user's own are better that a record was made with."""
    stated = record.config.get("metrics")
    tables = stated.items() if isinstance(stated, dict) else ()
    texts = {
        name: str(table.get("better", "higher")) if isinstance(table, dict) else "higher" for name, table in tables
    }
    return {name: better for name, better in texts.items() if name not in METRICS}


def better_of(name: str, own: Directions = NO_METRIC) -> str:
    """Return which way a metric is better; ``neither`` of any other number.

    Examples
    --------
    >>> better_of("error_rate"), better_of("profit", {"profit": "higher"}), better_of("rows")
    ('lower', 'higher', 'neither')
    """
    return own.get(name) or (METRICS[name].better if name in METRICS else "neither")


def headline_of(estimate: Estimate) -> Estimate:
    """Write the gain of the headline metric under the one name that rules know."""
    return replace(estimate, metric="headline_gain")


def disagreement(new: Predictions, old: Predictions) -> Table:
    """Count the rows that only one of two models answers correctly, with McNemar's test."""
    right, was = new.y_pred == new.y_true, old.y_pred == new.y_true
    better, worse = int((right & ~was).sum()), int((~right & was).sum())
    tests = mcnemar(better, worse)
    return Table(
        title="Rows that only one of the two models answers correctly",
        columns=("now right", "now wrong", "McNemar exact p", "mid-p"),
        rows=((better, worse, float(f"{tests.exact:.3g}"), float(f"{tests.mid:.3g}")),),
        caption="Without a change, both counts differ only by chance; rows are counted without weights.",
    )


# --- other rows -----------------------------------------------------------------------------------


Addressed = Mapping[tuple[str, tuple[tuple[str, str], ...]], Estimate]
"""Estimates by metric and address."""


def unpaired_gains(
    now: Addressed, before: Addressed, headline: str, task: Task, own: Directions = NO_METRIC
) -> Measurement:
    """Subtract what two audits measured, as of independent samples; `own` are metrics of the user's own."""
    judged = _scale(headline, now, task)
    names = {headline, judged, *metrics_for("comparison", task), *own}
    estimates: list[Estimate] = []
    for (metric, address), estimate in now.items():
        other = before.get((metric, address))
        if other is None or metric not in names or better_of(metric, own) == "neither":
            continue
        gap = gain(compare_estimates(estimate, other, "difference"), better_of(metric, own), f"{metric}_gain")
        estimates.append(replace(gap, method=f"not paired: {gap.method}" if gap.method else ""))
    headlines = [headline_of(estimate) for estimate in estimates if estimate.metric == f"{judged}_gain"]
    text = f"{judged} changed by {headlines[0]}, " if headlines else "No number is in both records, "
    return Measurement(
        summary=text + "not paired: the two audits are compared as independent samples, which detects far less.",
        estimates=(*headlines, *estimates),
        notes=(
            "Rows could not be paired: the two audits used different rows, or a record keeps no answers.",
            *_stands_in(headline, judged),
        ),
    )


def _scale(headline: str, now: Addressed, task: Task) -> str:
    """Name the headline where it is a share or a score, in which a margin is stated; else the task's own metric."""
    units = {metric: estimate.unit for (metric, _), estimate in now.items()}
    if units.get(headline, SCALES[0]) in SCALES:
        return headline
    names = ("r2_score",) if task == "regression" else ("roc_auc", "balanced_accuracy")
    return next((name for name in names if name in units), headline)


def _stands_in(headline: str, judged: str) -> list[str]:
    """Say so where rules on losses go by another metric than the headline."""
    text = (
        f"Rules on losses go by {judged}: {headline} is in a unit of its own, of which a margin for shares and scores "
        f"tells nothing. For a margin in that unit, state a gate on {headline} (no_regression)."
    )
    return [] if judged == headline else [text]


def with_key_note(measurement: Measurement, now: Pairing | None, before: Pairing | None) -> Measurement:
    """Say so where rows could not be paired because the records were made with different keys."""
    return replace(measurement, notes=(*measurement.notes, OTHER_KEY)) if keys_differ(now, before) else measurement


def by_address(record: AuditRecord) -> Addressed:
    """Return the first estimate of each metric at each address of a record's test rows."""
    findings = [finding for finding in record.findings if finding.check != CHECK and finding.measurement is not None]
    return first_by_address(estimate for finding in findings for estimate in finding.measurement.estimates)  # type: ignore[union-attr]


def first_by_address(estimates: Iterable[Estimate]) -> Addressed:
    """Return the first estimate of each metric at each address of the test rows."""
    table: dict[tuple[str, tuple[tuple[str, str], ...]], Estimate] = {}
    for estimate in estimates:
        if estimate.where.get("split") == "test":
            table.setdefault((estimate.metric, tuple(sorted(estimate.where.items()))), estimate)
    return table
