"""What a log was counted into: rows by key, truth, answer and bin of score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from audit.data.columns import (
    MOST_GROUPS,
    MOST_LEVELS,
    group_factor,
    label_text,
    label_texts,
    pool_levels,
    sorted_labels,
)
from audit.data.dataset import address_name
from audit.data.factor import Factor
from audit.data.labels import (
    NO_LABEL,
    UNKNOWN,
    in_words_of,
    require_answers,
    require_same_labels,
    rewrite_labels,
)
from audit.data.roles import Roles
from audit.data.tables import frame_sha256
from audit.data.target import Target, encode_target
from audit.errors import DataError, quote, quote_all
from audit.evidence import COUNTED, Predictions, Repeats, Settings
from audit.logs.columns import LogColumns
from audit.logs.faults import FAULTS, NO_SUM, Faults, no_faults, usable
from audit.logs.versions import decider_factor, require_known, splits_of
from audit.logs.windows import NO_WINDOW, REFERENCE_NAME, window_name

TRUE, PREDICTED, BIN, WINDOW, CLUSTER = "\ttrue", "\tpredicted", "\tbin", "\twindow", "\tcluster"
"""Names that no column of a log has."""
EARLY, LATE = "early_sum", "late_sum"
"""How many labels came before their decision, and how many lie in the future; neither are believed."""
FIXED = 2.0**24
Mask = npt.NDArray[np.bool_]
REFERENCE = NO_WINDOW + 1
"""Window of a reference that is a log of its own; it comes before all others."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cells:
    """Counts in whole numbers, so that parts add up to the same bytes in any order.

    Parameters
    ----------
    keys : DataFrame of c rows
        Value of each key, with truth, answer, bin of score and window under names of their own.
    sums : DataFrame of c rows
        ``n``, and where they were counted ``score_sum``, ``weight_sum``, ``square_sum`` in fixed point.
    scales : mapping of str to float
        What weights, their squares and amounts were multiplied by, by name of the sum.
    file : str
        Where they were counted; of several files, the one with the largest weights or amounts.
    doubted : tuple of str
        Files with labels that are not believed.
    timeless, repeated : tuple of str
        Files with rows of no window, and files that hold the same bytes as one before them.
    shadowed : bool
        Whether several models answered the same requests.
    """

    keys: pd.DataFrame
    sums: pd.DataFrame
    scales: Mapping[str, float] = field(default_factory=dict)
    file: str = ""
    doubted: tuple[str, ...] = ()
    timeless: tuple[str, ...] = ()
    repeated: tuple[str, ...] = ()
    shadowed: bool = False

    def __len__(self) -> int:
        return len(self.sums)

    @property
    def rows(self) -> int:
        """How many rows were counted."""
        return int(self.sums["n"].sum())

    @property
    def lost(self) -> int:
        """How many rows belong to no window."""
        if WINDOW not in self.keys:
            return 0
        return int(self.sums["n"].to_numpy()[self.keys[WINDOW].to_numpy() == NO_WINDOW].sum())

    def merge(self) -> Cells:
        """Return the cells with each address once, sorted, missing values last."""
        place = np.zeros(len(self), dtype=np.int64)
        for name in self.keys.columns:
            codes, levels = pd.factorize(self.keys[name], sort=True)
            size = len(levels) + 1
            if int(place.max(initial=0)) > 2**62 // size:
                place = np.unique(place, return_inverse=True)[1]
            place = place * size + np.where(codes < 0, size - 1, codes)
        order = np.argsort(place, kind="stable")
        starts = np.flatnonzero(np.diff(place[order], prepend=-1))
        sums = {name: np.add.reduceat(self.sums[name].to_numpy()[order], starts) for name in self.sums.columns}
        keys = self.keys.take(order[starts]).reset_index(drop=True)
        return replace(self, keys=keys, sums=pd.DataFrame(sums, dtype=np.int64))

    def take(self, kept: npt.NDArray[np.bool_]) -> Cells:
        """Keep some cells."""
        return replace(self, keys=self.keys[kept].reset_index(drop=True), sums=self.sums[kept].reset_index(drop=True))

    def sha256(self) -> str:
        """Return a fingerprint of the counts, the same on every engine."""
        texts = {name: label_texts(self.keys[name]) for name in self.keys.columns}
        return frame_sha256(pd.concat([pd.DataFrame(texts, dtype=object), self.sums], axis=1))

    def counted_in(self, name: str) -> Cells:
        """Return the cells with the name of the file that they were counted in."""
        doubtful = EARLY in self.sums and int(self.sums[[EARLY, LATE]].to_numpy().sum()) > 0
        timeless = (name,) if self.lost else ()
        return replace(self, file=name, doubted=(name,) if doubtful else (), timeless=timeless)

    def windows(self) -> tuple[int, ...]:
        """Return the numbers of the windows that hold rows, in order of time; rows without a time have none."""
        numbers = sorted(set(self.keys[WINDOW].tolist()))
        return tuple(number for number in numbers if number != NO_WINDOW)

    def in_windows(self, first: int | None) -> Mask:
        """Tell which cells are in the first windows; all without a number of them."""
        if first is None:
            return np.ones(len(self), dtype=np.bool_)
        return np.asarray(self.keys[WINDOW].isin(self.windows()[:first]))


def words(column: pd.Series) -> pd.Series:
    """Return a column of words of which each stands in memory once; missing ones are None.

    Examples
    --------
    >>> words(pd.Series(["a", None, "a"])).tolist()
    ['a', None, 'a']
    """
    codes, levels = pd.factorize(column)
    shared = np.array([*levels, None], dtype=object)[codes]
    return pd.DataFrame({column.name: shared}, dtype=object)[column.name]


def sum_of(place: str) -> str:
    """Return what the sum of the scores of a bin is called.

    Examples
    --------
    >>> sum_of("bin"), sum_of("bin 2")
    ('score_sum', 'score_2_sum')
    """
    return f"{place.replace('bin', 'score').replace(' ', '_')}_sum"


# --- answers --------------------------------------------------------------------------------------


class Counted(NamedTuple):
    """A counted log in the terms of an audit."""

    predictions: Predictions
    """Answers whose truth is known."""
    unlabeled: Predictions
    """Answers to rows that have no label yet; their truth is written as the first class."""
    target: Target
    every: Predictions
    """All answers, with those that cannot be."""
    known: npt.NDArray[np.bool_]
    """Which of all answers have a label."""
    faults: Faults

    def part(self, rows: npt.NDArray[np.bool_] | npt.NDArray[np.intp]) -> Predictions:
        """Return some of all answers, without scores where they hold one that cannot be used."""
        return usable(self.every, self.faults, rows)


def answers(
    cells: Cells,
    columns: LogColumns,
    roles: Roles,
    settings: Settings | None = None,
    *,
    window: str = "",
    means_of: int | None = None,
) -> Counted:
    """Turn cells into predictions whose rows are cells.

    Parameters
    ----------
    cells : Cells
    columns : LogColumns
    roles : Roles
        Task, positive and favorable class, and how labels are rewritten.
    settings : Settings, optional
    window : str
        How cells were divided by time; windows become the key ``window``.
    means_of : int, optional
        How many of the first windows say what the mean score of a bin is, so that none that comes later changes it; of
        a bin that they do not have, each window's own rows do. All rows unless given.

    Raises
    ------
    DataError
        If labels or groups are not as stated.
    """
    known = cells.keys[TRUE].notna().to_numpy()
    if not known.any():
        text = f"no row of the log has a target {quote(columns.target)}; name labels that arrive later in [data] labels"
        if columns.id is not None:
            text += f", whose {quote(columns.id)} must be written as in the log, blanks included"
        raise DataError(f"{text}.")
    weight, squares = _weights(cells)
    if not weight.any():
        raise DataError(f"weight column {quote(columns.weight)} is 0 in every row; expected numbers of 0 or more.")
    shared = cells.in_windows(means_of)
    answers = (
        _amounts(cells, columns, roles, known, weight)
        if columns.amounts
        else _told(cells, columns, roles, known, shared)
    )
    target = answers.target
    keys = {"split": Factor.constant("test", len(cells))}
    if window:
        keys["window"] = _window_factor(cells, window)
    levels: dict[str, Factor] = {}
    for name in columns.groups():
        most = MOST_LEVELS if name in columns.sensitive else MOST_GROUPS
        values = cells.keys[name]
        if name in columns.reading.text:
            values = pd.Series(label_texts(values), name=name, dtype=object)
        keys[address_name(name)] = factor = group_factor(values, columns.bins.get(name), most=most)
        if len(factor.levels) > MOST_GROUPS:
            rows = np.bincount(factor.codes + 1, cells.sums["n"], minlength=len(factor.levels) + 1)[1:]
            levels[address_name(name)], keys[address_name(name)] = factor, pool_levels(factor, rows.astype(np.int64))
    keys |= _who_answered(cells, columns, keys.get("window"), settings or Settings())
    everything = Predictions(
        task=target.task, y_true=answers.true, y_pred=answers.predicted, y_score=answers.score, ties=answers.ties,
        probabilities=answers.score is not None, classes=answers.classes, weight=weight, cluster=_clusters(cells),
        keys=keys, repeats=Repeats(cells.sums["n"].to_numpy(), squares),
        sensitive=tuple(address_name(name) for name in columns.sensitive), levels=levels,
        deciders=tuple(columns.deciders()),
        settings=replace(settings or Settings(), favorable=target.favorable, ordered=bool(roles.order)),
        score_reason=answers.reason,
    )  # fmt: skip
    faults = answers.faults or no_faults(len(cells))
    require_answers(faults.answered & known, target.classes)
    labeled, unlabeled = (usable(everything, faults, rows) for rows in (known, ~known))
    return Counted(labeled, unlabeled, target, everything, known, faults)


def _who_answered(cells: Cells, columns: LogColumns, window: Factor | None, settings: Settings) -> dict[str, Factor]:
    """Return model and version of each cell; where models answered the same requests, which of them decided, too."""
    rows = cells.sums["n"].to_numpy()
    keys = {key: decider_factor(cells.keys[name], rows, key, window) for key, name in columns.deciders().items()}
    if "model" in keys:
        named = settings.reference.get("model")
        require_known(named, keys["model"])
        keys |= {"split": splits_of(keys["model"], window, rows, named)} if cells.shadowed else {}
    return keys


class _Told(NamedTuple):
    """Truth and answer of each cell."""

    target: Target
    true: npt.NDArray[np.generic]
    predicted: npt.NDArray[np.generic]
    classes: tuple[str, ...] = ()
    score: npt.NDArray[np.float64] | None = None
    ties: Mask | None = None
    reason: str = "a regression has no scores"
    faults: Faults | None = None


class _Scores(NamedTuple):
    """The mean score of each cell's bin, or why there is none."""

    mean: npt.NDArray[np.float64] | None
    ties: Mask | None = None
    """Whether all rows of a bin have one score."""
    reason: str = ""
    kinds: Mapping[str, Mask] = MappingProxyType({})
    """Which scores cannot be used."""


def _told(cells: Cells, columns: LogColumns, roles: Roles, known: Mask, shared: Mask) -> _Told:
    target = _target(cells.keys[TRUE][known].rename(columns.target), roles)
    truth = np.zeros(len(cells), dtype=np.int64)
    truth[known] = target.y
    predicted, faults, classes = _predict(cells, columns, target, roles)
    scores = _scores(cells, columns, target, classes, shared)
    faults = faults._replace(kinds={**faults.kinds, **scores.kinds})
    return _Told(target, truth, predicted, classes, scores.mean, scores.ties, scores.reason, faults)


def _amounts(
    cells: Cells, columns: LogColumns, roles: Roles, known: npt.NDArray[np.bool_], weight: npt.NDArray[np.float64]
) -> _Told:
    """Return the mean target and the mean prediction of each cell."""
    mass = np.where(weight > 0, weight, 1.0)
    true, predicted = (
        cells.sums[name].to_numpy() / cells.scales[name] / mass for name in ("true_sum", "predicted_sum")
    )
    encode_target(pd.Series(true[known], name=columns.target), roles)
    return _Told(Target(task="regression", classes=(), y=true[known]), true, predicted)


def _target(truth: pd.Series, roles: Roles) -> Target:
    if truth.nunique() < 2:
        only = quote_all(label_texts(truth)[:1])
        raise DataError(
            f"target {quote(roles.target)} has one class only: {only}; a classifier cannot be measured on one class."
        )
    target = encode_target(truth, roles)
    if target.task == "regression":  # amounts are counted otherwise
        raise DataError(f'target {quote(roles.target)} holds amounts, not classes; state [data] task = "regression".')
    return target


def _predict(
    cells: Cells, columns: LogColumns, target: Target, roles: Roles
) -> tuple[npt.NDArray[np.int64], Faults, tuple[str, ...]]:
    """Return the code of each cell's answer, 0 where it is not a class, and which these are."""
    classes, binary = target.classes, target.task == "binary"
    if columns.prediction is None:
        if (cells.keys[BIN] <= NO_SUM).any() or (isinstance(columns.score, str) and not binary):
            raise DataError(
                f"no prediction follows from {quote_all(columns.scores().values())}: some scores are missing or not "
                "probabilities, or one score is for more than two classes. Add [data] prediction."
            )
        if isinstance(columns.score, str):
            return cells.keys[PREDICTED].to_numpy(dtype=np.int64), no_faults(len(cells)), classes
    what = "[data.score]" if columns.prediction is None else f"prediction {quote(columns.prediction)}"
    own = [None if text is None or not text.strip() else text for text in label_texts(cells.keys[PREDICTED])]
    texts = in_words_of(rewrite_labels(np.array(own, dtype=object), roles.labels, what), classes)
    said = {text for text in texts if text is not None}
    require_same_labels(said, classes, what=f"{what} holds", whole=False, binary=binary, late=columns.id is not None)
    if not binary:
        classes = (*classes, *sorted_labels(said - set(classes)))
    codes = pd.Index(classes).get_indexer(pd.Index(texts, dtype=object))
    missing = np.array([text is None for text in texts], dtype=np.bool_)
    outside = ~missing & ((codes < 0) | (codes >= len(target.classes)))
    texts[~outside] = None
    faults = Faults({NO_LABEL: missing, UNKNOWN: outside}, codes >= 0, texts)
    return np.maximum(codes, 0).astype(np.int64), faults, classes


def _scores(cells: Cells, columns: LogColumns, target: Target, classes: tuple[str, ...], shared: Mask) -> _Scores:
    if columns.score is None:
        return _Scores(None, reason="the log has no scores")
    named = set(target.classes) if isinstance(columns.score, str) else {label_text(name) for name in columns.score}
    missing = [name for name in target.classes if name not in named]
    if missing:
        raise DataError(f"[data.score] names no column for class {quote(missing[0])}.")
    if BIN not in cells.keys:
        what = (
            "scores, of too many combinations"
            if isinstance(columns.score, str)
            else f"scores of {len(columns.scores())} classes"
        )
        return _Scores(None, reason=f"{what}: {COUNTED}")
    several = not isinstance(columns.score, str)
    if target.task != "binary" and not several:
        raise DataError(
            "[data] score names one column, a multiclass task needs one a class: "
            f'[data.score] {target.classes[0]} = "column" …'
        )
    place = cells.keys[BIN].to_numpy()
    kinds = {kind: place == code for code, kind, _ in FAULTS}
    if several:
        mean, ties = _by_class(cells, columns, target, classes, shared)
    else:
        mean = _mean_of_bins(cells, "bin", shared)
        ties = _are_tied(cells, "bin", mean)
    return _Scores(mean, ties, kinds=kinds)


def _by_class(
    cells: Cells, columns: LogColumns, target: Target, classes: tuple[str, ...], shared: Mask
) -> tuple[npt.NDArray[np.float64], Mask]:
    """Return the mean scores of each cell's bins, a column a class; of the positive one alone in a binary task."""
    assert columns.score is not None  # noqa: S101 -- asked for by the caller
    named = {label_text(name): f"bin {at}" for at, name in enumerate(columns.score)}
    means = [_mean_of_bins(cells, named[name], shared) for name in target.classes]
    ties = [_are_tied(cells, named[name], mean) for name, mean in zip(target.classes, means, strict=True)]
    if target.task == "binary":
        return means[1], ties[1]
    others = len(classes) - len(target.classes)
    zeros, all_tied = np.zeros(len(cells)), np.ones(len(cells), dtype=np.bool_)
    return np.stack([*means, *[zeros] * others], -1), np.stack([*ties, *[all_tied] * others], -1)


def _mean_of_bins(cells: Cells, place: str, shared: Mask) -> npt.NDArray[np.float64]:
    """Return the mean score of each cell's bin, over the shared cells in it; without any, over those of its window."""
    codes = pd.factorize(cells.keys[f"\t{place}"])[0]
    alone = ~np.isin(codes, codes[shared])
    if alone.any():
        codes = codes + (int(codes.max()) + 1) * np.where(alone, pd.factorize(cells.keys[WINDOW])[0] + 1, 0)
    code = pd.factorize(codes)[0]
    totals = np.zeros((2, int(code.max()) + 1), dtype=np.int64)
    for row, name in zip(totals, ("n", sum_of(place)), strict=True):
        np.add.at(row, code[shared | alone], cells.sums[name].to_numpy()[shared | alone])
    mean: npt.NDArray[np.float64] = np.clip(totals[1] / totals[0] / FIXED, 0.0, 1.0)
    return mean[code]


def _are_tied(cells: Cells, place: str, mean: npt.NDArray[np.float64]) -> Mask:
    """Tell which cells are of a bin of which all rows of their window have its mean: each sum is a multiple of it.

    Other windows do not count, or later rows would change the numbers of earlier windows.
    """
    code = pd.factorize(cells.keys[f"\t{place}"])[0]
    if WINDOW in cells.keys:
        code = pd.factorize(code + (int(code.max(initial=0)) + 1) * pd.factorize(cells.keys[WINDOW])[0])[0]
    differs = cells.sums[sum_of(place)].to_numpy() != np.rint(mean * FIXED) * cells.sums["n"].to_numpy()
    return np.asarray(np.bincount(code, differs)[code] == 0)


def _weights(cells: Cells) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    if "weight_sum" not in cells.sums:
        n = cells.sums["n"].to_numpy().astype(np.float64)
        return n, n
    weight, squares = (cells.sums[name].to_numpy() / cells.scales[name] for name in ("weight_sum", "square_sum"))
    return weight, squares


def _clusters(cells: Cells) -> Factor | None:
    """Return the cluster of each cell; its levels are numbers, for only who belongs together counts."""
    if CLUSTER not in cells.keys:
        return None
    codes, names = pd.factorize(cells.keys[CLUSTER])
    if (codes < 0).any():
        rows = int(cells.sums["n"].to_numpy()[codes < 0].sum())
        raise DataError(f"{rows} rows of the log have no cluster; give each such row a cluster of its own.")
    return Factor(codes=codes.astype(np.int32), levels=tuple(map(str, range(len(names)))))


def _window_factor(cells: Cells, window: str) -> Factor:
    numbers = cells.windows()
    codes = pd.Index(numbers).get_indexer(pd.Index(cells.keys[WINDOW]))
    return Factor(codes=codes.astype(np.int32), levels=tuple(_name(number, window) for number in numbers))


def _name(number: int, window: str) -> str:
    return REFERENCE_NAME if number == REFERENCE else window_name(number, window)
