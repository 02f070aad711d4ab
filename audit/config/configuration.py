"""``audit.toml``: what to audit, read strictly."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal

from pydantic import JsonValue

from audit.config.model_table import ModelTable
from audit.config.own_metrics import MetricTable, metrics_from_tables
from audit.costs import Costs
from audit.errors import ConfigError, hint, quote, quote_all
from audit.evidence import Settings
from audit.models.containment import Limits
from audit.models.exchange import require_plain_address
from audit.policy.read import Terms, default_policy, overridden, read_policy_and_terms, select_gates, with_margin
from audit.toml_files import read_toml, validate
from reports.record import Card, Json, ModelInfo, Policy, SplitInfo, Task

FORBID = {"extra": "forbid"}
TIME_LIMIT = 3600.0
SHAPES = {"image": ("channels", "height", "width"), "sequence": ("steps", "channels")}
"""What the numbers of ``[data] shape`` are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvTable:
    """``[data.csv]``: how delimited files are written, where that is not the usual way."""

    __pydantic_config__ = FORBID

    separator: str = ""
    """Between values; a comma without one, a tab in ``.tsv``."""
    decimal: Literal["", ".", ","] = ""
    thousands: Literal["", ".", ",", " ", "'"] = ""
    """Between every three digits; nothing without one."""
    encoding: str = ""
    """UTF-8 without one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataTable:
    """``[data]``: `test` (and `train`), or one `path` with `split` or `test_size`, or a prediction `log`."""

    __pydantic_config__ = FORBID

    target: str
    train: str | None = None
    validation: str | None = None
    """Rows that a mitigation chooses on; an audit does not read them."""
    test: str | None = None
    path: str | None = None
    log: str | None = None
    """Files of a prediction log (a pattern), or a DuckDB file with `table`; counted, not kept."""
    spark: str | None = None
    """Address of a Spark session (``sc://host``) whose `table` is the log."""
    dask: str | None = None
    """Address of a Dask scheduler (``tcp://host:8786``) that counts the log's Parquet files; ``local`` for threads."""
    id: str | None = None
    """Column by which labels that came later meet their rows."""
    label_time: str | None = None
    """Column of a log, or of its later labels, that says when a label became known: after the decision, and by now."""
    version: str | None = None
    """Column of a log that says which version answered; each version has numbers of its own."""
    model: str | None = None
    """Column of a log that says which model answered; several may have answered the same requests."""
    rows: Literal["auto", "keep", "count"] = "auto"
    """Whether a table of predictions is kept or counted: counted above 200,000 rows, unless stated."""
    split: str | None = None
    test_size: float | None = None
    task: Task | None = None
    positive: str | int | float | bool | None = None
    favorable: str | int | float | bool | None = None
    """The class that is good for the person; selection rates count it."""
    order: list[str | int | float | bool] = field(default_factory=list)
    """Several classes from least to most, where they have an order: weighted kappas then exist."""
    names: dict[str, dict[str, str]] = field(default_factory=dict)
    """Value labels for reports: column → value → words."""
    monotone: dict[str, Literal["increasing", "decreasing"]] = field(default_factory=dict)
    """Direction in which the score should move when a feature is raised (``ROB008``)."""
    sensitive: list[str] = field(default_factory=list)
    features: list[str] | None = None
    drop: list[str] = field(default_factory=list)
    weight: str | None = None
    cluster: str | None = None
    time: str | None = None
    prediction: str | None = None
    score: str | dict[str, str] | None = None
    headline: str = ""
    modality: Literal["tabular", "image", "text", "sequence"] = "tabular"
    shape: list[int] = field(default_factory=list)
    """Images: channels, height, width; sequences: steps, channels. Networks of trainers know their own."""
    reference: dict[str, str] = field(default_factory=dict)
    bins: dict[str, list[float]] = field(default_factory=dict)
    drop_missing_target: bool = False
    missing: list[str] = field(default_factory=list)
    """Words that stand for a missing value, in any column."""
    text: list[str] = field(default_factory=list)
    """Columns that hold words although they look like numbers."""
    number: list[str] = field(default_factory=list)
    """Columns that hold numbers although they are written as words."""
    labels: dict[str, str | int | float | bool] | str = field(default_factory=dict)
    """Labels of the table → labels of the model, where they differ; of a log, also files of labels that came later."""
    label_files: str = ""
    """Files of labels that came later, where `labels` says which word means which."""
    csv: CsvTable = field(default_factory=CsvTable)
    table: str = ""
    """Table or view of a DuckDB file that holds several, or of a Spark session."""
    sha256: dict[str, str] = field(default_factory=dict)
    """Fingerprint that each split's file must have (``SEC002``)."""

    @property
    def late_labels(self) -> str:
        """Files of labels that came later; empty without any."""
        return self.labels if isinstance(self.labels, str) else self.label_files

    @property
    def words(self) -> dict[str, str | int | float | bool]:
        """Labels of the table → labels of the model, where they differ."""
        return {} if isinstance(self.labels, str) else self.labels


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditTable:
    """``[audit]``: what holds for the whole run."""

    __pydantic_config__ = FORBID

    seed: int = 0
    level: float = 0.95
    min_n: int = 30
    suppress_n: int = 10
    depth: int = 2
    time_limit: float = TIME_LIMIT
    """Seconds after which no new work begins; budgets are counted in rows, so the clock cuts nothing short before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChecksTable:
    """``[checks]``: which checks run, and their options under ``[checks.options.<check>]``."""

    __pydantic_config__ = FORBID

    select: list[str] = field(default_factory=list)
    ignore: list[str] = field(default_factory=list)
    options: dict[str, dict[str, JsonValue]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyTable:
    """``[policy]``: a file, or changes to the default."""

    __pydantic_config__ = FORBID

    path: str | None = None
    select: list[str] = field(default_factory=list)
    ignore: list[str] = field(default_factory=list)
    override: list[dict[str, JsonValue]] = field(default_factory=list)
    baseline: str | None = None
    """``audit.json`` of an earlier run to be compared with."""
    on_data_change: Literal["error", "unpaired"] | None = None
    """Refuse a baseline of other rows, or compare as independent samples."""
    margin: float | None = None
    """Largest loss against the baseline that is accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardTable:
    """``[card]``: the people's words."""

    __pydantic_config__ = FORBID

    path: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportTable:
    """``[report]``: where to and in which formats."""

    __pydantic_config__ = FORBID

    out: str = "audit-report"
    formats: list[str] = field(default_factory=lambda: ["json", "html", "md", "junit"])


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorTable:
    """``[monitor]``: how a log is watched over time."""

    __pydantic_config__ = FORBID

    window: str | int = "month"
    """``day``, ``week``, ``month``, or a number of rows."""
    reference: int | str = 4
    """How many of the first windows are taken together as the reference; or files of a log, or a record, that is."""
    grow_to: int = 25
    """Windows that join a reference of first windows while none alarms, until it has so many; 0 for none."""
    period: int = 52
    """Windows over which the promise of few false alarms is kept."""
    state: str = "monitor"
    """Folder of the records, one a window."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A whole ``audit.toml``."""

    __pydantic_config__ = FORBID

    data: DataTable
    model: ModelTable | None = None
    audit: AuditTable = field(default_factory=AuditTable)
    costs: Costs | None = None
    """What each kind of decision costs, in a binary task."""
    metrics: dict[str, str | MetricTable] = field(default_factory=dict)
    """Metrics of your own: ``package.module:function``, which runs your code, or a scikit-learn scorer's name."""
    checks: ChecksTable = field(default_factory=ChecksTable)
    gather: dict[str, dict[str, JsonValue]] = field(default_factory=dict)
    policy: PolicyTable = field(default_factory=PolicyTable)
    card: CardTable = field(default_factory=CardTable)
    report: ReportTable = field(default_factory=ReportTable)
    monitor: MonitorTable = field(default_factory=MonitorTable)

    def as_json(self) -> dict[str, Json]:
        """Return what was configured, defaults included, for the record."""
        tables: dict[str, Json] = asdict(self)
        return tables


def read_config(path: Path) -> Config:
    """Read ``audit.toml``.

    Raises
    ------
    ConfigError
        For unknown keys, values of the wrong type, or tables that contradict each other.
    """
    tables, text = read_toml(path, ConfigError)
    config = validate(Config, tables, file=path.name, text=text, error=ConfigError)
    data, model = config.data, config.model
    _require_one_source(config, path.name)
    if data.path is not None and (data.split is None) == (data.test_size is None):
        raise ConfigError(f"{path.name}: [data] path needs either 'split' (a column) or 'test_size' (a share).")
    if model is not None:
        _require_one_model(model, path.name)
    if model is None and data.prediction is None and data.score is None:
        raise ConfigError(
            f"{path.name}: no [model], and no [data] prediction or score column: there is nothing to audit."
        )
    _require_ranges(config, path.name)
    _require_readable(data, path.name)
    if model is not None:
        _require_limits(model, path.name)
    return config


def _require_one_source(config: Config, file: str) -> None:
    """Refuse data that is named twice, or not at all."""
    data = config.data
    log = data.log is not None or data.spark is not None
    if (data.test is not None) + (data.path is not None) + log != 1:
        raise ConfigError(
            f"{file}: [data] needs either 'test' (and 'train'), or one 'path' with 'split' or 'test_size', or a 'log'."
        )
    if log:
        _require_countable(config, file)
        return
    if data.late_labels:
        key = "labels" if isinstance(data.labels, str) else "label_files"
        raise ConfigError(f"{file}: [data] {key} names files; these belong to a log. Name it in [data] log.")
    for name in ("version", "model", "dask"):
        if getattr(data, name) is not None:
            raise ConfigError(f"{file}: [data] {name} belongs to a log. Name the log in [data] log.")


def _require_countable(config: Config, file: str) -> None:
    """Refuse a log of which something is missing, or beside which something stands that it does not need."""
    data = config.data
    if isinstance(data.labels, str) and data.label_files:
        raise ConfigError(
            f"{file}: [data] labels and label_files both name files of labels; name them in label_files, and in labels "
            "which word means which."
        )
    if data.late_labels and data.id is None:
        key = "labels" if isinstance(data.labels, str) else "label_files"
        raise ConfigError(f"{file}: [data] {key} needs 'id', the column that matches labels to rows.")
    if config.model is not None or data.train is not None:
        raise ConfigError(f"{file}: [data] log already holds predictions; leave [model] and 'train' out.")
    if data.spark is not None and not data.table:
        raise ConfigError(f"{file}: [data] spark needs 'table', the table to count.")
    if data.dask is not None and (data.log is None or data.table or data.spark is not None):
        raise ConfigError(f"{file}: [data] dask counts the Parquet files of 'log'; leave 'table' and 'spark' out.")


def _require_readable(data: DataTable, file: str) -> None:
    """Refuse ways of reading that contradict each other."""
    if both := sorted(set(data.text) & set(data.number)):
        raise ConfigError(f"{file}: [data] text and number both name {quote_all(both)}; a column holds one of them.")
    if len(data.csv.separator) > 1:
        raise ConfigError(f"{file}: [data.csv] separator is {quote(data.csv.separator)}; expected one character.")
    parts = SHAPES.get(data.modality)
    if data.shape and parts is not None and len(data.shape) != len(parts):
        raise ConfigError(f"{file}: [data] shape is {list(data.shape)}; expected {', '.join(parts)}.")
    if data.csv.separator and data.csv.separator == data.csv.decimal:
        raise ConfigError(f"{file}: [data.csv] separator and decimal are both {quote(data.csv.decimal)}.")
    if data.csv.thousands == (data.csv.decimal or "."):
        raise ConfigError(f"{file}: [data.csv] decimal and thousands are both {quote(data.csv.thousands)}.")


def _require_one_model(model: ModelTable, file: str) -> None:
    """Refuse two models, none, and an address that no record may hold."""
    if sum(text is not None for text in (model.path, model.object, model.torch, model.url)) != 1:
        raise ConfigError(f"{file}: [model] needs one of 'path', 'object', 'torch' (with 'weights') and 'url'.")
    if model.weights is not None and model.torch is None:
        raise ConfigError(
            f'{file}: [model] weights belong to a torch module; state torch = "package.module:build", a function of '
            "yours "
            "that builds it."
        )
    if model.url is not None:
        require_plain_address(model.url)
    for name in ("rows", "requests", "seconds", "timeout", "batch"):
        if getattr(model.budget, name) <= 0:
            raise ConfigError(f"{file}: [model.budget] {name} is {getattr(model.budget, name)}; expected more than 0.")
    for name in ("retries", "per_second"):
        if getattr(model.budget, name) < 0:
            raise ConfigError(f"{file}: [model.budget] {name} is {getattr(model.budget, name)}; expected 0 or more.")


def _require_ranges(config: Config, file: str) -> None:
    asked = config.audit
    if not 0.5 <= asked.level < 1:
        raise ConfigError(f"{file}: [audit] level is {asked.level}; expected e.g. 0.95.")
    for name, least in (("min_n", 0), ("suppress_n", 0), ("depth", 1)):
        if getattr(asked, name) < least:
            raise ConfigError(f"{file}: [audit] {name} is {getattr(asked, name)}; expected {least} or more.")
    if not asked.time_limit > 0:
        raise ConfigError(f"{file}: [audit] time_limit is {asked.time_limit}; expected a number of seconds above 0.")
    _require_fingerprints(config, file)
    if config.data.test_size is not None and not 0 < config.data.test_size < 1:
        raise ConfigError(f"{file}: [data] test_size is {config.data.test_size}; expected a share between 0 and 1.")


def _require_limits(model: ModelTable, file: str) -> None:
    for name, value in (("timeout", model.timeout), ("memory", model.memory)):
        if value is not None and not 0 < value < 1e6:
            unit = "seconds" if name == "timeout" else "GiB"
            raise ConfigError(f"{file}: [model] {name} is {value}; expected a positive number of {unit}.")


def _require_fingerprints(config: Config, file: str) -> None:
    """Refuse fingerprints of splits that are not there, and what no SHA-256 can be."""
    splits = ("train", "test")
    for name in config.data.sha256:
        if name not in splits:
            raise ConfigError(f"{file}: [data.sha256] names split {quote(name)}; expected 'train' or 'test'.")
    stated = dict(config.data.sha256)
    if config.model is not None and config.model.sha256:
        stated["model"] = config.model.sha256
    for name, text in stated.items():
        if len(text) != 64 or not set(text.lower()) <= set("0123456789abcdef"):
            raise ConfigError(f"{file}: sha256 of {name} is {quote(text)}; expected 64 hexadecimal digits.")


def limits_of(config: Config) -> Limits:
    """Return what the model may take."""
    model = config.model or ModelTable()
    return Limits(timeout=model.timeout, memory=model.memory)


def gather_options(config: Config) -> dict[str, dict[str, JsonValue]]:
    """Return the options of gatherers; what rows are (``[data] modality``) is given to those that ask."""
    options = {name: dict(values) for name, values in config.gather.items()}
    if config.data.modality != "tabular":
        table: dict[str, JsonValue] = {"modality": config.data.modality, "shape": list(config.data.shape)}
        for name in ("corrupted", "clusters", "missing"):
            options[name] = {**table, **options.get(name, {})}
        explained = {"image": "image_explanations", "sequence": "sequence_explanations"}.get(config.data.modality)
        if explained is not None:
            options[explained] = {"shape": table["shape"], **options.get(explained, {})}
    return options


def settings_of(config: Config, folder: Path) -> Settings:
    """Return what the audit agrees on; metrics of the user's own are looked for in `folder`."""
    asked = config.audit
    return Settings(
        level=asked.level,
        min_n=asked.min_n,
        suppress_n=asked.suppress_n,
        depth=asked.depth,
        reference=config.data.reference,
        headline=config.data.headline,
        costs=config.costs,
        metrics=metrics_from_tables(config.metrics, folder),
    )


def load_policy(config: Config, folder: Path, override: Path | None = None) -> tuple[Policy, Terms]:
    """Read the policy, of the command line's file, else the configuration's, else the default, and its terms.

    Returns
    -------
    tuple of Policy and Terms
        The gates, and what file and configuration ask for beside them: baseline, budget of the test set.

    Raises
    ------
    PolicyError
        If it cannot be read as gates.
    """
    asked = config.policy
    file = override or (folder / asked.path if asked.path is not None else None)
    policy, terms = (default_policy(), Terms()) if file is None else read_policy_and_terms(file)
    if asked.margin is not None:
        policy = with_margin(policy, asked.margin)
    policy = overridden(policy, asked.override, "audit.toml")
    if asked.baseline is not None:
        terms = replace(terms, baseline=folder / asked.baseline, on_missing="error")
    if asked.on_data_change is not None:
        terms = replace(terms, on_data_change=asked.on_data_change)
    return select_gates(policy, select=asked.select, ignore=asked.ignore), terms


def stated_fingerprints(
    config: Config, model: ModelInfo | None, splits: Iterable[SplitInfo]
) -> dict[str, tuple[str, str]]:
    """Return each stated fingerprint beside the one that was found, as evidence for ``SEC002``; {} for none."""
    texts = {split.name: split.sha256 for split in splits}
    pairs = {name: (stated, texts.get(name, "")) for name, stated in config.data.sha256.items()}
    if config.model is not None and config.model.sha256:
        pairs["model"] = (config.model.sha256, "" if model is None else model.sha256)
    return pairs


def load_card(config: Config, folder: Path) -> Card:
    """Read the people's words, or return a card of blanks.

    Raises
    ------
    ConfigError
        For a heading that the card does not have.
    """
    return Card() if config.card.path is None else read_card(folder / config.card.path)


def read_card(path: Path) -> Card:
    """Read ``card.toml``.

    Raises
    ------
    ConfigError
        For a heading that the card does not have.
    """
    tables, text = read_toml(path, ConfigError)
    known = set(Card.__dataclass_fields__)
    for name in tables:
        if name not in known:
            raise ConfigError(
                f"{path.name}: {quote(name)} is not a section of the card; there are "
                f"{quote_all(sorted(known), limit=30)}." + hint(name, known)
            )
    return validate(Card, tables, file=path.name, text=text, error=ConfigError)
