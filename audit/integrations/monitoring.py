"""``modelassay.monitor``: watch a prediction log from Python."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from audit.config.arguments import PolicyChoice, card_of, judged_by, override_settings, roles_given, to_tuple
from audit.config.configuration import MonitorTable
from audit.config.log_arguments import data_table, frames_of, log_given
from audit.config.plan import suppression
from audit.errors import ConfigError
from audit.evidence import Settings
from audit.monitoring.watching import Watch, keep, watch
from audit.pipeline import execute
from reports.record import AuditRecord, Card, Json, Policy, Task


def monitor(
    log: object,
    *,
    time: str,
    target: str = "target",
    window: str | int = "month",
    reference: object = 4,
    grow_to: int = 25,
    period: int = 52,
    state: str | Path | None = None,
    prediction: str | None = None,
    score: str | Mapping[str, str] | None = None,
    sensitive: Iterable[str] | str = (),
    features: Iterable[str] = (),
    weight: str | None = None,
    cluster: str | None = None,
    id: str | None = None,  # noqa: A002 -- its name in [data]
    labels: object | None = None,
    label_files: object | None = None,
    label_time: str | None = None,
    version: str | None = None,
    model: str | None = None,
    table: str = "",
    spark: str | None = None,
    dask: str | None = None,
    task: Task | None = None,
    positive: object | None = None,
    favorable: object | None = None,
    order: Iterable[object] = (),
    bins: Mapping[str, tuple[float, ...]] | None = None,
    missing: Iterable[str] = (),
    text: Iterable[str] = (),
    number: Iterable[str] = (),
    names: Mapping[str, Mapping[object, str]] | None = None,
    settings: Settings | None = None,
    policy: Policy | str | Path | None = None,
    select: Iterable[str] = (),
    ignore: Iterable[str] = (),
    override: Iterable[Mapping[str, Json]] = (),
    card: Card | Mapping[str, str] | str | Path | None = None,
    judge_again: bool = False,
    seed: int = 0,
) -> tuple[AuditRecord, ...]:
    """Compare each window of a prediction log with its reference; alarms keep their promise for the whole period.

    Parameters
    ----------
    log, prediction, score, weight, cluster, id, table, spark, dask, labels, label_files, label_time, version
        As for :func:`audit.integrations.auditing.run`.
    model : str, optional
        Column that says which model answered; several may have answered the same requests.
    time : str
        Column by which the log is divided into windows.
    target : str
        Column of the labels.
    window : {"day", "week", "month"} or int
        What a window is, or how many rows it holds.
    reference : int, path, pattern of paths, or frame
        How many of the first windows are the reference, or a log of its own that is, or the ``audit.json`` of an
        earlier audit: then rates of all rows are compared, without groups and scores.
    grow_to : int
        Later windows join a reference of first windows until it has so many, as long as none alarms; 0 for none.
    period : int
        Windows over which the promise of few false alarms is kept.
    state : str or Path, optional
        Folder of records and of what was counted; nothing is kept without one.
    sensitive, features : names of columns
        Groups, and further columns whose drift is watched.
    judge_again : bool
        Judge windows again that the rules of another time have judged; without it they keep those verdicts, and new and
        changed windows and the last one are judged by the rules of now.
    task, positive, favorable, order, bins, missing, text, number, names, settings, policy, select, ignore
        As for :func:`audit.integrations.auditing.run`.
    override, card, seed
        As for :func:`audit.integrations.auditing.run`.

    Returns
    -------
    tuple of AuditRecord
        Of each window after the reference, in order of time.

    Raises
    ------
    AuditError
        If the log cannot be read, or holds no window after the reference.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> generator = np.random.default_rng(0)
    >>> log = pd.DataFrame({"day": pd.date_range("2025-01-01", periods=360), "y": generator.integers(0, 2, 360)})
    >>> log["p"] = np.where(generator.random(360) < 0.9, log["y"], 0)
    >>> records = monitor(log, time="day", target="y", prediction="p", reference=6, positive=1)
    >>> len(records), [verdict.outcome for verdict in records[0].verdicts if verdict.gate == "MON001"][:1]
    (6, ['pass'])
    """
    roles = roles_given(
        target,
        task=task, positive=positive, favorable=favorable, order=order, names=names, sensitive=sensitive,
        features=features, bins=bins, prediction=prediction, score=score, weight=weight, cluster=cluster, time=time,
        text=text, number=number, labels=labels,
    )  # fmt: skip
    given = log_given(
        log, labels, table=table, spark=spark, dask=dask, id_=id, label_time=label_time, version=version, model=model,
        label_files=label_files, missing=to_tuple(missing),
    )  # fmt: skip
    if given is None:
        raise ConfigError("log is None; expected paths or a frame of predictions, or spark and table.")
    gates, terms, _ = judged_by(
        PolicyChoice(policy=policy, select=to_tuple(select), ignore=to_tuple(ignore), override=tuple(override))
    )
    settings = settings or Settings()
    settings = override_settings(settings, {"suppress_n": suppression(settings.suppress_n, terms)})
    work = Watch(
        data=data_table(given, roles, settings),
        folder=Path(),
        settings=settings,
        policy=gates,
        card=card_of(card),
        monitor=replace(MonitorTable(), window=window, grow_to=grow_to, period=period),
        reference=reference,
        state=None if state is None else Path(state),
        judge_again=judge_again,
        seed=seed,
        frames=frames_of(given),
    )
    every = list(watch(work, execute))
    if work.state is not None:
        keep(every, work.state)
    return tuple(watched.record for watched in every)
