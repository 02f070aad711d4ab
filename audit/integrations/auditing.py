"""``modelassay.run``: audit a fitted estimator from Python."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from audit.argument_types import ColumnName
from audit.config.arguments import (
    Extras,
    Part,
    PolicyChoice,
    as_levels,
    costs_of,
    override_settings,
    parts_of,
    plan_from_arguments,
    plan_of_log,
    roles_given,
    tables_given,
    target_name,
    to_tuple,
)
from audit.config.configuration import TIME_LIMIT
from audit.config.log_arguments import log_given
from audit.config.own_metrics import metrics_from_objects
from audit.config.several_targets import one_target
from audit.costs import Costs
from audit.evidence import Settings
from audit.models.containment import PRINTS, TIMEOUT, Limits, contain
from audit.pipeline import execute
from audit.progress import Progress, silent
from reports.record import AuditRecord, Card, Json, Policy, Task


def run(
    model: object | None = None,
    X: object | None = None,
    y: object | None = None,
    *,
    test: Part | None = None,
    train: Part | None = None,
    log: object | None = None,
    table: str = "",
    spark: str | None = None,
    dask: str | None = None,
    id: ColumnName | None = None,  # noqa: A002 -- its name in [data]
    label_time: ColumnName | None = None,
    version: ColumnName | None = None,
    sensitive: object | None = None,
    target: str = "",
    task: Task | None = None,
    positive: object | None = None,
    favorable: object | None = None,
    order: Iterable[object] = (),
    prediction: ColumnName | None = None,
    score: ColumnName | None = None,
    weight: ColumnName | None = None,
    cluster: ColumnName | None = None,
    time: ColumnName | None = None,
    features: Iterable[str] | None = None,
    drop: Iterable[str] = (),
    drop_missing_target: bool = False,
    missing: Iterable[str] = (),
    output: str = "auto",
    output_column: int | str | None = None,
    classes: Iterable[object] | None = None,
    history: str | Path | Iterable[Mapping[str, object]] | None = None,
    text: Iterable[str] = (),
    number: Iterable[str] = (),
    labels: object | None = None,
    label_files: object | None = None,
    bins: Mapping[str, tuple[float, ...]] | None = None,
    names: Mapping[str, Mapping[object, str]] | None = None,
    monotone: Mapping[str, str] | None = None,
    settings: Settings | None = None,
    level: float | None = None,
    min_n: int | None = None,
    suppress_n: int | None = None,
    depth: int | None = None,
    reference: Mapping[str, object] | None = None,
    headline: str | None = None,
    costs: Costs | Mapping[str, float] | None = None,
    metrics: Mapping[str, object] | None = None,
    policy: Policy | str | Path | None = None,
    select: Iterable[str] = (),
    ignore: Iterable[str] = (),
    override: Iterable[Mapping[str, Json]] = (),
    margin: float | None = None,
    baseline: AuditRecord | str | Path | None = None,
    unpaired: bool = False,
    card: Card | Mapping[str, str] | str | Path | None = None,
    seed: int = 0,
    time_limit: float = TIME_LIMIT,
    timeout: float = TIMEOUT,
    memory: float | None = None,
    quick: bool = False,
    checks: Iterable[str] = (),
    ignore_checks: Iterable[str] = (),
    options: Mapping[str, Mapping[str, Json]] | None = None,
    gather: Mapping[str, Mapping[str, Json]] | None = None,
    fingerprints: Mapping[str, str] | None = None,
    progress: Progress = silent,
) -> AuditRecord:
    """Audit a fitted estimator from Python; every setting of ``audit.toml`` has its name here.

    Parameters
    ----------
    model : object with ``predict``, or the path of a model file that runs no code, optional
        A file is loaded and asked in a process of its own, as from the command line. Without a model, `test` is a
        frame that carries `prediction` or `score` columns. Of a log, the column that says which model answered.
    X, y : array-like of shape (n, features) and (n,), optional
        Features and target of the rows the model is judged on; the same as ``test=(X, y)``.
    test, train : (X, y) or DataFrame
        Rows the model is judged on, and rows it learned from; or a frame that holds the target under the
        name `target`.
    log : path, pattern of paths, or frame, optional
        A prediction log in place of `test`: Parquet or CSV files, a DuckDB file with `table`, a DuckDB relation, or
        a frame of pandas, Polars, PyArrow, Dask or Spark. It is counted where it lies and not kept.
    table, spark, dask, id, label_time, version : str, optional
        Of a log: its table in a DuckDB file or in the Spark session at ``sc://…``, the Dask scheduler (``tcp://…``, or
        ``local``) that counts its Parquet files, the column by which labels that came later meet their rows, the one
        that says when a label became known, and the one that says which version answered.
    sensitive : DataFrame, Series, mapping or list of str, optional
        Sensitive features of the test rows, or a mapping of split to such a frame, or names of columns.
    target : str, optional
        Name of the target column; without it that of `y`, else ``target``.
    task : {"binary", "multiclass", "regression"}, optional
        Needed where the target does not say so itself.
    positive : object, optional
        The positive class of a binary task: what the model detects.
    favorable : object, optional
        The class that is good for the person, such as a loan granted; selection rates count it.
    order : labels, optional
        Several classes from least to most, where they have an order; weighted kappas then exist.
    prediction, score, weight, cluster, time, drop : names of columns, optional
        Of predictions, of scores, of sample weights, of what rows belong together by, of times, and of what
        is not a feature.
    features : names of columns, optional
        What the model reads, in its order; without it what the model names, else all that have no other part.
    drop_missing_target : bool
        Leave out rows without a target; they are refused otherwise.
    missing : words, optional
        That stand for a missing value in any column.
    output, classes, history : what a torch module gives (``logits`` …), labels of its outputs, log of its training
    output_column : int or str, optional
        Which output of a model of several targets is audited, by number from 0 or by name; of a `y` of several
        columns, that one is its target.
    text, number : names of columns, optional
        That hold words although they look like numbers, and the other way round.
    labels : mapping of label to label, optional
        Labels of the table → labels of the model, where they differ; of a log also what `label_files` are.
    label_files : path, pattern of paths, or frame, optional
        Of a log: files, or a frame of the same library, with `id` and target of rows whose label came later.
    bins : mapping of column to edges, optional
        How a numeric sensitive feature is cut into groups.
    names : mapping of column to mapping, optional
        Words for values in reports, such as ``{"SEX": {"1": "men", "2": "women"}}``.
    monotone : mapping of column to {"increasing", "decreasing"}, optional
        Direction in which the score should move when a feature is raised.
    settings : Settings, optional
        In place of `level`, `min_n`, `suppress_n`, `depth`, `reference`, `headline` and `costs`, which change it.
    metrics : mapping of name to function, optional
        Metrics of your own: ``(y_true, y_pred)`` or ``(y_true, y_score)``, with ``sample_weight`` if they count
        weights; a scikit-learn scorer or its name; or ``{"function": f, "better": "lower", "bounds": (0, 1)}``. Classes
        are given as numbers, the positive one as 1.
    policy : Policy or path, optional
        Gates to judge by; the catalogue without one. A file also brings its baseline and its test-set budget.
    select, ignore, override, margin
        Changes to the policy, as in ``[policy]``.
    baseline : AuditRecord or path, optional
        An earlier audit; with `unpaired`, one of other rows.
    card : Card, mapping or path, optional
        The people's words.
    seed : int
        All randomness is derived from it.
    time_limit : float
        Seconds after which no new work begins; what is missing is named in the record.
    timeout, memory : float, optional
        Of the model of a file: seconds for one answer (a fit has ten times as many), and GiB for the whole audit.
    quick : bool
        Whether to stop after the model's answers: facts, performance, groups and fairness, without refits,
        perturbed rows or explanations. The record says what is left out.
    checks, ignore_checks : iterable of str
        Checks to run (all without one) and to leave out.
    options, gather : mapping of mappings, optional
        Options by check (``[checks.options.<name>]``) and by gatherer (``[gather.<name>]``).
    fingerprints : mapping of str to str, optional
        SHA-256 that ``model``, ``train`` or ``test`` must have.
    progress : callable
        Told of long work.

    Returns
    -------
    AuditRecord

    Raises
    ------
    AuditError
        If the audit cannot be run as asked.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.linear_model import LogisticRegression
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = LogisticRegression(max_iter=10_000).fit(X[:300], y[:300])
    >>> record = run(model, X[300:], y[300:], train=(X[:300], y[:300]), checks=["skill"])
    >>> [(verdict.gate, verdict.outcome) for verdict in record.verdicts if verdict.gate == "PERF001"]
    [('PERF001', 'pass')]
    """
    has_column = isinstance(model, str) and (log is not None or spark is not None)
    column, model = (str(model), None) if has_column else (None, model)
    given = log_given(
        log, labels, table=table, spark=spark, dask=dask, id_=id, label_time=label_time, version=version, model=column,
        label_files=label_files, missing=to_tuple(missing),
    )  # fmt: skip
    parts, output_column = one_target(parts_of(X, y, test, train, log=given, model=model), output_column, model)
    roles = roles_given(
        target or target_name(parts, sensitive),
        task=task, positive=positive, favorable=favorable, order=order, names=names, monotone=monotone, bins=bins,
        prediction=prediction, score=score, weight=weight, cluster=cluster, time=time, features=features, drop=drop,
        drop_missing_target=drop_missing_target, text=text, number=number, labels=labels,
    )  # fmt: skip
    stated = {
        "level": level, "min_n": min_n, "suppress_n": suppress_n, "depth": depth, "headline": headline,
        "reference": as_levels(reference), "costs": costs_of(costs), "metrics": metrics_from_objects(metrics) or None,
    }  # fmt: skip
    extras = Extras(
        card=card, seed=seed, time_limit=time_limit, quick=quick, checks=to_tuple(checks), missing=to_tuple(missing),
        output=output, output_column=output_column, classes=None if classes is None else tuple(classes),
        history=history, ignore=to_tuple(ignore_checks), options=options or {}, gather=gather or {},
        fingerprints=fingerprints or {},
    )  # fmt: skip
    settings = override_settings(settings or Settings(), stated)
    choice = PolicyChoice(
        policy=policy, select=to_tuple(select), ignore=to_tuple(ignore), override=tuple(override), margin=margin,
        baseline=baseline, unpaired=unpaired,
    )  # fmt: skip
    if given is not None:
        return execute(plan_of_log(given, roles, sensitive, settings, choice, extras), progress=progress)
    tables = tables_given(parts, roles.target, sensitive)

    def work(tell: Progress) -> AuditRecord:
        plan = plan_from_arguments(model, tables, roles, settings=settings, choice=choice, extras=extras)
        return execute(plan, progress=tell)

    if not isinstance(model, str | Path) or sys.platform == "darwin":  # whose frameworks end a fork of a used process
        return work(progress)
    done = contain(work, limits=Limits(timeout=timeout, memory=memory), bar=lambda: nullcontext(progress))
    record: AuditRecord = done.value
    return replace(record, warnings=(*record.warnings, PRINTS)) if done.printed else record
