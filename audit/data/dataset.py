"""A data set as an audit sees it: one frame, with its splits and groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from audit.data.columns import MOST_GROUPS, MOST_LEVELS, ColumnKind, column_kind, group_factor, label_texts, pool_levels
from audit.data.factor import Factor
from audit.data.joining import join_columns, outside_column
from audit.data.kinds import may_round_codes
from audit.data.reading import Tables
from audit.data.roles import Roles as Roles
from audit.data.target import encode_target, require_both_classes
from audit.data.times import moments
from audit.errors import DataError, hint, quote, quote_all
from reports.record import HOUSE_WORDS, FeatureInfo, SplitInfo, Task

ROUNDED = (
    "column {quoted} holds whole numbers of more than 15 digits beside missing values, and their last digits may be "
    'rounded; if they are codes, write them as text (of a CSV file: [data] text = ["{name}"])'
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dataset:
    """All rows of all splits.

    Parameters
    ----------
    frame : DataFrame of n rows
        Every column as it was read, rows of the splits one below the other.
    split : Factor
        ``train``, ``test``, perhaps others.
    y : ndarray of shape (n,)
        Codes into `classes` (int64), or the target itself (float64) in regression.
    classes : tuple of str
        Binary: the negative, then the positive class. Empty in regression.
    features : tuple of str
        Columns that the model reads, in its order.
    sensitive : mapping of str to Factor
        Group of each row by sensitive feature; of one with very many levels the largest, and the others as one group.
    """

    frame: pd.DataFrame
    split: Factor
    roles: Roles
    task: Task
    y: npt.NDArray[np.generic]
    classes: tuple[str, ...]
    features: tuple[str, ...]
    sensitive: Mapping[str, Factor]
    levels: Mapping[str, Factor] = field(default_factory=dict)
    """Every level of the features of which `sensitive` holds only the largest by name."""
    weight: npt.NDArray[np.float64] | None = None
    cluster: Factor | None = None
    splits: tuple[SplitInfo, ...] = ()
    label_order: tuple[str, ...] = ()
    """The classes as scikit-learn sorts the target's values, which models without ``classes_`` go by."""
    favorable: str = ""
    """The class that is good for the person; ``""`` if that was not stated."""
    ignored: Mapping[str, str] = field(default_factory=dict)
    """Columns that no audit can read and that were left out → what they hold."""
    notes: tuple[str, ...] = ()
    """What a reader of the record should know of how the tables were read."""
    read_as_missing: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Column → word → rows that were read as missing."""
    stated_features: bool = False
    """Whether the user named the features; then a model's own names cannot overrule them."""
    pictures: bool = False
    """Whether a row is an image, of which no pixel has a meaning of its own."""
    known_kinds: dict[str, ColumnKind] = field(default_factory=dict, repr=False)  # looking takes its time

    def __len__(self) -> int:
        return len(self.frame)

    def rows(self, split: str) -> npt.NDArray[np.intp]:
        """Return the positions of a split's rows, none if there is no such split."""
        return np.flatnonzero(self.split.mask(split))

    def has(self, split: str) -> bool:
        """Tell whether a split has rows."""
        return split in self.split.levels and bool(self.split.mask(split).any())

    def inputs(self, rows: npt.NDArray[np.intp]) -> pd.DataFrame:
        """Return what the model reads of `rows`: its features, in its order."""
        return self.frame.loc[:, list(self.features)].take(rows).reset_index(drop=True)

    def kinds(self) -> dict[str, ColumnKind]:
        """Tell what kind of column each feature is."""
        new = {name: column_kind(self.frame[name]) for name in self.features if name not in self.known_kinds}
        self.known_kinds.update(new)
        return {name: self.known_kinds[name] for name in self.features}

    def feature_infos(self) -> tuple[FeatureInfo, ...]:
        """Describe the features for the record; those of a picture together."""
        if self.pictures and len(self.features) > 1:
            name = f"{self.features[0]} to {self.features[-1]}"
            return (FeatureInfo(name=name, kind="numeric", columns=len(self.features)),)
        return tuple(FeatureInfo(name=name, kind=kind) for name, kind in self.kinds().items())

    def for_model(self, names: Sequence[str] | None, count: int | None) -> Dataset:
        """Narrow the features to those a model was fitted on.

        Parameters
        ----------
        names : sequence of str, optional
            The model's ``feature_names_in_``.
        count : int, optional
            The model's ``n_features_in_``.

        Raises
        ------
        DataError
            If table and model disagree.
        """
        if names is not None:
            missing = [name for name in names if name not in self.frame.columns]
            if left_out := next((name for name in missing if name in self.ignored), None):
                raise DataError(
                    f"the model reads column {quote(left_out)}, which holds {self.ignored[left_out]}; "
                    "expected numbers, words, truth values or times."
                )
            if missing:
                raise DataError(
                    f"the model was fitted on {len(names)} features; the table lacks {quote_all(missing)}."
                    + hint(missing[0], self.frame.columns)
                )
            if self.stated_features and set(names) != set(self.features):
                odd = sorted(set(names) ^ set(self.features))
                raise DataError(
                    f"[data] features names {len(self.features)} columns, the model was fitted on {len(names)}; they "
                    f"differ in {quote_all(odd)}. Leave 'features' out: the model's own names are used."
                )
            if self.roles.target in names:
                raise DataError(f"the model was fitted with the target {quote(self.roles.target)} among its features.")
            return replace(self, features=tuple(names))
        if count is not None and count != len(self.features):
            raise DataError(
                f"the model reads {count} features and does not name them; the table has {len(self.features)}: "
                f"{quote_all(self.features)}. Name them in [data] features, or the others in [data] drop."
            )
        return self


def build(
    frames: Mapping[str, pd.DataFrame],
    roles: Roles,
    *,
    sensitive_frames: Mapping[str, pd.DataFrame] | None = None,
    infos: Mapping[str, SplitInfo] | None = None,
    tables: Tables | None = None,
) -> Dataset:
    """Join the tables of the splits into one data set.

    Parameters
    ----------
    frames : mapping of str to DataFrame
        By split; ``test`` is the one that is evaluated, ``train`` is optional.
    roles : Roles
    sensitive_frames : mapping of str to DataFrame, optional
        Sensitive features that are not in the tables, by split, row for row.
    infos : mapping of str to SplitInfo, optional
        File names and fingerprints.
    tables : Tables, optional
        What was done when the frames were read.

    Raises
    ------
    DataError
        For a missing or misspelled column, an empty table, a target that does not fit its task.

    Examples
    --------
    >>> table = pd.DataFrame({"age": [30, 40, 50, 60], "sex": list("fmfm"), "ill": [0, 1, 1, 0]})
    >>> data = build({"test": table}, Roles(target="ill", task="binary", positive=1, sensitive=("sex",)))
    >>> data.classes, data.features, data.sensitive["sex"].levels
    (('0', '1'), ('age', 'sex'), ('f', 'm'))
    """
    apart = sensitive_frames or {}
    _require_columns(frames, roles, apart)
    frames, apart, dropped = _without_missing_targets(frames, roles, apart)
    answers = {roles.prediction, *roles.score_columns()}
    shared = [n for n in frames["test"].columns if n in answers or all(n in frame.columns for frame in frames.values())]
    frame, ignored = join_columns(frames, shared, roles)
    shared = [name for name in shared if name not in ignored]
    split = Factor(
        codes=np.repeat(np.arange(len(frames), dtype=np.int32), [len(frame) for frame in frames.values()]),
        levels=tuple(frames),
    )
    target = encode_target(frame[roles.target], roles)
    require_both_classes(target, split)
    if roles.time is not None:
        moments(frame[roles.time])
    given = {name: frame.reset_index(drop=True) for name, frame in apart.items()}
    skipped = roles.not_features()
    features = roles.features or tuple(name for name in shared if name not in skipped)
    groups = _sensitive(frame, split, roles, given)
    wide = {name: factor for name, factor in groups.items() if len(factor.levels) > MOST_GROUPS}
    test = split.mask("test")
    return Dataset(
        frame=frame,
        split=split,
        roles=roles,
        task=target.task,
        y=target.y,
        classes=target.classes,
        label_order=target.order,
        favorable=target.favorable,
        ignored=ignored,
        notes=(
            *(() if tables is None else tables.notes),
            *(f"column {quote(name)} holds {what} and was left out" for name, what in ignored.items()),
            *(ROUNDED.format(name=name, quoted=quote(name)) for name in frame.columns if may_round_codes(frame[name])),
        ),
        read_as_missing={} if tables is None else tables.read_as_missing,
        features=features,
        sensitive={
            **groups,
            **{name: pool_levels(factor, factor.take(test).counts()) for name, factor in wide.items()},
        },
        levels=wide,
        weight=None if roles.weight is None else _weights(frame[roles.weight], roles.weight),
        cluster=None if roles.cluster is None else Factor.of(label_texts(frame[roles.cluster])),
        splits=tuple(
            replace((infos or {}).get(name, SplitInfo(name=name, rows=0)), rows=len(frame), dropped_rows=dropped[name])
            for name, frame in frames.items()
        ),
        stated_features=roles.features is not None,
    )


def _require_columns(frames: Mapping[str, pd.DataFrame], roles: Roles, apart: Mapping[str, pd.DataFrame]) -> None:
    if "test" not in frames:
        raise DataError(f"no test rows: splits are {quote_all(frames)}, expected one called 'test'.")
    outside = {name for frame in apart.values() for name in frame.columns}
    for split, frame in frames.items():
        _require_table(split, frame, roles, outside)
    if roles.target in (roles.features or ()):
        raise DataError(f"[data] features names the target {quote(roles.target)}; a model must not read it.")
    for name in roles.bins:
        if name not in roles.sensitive:
            raise DataError(
                f"[data.bins] cuts {quote(name)}, which is not a sensitive feature." + hint(name, roles.sensitive)
            )
    for name, way in roles.monotone.items():
        _require_monotone(name, way, frames["test"])
    _require_labeled(frames, roles, outside)


def _require_labeled(frames: Mapping[str, pd.DataFrame], roles: Roles, outside: set[str]) -> None:
    """Refuse value labels of a column that is not there."""
    columns = {str(name) for frame in frames.values() for name in frame.columns} | {str(name) for name in outside}
    for name in roles.names:
        if name not in columns:
            raise DataError(
                f"[data.names] labels the values of {quote(name)}, which is not a column." + hint(name, columns)
            )


def _require_monotone(name: str, way: str, frame: pd.DataFrame) -> None:
    """Refuse a declared direction that cannot be tried."""
    if way not in ("increasing", "decreasing"):
        raise DataError(
            f"[data.monotone] {quote(name)} is {quote(way)}; expected 'increasing' or 'decreasing'."
            + hint(way, ("increasing", "decreasing"))
        )
    if name not in frame.columns:
        raise DataError(f"[data.monotone] names {quote(name)}, which is not a column." + hint(name, frame.columns))
    if not pd.api.types.is_numeric_dtype(frame[name].dtype) or pd.api.types.is_bool_dtype(frame[name].dtype):
        raise DataError(f"[data.monotone] names {quote(name)}, which holds no numbers; only numbers can be raised.")


def _require_table(split: str, frame: pd.DataFrame, roles: Roles, outside: set[str]) -> None:
    if not len(frame):
        raise DataError(f"the {split} table is empty.")
    doubled = frame.columns[frame.columns.duplicated()]
    if len(doubled):
        raise DataError(f"the {split} table has two columns named {quote_all(doubled)}; rename one.")
    for role, name in _state(roles, split):
        if name not in frame.columns and not (role == "sensitive" and name in outside):
            raise DataError(
                f"{role} column {quote(name)} is not in the {split} table; columns are "
                f"{quote_all(frame.columns)}." + hint(name, frame.columns)
            )


def _state(roles: Roles, split: str) -> list[tuple[str, str]]:
    """List each column that a split must have, with the role it plays."""
    single = {role: getattr(roles, role) for role in ("target", "weight", "cluster", "time")}
    stated = [(role, name) for role, name in single.items() if name is not None]
    stated += [("sensitive", name) for name in roles.sensitive]
    stated += [("features", name) for name in roles.features or ()]
    stated += [("drop", name) for name in roles.drop]
    if split == "test":  # answers are read where the model is judged
        stated += [("prediction", name) for name in (roles.prediction,) if name is not None]
        stated += [("score", name) for name in roles.score_columns()]
    return stated


def _without_missing_targets(
    frames: Mapping[str, pd.DataFrame], roles: Roles, apart: Mapping[str, pd.DataFrame]
) -> tuple[dict[str, pd.DataFrame], dict[str, pd.DataFrame], dict[str, int]]:
    kept, beside, dropped = {}, dict(apart), {}
    for split, frame in frames.items():
        missing = frame[roles.target].isna().to_numpy()
        dropped[split] = int(missing.sum())
        if dropped[split] and not roles.drop_missing_target:
            raise DataError(
                f"{dropped[split]} of {len(frame)} {split} rows have no target {quote(roles.target)}. "
                "Fill them in, or set [data] drop_missing_target = true to leave them out (the card says how many)."
            )
        if dropped[split] == len(frame):
            raise DataError(f"no {split} row has a target {quote(roles.target)}.")
        kept[split] = frame[~missing]
        if split in beside:
            _require_row_for_row(beside[split], frame, split)
            beside[split] = beside[split][~missing]
    return kept, beside, dropped


def _require_row_for_row(beside: pd.DataFrame, frame: pd.DataFrame, split: str) -> None:
    if len(beside) != len(frame):
        names = quote_all(beside.columns)
        raise DataError(f"the sensitive features {names} have {len(beside)} {split} rows; the table has {len(frame)}.")


def _weights(column: pd.Series, name: str) -> npt.NDArray[np.float64]:
    if not pd.api.types.is_numeric_dtype(column.dtype):
        raise DataError(f"weight column {quote(name)} holds text; expected numbers of 0 or more.")
    weight = column.to_numpy(dtype=np.float64)
    if not (np.isfinite(weight).all() and (weight >= 0).all() and weight.sum() > 0):
        raise DataError(
            f"weight column {quote(name)} holds missing, negative or only zero weights; expected 0 or more."
        )
    return weight


def address_name(feature: str) -> str:
    """Return the key of a feature in addresses: its name, unless that is a word of the house.

    Examples
    --------
    >>> address_name("sex"), address_name("class")
    ('sex', 'class (column)')
    """
    return f"{feature} (column)" if feature in HOUSE_WORDS | {"*"} else feature


def _sensitive(
    frame: pd.DataFrame, split: Factor, roles: Roles, apart: Mapping[str, pd.DataFrame]
) -> dict[str, Factor]:
    groups = {}
    names = dict.fromkeys([*roles.sensitive, *(name for frame in apart.values() for name in frame.columns)])
    for name in names:
        outside = any(name in frame.columns for frame in apart.values())
        column = outside_column(name, split, apart) if outside else frame[name]
        groups[address_name(str(name))] = group_factor(column, roles.bins.get(str(name)), most=MOST_LEVELS)
    return groups
