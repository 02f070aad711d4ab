"""How many values are missing, and whether they miss more often in one group than in another?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from audit.check import check
from audit.data.dataset import Dataset
from audit.data.groups import Group, Positions, groups, splits
from audit.estimate.making import absent
from audit.estimate.shares import Masses, masses, proportion, proportion_difference, worst_first
from audit.evidence import Settings
from reports.record import Estimate, Measurement, Table

COMPLETE = "(all complete features)"
WIDE = 1000
Flags = npt.NDArray[np.bool_]


@check(title="Missing values", family="data", references=("Rubin 1976, Inference and missing data",))
def missing_values(dataset: Dataset, settings: Settings | None = None, *, most: int = 1000) -> Measurement:
    """Measure the share of missing values of every feature, overall and by group.

    Reading. ``missing_share`` is the share of a split's rows without a value of the feature.
    ``missing_share_difference`` is a group's missing share minus that of the largest group of the same
    feature or crossing: if values are missing more often in one group, the model knows that group less well.

    Limits. Only values that are stored as missing count; a 0, a -999 or the text "unknown" that stands for
    a missing value does not. Shares are of rows; differences between groups count sample weights.
    """
    chosen = settings or Settings()
    overall: list[Estimate] = []
    by_group: list[Estimate] = []
    for split, rows in splits(dataset):
        missing = _missing(dataset, rows)
        of = masses(dataset, rows)._replace(weight=None)
        overall += [
            _share(name, holes, {"split": split, "feature": name}, of, chosen)
            for name, holes in _tell(dataset, missing)
        ]
        by_group += _gaps(dataset, split, rows, missing, chosen)
    first, notes = worst_first(overall, most)
    second, more = worst_first(by_group, most)
    return Measurement(
        summary=_summary(overall),
        estimates=(*first, *second),
        exhibits=(_table(overall),),
        notes=(*notes, *(f"between groups: {note}" for note in more)),
    )


def _missing(dataset: Dataset, rows: Positions) -> Flags:
    return dataset.inputs(rows).isna().to_numpy()


def _tell(dataset: Dataset, missing: Flags) -> Iterator[tuple[str, Flags]]:
    """Yield the holes of each feature; of very many, those without any share one line."""
    alone = (
        range(missing.shape[1])
        if not (dataset.pictures or missing.shape[1] > WIDE)
        else np.flatnonzero(missing.any(axis=0))
    )
    for place in alone:
        yield dataset.features[place], missing[:, place]
    if len(alone) < missing.shape[1]:
        yield COMPLETE, np.zeros(len(missing), dtype=np.bool_)


def _share(name: str, holes: Flags, where: dict[str, str], of: Masses, settings: Settings) -> Estimate:
    if why := settings.hides_missing(name):
        return absent("missing_share", where, why)
    return proportion("missing_share", holes, where, of, level=settings.level)


def _gaps(dataset: Dataset, split: str, rows: Positions, missing: Flags, settings: Settings) -> Iterator[Estimate]:
    """Compare each group with the largest group of its feature; features without a gap in them share one line."""
    place = np.full(len(dataset), -1, dtype=np.intp)
    place[rows] = np.arange(len(rows))
    families: dict[tuple[str, ...], list[Group]] = {}
    for group in groups(dataset, rows, depth=settings.depth):
        families.setdefault(tuple(group.where), []).append(group)
    holes = np.flatnonzero(missing.any(axis=0))
    for family in families.values():
        largest = max(family, key=lambda group: len(group.rows))
        if not len(largest.rows):
            continue
        shares = {
            id(group): _shares(dataset, group, missing[np.ix_(place[group.rows], holes)], settings) for group in family
        }
        for group in family:
            if group is largest:
                continue
            names = [*(dataset.features[hole] for hole in holes)] + [COMPLETE] * (len(holes) < len(dataset.features))
            for name, estimate, other in zip(names, shares[id(group)], shares[id(largest)], strict=True):
                where = {"split": split, "feature": name, **group.where}
                if why := settings.hides_missing(name):
                    yield absent("missing_share_difference", where, why, unit="difference")
                    continue
                yield replace(proportion_difference("missing_share_difference", estimate, other), where=where)


def _shares(dataset: Dataset, group: Group, missing: Flags, settings: Settings) -> list[Estimate]:
    """Return the share of a group's rows that miss each of some features, and none of all others if there are any."""
    of = masses(dataset, group.rows)
    if why := settings.why_hidden(group.where, len(group.rows)):
        number = missing.shape[1] + (missing.shape[1] < len(dataset.features))
        return [absent("missing_share", group.where, why)] * number
    columns = list(missing.T)
    if len(columns) < len(dataset.features):
        columns.append(np.zeros(len(group.rows), dtype=np.bool_))
    return [
        proportion("missing_share", hits, group.where, of, level=settings.level, least=settings.suppress_n)
        for hits in columns
    ]


def _summary(overall: list[Estimate]) -> str:
    holed = {estimate.where["feature"] for estimate in overall if estimate.value}
    if not holed:
        return "No feature has missing values."
    worst = max(overall, key=lambda estimate: estimate.value or 0.0)
    feature, split = worst.where["feature"], worst.where["split"]
    text = f"{len(holed)} features have missing values" if len(holed) > 1 else "1 feature misses values"
    return f"{text}; most {feature!r}, in {worst.value or 0.0:.1%} of the {split} rows."


def _table(overall: list[Estimate]) -> Table:
    holed = sorted((estimate for estimate in overall if estimate.value), key=lambda estimate: -(estimate.value or 0.0))
    return Table(
        title="Features with missing values",
        columns=("feature", "split", "missing share", "rows"),
        rows=tuple(
            (estimate.where["feature"], estimate.where["split"], round(estimate.value or 0.0, 4), estimate.n)
            for estimate in holed[:50]
        ),
        caption="Largest share first, at most 50." if holed else "There are none.",
        folded=True,
    )
