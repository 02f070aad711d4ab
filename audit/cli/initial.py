"""What a first configuration can know from the files alone, and what a person must decide.

Only what cannot be otherwise is inferred: the task from the model or from a target of two values or of
text, the positive class of 0 and 1. Bands for numbers are a suggestion that lets the first run begin.
Everything else is left open and marked ``DECIDE``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from audit.config.loading import read_rows
from audit.data.columns import NUMERIC_GROUPS, label_text, label_texts, sorted_labels
from audit.data.dataset import Dataset, Roles, build
from audit.data.dialect import suggest_dialect
from audit.data.reading import Reading, Tables
from audit.data.tables import DELIMITED, file_sha256, files_sha256, match_files, suffix_of
from audit.errors import AuditError, ConfigError, DataError, UntrustedTypesError, hint, quote, quote_all
from audit.models.answers import ask
from audit.models.column_names import match
from audit.models.load import CODE_FORMATS, Model, load
from audit.models.objects import estimator_kind
from audit.models.taught import taught_words
from audit.progress import silent
from reports.record import Task
from reports.traits import is_trait, name_words

TRIED = 200
"""Rows that a model is asked for before it is said that it can be run."""
AGE_BANDS = (25.0, 45.0, 65.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the command line names."""

    test: Path
    target: str
    train: Path | None = None
    model: Path | None = None
    trust: bool = False
    positive: str | None = None
    favorable: str | None = None
    sensitive: tuple[str, ...] = ()
    prediction: str | None = None
    score: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What was found out."""

    asked: Asked
    task: Task | None
    classes: tuple[str, ...] = ()
    positive: str | None = None
    favorable: str | None = None
    bins: dict[str, tuple[float, ...]] = field(default_factory=dict)
    likely: tuple[str, ...] = ()
    """Columns whose names sound sensitive and that were not named."""
    times: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    """Columns that the model reads, as far as it or the tables say."""
    stated: bool = False
    """Whether the model knows its columns by name."""
    sha256: dict[str, str] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    shape: tuple[int, ...] = ()
    """Channels, height and width, where the rows are images of a folder."""
    missing_targets: int = 0
    reading: Reading = field(default_factory=Reading)
    """How the tables are written."""
    notes: tuple[str, ...] = ()
    """What is odd about the tables."""
    types: tuple[str, ...] = ()
    """Types in the model file that nobody vouched for; it was not loaded."""
    undecided: tuple[str, ...] = ()
    """What a person must decide before the first run, one sentence each."""


def look(asked: Asked) -> Start:
    """Look at model and tables.

    Raises
    ------
    AuditError
        If a file cannot be read, or a column that was named does not exist.
    """
    if asked.model is None and asked.prediction is None and asked.score is None:
        raise ConfigError("name a --model, or the --prediction or --score column that holds its predictions.")
    model, types = _model(asked)
    reading = _reading(asked, model)
    tables, shapes = read_rows(_tables(asked), reading, images=model.image_shape if model is not None else None)
    frames = dict(tables.frames)
    for name, frame in frames.items():
        _require_columns(name, frame, asked)
    target = pd.concat([frame[asked.target] for frame in frames.values()], ignore_index=True)
    task = task_of(target, model)
    present = target.dropna()
    classes = () if task == "regression" else sorted_labels(set(label_texts(present)))
    start = Start(
        asked=asked,
        task=task,
        classes=classes if len(classes) <= NUMERIC_GROUPS else (),
        positive=_positive(classes, asked.positive) if task == "binary" else None,
        favorable=_state("favorable", classes, asked.favorable) if task != "regression" else None,
        bins={name: pair for name in asked.sensitive if (pair := bands(frames["test"][name]))},
        likely=_likely(frames["test"], asked),
        times=tuple(str(name) for name in frames["test"].columns if _is_time(frames["test"][name])),
        features=_features(tables, model, asked),
        reading=reading,
        notes=tables.notes,
        stated=bool(model and model.feature_names),
        sha256=_fingerprints(asked),
        rows={name: len(frame) for name, frame in frames.items()},
        shape=shapes["test"],
        missing_targets=int(target.isna().sum()),
        types=types,
    )
    return replace(start, undecided=tuple(_undecided(start, tables, model)))


def _reading(asked: Asked, model: Model | None) -> Reading:
    """Return how the test table is written, and what the model was taught of its columns."""
    delimited = not asked.test.is_dir() and suffix_of(asked.test) in DELIMITED
    reading = suggest_dialect(match_files(asked.test)[0]) if delimited else Reading()
    return reading if model is None else replace(reading, text=tuple(sorted(taught_words(model, asked.target))))


def _tables(asked: Asked) -> dict[str, Path]:
    return {name: path for name, path in (("train", asked.train), ("test", asked.test)) if path is not None}


def _fingerprints(asked: Asked) -> dict[str, str]:
    texts = {name: files_sha256(match_files(path)) for name, path in _tables(asked).items()}
    return texts if asked.model is None else {"model": file_sha256(asked.model), **texts}


def _model(asked: Asked) -> tuple[Model | None, tuple[str, ...]]:
    """Load the model, unless that would run code that nobody vouched for; name the types that would."""
    if asked.model is None or (
        asked.model.suffix.lower() in CODE_FORMATS and asked.model.is_file() and not asked.trust
    ):
        return None, ()
    try:
        return load(asked.model, trust=asked.trust), ()
    except UntrustedTypesError as error:
        return None, error.types


def _require_columns(split: str, frame: pd.DataFrame, asked: Asked) -> None:
    wanted = [asked.target, *asked.sensitive]
    if split == "test":
        wanted += [name for name in (asked.prediction, asked.score) if name is not None]
    for name in wanted:
        if name not in frame.columns:
            raise DataError(
                f"column {quote(name)} is not in the {split} table; columns are {quote_all(frame.columns)}."
                + hint(name, frame.columns)
            )


def task_of(target: pd.Series, model: Model | None = None) -> Task | None:
    """Return the task where it cannot be another: the model's kind, two values, text, or fractions.

    Examples
    --------
    >>> task_of(pd.Series(["a", "b", "c"])), task_of(pd.Series([0, 1])), task_of(pd.Series([1, 2, 3])) is None
    ('multiclass', 'binary', True)
    """
    distinct = int(target.nunique())
    kind = estimator_kind(model)
    if kind == "regressor":
        return "regression"
    if kind == "classifier" or distinct == 2:
        return "binary" if distinct == 2 else "multiclass"
    if not pd.api.types.is_numeric_dtype(target.dtype):
        return "multiclass"
    values = target.dropna().to_numpy(dtype=np.float64)
    return "regression" if distinct > NUMERIC_GROUPS and bool((values != np.round(values)).any()) else None


def _positive(classes: tuple[str, ...], stated: str | None) -> str | None:
    if stated is not None:
        return _state("positive", classes, stated)
    return {frozenset(("0", "1")): "1", frozenset(("False", "True")): "True"}.get(frozenset(classes))


def _state(role: str, classes: tuple[str, ...], stated: str | None) -> str | None:
    """Return a class that the command line names, which must occur."""
    if stated is not None and label_text(stated) not in classes:
        raise DataError(
            f"{role} class {quote(stated)} does not occur in the target, which has {quote_all(classes)}."
            + hint(stated, classes)
        )
    return None if stated is None else label_text(stated)


def bands(column: pd.Series) -> tuple[float, ...]:
    """Suggest where to cut a numeric column into bands; nothing for one of few values, or of text.

    Examples
    --------
    >>> bands(pd.Series(range(18, 80), name="age")), bands(pd.Series([1, 2, 2]))
    ((25.0, 45.0, 65.0), ())
    """
    if not pd.api.types.is_numeric_dtype(column.dtype) or column.nunique() <= NUMERIC_GROUPS:
        return ()
    values = column.dropna().to_numpy(dtype=np.float64)
    if "age" in name_words(str(column.name)) and values.min() >= 0 and values.max() <= 120:
        inside = tuple(edge for edge in AGE_BANDS if values.min() < edge <= values.max())
        if inside:
            return inside
    edges = [float(f"{edge:.2g}") for edge in np.quantile(values, [0.25, 0.5, 0.75])]
    rising = sorted({edge for edge in edges if values.min() < edge <= values.max()})
    return tuple(rising) or (float(np.median(values)),)


def _likely(frame: pd.DataFrame, asked: Asked) -> tuple[str, ...]:
    """Name the columns that sound like traits of people and were not declared."""
    taken = {asked.target, *asked.sensitive, asked.prediction, asked.score}
    return tuple(str(name) for name in frame.columns if name not in taken and is_trait(str(name)))


def _is_time(column: pd.Series) -> bool:
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return True
    first = column.dropna().astype(str).head(20)
    return len(first) > 0 and bool(first.str.fullmatch(r"\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}.*)?").all())


def _features(tables: Tables, model: Model | None, asked: Asked) -> tuple[str, ...]:
    if model is not None and model.feature_names is not None:
        return model.feature_names
    skipped = {asked.target, asked.prediction, asked.score, *tables.indexes}
    return tuple(str(name) for name in tables.frames["test"].columns if name not in skipped)


def _undecided(start: Start, tables: Tables, model: Model | None) -> list[str]:
    """Say what keeps the first run from beginning."""
    asked, lines = start.asked, []
    if start.types:
        lines.append(f"[model] trusted_types: the file holds types of other packages, {quote_all(start.types)}")
    elif asked.model is not None and model is None:
        lines.append(f"[model] trust: loading {quote(asked.model.name)} runs code from it")
    if start.task is None:
        lines.append("[data] task: the target holds whole numbers; are they classes or amounts?")
    if start.task == "binary" and start.positive is None:
        lines.append(f"[data] positive: which of {quote_all(start.classes)} is the positive class?")
    if start.missing_targets:
        lines.append(f"[data] drop_missing_target: {start.missing_targets} rows have no target")
    return lines + _refusal(start, tables, model)


def _refusal(start: Start, tables: Tables, model: Model | None) -> list[str]:
    """Try whether model and tables fit each other, as a run would; what is not decided yet does not change that."""
    if start.task is None or start.missing_targets:
        return []
    asked = start.asked
    roles = Roles(
        target=asked.target,
        task=start.task,
        positive=start.positive or (start.classes[-1] if start.task == "binary" else None),
        favorable=start.favorable,
        sensitive=asked.sensitive,
        prediction=asked.prediction,
        score=asked.score,
        bins=start.bins,
        indexes=tables.indexes,
    )
    try:
        dataset = build(tables.frames, roles, tables=tables)
        if model is not None:
            columns, _ = match(model.feature_names, model.feature_count, dataset)
            _try(model, dataset.for_model(columns, model.feature_count))
    except AuditError as error:
        return [f"[data] {error}"]
    return []


def _try(model: Model, dataset: Dataset) -> None:
    """Ask the model about a few rows: labels that do not match the table's are reported before the first run."""
    few = dataset.rows("test")[:TRIED]
    if dataset.task != "regression" and model.classes is None:
        return  # a few rows' labels are not all that it knows
    ask(model, dataset.inputs(few), dataset, progress=silent, what="trying the model")


# --- writing TOML ---------------------------------------------------------------------------------


def text(value: str) -> str:
    r"""Write a TOML string.

    Examples
    --------
    >>> print(text('a "b" \\ c'), text("x\x7f"))
    "a \"b\" \\ c" "x\u007F"
    """
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    escaped = escaped.encode("utf-8", "replace").decode()
    return '"' + "".join(_sign(text) for text in escaped) + '"'


def _sign(text: str) -> str:
    return text if text.isprintable() else f"\\u{ord(text):04X}" if ord(text) < 0x10000 else f"\\U{ord(text):08X}"


def key(name: str) -> str:
    """Write a TOML key, quoted where it must be.

    Examples
    --------
    >>> key("age"), key("marital status")
    ('age', '"marital status"')
    """
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else text(name)


def texts(values: Sequence[str]) -> str:
    """Write a TOML list of strings."""
    return f"[{', '.join(text(value) for value in values)}]"
