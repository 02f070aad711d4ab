"""Tables of answers whose truth is known: groups in perfect parity, or one rate of one group moved by a stated step."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from statistics import NormalDist

import numpy as np

from audit.data.factor import Factor
from audit.evidence import Predictions, Settings
from benchmarks.coverage_scenario import expit

NORMAL = NormalDist()
SPREAD = 1.5
"""Standard deviation of the log-odds of a calibrated model."""


def sizes(groups: int, n: int, equal: bool) -> np.ndarray:
    """Split `n` rows over groups: evenly, or in proportion to 1, 2, 3 …"""
    share = np.ones(groups) if equal else np.arange(1, groups + 1, dtype=np.float64)
    return np.maximum((share / share.sum() * n).astype(np.int64), 1)


def factor(codes: np.ndarray, groups: int) -> Factor:
    return Factor(codes=codes.astype(np.int32), levels=tuple(f"g{place:02}" for place in range(groups)))


def grouped(*columns: tuple[np.ndarray, int]) -> dict[str, object]:
    """Return keys of test rows distinguished by one feature after another."""
    keys = {"split": Factor.constant("test", len(columns[0][0]))} if columns else {}
    names = tuple(f"feature{place + 1}" for place in range(len(columns)))
    keys |= {name: factor(codes, groups) for name, (codes, groups) in zip(names, columns, strict=True)}
    return {"keys": keys, "sensitive": names, "row": np.arange(len(columns[0][0]))}


def binary(y: np.ndarray, chosen: np.ndarray, score: np.ndarray | None = None, **rest: object) -> Predictions:
    return Predictions(
        task="binary", classes=("no", "yes"), y_true=y.astype(np.int64), y_pred=chosen.astype(np.int64), y_score=score,
        probabilities=score is not None, **rest,
    )  # type: ignore[arg-type]  # fmt: skip


@lru_cache(maxsize=64)
def center(base: float, spread: float = SPREAD) -> float:
    """Return the mean of normal log-odds whose probabilities average to `base`."""
    z = np.array([NORMAL.inv_cdf((k + 0.5) / 4000) for k in range(4000)]) * spread
    low, high = -20.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if float(expit(z + middle).mean()) < base else (low, middle)
    return low


def within(rng: np.random.Generator, codes: np.ndarray, rows: int) -> Factor:
    """Cut the rows of each group into clusters of `rows` on average, none of which crosses groups."""
    new = (rng.random(len(codes)) < 1 / rows) | (np.diff(codes, prepend=-1) != 0)
    place = np.cumsum(new) - 1
    return Factor(codes=place.astype(np.int32), levels=tuple(map(str, range(int(place[-1]) + 1))))


def correlated(rng: np.random.Generator, cluster: Factor | None, n: int, share: float = 0.2) -> np.ndarray:
    """Draw standard normal numbers, of which rows of one cluster share a part."""
    if cluster is None:
        return rng.normal(size=n)
    common = rng.normal(size=len(cluster.levels))[cluster.codes]
    return np.sqrt(share) * common + np.sqrt(1 - share) * rng.normal(size=n)


def parity(
    rng: np.random.Generator,
    layout: Sequence[np.ndarray],
    base: float,
    *,
    weighted: bool = False,
    clustered: bool = False,
) -> Predictions:
    """Draw a calibrated model that knows nothing of groups; it selects as many rows as are positive.

    `layout` has the sizes of the groups of each feature; a second feature is independent of the first.
    """
    from scipy.special import ndtr

    n = int(layout[0].sum())
    columns = [np.repeat(np.arange(len(layout[0])), layout[0])]
    columns += [rng.choice(len(one), n, p=one / one.sum()) for one in layout[1:]]
    cluster = within(rng, columns[0], 10) if clustered else None
    score = expit(center(base) + SPREAD * correlated(rng, cluster, n))
    y = ndtr(correlated(rng, cluster, n)) < score
    cut = expit(center(base) + SPREAD * NORMAL.inv_cdf(1 - base))
    weight = np.exp(0.7 * rng.normal(size=n)) if weighted else None
    keys = grouped(*((codes, len(one)) for codes, one in zip(columns, layout, strict=True)))
    return binary(y, score > cut, score, weight=weight, cluster=cluster, **keys)


def numbers(
    rng: np.random.Generator, layout: Sequence[np.ndarray], *, slant: float = 0.0, wider: float = 1.0,
    weighted: bool = False, clustered: bool = False,
) -> Predictions:  # fmt: skip
    """Draw a regression.

    The first group's mean error is `slant` standard deviations of the target, its absolute error `wider` times
    the others'.
    """
    n = int(layout[0].sum())
    codes = np.repeat(np.arange(len(layout[0])), layout[0])
    cluster = within(rng, codes, 10) if clustered else None
    truth = rng.normal(size=n)
    error = 0.6 * correlated(rng, cluster, n) * np.where(codes == 0, wider, 1.0)
    columns = [(codes, len(layout[0]))]
    columns += [(rng.choice(len(one), n, p=one / one.sum()), len(one)) for one in layout[1:]]
    return Predictions(
        task="regression", y_true=truth, y_pred=truth + error + slant * (codes == 0),
        weight=np.exp(0.7 * rng.normal(size=n)) if weighted else None, cluster=cluster, **grouped(*columns),
    )  # type: ignore[arg-type]  # fmt: skip


CLASSES = np.array([0.5, 0.3, 0.2])


def classes(
    rng: np.random.Generator, layout: Sequence[np.ndarray], *, lost: float = 0.0, rarer: float = 1.0,
    weighted: bool = False, clustered: bool = False,
) -> Predictions:  # fmt: skip
    """Draw three classes, 75 % right.

    Of the first group's members of class b, `lost` fewer are found, or it is labeled b `rarer` times as often: wrong
    labels are dropped first.
    """
    from scipy.special import ndtr

    n = int(layout[0].sum())
    codes = np.repeat(np.arange(len(layout[0])), layout[0])
    cluster = within(rng, codes, 10) if clustered else None
    truth = np.searchsorted(CLASSES.cumsum()[:-1], ndtr(correlated(rng, cluster, n)))
    wrong = ndtr(correlated(rng, cluster, n)) > np.where((codes == 0) & (truth == 1), 0.75 - lost, 0.75)
    other = (truth + rng.integers(1, 3, n)) % 3
    given = np.where(wrong, other, truth)
    turned = (codes == 0) & (given == 1) & (rng.random(n) < np.where(truth == 1, *_dropped(rarer)))
    columns = [(codes, len(layout[0]))]
    columns += [(rng.choice(len(one), n, p=one / one.sum()), len(one)) for one in layout[1:]]
    return Predictions(
        task="multiclass", classes=("a", "b", "c"), y_true=truth, y_pred=np.where(turned, 0, given),
        weight=np.exp(0.7 * rng.normal(size=n)) if weighted else None, cluster=cluster, **grouped(*columns),
    )  # type: ignore[arg-type]  # fmt: skip


def _dropped(rarer: float) -> tuple[float, float]:
    """Return the shares of right and of wrong labels b to drop; wrong ones first, which leaves the recall alone."""
    right, wrong = 0.75 * CLASSES[1], 0.125 * (1 - CLASSES[1])
    less = (1 - rarer) * (right + wrong)
    return max(less - wrong, 0.0) / right, min(less / wrong, 1.0)


# --- one rate of the first group moved --------------------------------------------------------------


def moved(rng: np.random.Generator, layout: np.ndarray, rule: str, step: float) -> Predictions:
    """Draw groups in parity but for one rate of the first: the one that `rule` looks at, moved by `step`.

    For FAIR001 the step is what the ratio lacks to one; for the others a difference.
    """
    codes = np.repeat(np.arange(len(layout)), layout)
    n, first = len(codes), codes == 0
    off = np.where(first, step, 0.0)
    y = rng.random(n) < 0.4
    if rule == "FAIR006":
        away = np.array([np.sqrt(2) * NORMAL.inv_cdf(0.85 - gap) for gap in (0.0, step)])[first.astype(int)]
        score = expit(rng.normal(size=n) + np.where(y, away, 0.0))
        return binary(y, score > 0.5, score, **grouped((codes, len(layout))))
    if rule == "FAIR004":
        chosen = rng.random(n) < 0.4
        y = rng.random(n) < np.where(chosen, 0.75 - off, 0.1)
    else:
        rates = {
            "FAIR001": np.where(y, 0.7, 0.2) * (1 - off),
            "FAIR002": np.where(y, 0.7 - off, 0.2),
            "FAIR003": np.where(y, 0.7, 0.2 + off),
            "FAIR005": np.where(y, 0.85 - off, 0.15 + off),
        }
        chosen = rng.random(n) < rates[rule]
    return binary(y, chosen, **grouped((codes, len(layout))))


# --- scores -------------------------------------------------------------------------------------------


def stretched(rng: np.random.Generator, n: int, stretch: float) -> Predictions:
    """Draw probabilities whose log-odds are `stretch` times the true ones."""
    z = SPREAD * rng.normal(size=n)
    score = expit(stretch * z)
    y = rng.random(n) < expit(z)
    return binary(y, score > 0.5, score, keys={"split": Factor.constant("test", n)}, row=np.arange(n))


@lru_cache(maxsize=16)
def stretch_of(error: float) -> float:
    """Return the stretch of log-odds with this root mean squared calibration error."""
    z = np.array([NORMAL.inv_cdf((k + 0.5) / 6000) for k in range(6000)]) * SPREAD
    low, high = 1.0, 50.0
    for _ in range(60):
        middle = (low + high) / 2
        gap = (expit(middle * z) - expit(z)).reshape(15, -1).mean(1)
        low, high = (middle, high) if float(np.sqrt((gap**2).mean())) < error else (low, middle)
    return low


def promised(rng: np.random.Generator, layout: np.ndarray, step: float) -> Predictions:
    """Draw a calibrated model whose scores of the first group are `step` too high on average."""
    codes = np.repeat(np.arange(len(layout)), layout)
    score = 0.15 + 0.7 * rng.random(len(codes))
    y = rng.random(len(codes)) < score - np.where(codes == 0, step, 0.0)
    return binary(y, score > 0.5, score, **grouped((codes, len(layout))))


def ranked(rng: np.random.Generator, n: int, area: float, cut: float = 0.0) -> Predictions:
    """Draw normal scores of two classes with this ROC AUC; `cut` is the distance of the threshold from the best."""
    away = np.sqrt(2) * NORMAL.inv_cdf(area)
    y = rng.random(n) < 0.4
    z = rng.normal(size=n) + np.where(y, away, 0.0)
    score = expit(z - away / 2 - cut)
    return binary(y, score > 0.5, score, keys={"split": Factor.constant("test", n)}, row=np.arange(n))


@lru_cache(maxsize=16)
def cut_of(gain: float, area: float) -> float:
    """Return how far off a threshold is whose correction gains so much balanced accuracy."""
    half = NORMAL.inv_cdf(area) / np.sqrt(2)
    low, high = 0.0, 10.0
    for _ in range(60):
        middle = (low + high) / 2
        lost = NORMAL.cdf(half) - (NORMAL.cdf(half - middle) + NORMAL.cdf(half + middle)) / 2
        low, high = (middle, high) if lost < gain else (low, middle)
    return low


def found(rng: np.random.Generator, n: int, recall: float) -> Predictions:
    """Draw a model that finds this share of a class with three in ten rows."""
    y = rng.random(n) < 0.3
    chosen = rng.random(n) < np.where(y, recall, 0.15)
    return binary(y, chosen, keys={"split": Factor.constant("test", n)}, row=np.arange(n))


def learned(rng: np.random.Generator, n: int, loss: float) -> Predictions:
    """Draw answers that are right `loss` less often on `n` test rows than on twice as many training rows."""
    train = np.arange(3 * n) < 2 * n
    right = rng.random(3 * n) < np.where(train, 0.85, 0.85 - loss)
    split = Factor(codes=(~train).astype(np.int32), levels=("train", "test"))
    return binary(np.zeros(3 * n), ~right, keys={"split": split}, settings=Settings(headline="accuracy"))


def releases(
    rng: np.random.Generator, layout: np.ndarray, loss: float, headline: str
) -> tuple[Predictions, Predictions]:
    """Draw a new and an old model on the same rows, the new one worse by `loss` in the first group."""
    codes = np.repeat(np.arange(len(layout)), layout)
    n = len(codes)
    off = np.where(codes == 0, loss, 0.0)
    y = rng.random(n) < 0.4
    rest = {"row": np.arange(n), "settings": Settings(headline=headline), "where": {"split": "test"}}
    if len(layout) > 1:
        rest |= {"keys": {"feature1": factor(codes, len(layout))}, "sensitive": ("feature1",)}
    if headline == "accuracy":
        drawn = rng.random(n)
        better, worse = drawn < 0.05 - off / 2, (drawn >= 0.05 - off / 2) & (drawn < 0.1)
        was = np.where(better | worse, worse, rng.random(n) < 0.8)
        new, old = (binary(y, np.where(right, y, ~y), **rest) for right in (np.where(better | worse, better, was), was))
        return new, old
    shared = np.sqrt(0.8) * rng.normal(size=n)
    after = np.array([np.sqrt(2) * NORMAL.inv_cdf(0.85 - part) for part in (loss, 0.0)])[np.minimum(codes, 1)]
    before = np.full(n, np.sqrt(2) * NORMAL.inv_cdf(0.85))
    scores = [expit(shared + np.sqrt(0.2) * rng.normal(size=n) + np.where(y, away, 0.0)) for away in (after, before)]
    new, old = (binary(y, score > 0.5, score, **rest) for score in scores)
    return new, old
