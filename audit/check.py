"""A check: one pure function that turns evidence into a measurement.

A check asks for evidence as a pytest test asks for fixtures. Positional parameters name evidence: one
without a default is required, one with ``= None`` is used if it is there. Keyword-only parameters are
options. Its docstring is its documentation and is shown on the card.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from audit.errors import ConfigError, MissingExtra, NotApplicable, hint, quote, quote_all
from audit.evidence import Absence
from audit.evidence.requirements import lacking, require_evidence, requirement_names
from reports.record import Finding, FindingOutcome, Json, Measurement, Task

ALL_TASKS: frozenset[Task] = frozenset({"binary", "multiclass", "regression"})


MOST_COLUMNS = 5_000
"""Columns that are looked at one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A measuring function with what the run needs to know about it; calling it calls the function."""

    id: str
    title: str
    family: str
    tasks: frozenset[Task]
    needs: tuple[str, ...]
    """Evidence without which the check cannot run."""
    wants: tuple[str, ...]
    """Evidence that is used if it is there."""
    options: Mapping[str, Json]
    """Keyword-only parameters with their defaults."""
    revision: int
    references: tuple[str, ...]
    about: str
    measure: Callable[..., Measurement]
    by_column: bool = False
    """Whether it looks at columns one by one, which says nothing about thousands of pixels or time steps."""
    requires: tuple[str, ...] = ()
    """What the evidence must hold for the question to arise, see :data:`audit.evidence.requirements.REQUIREMENTS`."""
    searches: bool = False
    """Whether it searches long; a quick audit leaves it out."""

    def __call__(self, *evidence: object, **options: object) -> Measurement:
        """Measure directly, as a test or a notebook does."""
        names = (*self.needs, *self.wants)
        given = {**dict(zip(names, evidence, strict=False)), **{k: v for k, v in options.items() if k in names}}
        require_evidence(*self.requires, **given)
        return self.measure(*evidence, **options)


def check(
    *,
    title: str,
    family: str,
    tasks: Iterable[Task] = ALL_TASKS,
    references: tuple[str, ...] = (),
    revision: int = 1,
    by_column: bool = False,
    requires: tuple[str, ...] = (),
    searches: bool = False,
) -> Callable[[Callable[..., Measurement]], Check]:
    """Make a :class:`Check` of a function; its needs and options are read from the signature.

    Parameters
    ----------
    title : str
        Heading on the card, a noun.
    family : str
        Section of the card: ``data``, ``performance``, ``groups``, ``fairness`` …
    tasks : iterable of {"binary", "multiclass", "regression"}
        Where the question makes sense; elsewhere the finding is ``not_applicable``.
    references : tuple of str
        Papers or documents that the method comes from.
    revision : int
        Raise it when the same evidence would give other numbers.
    by_column : bool
        Whether it looks at columns one by one; not asked beyond 5,000 of them.
    requires : tuple of str
        What the evidence must hold for the question to arise: ``sensitive``, ``train``, ``test``, ``features`` …, see
        :data:`audit.evidence.requirements.REQUIREMENTS`. Elsewhere the finding is ``not_applicable``.
    searches : bool
        Whether it searches long over rows or features; a quick audit leaves it out.

    Examples
    --------
    >>> @check(title="Rows", family="data")
    ... def rows(predictions, folds=None, *, least=1):
    ...     '''How many rows were there?'''
    ...     return Measurement(summary=f"{len(predictions)} rows")
    >>> rows.id, rows.needs, rows.wants, dict(rows.options)
    ('rows', ('predictions',), ('folds',), {'least': 1})
    >>> rows([1, 2]).summary
    '2 rows'
    """

    def decorate(function: Callable[..., Measurement]) -> Check:
        parameters = inspect.signature(function).parameters.values()
        asked = [p for p in parameters if p.kind is not p.KEYWORD_ONLY]
        return Check(
            id=function.__name__,
            title=title,
            family=family,
            tasks=frozenset(tasks),
            needs=tuple(p.name for p in asked if p.default is p.empty),
            wants=tuple(p.name for p in asked if p.default is not p.empty),
            options={p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY},
            revision=revision,
            references=references,
            about=inspect.getdoc(function) or "",
            measure=function,
            by_column=by_column,
            requires=requirement_names(requires),
            searches=searches,
        )

    return decorate


def run(
    check: Check,
    evidence: Callable[[str], object],
    *,
    task: Task,
    options: Mapping[str, Json] | None = None,
) -> Finding:
    """Run a check on the evidence it names and say what came of it.

    Parameters
    ----------
    check : Check
    evidence : callable
        Name to evidence, or to an :class:`~audit.evidence.predictions.Absence`.
    task : {"binary", "multiclass", "regression"}
    options : mapping, optional
        Options that differ from the check's defaults.

    Returns
    -------
    Finding
        Never raises for what happens inside the check: that becomes the outcome ``error``.

    Raises
    ------
    ConfigError
        If an option is unknown.
    """
    chosen = {**check.options, **_known(check, options or {})}
    started = time.process_time()
    outcome, reason, measurement = _attempt(check, evidence, task, chosen)
    return Finding(
        check=check.id,
        title=check.title,
        family=check.family,
        revision=check.revision,
        outcome=outcome,
        reason=reason,
        measurement=measurement,
        about=check.about,
        references=check.references,
        options=chosen,
        seconds=round(time.process_time() - started, 3),
    )


def _known(check: Check, options: Mapping[str, Json]) -> Mapping[str, Json]:
    for name in options:
        if name not in check.options:
            raise ConfigError(
                f"check {quote(check.id)} has no option {quote(name)}; it has {quote_all(check.options) or 'none'}."
                + hint(name, check.options)
            )
    return options


def _attempt(
    check: Check, evidence: Callable[[str], object], task: Task, options: Mapping[str, Json]
) -> tuple[FindingOutcome, str, Measurement | None]:
    if task not in check.tasks:
        return "not_applicable", f"applies to {' and '.join(sorted(check.tasks))} tasks only (task: {task})", None
    if check.by_column and (width := len(getattr(evidence("dataset"), "features", ()))) > MOST_COLUMNS:
        reason = f"{width:,} columns are too many to examine one by one; at most {MOST_COLUMNS:,} are examined"
        return "not_applicable", reason, None
    if check.by_column and check.family in {"data", "drift"} and getattr(evidence("dataset"), "pictures", False):
        return "not_applicable", "for tables only; a single pixel of an image has no meaning of its own", None
    given = {name: evidence(name) for name in (*check.needs, *check.wants)}
    if absence := _absence(check, given):
        return absence.outcome, absence.reason, None
    arguments = {name: None if isinstance(value, Absence) else value for name, value in given.items()}
    try:
        return "measured", "", check.measure(**arguments, **options)
    except NotApplicable as reason:
        return "not_applicable", str(reason), None
    except MissingExtra as reason:
        return "skipped", str(reason), None
    except Exception as error:  # a check that breaks must not take the audit with it
        return "error", f"{type(error).__name__}: {str(error)[:500]}", None


def _absence(check: Check, given: Mapping[str, object]) -> Absence | None:
    """Return why a check cannot ask its question of the evidence, or ``None``."""
    for name in check.needs:
        if isinstance(value := given[name], Absence):
            return value
    reason = lacking(check.requires, given)
    return Absence(outcome="not_applicable", reason=reason) if reason else None
