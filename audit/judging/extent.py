"""How far a rule is from holding, in rows: what a layperson reads, and what results are ranked by.

The extent of a verdict is the number of rows, per 1,000 decisions, that would have to come out differently
for the rule to hold. A rate that lies e beyond its limit, among n of N rows, reaches 1,000 · e · n / N of
them. For fixed n and N this is a monotone function of the distance from the limit, so the ends of the
estimate's interval give the ends of the extent's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from audit.estimate.making import absent, with_interval
from audit.estimate.rates import RATES
from audit.policy.limits import limits
from reports.record import HOUSE_WORDS, AuditRecord, Estimate, Gate, Task

UNIT = "rows per 1,000"
SUFFIXES = ("_difference", "_ratio", "_gain")
ROW_SHARES = frozenset({
    "missing_share", "duplicate_share", "conflicting_share", "unseen_share", "out_of_range_share", "label_error_share",
    "overlap_share", "near_duplicate_share", "shared_cluster_share", "later_training_share", "decision_flip_share",
    "noise_flip_share", "missing_flip_share", "class_share", "churn", "accuracy_drop", "train_test_gap",
    "mean_calibration_gap", "gap_beyond_overall", "underfitting_gap", "calibration_error",
})  # fmt: skip
"""Shares of rows, and differences of them, that are not metrics of predictions."""
ROW_COUNTS = frozenset({"invalid_outputs", "nondeterministic_rows", "batch_dependent_rows", "later_training_rows"})
"""Counts of rows, out of the estimate's n."""
NOT_OF_PEOPLE = frozenset({
    "missing_rows", "missing_positives", "missing_negatives", "blank_sections", "favorable_outcome_not_stated",
})  # fmt: skip
"""Counts of what is missing."""
STANDS_FOR: Mapping[str, str] = {"calibration_slope": "outcomes_by_slope"}
"""Numbers of the record that say which share of rows a unit of a metric stands for, where it is not all."""
_CLASSES_ONLY = frozenset({"train_test_gap", "gap_beyond_overall", "underfitting_gap"})
"""Differences of accuracy in classification, and of R² in regression."""
Key = tuple[str, frozenset[tuple[str, str]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """What turns a distance into rows: the size of each split, and the rates that ratios are made of."""

    sizes: Mapping[str, int]
    """Rows by split."""
    rates: Mapping[Key, Estimate]
    """Estimates that may stand below a ratio, by metric and address."""
    task: Task
    headline: str = ""

    @classmethod
    def of(cls, record: AuditRecord) -> Rows:
        """Read sizes and rates from a record."""
        rates: dict[Key, Estimate] = {}
        for finding in record.findings:
            for estimate in finding.measurement.estimates if finding.measurement else ():
                if estimate.metric in RATES or estimate.metric in STANDS_FOR.values():
                    rates.setdefault((estimate.metric, frozenset(estimate.where.items())), estimate)
        sizes = {split.name: split.rows for split in record.data.splits}
        return cls(sizes=sizes, rates=rates, task=record.task, headline=record.headline)


def extent(gate: Gate, estimate: Estimate, rows: Rows) -> Estimate:
    """Estimate the rows per 1,000 that would have to come out differently for a gate to hold.

    Parameters
    ----------
    gate : Gate
    estimate : Estimate
        The number that the gate judges.
    rows : Rows
        Of the record that both belong to.

    Returns
    -------
    Estimate
        Between 0 (exactly where the value holds) and the rows that the number speaks of; without a value, and with
        the reason, where the number does not translate into rows.

    Examples
    --------
    >>> gate = Gate(id="g", title="", check="", metric="recall", op=">=", threshold=0.8)
    >>> recall = Estimate(metric="recall", value=0.7, low=0.6, high=0.79, n=250, where={"split": "test"})
    >>> str(extent(gate, recall, Rows(sizes={"test": 1000}, rates={}, task="binary")))
    '25.000 [2.500, 50.000]'
    """
    if estimate.value is None:
        return absent("extent", estimate.where, estimate.reason, unit=UNIT)
    counts_missing = estimate.metric in NOT_OF_PEOPLE
    reach = "counts what is missing, not decisions" if counts_missing else _rows_of_a_unit(estimate, rows)
    if isinstance(reach, str):
        return absent("extent", estimate.where, reach, unit=UNIT)
    unit, most = reach
    value = min(unit * beyond(gate, estimate.value), most)
    span = None
    if estimate.low is not None and estimate.high is not None:
        ends = [min(unit * beyond(gate, end), most) for end in (estimate.low, estimate.high)]
        span = (0.0 if _touches(gate, estimate.low, estimate.high) else min(ends), max(ends))
    return with_interval(
        "extent", value, span, estimate.where, method="linear", n=estimate.n, unit=UNIT, level=estimate.level,
        reason=estimate.reason or "the number has no interval",
    )  # fmt: skip


def beyond(gate: Gate, value: float) -> float:
    """Return how far a value lies outside of what the gate accepts; 0 where it holds.

    Examples
    --------
    >>> gate = Gate(id="g", title="", check="", metric="m", op="abs<=", threshold=0.1)
    >>> [round(beyond(gate, value), 3) for value in (-0.25, 0.1, 0.15)]
    [0.15, 0.0, 0.05]
    """
    least, most = limits(gate)
    below = 0.0 if least is None else least - value
    above = 0.0 if most is None else value - most
    return max(below, above, 0.0)


def _touches(gate: Gate, low: float, high: float) -> bool:
    """Tell whether any value of the interval is accepted."""
    least, most = limits(gate)
    return (least is None or high >= least) and (most is None or low <= most)


def _rows_of_a_unit(estimate: Estimate, rows: Rows) -> tuple[float, float] | str:
    """Return the rows per 1,000 that one unit of the number means, and all it speaks of; else why there are none."""
    base, form = _parts(estimate.metric, rows.headline)
    if estimate.n is None:
        return "the number of rows must not be shown"
    if base in ROW_COUNTS:
        return (1000 / estimate.n, 1000.0) if estimate.n else "no rows"
    if base == "slice_error":
        return _of_a_slice(estimate, rows)
    if base in STANDS_FOR:
        return _known_share(STANDS_FOR[base], estimate, rows)
    share = _share(estimate, rows, of_kind=base in RATES)
    if isinstance(share, str):
        return share
    if base in RATES and form == "ratio":
        reference = _below_the_ratio(base, estimate, rows)
        return reference if isinstance(reference, str) else (1000 * share * reference, 1000 * share)
    if base in RATES or (base in ROW_SHARES and form != "ratio" and _is_of_rows(base, rows.task)):
        return 1000 * share, 1000 * share
    return f"{estimate.metric.replace('_', ' ')} does not translate into a number of decisions"


def _known_share(name: str, estimate: Estimate, rows: Rows) -> tuple[float, float] | str:
    """Return the rows that a unit of a number means where another number of the record says so."""
    measured = rows.rates.get((name, frozenset(estimate.where.items())))
    if measured is None or measured.value is None:
        return f"the record does not hold the {name.replace('_', ' ')}"
    return 1000 * measured.value, 1000.0


def _is_of_rows(base: str, task: Task) -> bool:
    return base not in _CLASSES_ONLY or task != "regression"


def _parts(metric: str, headline: str) -> tuple[str, str]:
    """Split a number's name into what it is made of and how."""
    for suffix in SUFFIXES:
        if metric.endswith(suffix):
            base = metric.removesuffix(suffix)
            return (headline if base == "headline" else base), suffix.strip("_")
    return metric, "value"


def _share(estimate: Estimate, rows: Rows, *, of_kind: bool) -> float | str:
    """Return which share of the split's rows a number speaks of.

    A rate speaks of the rows it was counted on. Other shares speak of all rows, some of which may have
    been sampled, unless they name a group.
    """
    if not of_kind and not set(estimate.where) - HOUSE_WORDS:
        return 1.0
    size = rows.sizes.get(estimate.where.get("split", "test"))
    if not size:
        return "the number of rows is not known"
    return min((estimate.n or 0) / size, 1.0)


def _below_the_ratio(base: str, estimate: Estimate, rows: Rows) -> float | str:
    """Return the rate that a ratio was divided by."""
    own = rows.rates.get((base, frozenset(estimate.where.items())))
    if own is not None and own.value and estimate.value:
        return own.value / estimate.value
    peers = [
        measured.value
        for (metric, _), measured in rows.rates.items()
        if metric == base and measured.value and _is_peer(measured, estimate)
    ]
    return max(peers) if peers else f"the record does not hold the {base.replace('_', ' ')}s behind the ratio"


def _is_peer(estimate: Estimate, other: Estimate) -> bool:
    keys = set(estimate.where)
    return keys == set(other.where) and all(estimate.where[key] == other.where[key] for key in keys & HOUSE_WORDS)


def _of_a_slice(estimate: Estimate, rows: Rows) -> tuple[float, float] | str:
    """Return the same for the error of a slice over the overall one; slices are confirmed on one half of the rows."""
    if rows.task == "regression":
        return "squared error does not translate into a number of decisions"
    own = rows.rates.get(("error_rate", frozenset(estimate.where.items())))
    size = rows.sizes.get("test")
    if own is None or not own.value or not estimate.value or not size:
        return "the record does not hold the error rate of the slice"
    share = min(2 * (estimate.n or 0) / size, 1.0)
    return 1000 * share * own.value / estimate.value, 1000 * share
