"""Are test items slightly changed copies of training items?"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pandas as pd

from audit.check import check
from audit.data.dataset import Dataset
from audit.errors import NotApplicable
from audit.estimate.making import exact
from audit.tabular.nearest import Flags, Positions, Vectors, near_texts, near_vectors, standardize_columns
from audit.tabular.rows import Hashes, cells, column_hash, total
from audit.tabular.single_feature import numbers
from reports.record import Measurement

FAR = 1e120
"""Numbers beyond this, and infinite ones, are taken as this: their squares still add up."""
FLUCTUATION = 2.58
"""Standard errors of chance that are subtracted: it exceeds them once in 200 tables."""

Find = Callable[[Positions, Positions], Flags]
"""Which of some items are near duplicates of others."""


@check(
    title="Near duplicates of training items",
    family="leakage",
    references=("Barz and Denzler 2020, Do we train on test data?", "Broder 1997, Resemblance of documents"),
    requires=("train",),
)
def near_duplicates(
    dataset: Dataset, *, radius: float = 0.01, pixel_radius: float = 0.1, text_radius: float = 0.3
) -> Measurement:
    """Count test items that are almost equal to a training item, beyond what chance brings.

    Reading. A row counts if its categories are those of a training row, its numbers differ from that row's by
    under 0.01 standard deviations per feature (root mean square), and it is five times nearer to it than to
    any other test row. Pixels share one scale and a wider radius; texts are compared by the share of
    five-character pieces they do not have in common. ``near_duplicate_share`` is what remains after the
    share that a part of the training rows has with the rest of them, and its chance fluctuation, are
    subtracted.

    Limits. Rows that are equal in every feature are left to the search for exact copies. Copies that were
    changed more, such as turned or cropped images, are not found. A table of free text is compared by its
    text alone.
    """
    train, test = dataset.rows("train"), dataset.rows("test")
    find, unit = _finder(dataset, train, radius, pixel_radius, text_radius)
    mask = find(test, train)
    raw = float(mask.mean())
    usual = _usual(find, train, len(test)) if mask.any() else 0.0
    value = max(0.0, raw - usual)
    return Measurement(
        summary=f"{int(mask.sum()):,} of {len(test):,} test {unit} are almost equal to a training one, "
        f"{value:.2%} beyond what chance brings.",
        estimates=(exact("near_duplicate_share", value, {"split": "test"}, n=len(test)),),
        notes=(f"{usual:.2%} are explained by chance, as among training {unit}",) if mask.any() else (),
    )


def _finder(
    dataset: Dataset, train: Positions, radius: float, pixel_radius: float, text_radius: float
) -> tuple[Find, str]:
    kinds = dataset.kinds()
    texts = [name for name, kind in kinds.items() if kind == "text"]
    if texts:
        joined = dataset.frame.loc[:, texts].astype(object).fillna("").astype(str).agg(" ".join, axis=1).tolist()
        return lambda asking, asked: near_texts(joined, asking, asked, text_radius), "texts"
    measured = [name for name, kind in kinds.items() if kind in ("numeric", "datetime")]
    if not measured:
        raise NotApplicable("compares numbers and texts only; no feature holds these")
    pixels = set(dataset.frame.dtypes.loc[measured]) == {np.dtype(np.uint8)}
    apart = set(measured)
    others = [name for name in dataset.features if name not in apart]
    items = _vectors(dataset.frame, measured, others, train, pixels)
    reach = pixel_radius if pixels else radius
    return lambda asking, asked: near_vectors(items, asking, asked, reach), "images" if pixels else "rows"


def _vectors(frame: pd.DataFrame, measured: list[str], others: list[str], train: Positions, pixels: bool) -> Vectors:
    """Write rows as points; what is missing is a matter of the group, not of distance."""
    if pixels:
        X = frame.loc[:, measured].to_numpy(dtype=np.float64)
        holes = np.zeros((1, 1), dtype=np.bool_)
    else:
        X = np.clip(np.stack([numbers(frame[name]) for name in measured], axis=1), -FAR, FAR)
        holes = np.isnan(X)
        X = np.where(holes, 0.0, X)
    parts: list[Hashes] = [column_hash(frame[name], place) for place, name in enumerate(others)]
    if holes.any():
        weights: npt.NDArray[np.uint64] = column_hash(pd.Series(np.arange(X.shape[1])), 2**20)
        parts.append((holes * weights).sum(axis=1, dtype=np.uint64))
    return Vectors(standardize_columns(X, train, shared=pixels), cells(total(parts, len(frame))))


def _usual(find: Find, train: Positions, tested: int) -> float:
    """Return what chance may bring: the share that training rows have with each other, and its fluctuation.

    A part of the training rows, in the proportion of test to training, asks the rest, which lies thinner than
    all of the training rows do.
    """
    size = max(1, round(len(train) * tested / (len(train) + tested)))
    chosen = np.zeros(len(train), dtype=np.bool_)
    chosen[np.random.default_rng(0).choice(len(train), size, replace=False)] = True
    denser = len(train) / max(1, len(train) - size)
    share = min(1.0, float(find(train[chosen], train[~chosen]).mean()) * denser)
    return share + FLUCTUATION * float(np.sqrt(share * (1 - share) * (denser / size + 1 / tested)))
