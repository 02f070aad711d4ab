"""What was audited and by whose word: model, data, environment, and the card's own text.

:mod:`reports.record` offers all of them under its own name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
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

    def __call__(
        self,
        path: str | Path | None = None,  # noqa: ARG002 -- words of a record take them
        edition: Literal["full", "short"] = "full",  # noqa: ARG002
    ) -> str:
        """Return the page of the record that these words belong to, and write it where `path` is given.

        Raises
        ------
        TypeError
            If the words belong to no record.
        """
        raise TypeError("these words do not belong to a record; report.card('card.html') writes the card of a report")


class RecordCard(Card):
    """The people's words as a record holds them, which know how to draw the record's page."""

    __slots__ = ("_page",)
    __qualname__ = "Card"
    _page: Callable[[str | Path | None, str], str]

    @classmethod
    def of(cls, words: Card, page: Callable[[str | Path | None, str], str]) -> RecordCard:
        """Take the words of a record, and what draws its page."""
        record_card = cls(**{name: getattr(words, name) for name in Card.__dataclass_fields__})
        object.__setattr__(record_card, "_page", page)
        return record_card

    def __call__(self, path: str | Path | None = None, edition: Literal["full", "short"] = "full") -> str:
        """Return the page, and write it where `path` is given."""
        page = getattr(self, "_page", None)
        return super().__call__(path, edition) if page is None else str(page(path, edition))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Card) and self.plain() == RecordCard.plain(other)

    def __hash__(self) -> int:
        return hash(self.plain())

    def __reduce__(self) -> tuple[type[Card], tuple[()], list[str]]:
        return Card, (), [getattr(self, name) for name in Card.__dataclass_fields__]

    def plain(self: Card) -> Card:
        """Return the words alone."""
        return Card(**{name: getattr(self, name) for name in Card.__dataclass_fields__})


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
    """What the model reads: a column, or the columns of a picture."""

    name: str
    kind: Literal["numeric", "categorical", "boolean", "datetime", "text"]
    columns: int = 1
    """How many columns it stands for: all the values of a picture are one feature."""

    def __post_init__(self) -> None:
        if self.columns < 1:
            raise ValueError(f"feature {self.name!r}: {self.columns} columns; expected at least one")


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
    read_as_missing: Mapping[str, Mapping[str, int | None]] = field(default_factory=dict)
    """Words that were read as missing values: column → word → rows; ``None`` where their number may not be shown."""

    def rows_of(self, split: str) -> int | None:
        """Rows of a split; None where there is no such split."""
        return next((info.rows for info in self.splits if info.name == split), None)

    @property
    def feature_count(self) -> int:
        """Columns that the model reads."""
        return sum(feature.columns for feature in self.features)


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Where the audit ran: versions only, no host and no user."""

    python: str = ""
    platform: str = ""
    packages: Mapping[str, str] = field(default_factory=dict)
