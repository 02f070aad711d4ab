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
_SAME = {
    "recall": ("true_positive_rate",),
    "sensitivity": ("recall", "true_positive_rate"),
    "true_positive_rate": ("recall",),
    "specificity": ("true_negative_rate",),
    "true_negative_rate": ("specificity",),
}
"""Other names under which a record may hold the same number."""
_FIELDS = ("value", "low", "high", "level", "method", "n", "unit", "reason")


def metric(record: AuditRecord, name: str, where: Mapping[str, str]) -> Estimate:
    """Return the estimate of a metric on a slice; the test rows, where no split is named.

    Raises
    ------
    LookupError
        If the record holds no such metric, or not on this slice; the text names the nearest.
    """
    names = other_names(name)
    alike = [one for _, one in _estimates(record) if one.metric in names]
    wanted = _on_test_rows(where)
    for one in alike:
        if _on_test_rows(one.where) == wanted:
            return one
    if alike:
        there = list(dict.fromkeys(one.address for one in alike))
        near = nearest(address(where), there, most=4, cutoff=0.3) or there[:4]
        raise LookupError(f"metric {name!r} has no estimate for {address(where)}; it has {'; '.join(near)}")
    known = sorted({one.metric for _, one in _estimates(record)})
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
    found = list(_estimates(record))
    keys = list(dict.fromkeys(key for _, one in found for key in sorted(one.where)))
    columns: dict[str, list[object]] = {
        "check": [finding.check for finding, _ in found],
        "metric": [one.metric for _, one in found],
        "address": [one.address for _, one in found],
    }
    taken = {*columns, *_FIELDS}
    for key in keys:
        name = f"{key} (column)" if key in taken else key
        columns[name] = [one.where.get(key) for _, one in found]
    for field in _FIELDS:
        columns[field] = [getattr(one, field) for _, one in found]
    try:
        return importlib.import_module(library).DataFrame(columns)
    except ModuleNotFoundError as fault:
        raise ModuleNotFoundError(f"{library} is not installed: pip install {library}", name=library) from fault


def _estimates(record: AuditRecord) -> Iterator[tuple[Finding, Estimate]]:
    for finding in record.findings:
        if finding.measurement is not None:
            for one in finding.measurement.estimates:
                yield finding, one


def other_names(name: str) -> tuple[str, ...]:
    """Return a metric's name and those under which a record may hold the same number.

    Examples
    --------
    >>> other_names("recall"), other_names("f1")
    (('recall', 'true_positive_rate'), ('f1',))
    """
    return (name, *_SAME.get(name, ()))


def _on_test_rows(where: Mapping[str, str]) -> dict[str, str]:
    return {"split": "test", **where}


def value_of(one: Estimate) -> float:
    """Return the value of an estimate that is known to have one; 0 stands in for none."""
    return one.value or 0.0


def headline_words(record: AuditRecord, known: Estimates) -> str:
    """Name the score in whose points rules speak: the headline, or the task's own where that has a unit of its own."""
    score = any(one.unit in ("proportion", "score", "difference") for one in known.of(record.headline))
    if score or record.task != "regression":
        return metric_words(record.headline) if score else "its score"
    return metric_words("r2_score")


class Estimates:
    """The estimates of a record by metric and slice; a slice is on the test rows, where it names no split."""

    def __init__(self, record: AuditRecord) -> None:
        self._by_address: dict[tuple[str, frozenset[tuple[str, str]]], Estimate] = {}
        self._by_metric: dict[str, list[Estimate]] = {}
        self._kept: dict[object, Any] = {}
        for _, one in _estimates(record):
            self._by_address.setdefault((one.metric, _key(one.where)), one)
            self._by_metric.setdefault(one.metric, []).append(one)

    def get(self, name: str, where: Mapping[str, str] | None = None, /) -> Estimate | None:
        """Return an estimate that has a value, or nothing."""
        found = self._by_address.get((name, _key(where or {})))
        return found if found is not None and found.value is not None else None

    def of(self, name: str) -> tuple[Estimate, ...]:
        """Return all estimates of a metric, in the order of the record."""
        return tuple(self._by_metric.get(name, ()))

    def levels(self, name: str, feature: str, split: str = "test") -> tuple[Estimate, ...]:
        """Return the estimates of a metric by the levels of one feature alone, each level once."""
        found = {
            one.where[feature]: one
            for one in reversed(self._by_metric.get(name, ()))
            if set(one.where) - {"split"} == {feature} and one.where.get("split", "test") == split
        }
        return tuple(reversed(found.values()))

    def alike(self, name: str, where: Mapping[str, str]) -> tuple[Estimate, ...]:
        """Return the estimates of a metric for all groups of the features of an address, each group once.

        Whatever else the address names, such as a class, is the same in all of them.
        """
        return self.once(("alike", name), lambda: self._by_shape(name)).get(self.shape(where), ())

    def _by_shape(self, name: str) -> dict[Shape, tuple[Estimate, ...]]:
        found: dict[Shape, dict[object, Estimate]] = {}
        for one in self._by_metric.get(name, ()):
            found.setdefault(self.shape(one.where), {}).setdefault(_key(one.where), one)
        return {shape: tuple(alike.values()) for shape, alike in found.items()}

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
        made: Made = self._kept[key]
        return made


def _key(where: Mapping[str, str]) -> frozenset[tuple[str, str]]:
    return frozenset(_on_test_rows(where).items())
