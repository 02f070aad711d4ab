"""From predictions and a metric's name to estimates with intervals: over all, by class, by group.

Counts are taken once, in a :class:`audit.estimate.tally.Tally`, and every count metric of every group derived
from it; scores and residuals are read once a group. Where rows are clustered, variances are taken
from rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from audit.errors import DataError, hint, quote, quote_all
from audit.estimate.cells import Counts, count_rows
from audit.estimate.counting import measure_count
from audit.estimate.disparity import differences, extreme_difference, ratios_to, ratios_to_highest
from audit.estimate.influence import metric_of, requirements, speaks_of_negative
from audit.estimate.tally import Tally, addresses
from audit.estimate.views import position_of, rows_of, toward_negative, with_weight
from audit.evidence import NO_ROWS, Predictions, Settings
from audit.statistics.variance import Measured, Undefined
from reports.record import Estimate, Task

__all__ = [
    "by_class",
    "by_decider",
    "by_group",
    "differences",
    "estimate",
    "estimates",
    "extreme_difference",
    "from_tally",
    "groups",
    "outcome_directions",
    "ratios_to",
    "ratios_to_highest",
    "reference_group",
]

IntArray = npt.NDArray[np.int64]


def estimate(predictions: Predictions, name: str, *, class_: str | None = None) -> Estimate:
    """Measure one metric on all rows of `predictions`, at their address.

    Parameters
    ----------
    predictions : Predictions
    name : str
        Name of a metric (see :data:`audit.estimate.metrics.METRICS`).
    class_ : str, optional
        Take this class against the rest; its name becomes part of the address.

    Returns
    -------
    Estimate
        Without a value, and with the reason, where the metric does not exist on these rows.

    Raises
    ------
    ConfigError
        If no metric has that name.
    DataError
        If no class has that name.

    Examples
    --------
    >>> answers = Predictions(task="binary", classes=("no", "yes"), y_true=np.array([0, 1, 1, 0]),
    ...                       y_pred=np.array([0, 1, 0, 0]))
    >>> str(estimate(answers, "recall")), estimate(answers, "recall").n
    ('0.500 [0.095, 0.905]', 2)
    >>> str(estimate(answers, "roc_auc"))
    'undefined: the model gives no scores'
    """
    return _estimates(predictions, (name,), class_)[0]


def estimates(predictions: Predictions, names: Sequence[str]) -> tuple[Estimate, ...]:
    """Measure several metrics on all rows; see :func:`estimate`."""
    return _estimates(predictions, names, None)


def by_class(predictions: Predictions, names: Sequence[str]) -> tuple[Estimate, ...]:
    """Measure metrics of each class against the rest, at ``where + {"class": name}``."""
    return tuple(estimate for class_ in predictions.classes for estimate in _estimates(predictions, names, class_))


def by_group(
    predictions: Predictions, names: Sequence[str], features: Sequence[str], *, class_: str | None = None
) -> tuple[Estimate, ...]:
    """Measure metrics of each group of the crossed `features`, at ``where + {feature: level}``.

    A group that the settings hide, such as one of fewer than ``suppress_n`` rows, has neither value nor
    count. A declared level of
    a single feature without rows says so; empty crossings are left out. Rows without a value of a
    feature belong to no group.

    Raises
    ------
    DataError
        If a feature is not a key of the rows.

    Examples
    --------
    >>> from audit.data.factor import Factor
    >>> answers = Predictions(task="binary", classes=("no", "yes"), y_true=np.tile([0, 1, 1, 0], 10),
    ...                       y_pred=np.tile([0, 1, 0, 0], 10), keys={"sex": Factor.of(["f"] * 36 + ["m"] * 4)})
    >>> for one in by_group(answers, ["recall"], ["sex"]):
    ...     print(dict(one.where), one)
    {'sex': 'f'} 0.500 [0.290, 0.710]
    {'sex': 'm'} undefined: suppressed: fewer than 10 rows, or so few could be worked out from it
    """
    position = position_of(predictions, class_)
    counts = _cells(predictions, names, features, position)
    bare = replace(predictions, keys={})
    estimates: list[Estimate] = []
    for levels, rows in groups(predictions, features):
        where = {**predictions.where, **dict(zip(features, levels, strict=True)), **_class_part(class_)}
        size = predictions.count(rows)
        if why := predictions.settings.why_hidden(where, size):
            estimates += [_suppress(predictions, name, where, why) for name in names]
            continue
        part = bare if all(_from_counts(predictions, name) for name in names) else bare.take(rows)
        estimates += [_one(part, name, class_, counts.get(levels), where) for name in names]
    return tuple(estimates)


def by_decider(predictions: Predictions, names: Sequence[str]) -> tuple[Estimate, ...]:
    """Measure metrics of each model and version that answered, at ``where + {"version": name}``; of logs alone.

    Examples
    --------
    >>> from audit.data.factor import Factor
    >>> keys = {"split": Factor.constant("test", 40), "version": Factor.of(["1"] * 30 + ["2"] * 10)}
    >>> answers = Predictions(task="binary", classes=("no", "yes"), y_true=np.tile([0, 1], 20),
    ...                       y_pred=np.ones(40, dtype=int), keys=keys, deciders=("version",))
    >>> for one in by_decider(answers, ["accuracy"]):
    ...     print(dict(one.where), one)
    {'split': 'test', 'version': '1'} 0.500 [0.332, 0.668]
    {'split': 'test', 'version': '2'} 0.500 [0.237, 0.763]
    """
    parts = [predictions.select(split=split) for split in predictions.keys["split"].levels]
    return tuple(
        estimate
        for keys in predictions.by_decider()
        for part in parts
        for estimate in by_group(part, names, keys)
        if estimate.reason != NO_ROWS
    )


def from_tally(
    tally: Tally, names: Sequence[str], *, level: float = 0.95, suppress_n: int = 10, class_: str | None = None
) -> tuple[Estimate, ...]:
    """Measure count metrics of each cell of a tally, whose rows may be anywhere.

    Examples
    --------
    >>> table = np.array([[[40, 10], [10, 40]]])
    >>> log = Tally(keys=(), levels=(), classes=("no", "yes"), codes=np.zeros((1, 0), dtype=np.int64), n=table,
    ...             weight=table.astype(float), weight2=table.astype(float))
    >>> [str(one) for one in from_tally(log, ["accuracy", "recall"])]
    ['0.800 [0.711, 0.867]', '0.800 [0.670, 0.888]']
    """
    none = np.zeros(0, dtype=np.int64)
    task: Task = "binary" if len(tally.classes) == 2 else "multiclass"
    settings = Settings(level=level, suppress_n=suppress_n)
    bare = Predictions(task=task, y_true=none, y_pred=none, classes=tally.classes, settings=settings)
    position = position_of(bare, class_)
    estimates = []
    for address, n, weight, weight2 in zip(tally.addresses(), tally.n, tally.weight, tally.weight2, strict=True):
        where = {**tally.where, **address, **_class_part(class_)}
        cell = Counts(n, weight, weight2)
        for name in names:
            if why := settings.why_hidden(where, int(n.sum())):
                estimates.append(_suppress(bare, name, where, why))
            else:
                estimates.append(
                    _one(bare, name, class_, cell if position is None else cell.one_vs_rest(position), where)
                )
    return tuple(estimates)


def groups(predictions: Predictions, features: Sequence[str]) -> Iterator[tuple[tuple[str, ...], IntArray]]:
    """Yield the levels and the row positions of each group of the crossed `features`, sorting rows once.

    All levels of a single feature are yielded; of a crossing those that occur. Rows of weight 0 are
    left out.

    Raises
    ------
    DataError
        If a feature is not a key of the rows.
    """
    for name in features:
        if name not in predictions.keys:
            known = quote_all(predictions.keys)
            raise DataError(f"No grouping column {quote(name)}; keys are {known}.{hint(name, predictions.keys)}")
    factors = [predictions.keys[name] for name in features]
    shape = tuple(max(len(factor.levels), 1) for factor in factors)
    address, kept = addresses([factor.codes for factor in factors], shape, len(predictions))
    if predictions.weight is not None:
        kept &= predictions.weight > 0
    address = np.where(kept, address, -1)
    order = np.argsort(address.astype(np.int16) if np.prod(shape, dtype=float) < 30_000 else address, kind="stable")
    order = order[len(order) - int(kept.sum()) :]
    occurring, starts = np.unique(address[order], return_index=True)
    slices = dict(zip(occurring.tolist(), np.split(order, starts[1:]), strict=False))
    for flat in range(shape[0]) if len(features) == 1 else slices:
        if all(factor.levels for factor in factors):
            codes = np.unravel_index(flat, shape)
            levels = tuple(factor.levels[int(code)] for factor, code in zip(factors, codes, strict=True))
            yield levels, slices.get(flat, np.zeros(0, dtype=np.int64))


def reference_group(predictions: Predictions, features: Sequence[str]) -> Mapping[str, str]:
    """Name the group that others are compared with: the declared one, else the largest.

    A declared reference stands only where every feature of the crossing has one. Of equally large
    groups the first in the order of levels is taken; empty data have no reference.

    Examples
    --------
    >>> from audit.data.factor import Factor
    >>> answers = Predictions(task="binary", classes=("no", "yes"), y_true=np.array([0, 1, 1]),
    ...                       y_pred=np.array([0, 1, 0]), keys={"sex": Factor.of(["f", "m", "m"])})
    >>> dict(reference_group(answers, ["sex"]))
    {'sex': 'm'}
    """
    declared = predictions.settings.reference
    if all(feature in declared for feature in features):
        return {feature: declared[feature] for feature in features}
    answers = predictions.without_hidden_groups()
    sizes = [(predictions.count(rows), levels) for levels, rows in groups(answers, features)]
    sizes = (
        sizes
        if any(size for size, _ in sizes)
        else [(predictions.count(rows), levels) for levels, rows in groups(predictions, features)]
    )
    if not sizes or max(size for size, _ in sizes) == 0:
        return {}
    largest = max(sizes, key=lambda pair: pair[0])[1]
    return dict(zip(features, largest, strict=True))


def outcome_directions(predictions: Predictions) -> tuple[str | None, ...]:
    """Return the classes whose rates are compared among groups, as ``class_`` of :func:`by_group` takes them.

    ``None`` is the favorable class where that was stated, else the positive one. Where it was not stated,
    the negative class follows, as either may be the one that is good for the person.

    Examples
    --------
    >>> answers = Predictions(task="binary", classes=("refused", "granted"), y_true=np.zeros(1), y_pred=np.zeros(1))
    >>> outcome_directions(answers)
    (None, 'refused')
    >>> outcome_directions(replace(answers, settings=Settings(favorable="granted")))
    (None,)
    """
    stated = predictions.settings.favorable in predictions.classes
    return (None,) if stated or predictions.task != "binary" else (None, predictions.classes[0])


# --- one number -----------------------------------------------------------------------------------


def _from_counts(predictions: Predictions, name: str) -> bool:
    return metric_of(predictions, name).needs == "counts" and predictions.cluster is None


def _class_part(class_: str | None) -> dict[str, str]:
    return {} if class_ is None else {"class": class_}


def _cells(
    predictions: Predictions, names: Sequence[str], features: Sequence[str], position: int | None
) -> dict[tuple[str, ...], Counts]:
    """Return the counts of each group, where a metric can be had from counts alone."""
    if predictions.task == "regression" or not any(_from_counts(predictions, name) for name in names):
        return {}
    tally = Tally.of(predictions, *features)
    cells = (Counts(*parts) for parts in zip(tally.n, tally.weight, tally.weight2, strict=True))
    addresses_of = (tuple(address.values()) for address in tally.addresses())
    return {
        levels: cell if position is None else cell.one_vs_rest(position)
        for levels, cell in zip(addresses_of, cells, strict=True)
    }


def _estimates(predictions: Predictions, names: Sequence[str], class_: str | None) -> tuple[Estimate, ...]:
    position = position_of(predictions, class_)
    where = {**predictions.where, **_class_part(class_)}
    for name in names:
        metric_of(predictions, name)
    try:
        part = with_weight(predictions)
    except Undefined as reason:
        return tuple(_written(Measured(None, reason=str(reason)), predictions, name, where) for name in names)
    counts = None
    if part.task != "regression" and any(_from_counts(part, name) for name in names):
        rows = rows_of(part)
        counts = count_rows(rows, len(part.classes))
        counts = counts if position is None else counts.one_vs_rest(position)
    return tuple(_one(part, name, class_, counts, where) for name in names)


def _one(part: Predictions, name: str, class_: str | None, counts: Counts | None, where: Mapping[str, str]) -> Estimate:
    try:
        result = _measure(part, name, class_, counts if _from_counts(part, name) else None)
    except Undefined as reason:
        result = Measured(None, n=part.total if counts is None else int(counts.n.sum()), reason=str(reason))
    return _written(result, part, name, where)


def _measure(part: Predictions, name: str, class_: str | None, counts: Counts | None) -> Measured:
    if speaks_of_negative(part, name, class_):
        if counts is None:
            part = toward_negative(part)
        else:
            counts = counts.one_vs_rest(0)
    position = position_of(part, class_)
    level = part.settings.level
    if counts is not None:
        requirements(part, name, position, rows=int(counts.n.sum()))
        return measure_count(name, counts, level, None, part.classes if position is None else ())
    requirements(part, name, position)
    metric = metric_of(part, name)
    if metric.measured is not None:
        return metric.measured(part, position)
    rows = rows_of(part)
    rows = rows if position is None else rows.one_vs_rest(position)
    classes = part.classes if position is None else ("rest", part.classes[position])
    return measure_count(name, count_rows(rows, len(classes)), level, rows, classes)


def _suppress(predictions: Predictions, name: str, where: Mapping[str, str], reason: str) -> Estimate:
    return _written(Measured(None, n=0 if reason == NO_ROWS else None, reason=reason), predictions, name, where)


def _written(result: Measured, predictions: Predictions, name: str, where: Mapping[str, str]) -> Estimate:
    if result.value is not None and not np.isfinite(result.value):
        result = Measured(None, n=result.n, reason="the number is too large to be computed")
    return Estimate(
        metric=name,
        value=result.value,
        low=result.low,
        high=result.high,
        level=predictions.settings.level,
        method=result.method,
        n=result.n,
        where=dict(where),
        unit=metric_of(predictions, name).unit,
        reason=result.reason,
    )
