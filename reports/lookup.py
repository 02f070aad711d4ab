"""Single estimates of a record by name and slice, and all of them as a data frame."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, TypeVar

from reports.addresses import HOUSE_WORDS, address
from reports.nearest import nearest
from reports.phrases import metric_words
from reports.printable import visible
from reports.record import AuditRecord, Estimate, Finding

Made = TypeVar("Made")
Shape = tuple[frozenset[str], frozenset[tuple[str, str]]]
SYNONYMS = (("recall", "true_positive_rate"), ("specificity", "true_negative_rate"))
"""Names of one number; a record may hold it under either."""
_ALIASES = {"sensitivity": "recall"}
"""What a reader may ask for under a name that no record holds."""
_FIELDS = ("value", "low", "high", "level", "method", "n", "unit", "reason")


def metric(record: AuditRecord, name: str, where: Mapping[str, str]) -> Estimate:
    """Return the estimate of a metric on a slice; the test rows, where no split is named.

    Raises
    ------
    LookupError
        If the record holds no such metric, or not on this slice; the text names the nearest.
    """
    names = other_names(name)
    alike = [estimate for _, estimate in _estimates(record) if estimate.metric in names]
    wanted = _on_test_rows(where)
    for estimate in alike:
        if _on_test_rows(estimate.where) == wanted:
            return estimate
    if alike:
        there = list(dict.fromkeys(estimate.address for estimate in alike))
        near = nearest(address(where), there, most=4, cutoff=0.3) or there[:4]
        raise LookupError(f"metric {name!r} has no estimate for {address(where)}; it has {'; '.join(near)}")
    known = sorted({estimate.metric for _, estimate in _estimates(record)})
    near = nearest(name, known, most=3, cutoff=0.4) or known[:6]
    raise LookupError(f"no metric {visible(name)!r} in this record; nearest: {', '.join(near) or 'none'}")


def frame(record: AuditRecord, library: Literal["pandas", "polars"] = "pandas") -> Any:  # noqa: ANN401 -- either library's
    """Return all estimates as a data frame, one a row.

    Columns are ``check``, ``metric``, ``address``, one for each key of an address, then the fields of an
    estimate. A key that is named like another column gets `` (column)`` behind its name.

    Raises
    ------
    ValueError
        If `library` is neither ``pandas`` nor ``polars``.
    ModuleNotFoundError
        If that library is not installed.
    """
    if library not in ("pandas", "polars"):
        raise ValueError(f"library {visible(library)!r} is not known; expected 'pandas' or 'polars'")
    entries = list(_estimates(record))
    keys = list(dict.fromkeys(key for _, estimate in entries for key in sorted(estimate.where)))
    columns: dict[str, list[object]] = {
        "check": [finding.check for finding, _ in entries],
        "metric": [estimate.metric for _, estimate in entries],
        "address": [estimate.address for _, estimate in entries],
    }
    taken = {*columns, *_FIELDS}
    for key in keys:
        name = f"{key} (column)" if key in taken else key
        columns[name] = [estimate.where.get(key) for _, estimate in entries]
    for field in _FIELDS:
        columns[field] = [getattr(estimate, field) for _, estimate in entries]
    try:
        return importlib.import_module(library).DataFrame(columns)
    except ModuleNotFoundError as fault:
        raise ModuleNotFoundError(f"{library} is not installed: pip install {library}", name=library) from fault


def _estimates(record: AuditRecord) -> Iterator[tuple[Finding, Estimate]]:
    for finding in record.findings:
        if finding.measurement is not None:
            for estimate in finding.measurement.estimates:
                yield finding, estimate


def other_names(name: str) -> tuple[str, ...]:
    """Return a metric's name and those under which a record may hold the same number.

    Examples
    --------
    >>> other_names("recall"), other_names("f1")
    (('recall', 'true_positive_rate'), ('f1',))
    """
    alike = next((names for names in SYNONYMS if _ALIASES.get(name, name) in names), ())
    return (name, *(other for other in alike if other != name))


def _on_test_rows(where: Mapping[str, str]) -> dict[str, str]:
    return {"split": "test", **where}


def value_of(estimate: Estimate) -> float:
    """Return the value of an estimate that is known to have one; 0 stands in for none."""
    return estimate.value or 0.0


def headline_words(record: AuditRecord, known: Estimates) -> str:
    """Name the score in whose points rules speak: the headline, or the task's own where that has a unit of its own."""
    score = any(estimate.unit in ("proportion", "score", "difference") for estimate in known.of(record.headline))
    if score or record.task != "regression":
        return metric_words(record.headline) if score else "its score"
    return metric_words("r2_score")


class Estimates:
    """The estimates of a record by metric and slice; a slice is on the test rows, where it names no split."""

    def __init__(self, record: AuditRecord) -> None:
        self._by_address: dict[tuple[str, frozenset[tuple[str, str]]], Estimate] = {}
        self._by_metric: dict[str, list[Estimate]] = {}
        self._kept: dict[object, Any] = {}
        for _, estimate in _estimates(record):
            self._by_address.setdefault((estimate.metric, _key(estimate.where)), estimate)
            self._by_metric.setdefault(estimate.metric, []).append(estimate)

    def get(self, name: str, where: Mapping[str, str] | None = None, /) -> Estimate | None:
        """Return an estimate that has a value, or nothing."""
        estimate = self._by_address.get((name, _key(where or {})))
        return estimate if estimate is not None and estimate.value is not None else None

    def of(self, name: str) -> tuple[Estimate, ...]:
        """Return all estimates of a metric, in the order of the record."""
        return tuple(self._by_metric.get(name, ()))

    def levels(self, name: str, feature: str, split: str = "test") -> tuple[Estimate, ...]:
        """Return the estimates of a metric by the levels of one feature alone, each level once."""
        estimates = {
            estimate.where[feature]: estimate
            for estimate in reversed(self._by_metric.get(name, ()))
            if set(estimate.where) - {"split"} == {feature} and estimate.where.get("split", "test") == split
        }
        return tuple(reversed(estimates.values()))

    def alike(self, name: str, where: Mapping[str, str]) -> tuple[Estimate, ...]:
        """Return the estimates of a metric for all groups of the features of an address, each group once.

        Whatever else the address names, such as a class, is the same in all of them.
        """
        return self.once(("alike", name), lambda: self._by_shape(name)).get(self.shape(where), ())

    def _by_shape(self, name: str) -> dict[Shape, tuple[Estimate, ...]]:
        table: dict[Shape, dict[object, Estimate]] = {}
        for estimate in self._by_metric.get(name, ()):
            table.setdefault(self.shape(estimate.where), {}).setdefault(_key(estimate.where), estimate)
        return {shape: tuple(alike.values()) for shape, alike in table.items()}

    @staticmethod
    def shape(where: Mapping[str, str]) -> Shape:
        """Return the features of an address, and its house words with their values."""
        whole = _on_test_rows(where)
        house = frozenset((key, level) for key, level in whole.items() if key in HOUSE_WORDS)
        return frozenset(whole) - HOUSE_WORDS, house

    def once(self, key: object, make: Callable[[], Made]) -> Made:
        """Return what was made for a key, made at its first use: reports ask the same of thousands of verdicts."""
        if key not in self._kept:
            self._kept[key] = make()
        value: Made = self._kept[key]
        return value


def _key(where: Mapping[str, str]) -> frozenset[tuple[str, str]]:
    return frozenset(_on_test_rows(where).items())
