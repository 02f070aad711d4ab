"""The way through the house: gather what the checks ask for, check, judge, record."""

from __future__ import annotations

import datetime
import os
import platform
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from importlib.metadata import PackageNotFoundError, version

import numpy as np
import pandas as pd

from audit.check import Check
from audit.check import run as run_check
from audit.checks import discover
from audit.costs import Costs
from audit.data.dataset import Dataset, Roles, build
from audit.data.tables import frame_sha256
from audit.errors import ConfigError, DataError, hint, listed, shown
from audit.evidence import Settings
from audit.gather import Context, check_options
from audit.judging import gate
from audit.models.load import Model, wrap
from audit.policy.read import default_policy
from audit.progress import Progress, silent
from reports.record import (
    AuditRecord,
    Card,
    DataInfo,
    Environment,
    Finding,
    GroupInfo,
    Json,
    ModelInfo,
    Pairing,
    Policy,
    SplitInfo,
    Task,
)

Table = tuple[object, object]
PACKAGES = ("numpy", "scipy", "pandas", "scikit-learn", "torch", "shap", "lime", "fairlearn", "skops", "duckdb")


def audit(
    model: Model | None,
    dataset: Dataset,
    *,
    settings: Settings | None = None,
    policy: Policy | None = None,
    card: Card | None = None,
    seed: int = 0,
    checks: Iterable[str] = (),
    ignore: Iterable[str] = (),
    options: Mapping[str, Mapping[str, Json]] | None = None,
    gather: Mapping[str, Mapping[str, Json]] | None = None,
    config: Mapping[str, Json] | None = None,
    given: Mapping[str, object] | None = None,
    progress: Progress = silent,
) -> AuditRecord:
    """Audit a model on a data set.

    Parameters
    ----------
    model : Model, optional
        Without one the data set carries predictions or scores.
    dataset : Dataset
    settings : Settings, optional
        Level of intervals, least rows, reference groups.
    policy : Policy, optional
        Gates to judge by; the default catalogue without one.
    card : Card, optional
        The people's words.
    seed : int
        All randomness is derived from it.
    checks, ignore : iterable of str
        Ids of checks to run (all without one) and to leave out.
    options, gather : mapping, optional
        Options by check, and by kind of evidence.
    config : mapping, optional
        What was configured, for the record.
    given : mapping, optional
        Evidence at hand, by name, that need not be gathered.
    progress : callable
        Told of long work.

    Returns
    -------
    AuditRecord

    Raises
    ------
    AuditError
        If the audit cannot be run as asked; what fails within a check becomes a finding.
    """
    chosen = _chosen(checks, ignore, options or {})
    check_options(gather or {})
    _require_binary_for_costs(settings, dataset)
    if model is not None:
        dataset = dataset.for_model(model.feature_names, model.feature_count)
    info = model.info if model is not None else ModelInfo(name="predictions", kind="predictions only", format="none")
    context = Context(
        model=model,
        dataset=dataset,
        settings=settings or Settings(),
        seed=seed,
        options=gather or {},
        progress=progress,
    )
    context.collected.update({"dataset": dataset, "artifact": info, "card": card or Card(), **(given or {})})
    context.need("predictions")
    findings = []
    for done, one in enumerate(chosen):
        progress("checking", done, len(chosen))
        findings.append(_timeless(run_check(one, context, task=dataset.task, options=(options or {}).get(one.id))))
    progress("checking", len(chosen), len(chosen))
    record = AuditRecord(
        tool=f"modelassay {_version('modelassay')}",
        created=_now(),
        seed=seed,
        task=dataset.task,
        model=info,
        data=_data_info(dataset, context.settings),
        environment=_environment(),
        headline=context.need("predictions").headline,  # type: ignore[attr-defined]
        config=_stated(config or {}, context.settings, seed),
        findings=tuple(findings),
        card=card or Card(),
        warnings=(*(model.warnings if model else ()), *context.warnings),
        pairing=_pairing(context),
    )
    return gate.judge(record, policy or default_policy())


def run(
    model: object | None = None,
    *,
    test: Table | pd.DataFrame,
    train: Table | pd.DataFrame | None = None,
    sensitive: object | None = None,
    target: str = "target",
    task: Task | None = None,
    positive: object | None = None,
    policy: Policy | None = None,
    card: Card | None = None,
    seed: int = 0,
    checks: Iterable[str] = (),
    settings: Settings | None = None,
    costs: Costs | Mapping[str, float] | None = None,
    bins: Mapping[str, tuple[float, ...]] | None = None,
    prediction: str | None = None,
    score: str | None = None,
    weight: str | None = None,
    cluster: str | None = None,
    time: str | None = None,
    drop: Iterable[str] = (),
    options: Mapping[str, Mapping[str, Json]] | None = None,
    gather: Mapping[str, Mapping[str, Json]] | None = None,
    progress: Progress = silent,
) -> AuditRecord:
    """Audit a fitted estimator from Python.

    Parameters
    ----------
    model : object with ``predict``, or a `Model` from a file, optional
        Without one, `test` is a frame that carries `prediction` or `score` columns.
    test, train : (X, y) or DataFrame
        Features and target of the rows the model is judged on, and of those it learned from; or a frame
        that holds the target under the name `target`.
    sensitive : DataFrame, Series, mapping or list of str, optional
        Sensitive features of the test rows, or a mapping of split to such a frame, or names of columns.
    target : str
        Name of the target column.
    task : {"binary", "multiclass", "regression"}, optional
        Needed where the target does not say so itself.
    positive : object, optional
        The positive class of a binary task.
    costs : Costs or mapping, optional
        What a ``false_positive``, ``false_negative``, ``true_positive`` and ``true_negative`` cost, as ``[costs]``.
    weight, cluster, time, drop : names of columns, optional
        Of sample weights, of what rows belong together by, of times, and of what is no feature.
    options, gather : mapping of mappings, optional
        Options by check (``[checks.<name>]``) and by gatherer (``[gather.<name>]``).
    policy, card, seed, checks, settings, bins, prediction, score, progress
        As in ``audit.toml``.

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
    >>> record = run(model, train=(X[:300], y[:300]), test=(X[300:], y[300:]), checks=["skill"])
    >>> [(verdict.gate, verdict.outcome) for verdict in record.verdicts if verdict.gate == "PERF001"]
    [('PERF001', 'pass')]
    """
    parts = {"train": train, "test": test} if train is not None else {"test": test}
    frames = {name: _frame(part, target) for name, part in parts.items()}
    apart, names = _sensitive(sensitive, frames)
    roles = Roles(
        target=target,
        task=task,
        positive=positive,  # type: ignore[arg-type]
        sensitive=names,
        bins=bins or {},
        prediction=prediction,
        score=score,
        weight=weight,
        cluster=cluster,
        time=time,
        drop=tuple(drop),
    )
    infos = {name: SplitInfo(name=name, rows=len(frame), sha256=frame_sha256(frame)) for name, frame in frames.items()}
    dataset = build(frames, roles, sensitive_frames=apart, infos=infos)
    return audit(
        model if model is None or isinstance(model, Model) else wrap(model),
        dataset,
        settings=_with_costs(settings, costs),
        policy=policy,
        card=card,
        seed=seed,
        checks=checks,
        options=options,
        gather=gather,
        progress=progress,
    )


def _stated(config: Mapping[str, Json], settings: Settings, seed: int) -> dict[str, Json]:
    """Return what was configured, with what holds for the whole audit, which a later judgement goes by."""
    asked: dict[str, Json] = {name: getattr(settings, name) for name in ("level", "min_n", "suppress_n", "depth")}
    return {"audit": {"seed": seed, **asked}, **config}


def _require_binary_for_costs(settings: Settings | None, dataset: Dataset) -> None:
    if settings is not None and settings.costs is not None and dataset.task != "binary":
        raise ConfigError(f"[costs] speaks of the decisions of a binary task; this task is {dataset.task}.")


def _with_costs(settings: Settings | None, costs: Costs | Mapping[str, float] | None) -> Settings | None:
    """Put costs given apart beside the other settings."""
    if costs is None:
        return settings
    if isinstance(costs, Mapping):
        known = [one.name for one in fields(Costs)]
        for name in costs:
            if name not in known:
                raise ConfigError(f"costs has {shown(name)}; it knows {listed(known)}.{hint(name, known)}")
        for name in ("false_positive", "false_negative"):
            if name not in costs:
                raise ConfigError(
                    f"costs does not say what a {name} costs; it needs false_positive and false_negative."
                )
        costs = Costs(**costs)
    return replace(settings or Settings(), costs=costs)


def _pairing(context: Context) -> Pairing | None:
    """Keep what a later audit of the same rows needs to be compared with this one, where it can be had."""
    found = context("pairing")
    return found if isinstance(found, Pairing) else None


def _chosen(select: Iterable[str], ignore: Iterable[str], options: Mapping[str, Mapping[str, Json]]) -> list[Check]:
    found = discover()
    wanted, unwanted = list(select), set(ignore)
    for name in (*wanted, *unwanted, *options):
        if name not in found:
            raise ConfigError(
                f"no check is called {shown(name)}; there are {listed(sorted(found), limit=60)}.{hint(name, found)}"
            )
    return [one for name, one in found.items() if (not wanted or name in wanted) and name not in unwanted]


def _frame(part: Table | pd.DataFrame, target: str) -> pd.DataFrame:
    """Put features and target of one split into one frame."""
    if isinstance(part, pd.DataFrame):
        return part.reset_index(drop=True)
    if not isinstance(part, tuple) or len(part) != 2:
        raise DataError(f"a split is given as {shown(type(part).__name__)}; expected (X, y) or a DataFrame.")
    X, y = part
    if isinstance(X, pd.DataFrame):
        frame = X.reset_index(drop=True)
    else:
        values = np.asarray(X)
        if values.ndim != 2:
            raise DataError(f"X has {values.ndim} dimensions; expected rows and columns.")
        frame = pd.DataFrame(values, columns=[f"x{place}" for place in range(values.shape[1])])
    if target in frame.columns:
        raise DataError(f"X has a column {shown(target)}, the name of the target; name the target otherwise.")
    labels = np.asarray(y)
    if labels.ndim != 1 or len(labels) != len(frame):
        raise DataError(f"y has shape {labels.shape}; expected one value for each of the {len(frame)} rows of X.")
    return pd.concat([frame, pd.Series(labels, name=target)], axis=1)


def _sensitive(
    given: object | None, frames: Mapping[str, pd.DataFrame]
) -> tuple[dict[str, pd.DataFrame], tuple[str, ...]]:
    """Sort out columns of the tables from columns that come apart."""
    if given is None:
        return {}, ()
    if isinstance(given, str):
        return {}, (given,)
    if (
        isinstance(given, list | tuple)
        and all(isinstance(one, str) for one in given)
        and len(given) != len(frames["test"])
    ):
        return {}, tuple(str(one) for one in given)
    if isinstance(given, Mapping) and set(given) <= set(frames):
        apart = {name: pd.DataFrame(part).reset_index(drop=True) for name, part in given.items()}
    elif isinstance(given, pd.Series):
        apart = {"test": given.rename(str(given.name or "group")).to_frame().reset_index(drop=True)}
    elif isinstance(given, pd.DataFrame | Mapping):
        apart = {"test": pd.DataFrame(given).reset_index(drop=True)}
    else:
        apart = {"test": pd.DataFrame({"group": np.asarray(given)})}
    for frame in apart.values():
        frame.columns = [str(name) for name in frame.columns]
    return apart, tuple(dict.fromkeys(name for frame in apart.values() for name in frame.columns))


def _timeless(finding: Finding) -> Finding:
    """Leave out how long a check took where a build is to be the same byte for byte."""
    return replace(finding, seconds=0.0) if "SOURCE_DATE_EPOCH" in os.environ else finding


def _now() -> str:
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    stamp = float(epoch) if epoch.isdigit() else time.time()
    return datetime.datetime.fromtimestamp(int(stamp), tz=datetime.UTC).isoformat()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _environment() -> Environment:
    installed = {name: found for name in PACKAGES if (found := _version(name))}
    return Environment(
        python=".".join(map(str, sys.version_info[:3])),
        platform=f"{platform.system()} {platform.machine()}",
        packages=installed,
    )


def _data_info(dataset: Dataset, settings: Settings) -> DataInfo:
    roles, test = dataset.roles, dataset.split.mask("test")
    groups, missing = [], {}
    for feature, factor in dataset.sensitive.items():
        here = factor.take(test)
        for level, count in zip(here.levels, here.counts(), strict=True):
            hidden = 0 < count < settings.suppress_n
            groups.append(GroupInfo(feature=feature, level=level, rows=None if hidden else int(count)))
        without = int((here.codes < 0).sum())
        missing[feature] = None if 0 < without < settings.suppress_n else without
    return DataInfo(
        target=roles.target,
        positive=dataset.classes[1] if dataset.task == "binary" else "",
        classes=dataset.classes,
        splits=dataset.splits,
        features=dataset.feature_infos(),
        sensitive=tuple(dataset.sensitive),
        groups=tuple(groups),
        missing_sensitive=missing,
        weight=roles.weight or "",
        cluster=roles.cluster or "",
        time=roles.time or "",
    )
