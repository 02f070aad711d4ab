"""A :class:`~audit.config.plan.RunPlan` from Python objects: every setting of ``audit.toml`` under the same name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import pandas as pd

from audit.comparing.baseline import load_baseline
from audit.config.configuration import TIME_LIMIT, read_card
from audit.config.log_arguments import LogGiven, data_table, frames_of, names_of, relabelling
from audit.config.logs import load_log
from audit.config.own_metrics import describe_code
from audit.config.plan import RunPlan, current, require_fitting, suppression
from audit.costs import Costs
from audit.data.columns import label_text
from audit.data.dataset import Dataset, Roles, build
from audit.data.frames import sensitive_frames, split_frame
from audit.data.reading import without_words
from audit.data.tables import frame_sha256
from audit.errors import ConfigError, DataError, hint, quote, quote_all
from audit.evidence import Settings
from audit.evidence.history import read_history
from audit.models.load import Model, with_output, wrap
from audit.models.load import load as load_model
from audit.models.objects import estimator_kind
from audit.policy.read import (
    Terms,
    default_policy,
    overridden,
    read_policy_and_terms,
    select_gates,
    with_margin,
)
from reports.record import AuditRecord, Card, Json, Policy, SplitInfo, Task

Part = object
"""(X, y), or a frame of any library that holds the target, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyChoice:
    """What is judged by: a policy and changes to it, as in ``[policy]``."""

    policy: Policy | str | Path | None = None
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    override: tuple[Mapping[str, Json], ...] = ()
    margin: float | None = None
    baseline: AuditRecord | str | Path | None = None
    unpaired: bool = False
    """Accept a baseline measured on other rows, as an independent sample."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extras:
    """What else a run may be given."""

    card: Card | Mapping[str, str] | str | Path | None = None
    seed: int = 0
    time_limit: float = TIME_LIMIT
    quick: bool = False
    checks: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    options: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    gather: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    """Words that stand for a missing value."""
    output: str = "auto"
    """What a torch module gives."""
    classes: tuple[object, ...] | None = None
    """Labels in the order of its outputs."""
    output_column: int | str | None = None
    """Which output of a model of several is audited."""
    history: str | Path | Iterable[Mapping[str, object]] | None = None
    """Log of the training."""
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 that ``model``, ``train`` or ``test`` must have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TablesGiven:
    """Rows that were given from Python, as frames."""

    frames: Mapping[str, pd.DataFrame]
    """By split, with the target."""
    apart: Mapping[str, pd.DataFrame]
    """Sensitive features that are not among the columns."""
    sensitive: tuple[str, ...]
    row_shape: tuple[int, ...] = ()
    """Shape of a row of an array of more than two dimensions."""


def tables_given(parts: Mapping[str, Part], target: str, sensitive: object | None = None) -> TablesGiven:
    """Read the rows of each split, from any library's frames and arrays.

    Parameters
    ----------
    parts : mapping of split to (X, y) or DataFrame
    target : str
    sensitive : DataFrame, Series, mapping or list of str, optional

    Raises
    ------
    DataError
        If something cannot be read as a table.

    Examples
    --------
    >>> tables_given({"test": ([[1], [2]], [0, 1])}, "y").frames["test"].columns.tolist()
    ['x0', 'y']
    """
    given = {name: split_frame(part, target, name) for name, part in parts.items()}
    frames = {name: frame for name, (frame, _) in given.items()}
    apart, names = sensitive_frames(sensitive, frames, {name: index for name, (_, index) in given.items()})
    return TablesGiven(frames=frames, apart=apart, sensitive=names, row_shape=_row_shape(parts))


def plan_from_arguments(
    model: object | None,
    given: TablesGiven,
    roles: Roles,
    *,
    settings: Settings | None = None,
    choice: PolicyChoice | None = None,
    extras: Extras | None = None,
) -> RunPlan:
    """Build the plan of an audit from objects at hand.

    Parameters
    ----------
    model : object with ``predict``, a `Model`, or the path of a file that runs no code, optional
    given : TablesGiven
    roles : Roles
        What the columns are; ``sensitive`` is completed from `given`.
    settings : Settings, optional
    choice : PolicyChoice, optional
    extras : Extras, optional

    Raises
    ------
    AuditError
        If something cannot be read as what it should be.
    """
    extras = extras or Extras()
    frames = given.frames
    infos = {name: SplitInfo(name=name, rows=len(frame), sha256=frame_sha256(frame)) for name, frame in frames.items()}
    tables = without_words(frames, extras.missing)
    wrapped = _model(model)
    roles = replace(roles, sensitive=given.sensitive, task=roles.task or _task_of(wrapped, tables.frames, roles.target))
    dataset = build(tables.frames, roles, sensitive_frames=given.apart, infos=infos, tables=tables)
    if wrapped is not None:
        wrapped = with_output(
            wrapped,
            output=extras.output,
            classes=extras.classes,
            shape=given.row_shape,
            column=extras.output_column,
            target=roles.target,
        )
    policy, terms, baseline = judged_by(choice or PolicyChoice())
    settings = settings or Settings()
    settings = replace(settings, suppress_n=suppression(settings.suppress_n, terms))
    return _plan(dataset, wrapped, settings, (policy, terms, baseline), extras)


def _model(given: object | None) -> Model | None:
    """Return a model that was given as an object, or by the name of its file."""
    if given is None or isinstance(given, Model):
        return given
    return load_model(Path(given)) if isinstance(given, str | Path) else wrap(given)


def _plan(
    dataset: Dataset,
    model: Model | None,
    settings: Settings,
    judged: tuple[Policy, Terms, AuditRecord | None],
    extras: Extras,
    evidence: Mapping[str, object] | None = None,
) -> RunPlan:
    policy, terms, baseline = judged
    if baseline is not None:
        require_fitting(dataset, baseline, terms, model)
    infos = {split.name: split for split in dataset.splits}
    return RunPlan(
        dataset=dataset,
        model=model,
        settings=settings,
        policy=policy,
        terms=terms,
        card=card_of(extras.card),
        seed=extras.seed,
        time_limit=extras.time_limit,
        quick=extras.quick,
        checks=extras.checks,
        ignore=extras.ignore,
        options=extras.options,
        gather=extras.gather,
        config={"metrics": describe_code(settings.metrics)} if settings.metrics else {},
        baseline=baseline,
        fingerprints=_fingerprints(extras.fingerprints, infos, model),
        evidence={
            **(evidence or {}),
            **({} if extras.history is None else {"history": read_history(extras.history)}),
        },
    )


def plan_of_log(
    given: LogGiven, roles: Roles, sensitive: object | None, settings: Settings, choice: PolicyChoice, extras: Extras
) -> RunPlan:
    """Build the plan of an audit of a prediction log, which is counted where it lies.

    Raises
    ------
    AuditError
        If something cannot be read as what it should be.
    """
    roles = replace(roles, sensitive=names_of(sensitive))
    policy, terms, baseline = judged_by(choice)
    settings = replace(settings, suppress_n=suppression(settings.suppress_n, terms))
    log = load_log(data_table(given, roles, settings), settings, Path(), frames_of(given))
    return _plan(log.dataset, None, settings, (policy, terms, baseline), extras, log.evidence)


def _task_of(model: Model | None, frames: Mapping[str, pd.DataFrame], target: str) -> Task | None:
    """Return the task of a scikit-learn estimator; nothing where the target itself has to say it."""
    kind = estimator_kind(model)
    if kind == "regressor":
        return "regression"
    known = [frame[target] for frame in frames.values() if target in frame.columns]
    if kind == "classifier" and known and pd.concat(known).nunique() > 2:
        return "multiclass"
    return None


def _row_shape(parts: Mapping[str, Part]) -> tuple[int, ...]:
    """Return the shape of a row where rows are given as an array of more than two dimensions."""
    for part in parts.values():
        if isinstance(part, tuple) and part and len(getattr(part[0], "shape", ())) > 2:
            return tuple(int(size) for size in part[0].shape[1:])
    return ()


def judged_by(choice: PolicyChoice) -> tuple[Policy, Terms, AuditRecord | None]:
    """Read what is judged by, and the record that is compared with.

    Raises
    ------
    PolicyError, ConfigError
        If policy or baseline cannot be read.
    """
    terms = Terms()
    if choice.policy is None:
        policy = default_policy()
    elif isinstance(choice.policy, Policy):
        policy = choice.policy
    else:
        policy, terms = read_policy_and_terms(Path(choice.policy))
    if choice.margin is not None:
        policy = with_margin(policy, choice.margin)
    policy = overridden(policy, list(choice.override), "override")
    policy = current(select_gates(policy, select=choice.select, ignore=choice.ignore))
    if choice.unpaired:
        terms = replace(terms, on_data_change="unpaired")
    if isinstance(choice.baseline, AuditRecord):
        return policy, terms, choice.baseline
    if choice.baseline is not None:
        terms = replace(terms, baseline=Path(choice.baseline), on_missing="error")
    return policy, terms, load_baseline(terms)[0]


def card_of(card: Card | Mapping[str, str] | str | Path | None) -> Card:
    """Return the people's words, from a file or a mapping of section to text.

    Raises
    ------
    ConfigError
        For a section that the card does not have.

    Examples
    --------
    >>> card_of({"owner": "credit team"}).owner
    'credit team'
    """
    if card is None or isinstance(card, Card):
        return card or Card()
    if isinstance(card, str | Path):
        return read_card(Path(card))
    known = tuple(Card.__dataclass_fields__)
    for name in card:
        if name not in known:
            raise ConfigError(
                f"card has no section {quote(name)}; it has {quote_all(known, limit=30)}.{hint(name, known)}"
            )
    return Card(**card)


def costs_of(costs: Costs | Mapping[str, float] | None) -> Costs | None:
    """Return the costs of decisions, from a mapping as ``[costs]`` has it.

    Raises
    ------
    ConfigError
        For an unknown kind of decision, or a missing one.

    Examples
    --------
    >>> costs_of({"false_positive": 1, "false_negative": 5}).false_negative
    5
    """
    if costs is None or isinstance(costs, Costs):
        return costs
    known = [field.name for field in fields(Costs)]
    for name in costs:
        if name not in known:
            raise ConfigError(f"costs has no key {quote(name)}; it has {quote_all(known)}.{hint(name, known)}")
    for name in ("false_positive", "false_negative"):
        if name not in costs:
            raise ConfigError(f"costs lacks {quote(name)}; it needs false_positive and false_negative.")
    return Costs(**costs)


def override_settings(settings: Settings, stated: Mapping[str, object]) -> Settings:
    """Return the settings with what was stated apart, as far as it was."""
    return replace(settings, **{name: value for name, value in stated.items() if value is not None})  # type: ignore[arg-type]


def parts_of(
    X: object | None,
    y: object | None,
    test: Part | None,
    train: Part | None,
    *,
    log: object | None = None,
    model: object | None = None,
) -> dict[str, Part]:
    """Return the splits by name; test rows are given once, as `X` and `y` or as `test`, or not at all with a log."""
    if log is not None:
        if model is not None:
            raise DataError("a model is given beside a log, which holds its answers: leave out one of them.")
        if any(value is not None for value in (X, y, test, train)):
            raise DataError("rows are given beside a log: the log holds them; leave X, y, test and train out.")
        return {}
    if test is not None and (X is not None or y is not None):
        raise DataError("test rows are given twice: give X and y, or test, not both.")
    if test is None:
        if X is None:
            raise DataError("no test rows: give X and y, or test=(X, y), or test=frame with the target in it.")
        test = X if y is None and hasattr(X, "columns") else (X, y)
    if isinstance(test, tuple) and test[1] is None:
        raise DataError("X is given without y: expected the targets of the test rows as y.")
    return {"test": test} if train is None else {"train": train, "test": test}


def target_name(parts: Mapping[str, Part], sensitive: object | None = None) -> str:
    """Return the name that the targets of the test rows bring along, where no column has it; else ``target``.

    Examples
    --------
    >>> target_name({"test": (pd.DataFrame({"x": [1]}), pd.Series([0], name="loan"))})
    'loan'
    >>> target_name({"test": ([[1]], [0])})
    'target'
    """
    test = parts.get("test")
    pair = test if isinstance(test, tuple) else (None, None)
    name, taken = getattr(pair[1], "name", None), [*getattr(pair[0], "columns", ()), *getattr(sensitive, "columns", ())]
    taken += [*sensitive] if isinstance(sensitive, Mapping) else [getattr(sensitive, "name", None)]
    return name if isinstance(name, str) and name and name not in taken else "target"


def roles_given(target: str, **stated: object) -> Roles:
    """Return the roles of columns as the functions of Python are given them; ``None`` states nothing.

    Examples
    --------
    >>> roles = roles_given("paid", features=["age", "income"], text="zip", order=None, names={"sex": {1: "men"}})
    >>> roles.features, roles.text, roles.order, roles.names
    (('age', 'income'), ('zip',), (), {'sex': {'1': 'men'}})
    """
    known = {name: value for name, value in stated.items() if value is not None}
    plain = {name: _FORMS[name](value) if name in _FORMS else value for name, value in known.items()}
    return Roles(target=target, **plain)  # type: ignore[arg-type]


def by_label(words: Mapping[str, Mapping[object, str]] | None) -> dict[str, dict[str, str]]:
    """Return words for the values of columns, each value as reports write it.

    Examples
    --------
    >>> by_label({"sex": {1: "men", "2": "women"}})
    {'sex': {'1': 'men', '2': 'women'}}
    """
    return {
        column: {label_text(value): word for value, word in named.items()} for column, named in (words or {}).items()
    }


def as_levels(reference: Mapping[str, object] | None) -> dict[str, str] | None:
    """Return the level that each column is compared with, as reports write it.

    Examples
    --------
    >>> as_levels({"sex": 1})
    {'sex': '1'}
    """
    return None if reference is None else {column: label_text(level) for column, level in reference.items()}


def to_tuple(given: Iterable[str] | str | None) -> tuple[str, ...]:
    """Return names as a tuple; a single name stands for itself."""
    return () if given is None else (given,) if isinstance(given, str) else tuple(given)


_FORMS: Mapping[str, Callable[..., object]] = {
    "order": tuple, "names": by_label, "labels": relabelling, "sensitive": names_of,
    "features": to_tuple, "drop": to_tuple, "text": to_tuple, "number": to_tuple,
}  # fmt: skip
"""What makes of a role as it is given what :class:`Roles` holds."""


def _fingerprints(
    stated: Mapping[str, str], infos: Mapping[str, SplitInfo], model: Model | None
) -> dict[str, tuple[str, str]]:
    measured = {name: info.sha256 for name, info in infos.items()} | {"model": model.info.sha256 if model else ""}
    for name in stated:
        if name not in measured:
            raise ConfigError(
                f"fingerprints names {quote(name)}; expected {quote_all(measured)}.{hint(name, measured)}"
            )
    return {name: (text, measured[name]) for name, text in stated.items()}
