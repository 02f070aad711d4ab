"""Which column of a log plays which part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from audit.data.reading import Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class LogColumns:
    """Columns of a prediction log.

    Examples
    --------
    >>> LogColumns(target="y", prediction="p", sensitive=("sex",)).counted_by()
    ('sex',)
    """

    target: str
    prediction: str | None = None
    score: str | Mapping[str, str] | None = None
    """Score of the positive class, in [0, 1], or class → column of its score."""
    sensitive: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    """Further columns whose distribution is watched."""
    bins: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """Edges at which a numeric key is cut; continuous numbers need them."""
    reading: Reading = field(default_factory=Reading)
    """How files are written, and which words stand for no value."""
    weight: str | None = None
    cluster: str | None = None
    """Rows of one cluster, such as a person's, are not independent."""
    time: str | None = None
    id: str | None = None
    label_time: str | None = None
    """When the label became known."""
    version: str | None = None
    model: str | None = None
    amounts: bool = False
    """Whether target and prediction are amounts, as in a regression, and not classes."""

    def deciders(self) -> dict[str, str]:
        """Return the columns that say what answered, by the key that they become.

        Examples
        --------
        >>> LogColumns(target="y", version="release").deciders()
        {'version': 'release'}
        """
        named = {"model": self.model, "version": self.version}
        return {key: name for key, name in named.items() if name is not None}

    def identity(self) -> dict[str, str]:
        """Return the columns whose values together belong to one row, by column, with the part each plays.

        Examples
        --------
        >>> LogColumns(target="y", id="number", model="name").identity()
        {'number': 'id', 'name': 'model'}
        """
        return {name: part for name, part in self.parts().items() if part == "id" or (part == "model" and self.id)}

    def groups(self) -> tuple[str, ...]:
        """Name the sensitive features, and the features whose distribution is watched."""
        return tuple(dict.fromkeys((*self.sensitive, *self.features)))

    def counted_by(self) -> tuple[str, ...]:
        """Name the columns that rows are counted by, beside truth and answer."""
        return tuple(dict.fromkeys((*self.groups(), *self.deciders().values())))

    def keyed_by(self) -> tuple[str, ...]:
        """Name all columns that make cells many."""
        more = (self.cluster,) if self.cluster is not None else ()
        return tuple(dict.fromkeys((*self.counted_by(), *more, *self.scores().values())))

    def scores(self) -> dict[str, str]:
        """Return the columns of scores by what their bins and sums are called.

        Examples
        --------
        >>> LogColumns(target="y", score={"a": "p_a", "b": "p_b"}).scores()
        {'bin 0': 'p_a', 'bin 1': 'p_b'}
        """
        if self.score is None or isinstance(self.score, str):
            return {} if self.score is None else {"bin": self.score}
        return {f"bin {place}": name for place, name in enumerate(self.score.values())}

    def parts(self) -> dict[str, str]:
        """Return the part that each needed column plays, by column."""
        parts = {"target": self.target, "prediction": self.prediction}
        parts |= {"weight": self.weight, "cluster": self.cluster, "time": self.time, "id": self.id}
        parts |= {"label time": self.label_time, **self.deciders()}
        named = {name: part for part, name in parts.items() if name is not None}
        groups = {**dict.fromkeys(self.features, "feature"), **dict.fromkeys(self.sensitive, "sensitive")}
        return {**groups, **dict.fromkeys(self.scores().values(), "score"), **named}
