"""What was audited and by whose word: model, data, environment, and the card's own text.

:mod:`reports.record` offers all of them under its own name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """The people's words, under the headings of Mitchell et al. (2019); ``""`` is a visible blank."""

    name: str = ""
    version: str = ""
    overview: str = ""
    owner: str = ""
    contact: str = ""
    license: str = ""
    citation: str = ""
    intended_use: str = ""
    intended_users: str = ""
    out_of_scope_use: str = ""
    factors: str = ""
    """Why these groups and conditions were looked at."""
    metrics: str = ""
    """Why these measures and thresholds suit the purpose."""
    training_data: str = ""
    evaluation_data: str = ""
    ethical_considerations: str = ""
    risks_and_harms: str = ""
    mitigations: str = ""
    human_oversight: str = ""
    caveats: str = ""


OPTIONAL_SECTIONS = frozenset({"name", "version", "citation"})
"""Headings of the card that may stay empty without being counted as blanks."""


def blank_sections(card: Card) -> tuple[str, ...]:
    """Name the sections that only a person can fill and nobody did.

    Examples
    --------
    >>> "intended use" in blank_sections(Card()), "intended use" in blank_sections(Card(intended_use="Screening."))
    (True, False)
    """
    names = [name for name in Card.__dataclass_fields__ if name not in OPTIONAL_SECTIONS]
    return tuple(name.replace("_", " ") for name in names if not str(getattr(card, name)).strip())


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """Identity of the audited model."""

    name: str
    kind: str
    """Class of the estimator, or ``predictions only``."""
    format: str
    """``skops``, ``safetensors``, ``onnx``, ``joblib``, ``pickle``, ``object`` or ``none``."""
    file: str = ""
    sha256: str = ""
    size_bytes: int | None = None
    runs_code: bool = False
    """Whether loading it ran code: of its file, or of the module that an object was imported from."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    training: Mapping[str, str] = field(default_factory=dict)
    """What the model says of its own training: trials, seed, chosen configuration."""
    notes: tuple[str, ...] = ()
    """What was taken on faith, such as the order of columns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitInfo:
    """One split of the data: counts and a fingerprint, never rows."""

    name: str
    rows: int
    file: str = ""
    sha256: str = ""
    dropped_rows: int = 0
    """Rows left out because their target was missing, on request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureInfo:
    """A column that the model reads."""

    name: str
    kind: Literal["numeric", "categorical", "boolean", "datetime", "text"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupInfo:
    """A declared group, present or not."""

    feature: str
    level: str
    rows: int | None
    """Rows of the evaluated split; ``None`` where they are too few to be shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataInfo:
    """Identity and shape of the data."""

    target: str
    positive: str = ""
    """The class that the model detects."""
    favorable: str = ""
    """The class that is good for the person, such as a loan granted; ``""``: not stated."""
    classes: tuple[str, ...] = ()
    splits: tuple[SplitInfo, ...] = ()
    features: tuple[FeatureInfo, ...] = ()
    sensitive: tuple[str, ...] = ()
    groups: tuple[GroupInfo, ...] = ()
    missing_sensitive: Mapping[str, int | None] = field(default_factory=dict)
    """Rows of the evaluated split without a value, by sensitive feature; they belong to no group."""
    weight: str = ""
    cluster: str = ""
    time: str = ""
    names: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Value labels: column → value → words."""
    read_as_missing: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Words that were read as missing values: column → word → rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Where the audit ran: versions only, no host and no user."""

    python: str = ""
    platform: str = ""
    packages: Mapping[str, str] = field(default_factory=dict)
