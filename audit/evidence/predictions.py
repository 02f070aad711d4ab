"""A model's predictions, attributions and training history, row by row with their addresses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from audit.costs import Costs
from audit.data.dataset import address_name
from audit.data.factor import Factor, concatenate
from audit.data.suppression import UNSTATED, Address, shown_levels
from audit.evidence.invalid import InvalidRows
from audit.evidence.own_metrics import OwnMetric
from reports.record import FindingOutcome, Task

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the whole audit agrees on before it measures.

    Examples
    --------
    >>> Settings().level
    0.95
    """

    level: float = 0.95
    """Two-sided level of intervals."""
    min_n: int = 30
    """Below this many rows a slice is shown, not assessed."""
    suppress_n: int = 10
    """Below this many rows a slice's counts leave no trace in any output."""
    depth: int = 2
    """How many sensitive features are crossed at most."""
    reference: Mapping[str, str] = field(default_factory=dict)
    """Reference group by sensitive feature; without one, the largest group."""
    favorable: str = ""
    """The class that is good for the person, of which selection rates speak; ``""``: not stated."""
    ordered: bool = False
    """Whether several classes have an order, which is that of `Predictions.classes`."""
    headline: str = ""
    """Metric that stands for the whole: the task's own unless the user named another."""
    costs: Costs | None = None
    """What each kind of decision costs in a binary task, where the user said so."""
    metrics: Mapping[str, OwnMetric] = field(default_factory=dict)
    """Metrics of the user's own, by name."""
    suppressed: frozenset[Address] = frozenset()
    """Groups that are not shown although they are large enough: smaller ones could be worked out from them."""

    def why_hidden(self, where: Mapping[str, str], rows: int) -> str:
        """Return why the group at `where`, of so many rows, leaves no trace; ``""`` where it may be shown.

        Examples
        --------
        >>> settings = Settings(suppressed=frozenset({frozenset({("race", "b")})}))
        >>> settings.why_hidden({"race": "c"}, 5)
        'suppressed: fewer than 10 rows, or so few could be worked out from it'
        >>> settings.why_hidden({"sex": "f", "race": "b"}, 80)
        'suppressed: fewer than 10 rows, or so few could be worked out from it'
        >>> settings.why_hidden({"race": "a"}, 215)
        ''
        """
        items = tuple(where.items()) if self.suppressed else ()
        inside = (frozenset(some) for size in range(1, len(items) + 1) for some in combinations(items, size))
        if 0 < rows < self.suppress_n or any(group in self.suppressed for group in inside):
            return self._suppress()  # one reason for both: which of them it is bounds the count
        return "" if rows else NO_ROWS

    def hides_levels(self, feature: str) -> str:
        """Return why a number over all levels of a feature may not be shown; ``""`` where it may.

        Examples
        --------
        >>> Settings(suppressed=frozenset({frozenset({("race", "b")})})).hides_levels("race")
        'suppressed: fewer than 10 rows, or so few could be worked out from it'
        >>> Settings().hides_levels("race")
        ''
        """
        name = address_name(feature)
        hidden = any(len(address) == 1 and next(iter(address))[0] == name for address in self.suppressed)
        return self._suppress() if hidden else ""

    def hides_missing(self, feature: str) -> str:
        """Return why the number of rows with, or without, a value of a feature may not be shown."""
        return self._suppress() if frozenset({(address_name(feature), UNSTATED)}) in self.suppressed else ""

    def _suppress(self) -> str:
        return f"suppressed: fewer than {self.suppress_n} rows, or so few could be worked out from it"

    def count_of_missing(self, feature: str, rows: int) -> int | None:
        """Return how many rows have no value of a sensitive feature, ``None`` where that may not be shown."""
        few = 0 < rows < self.suppress_n or frozenset({(feature, UNSTATED)}) in self.suppressed
        return None if few else rows


class Repeats(NamedTuple):
    """How many rows each row stands for, where a log was counted and its rows were not kept."""

    n: IntArray
    """Rows of each cell."""
    squares: FloatArray
    """Sum of the rows' squared weights; `n` without weights."""


NO_ROWS = "no rows"
"""Why a group without rows has no number: its count, 0, is shown."""
COUNTED = "needs single rows, which a counted log does not keep"
"""Why evidence that needs single rows does not exist of a counted log."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Predictions:
    """True values and a model's answers, row by row, with the columns that group them.

    Parameters
    ----------
    task : {"binary", "multiclass", "regression"}
    y_true, y_pred : ndarray of shape (n,)
        Codes into `classes` (int64), or the target's own unit (float64) in regression. In a binary
        task code 1 is the positive class.
    y_score : ndarray of shape (n,) or (n, k), optional
        Binary: score of the positive class; multiclass: one column per class.
    probabilities : bool
        Whether `y_score` are probabilities: finite, within [0, 1], rows summing to one.
    weight : ndarray of shape (n,), optional
        Sample weights, at least 0.
    cluster : Factor, optional
        Rows of one cluster (person, device) are not independent.
    keys : mapping of str to Factor
        ``split``, ``fold``, ``variant``, and each sensitive feature.
    sensitive : tuple of str
        Which of the keys are sensitive features.
    deciders : tuple of str
        Which of the keys say who answered: ``model`` and ``version``.
    levels : mapping of str to Factor
        Every level of the sensitive features of which `keys` holds only the largest by name.
    where : mapping of str to str
        The address of this slice.
    row : ndarray of shape (n,)
        Number of the row in the data set, by which two models' answers are paired.
    repeats : Repeats, optional
        Of a counted log: a row is then a cell, `weight` the sum of its rows' weights, and `y_score` the mean
        score of its bin.
    ties : ndarray of the shape of `y_score`, bool, optional
        Of a counted log: whether all rows of a bin have one score; the order of others was not kept.

    Examples
    --------
    >>> keys = {"split": Factor.of(["train", "test", "test"]), "sex": Factor.of(["f", "f", "m"])}
    >>> answers = Predictions(task="binary", classes=("no", "yes"), y_true=np.array([0, 1, 1]),
    ...                       y_pred=np.array([0, 1, 0]), keys=keys, sensitive=("sex",))
    >>> test = answers.select(split="test")
    >>> len(test), dict(test.where)
    (2, {'split': 'test'})
    >>> [(dict(group.where), len(group)) for group in test.groups("sex")]
    [({'split': 'test', 'sex': 'f'}, 1), ({'split': 'test', 'sex': 'm'}, 1)]
    """

    task: Task
    y_true: npt.NDArray[np.generic]
    y_pred: npt.NDArray[np.generic]
    y_score: FloatArray | None = None
    probabilities: bool = False
    classes: tuple[str, ...] = ()
    weight: FloatArray | None = None
    cluster: Factor | None = None
    keys: Mapping[str, Factor] = field(default_factory=dict)
    sensitive: tuple[str, ...] = ()
    deciders: tuple[str, ...] = ()
    levels: Mapping[str, Factor] = field(default_factory=dict)
    where: Mapping[str, str] = field(default_factory=dict)
    row: IntArray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    repeats: Repeats | None = None
    ties: npt.NDArray[np.bool_] | None = None
    settings: Settings = field(default_factory=Settings)
    notes: tuple[str, ...] = ()
    """What was sampled, capped or odd about these answers; a check passes it on."""
    invalid: Mapping[str, int] = field(default_factory=dict)
    """Answers that a model of this task must not give, counted by kind over all splits."""
    invalid_rows: InvalidRows | None = None
    """Where these answers are; ``None`` where nobody has looked."""
    score_reason: str = "the model gives no scores"
    """Why `y_score` is ``None``, or why it is not a probability."""

    def __len__(self) -> int:
        return len(self.y_true)

    @property
    def total(self) -> int:
        """How many rows stand behind these answers."""
        return len(self) if self.repeats is None else int(self.repeats.n.sum())

    def count(self, rows: npt.NDArray[np.bool_] | npt.NDArray[np.intp]) -> int:
        """How many rows stand behind those at `rows` (a mask or positions)."""
        return len(self.y_true[rows]) if self.repeats is None else int(self.repeats.n[rows].sum())

    def take(
        self, rows: npt.NDArray[np.bool_] | npt.NDArray[np.intp], where: Mapping[str, str] | None = None
    ) -> Predictions:
        """Keep `rows` (a mask or positions), adding `where` to the address."""
        return replace(
            self,
            y_true=self.y_true[rows],
            y_pred=self.y_pred[rows],
            y_score=None if self.y_score is None else self.y_score[rows],
            weight=None if self.weight is None else self.weight[rows],
            cluster=None if self.cluster is None else self.cluster.take(rows),
            keys={name: factor.take(rows) for name, factor in self.keys.items()},
            levels={name: factor.take(rows) for name, factor in self.levels.items()},
            row=self.row[rows] if len(self.row) else self.row,
            repeats=None if self.repeats is None else Repeats(self.repeats.n[rows], self.repeats.squares[rows]),
            ties=None if self.ties is None else self.ties[rows],
            where={**self.where, **(where or {})},
        )

    def without_invalid(
        self, answered: npt.NDArray[np.bool_], faulty: npt.NDArray[np.bool_], said: npt.NDArray[np.object_]
    ) -> Predictions:
        """Leave out the rows whose answer is not a class, and count what is invalid by label and by group.

        Parameters
        ----------
        answered : ndarray of shape (n,), bool
            Rows whose answer is a class.
        faulty : ndarray of shape (n,), bool
            Rows whose answer, or score, cannot be.
        said : ndarray of shape (n,), object
            The label of rows whose label the target does not have; ``None`` elsewhere.

        Examples
        --------
        >>> part = Predictions(task="binary", classes=("no", "yes"), y_true=np.array([0, 1]), y_pred=np.array([0, 0]))
        >>> known = np.array([True, False])
        >>> kept = part.without_invalid(known, ~known, np.array([None, "maybe"], dtype=object))
        >>> len(kept), dict(kept.invalid_rows.said), kept.invalid_rows.left_out
        (1, {'maybe': 1}, 1.0)
        """
        words = sorted({text for text in said if text is not None})
        labels = {text: self.count(said == text) for text in words}
        groups = {
            (name, level): (self.count(mask & faulty), self.count(mask))
            for name in (self.sensitive if faulty.any() else ())
            for level in self.keys[name].levels
            if (mask := self.keys[name].mask(level)).any()
        }
        test = self.keys["split"].mask("test") if "split" in self.keys else np.ones(len(self), dtype=np.bool_)
        lost = ~answered & test
        rows = InvalidRows(
            rows=self.total,
            said=dict(sorted(labels.items(), key=lambda label: -label[1])),
            groups=groups,
            left_out=float(lost.sum() if self.weight is None else self.weight[lost].sum()),
        )
        note = "rows have no label that is a class; they are left out of every measure and counted as invalid"
        notes = () if answered.all() else (f"{self.count(~answered)} {note}",)
        return replace(self.take(answered), invalid_rows=rows, notes=(*self.notes, *notes))

    def select(self, **where: str) -> Predictions:
        """Keep the rows at an address and write the address into the slice, so no number is mislabeled."""
        mask = np.ones(len(self), dtype=np.bool_)
        for name, level in where.items():
            if name not in self.keys:
                raise KeyError(f"no grouping column {name!r}; keys are {sorted(self.keys)}")
            mask &= self.keys[name].mask(level)
        return self.take(mask, where)

    def without_hidden_groups(self) -> Predictions:
        """Return the same rows, those of a group that leaves no trace without a value of its feature."""
        hidden = self.settings.suppressed
        factors = {name: shown_levels(name, self.keys[name], hidden) for name in self.sensitive if name in self.keys}
        return replace(self, keys={**self.keys, **factors}) if hidden else self

    def has(self, **where: str) -> bool:
        """Tell whether any row stands at an address."""
        return all(name in self.keys for name in where) and len(self.select(**where)) > 0

    def groups(self, *features: str) -> Iterator[Predictions]:
        """Yield each group of the crossed `features`, in order of levels; empty crossings are left out.

        A declared level of a single feature without rows is yielded, so that absence can be said aloud.
        """
        if len(features) == 1:
            for level in self.keys[features[0]].levels:
                yield self.select(**{features[0]: level})
            return
        for level in self.keys[features[0]].levels:
            for group in self.select(**{features[0]: level}).groups(*features[1:]):
                if len(group):
                    yield group

    def by_decider(self) -> tuple[tuple[str, ...], ...]:
        """Name the keys of what answered: models, and the versions of each.

        Examples
        --------
        >>> none = np.zeros(0)
        >>> Predictions(task="regression", y_true=none, y_pred=none, deciders=("model", "version")).by_decider()
        (('model',), ('model', 'version'))
        """
        return tuple(self.deciders[: size + 1] for size in range(len(self.deciders)))

    @property
    def headline(self) -> str:
        """The metric that stands for the whole: the user's, else the task's own."""
        return self.settings.headline or self.task_headline

    @property
    def task_headline(self) -> str:
        """The metric that stands for the whole unless the user names another."""
        if self.task == "regression":
            return "r2_score"
        return "roc_auc" if self.task == "binary" and self.y_score is not None else "balanced_accuracy"

    def crossings(self) -> tuple[tuple[str, ...], ...]:
        """Name every sensitive feature and every crossing of them down to the depth of the settings."""
        depth = min(self.settings.depth, len(self.sensitive))
        return tuple(names for size in range(1, depth + 1) for names in combinations(self.sensitive, size))


def join(parts: list[Predictions], key: str, levels: list[str]) -> Predictions:
    """Stack predictions of one model's variants, distinguished by a new `key`.

    Examples
    --------
    >>> one = Predictions(task="regression", y_true=np.array([1.0]), y_pred=np.array([2.0]))
    >>> join([one, one], "variant", ["none", "noise"]).keys["variant"].levels
    ('none', 'noise')
    """
    first = parts[0]
    keys = {name: concatenate([part.keys[name] for part in parts]) for name in first.keys}
    keys[key] = concatenate([Factor.constant(level, len(part)) for part, level in zip(parts, levels, strict=True)])
    scores = [part.y_score for part in parts if part.y_score is not None]
    weights = [part.weight for part in parts if part.weight is not None]
    clusters = [part.cluster for part in parts if part.cluster is not None]
    return replace(
        first,
        y_true=np.concatenate([part.y_true for part in parts]),
        y_pred=np.concatenate([part.y_pred for part in parts]),
        y_score=np.concatenate(scores) if len(scores) == len(parts) else None,
        probabilities=all(part.probabilities for part in parts),
        weight=np.concatenate(weights) if len(weights) == len(parts) else None,
        cluster=concatenate(clusters) if len(clusters) == len(parts) else None,
        keys=keys,
        levels={},
        row=np.concatenate([part.row for part in parts]),
        notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Attributions:
    """What each feature adds to each row's output, by one explainer.

    ``values[i, j]`` is in units of `scale`; with `base` it should add up to ``output[i]``. The
    residual of that sum is measured, not assumed.
    """

    method: str
    """``tree``, ``linear``, ``permutation``, ``exact``, ``integrated_gradients``, ``lime`` …"""
    features: tuple[str, ...]
    values: FloatArray
    """Shape (n, features)."""
    scale: Literal["log-odds", "probability", "target", "margin"]
    base: FloatArray | None = None
    """Shape (n,): output expected without knowing the row; ``None`` for methods that are not additive."""
    output: FloatArray | None = None
    """Shape (n,): the model's output on `scale`."""
    residual: float | None = None
    """Mean absolute error of the sum over the mean absolute deviation of the output from base."""
    keys: Mapping[str, Factor] = field(default_factory=dict)
    row: IntArray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    seed: int = 0
    fit: FloatArray | None = None
    """LIME: R² of each row's local model."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRow:
    """One number of a training run.

    Examples
    --------
    >>> HistoryRow(epoch=3, split="validation", quantity="loss", value=0.4).epoch
    3
    """

    epoch: int
    split: str
    quantity: str
    value: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """Why a kind of evidence is not there."""

    outcome: FindingOutcome
    reason: str
