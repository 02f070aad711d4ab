"""Set up the workplace of a mitigation: the groups that are compared, the rows that learn, choose and judge."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from audit.data.columns import MOST_GROUPS, pool_levels
from audit.data.dataset import Dataset, address_name
from audit.data.factor import Factor, cross_factors
from audit.errors import ConfigError, DataError, hint, quote, quote_all
from audit.evidence import Settings
from audit.mitigation.bench import FEW, Bench, Rows
from audit.mitigation.constraints import Constraint
from audit.models.load import Model
from audit.progress import Progress, silent
from reports.record import SplitInfo

CARVED = 0.25
"""Share of the training rows that choose, where no validation rows were given."""


def prepare(
    dataset: Dataset,
    model: Model,
    constraint: Constraint,
    settings: Settings,
    *,
    feature: str,
    seed: int,
    progress: Progress = silent,
) -> Bench:
    """Set up the workplace: choose the feature, leave out rows without a group, carve out rows to choose on.

    Raises
    ------
    ConfigError, DataError
        If there is no such feature, nothing to learn from, or no second group.
    """
    keys = _features(dataset, feature)
    if not dataset.has("train"):
        raise ConfigError("there is nothing to learn from: state [data] train, beside the test rows that judge.")
    columns = tuple(key if key in dataset.frame.columns else key.removesuffix(" (column)") for key in keys)
    notes: list[str] = []
    for key, column in zip(keys, columns, strict=True):
        if column not in dataset.frame.columns:  # a feature that was given apart: its groups become a column
            dataset = _with_column(dataset, key, column)
    dataset = _with_groups(dataset, keys, notes)
    carved = not dataset.has("validation")
    if carved:
        dataset = _carve(dataset, _levels(dataset, keys), seed)
        notes.append(
            f"no validation rows were given: {len(dataset.rows('validation'))} were taken from the training rows, "
            "by chance within group and outcome"
        )
    groups, joined = _groups(dataset, keys, notes)
    return Bench(
        dataset=replace(dataset, stated_features=False), model=model, features=keys, columns=columns, groups=groups,
        joined=joined, constraint=constraint, settings=settings, seed=seed, carved=carved, progress=progress,
        notes=notes,
    )  # fmt: skip


def _features(dataset: Dataset, feature: str) -> tuple[str, ...]:
    """Return the keys of the sensitive features that are meant: one, or several with commas between them."""
    known = list(dataset.sensitive)
    if not known:
        raise ConfigError("no sensitive feature is named: state [data] sensitive.")
    if not feature:
        if len(known) > 1:
            raise ConfigError(
                f"several sensitive features are named ({quote_all(known)}): say which with --feature {known[0]}, or "
                f'cross them with --feature "{known[0]}, {known[1]}".'
            )
        return (known[0],)
    if (whole := _key(feature, known)) is not None:
        return (whole,)
    keys = []
    for name in re.split("[,×]", feature):
        if (key := _key(name.strip(), known)) is None:
            raise ConfigError(
                f"--feature names {quote(name.strip())}; sensitive features are {quote_all(known)}."
                + hint(name.strip(), known)
            )
        keys.append(key)
    return tuple(dict.fromkeys(keys))


def _key(name: str, known: Sequence[str]) -> str | None:
    return next((key for key in (name, address_name(name)) if key in known), None)


def _levels(dataset: Dataset, keys: Sequence[str]) -> Factor:
    """Return the level of each row, every one by name: of one feature, or of several that are crossed."""
    return cross_factors([dataset.levels.get(key, dataset.sensitive[key]) for key in keys])


def _with_groups(dataset: Dataset, keys: Sequence[str], notes: list[str]) -> Dataset:
    """Leave out the rows without a group, or of one that nothing could be learned of."""
    levels = _levels(dataset, keys)
    learned = np.zeros(len(levels.levels) + 1, dtype=np.bool_)
    learned[levels.codes[~dataset.split.mask("test")]] = True
    kept = (levels.codes >= 0) & learned[levels.codes]
    if kept.all():
        return dataset
    gone, what = int((~kept).sum()), quote(" × ".join(keys))
    notes.append(f"{gone} rows have no group of {what}, or one that no training row has: they are left out")
    return subset(dataset, np.flatnonzero(kept))


def _groups(dataset: Dataset, keys: Sequence[str], notes: list[str]) -> tuple[Factor, dict[str, tuple[str, ...]]]:
    """Return the groups that rules are made for, and the levels of the one that joins small ones.

    Groups of one feature of a few levels stay apart. Of several that are crossed, or of a feature of very many levels,
    those with too few rows to learn from or to choose on have one rule together.
    """
    what, levels = quote(" × ".join(keys)), _levels(dataset, keys)
    groups = levels
    together: tuple[str, ...] = ()
    if len(keys) > 1 or keys[0] in dataset.levels:
        groups, together = _join_small(dataset, levels)
    if len(np.unique(groups.codes[dataset.rows("train")])) < 2:
        raise DataError(
            f"the training rows have one group of {what} that is large enough for a rule (crossed, or of very many "
            f"levels: {FEW} rows to learn from and {FEW} to choose on); there is no gap to narrow."
            if together
            else f"the training rows have one group of {what}; there is no gap to narrow."
        )
    if not together:
        return groups, {}
    notes.append(
        f"{len(together)} groups of {what} have fewer than {FEW} rows to learn from or to choose on, or are beyond the "
        f"{MOST_GROUPS - 1} largest: they share one rule"
    )
    return groups, {groups.levels[-1]: together}


def _join_small(dataset: Dataset, levels: Factor) -> tuple[Factor, tuple[str, ...]]:
    """Join the levels with too few rows to learn from or to choose on, where there are at least two."""
    train, validation = (levels.take(dataset.rows(split)).counts() for split in ("train", "validation"))
    sizes = np.minimum(train, validation)
    groups = pool_levels(levels, sizes, min(int((sizes >= FEW).sum()), MOST_GROUPS - 1))
    together = tuple(
        level
        for level, rows in zip(levels.levels, train + validation, strict=True)
        if rows and level not in groups.levels
    )
    return (groups, together) if len(together) > 1 else (levels, ())


def _with_column(dataset: Dataset, key: str, column: str) -> Dataset:
    factor = dataset.sensitive[key]
    texts = np.array([*factor.levels, None], dtype=object)[factor.codes]
    return replace(dataset, frame=dataset.frame.assign(**{column: pd.Series(texts, index=dataset.frame.index)}))


def subset(dataset: Dataset, rows: Rows) -> Dataset:
    """Return a data set of some of its rows."""
    split = dataset.split.take(rows)
    counts = {name: int(split.mask(name).sum()) for name in split.levels}
    return replace(
        dataset,
        frame=dataset.frame.take(rows).reset_index(drop=True),
        split=split,
        y=dataset.y[rows],
        sensitive={name: factor.take(rows) for name, factor in dataset.sensitive.items()},
        levels={name: factor.take(rows) for name, factor in dataset.levels.items()},
        weight=None if dataset.weight is None else dataset.weight[rows],
        cluster=None if dataset.cluster is None else dataset.cluster.take(rows),
        splits=tuple(replace(split, rows=counts.get(split.name, 0)) for split in dataset.splits),
    )


def _carve(dataset: Dataset, groups: Factor, seed: int) -> Dataset:
    """Move a share of the training rows to ``validation``: by group and outcome, clusters whole."""
    rows = dataset.rows("train")
    generator = np.random.default_rng([seed, 18])
    if dataset.cluster is not None:
        own = dataset.cluster.codes[rows]
        clusters = generator.permutation(np.unique(own))
        taken = rows[np.isin(own, clusters[: max(1, round(CARVED * len(clusters)))])]
    else:
        taken = _by_strata(dataset, groups, rows, generator)
    levels = (*dataset.split.levels, "validation")
    codes = dataset.split.codes.copy()
    codes[taken] = len(levels) - 1
    if len(taken) in (0, len(rows)):
        raise DataError(f"{len(rows)} training rows are too few to choose on a part of them; give [data] validation.")
    train = next((split for split in dataset.splits if split.name == "train"), SplitInfo(name="train", rows=0))
    infos = [
        replace(split, rows=len(rows) - len(taken)) if split.name == "train" else split for split in dataset.splits
    ]
    infos.append(replace(train, name="validation", rows=len(taken)))
    return replace(dataset, split=Factor(codes=codes, levels=levels), splits=tuple(infos))


def _by_strata(dataset: Dataset, groups: Factor, rows: Rows, generator: np.random.Generator) -> Rows:
    group = groups.codes[rows].astype(np.int64)
    outcome = np.zeros(len(rows), np.int64) if dataset.task == "regression" else dataset.y[rows].astype(np.int64)
    stratum = group * (int(outcome.max(initial=0)) + 1) + outcome
    taken: list[Rows] = []
    for code in np.unique(stratum):
        inside = generator.permutation(rows[stratum == code])
        taken.append(inside[: round(CARVED * len(inside))])
    return np.sort(np.concatenate(taken))
