"""Coverage scenarios of ranking, calibration, residuals and paired comparisons."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from statistics import NormalDist

import numpy as np

from audit.data.factor import Factor
from audit.estimate.disparity import differences
from audit.estimate.measure import by_group, estimate
from audit.estimate.paired import paired_difference
from benchmarks.coverage_scenario import OVERLAP, Scenario, binary, clusters, expit
from reports.record import Estimate


def rankings() -> Iterator[Scenario]:
    def scores(rng: np.random.Generator, y: np.ndarray, shift: float, digits: int | None) -> np.ndarray:
        s = rng.normal(size=len(y)) + shift * y
        return s if digits is None else np.round(s, digits)

    def draw(rng: np.random.Generator, positives: int, negatives: int, shift: float, name: str, style: str) -> Estimate:
        y = np.repeat([1, 0], [positives, negatives])
        s = scores(rng, y, shift, None)
        weight = np.exp(rng.normal(size=len(y)) * 0.7) if style == "weighted" else None
        return estimate(binary(y, y, y_score=s, weight=weight), name)

    for area in (0.5, 0.7, 0.9, 0.97, 0.99):
        shift = NormalDist().inv_cdf(area) * np.sqrt(2)
        for positives, negatives in ((10, 10), (10, 90), (30, 30), (25, 225), (100, 100), (50, 950), (500, 500)):
            for style in ("plain", "weighted"):
                if style == "weighted" and positives < 25:
                    continue
                few = positives * (1 - area) < 6
                yield Scenario(
                    method=f"roc_auc{', weighted' if style == 'weighted' else ''}",
                    setting=f"{positives} positive, {negatives} negative, AUC {area}",
                    truth=area,
                    draw=lambda rng, a=positives, b=negatives, s=shift, t=style: draw(rng, a, b, s, "roc_auc", t),
                    corner=OVERLAP if few else "fewer than 25 rows of a class" if positives < 25 else "",
                )


def tied_rankings() -> Iterator[Scenario]:
    negative, positive = np.array([0.4, 0.3, 0.2, 0.1]), np.array([0.1, 0.2, 0.3, 0.4])
    truth = float(sum(positive[i] * (negative[:i].sum() + negative[i] / 2) for i in range(4)))

    def draw(rng: np.random.Generator, m: int, n: int) -> Estimate:
        y = np.repeat([1, 0], [m, n])
        s = np.concatenate([rng.choice(4, m, p=positive), rng.choice(4, n, p=negative)]).astype(float)
        return estimate(binary(y, y, y_score=s), "roc_auc")

    for m, n in ((25, 25), (30, 300), (200, 200)):
        yield Scenario(
            method="roc_auc, four tied scores",
            setting=f"{m} positive, {n} negative, AUC {truth:.2f}",
            truth=truth,
            draw=lambda rng, m=m, n=n: draw(rng, m, n),
        )


def clustered_rankings() -> Iterator[Scenario]:
    def draw(rng: np.random.Generator, m: int, shift: float) -> Estimate:
        sizes = rng.geometric(0.2, m)
        n = int(sizes.sum())
        y = (rng.random(n) < np.repeat(rng.beta(2, 3, m), sizes)).astype(np.int64)
        effect = np.repeat(rng.normal(size=m) * np.sqrt(0.4), sizes)
        s = effect + rng.normal(size=n) * np.sqrt(0.6) + shift * y
        return estimate(binary(y, y, y_score=s, cluster=clusters(sizes)), "roc_auc")

    for area in (0.6, 0.8, 0.95):
        shift = NormalDist().inv_cdf(area) * np.sqrt(2)
        for m in (20, 50, 200):
            yield Scenario(
                method="roc_auc, clustered",
                setting=f"{m} clusters of 5 on average, AUC {area}",
                truth=area,
                draw=lambda rng, m=m, s=shift: draw(rng, m, s),
                corner="fewer than 30 clusters" if m < 30 else "",
            )


def grouped_rankings() -> Iterator[Scenario]:
    def draw(rng: np.random.Generator, n: tuple[int, int], area: tuple[float, float]) -> Estimate:
        codes = np.repeat(np.arange(2, dtype=np.int32), n)
        y = (rng.random(sum(n)) < 0.4).astype(np.int64)
        shift = np.array([NormalDist().inv_cdf(a) * np.sqrt(2) for a in area])
        s = rng.normal(size=sum(n)) + shift[codes] * y
        keys = {"group": Factor(codes=codes, levels=("a", "b"))}
        groups = by_group(binary(y, y, y_score=s, keys=keys), ["roc_auc"], ["group"])
        return differences(groups, {"group": "b"})[0]

    for n in ((60, 60), (100, 1000), (500, 500)):
        for area in ((0.8, 0.8), (0.7, 0.9), (0.95, 0.95)):
            yield Scenario(
                method="difference of two groups' roc_auc",
                setting=f"n={n[0]} and {n[1]}, AUC {area[0]} and {area[1]}",
                truth=area[0] - area[1],
                draw=lambda rng, n=n, a=area: draw(rng, n, a),
                corner=OVERLAP if min(n) * 0.4 * (1 - max(area)) < 12 else "",
            )


def precision_recall() -> Iterator[Scenario]:
    def draw(rng: np.random.Generator, n: int, rate: float, shift: float) -> Estimate:
        y = (rng.random(n) < rate).astype(np.int64)
        return estimate(binary(y, y, y_score=rng.normal(size=n) + shift * y), "average_precision")

    for rate in (0.1, 0.4):
        for shift in (0.0, 1.0, 2.0):
            truth = _average_precision_of(rate, shift)
            for n in (100, 500, 2000):
                yield Scenario(
                    method="average_precision",
                    setting=f"n={n}, {rate:.0%} positive, shift {shift:g}, AP {truth:.2f}",
                    truth=truth,
                    draw=lambda rng, n=n, r=rate, s=shift: draw(rng, n, r, s),
                    corner="fewer than 50 positive rows: the estimate itself is biased upward" if n * rate < 45 else "",
                )


def _average_precision_of(rate: float, shift: float) -> float:
    from scipy.stats import norm

    t = np.linspace(-9, 9 + shift, 40_001)
    found, false = norm.sf(t - shift), norm.sf(t)
    precision = rate * found / (rate * found + (1 - rate) * false)
    return float(np.trapezoid(precision[::-1], found[::-1]))


def _expected(f: Callable[[np.ndarray], np.ndarray], center: float) -> float:
    """Integrate over log-odds that are normal around `center`."""
    from scipy.stats import norm

    z = norm.ppf((np.arange(200_000) + 0.5) / 200_000) + center
    return float(f(z).mean())


def _loss_truth(name: str, center: float, k: float) -> float:
    """Return the true loss of scores whose log-odds are stretched by `k`."""
    p, q = expit, lambda z: expit(k * z)
    if name == "brier_score":
        return _expected(lambda z: p(z) * (1 - q(z)) ** 2 + (1 - p(z)) * q(z) ** 2, center)
    if name == "log_loss":
        return _expected(lambda z: -p(z) * np.log(q(z)) - (1 - p(z)) * np.log(1 - q(z)), center)
    if name == "calibration_error":
        return _binned_gap(center, k)
    return 1 / k if name == "calibration_slope" else _expected(lambda z: q(z) - p(z), center)


def _loss_corner(name: str, n: int, center: float, k: float) -> str:
    if n * (0.5 if center == 0 else 0.07) < 20:
        return "fewer than 20 rows of a class expected"
    if name == "calibration_error" and k == 1.0:
        return "truth 0: the interval starts at 0, so only its upper limit can miss"
    if name == "calibration_error" and n < 500:
        return "fewer than 500 rows: the interval mostly starts at 0"
    return ""


def losses() -> Iterator[Scenario]:
    def draw(rng: np.random.Generator, n: int, center: float, stretch: float, name: str) -> Estimate:
        z = rng.normal(size=n) + center
        y = (rng.random(n) < expit(z)).astype(np.int64)
        return estimate(binary(y, y, y_score=expit(stretch * z), probabilities=True), name)

    names = ("brier_score", "log_loss", "mean_calibration_gap", "calibration_slope", "calibration_error")
    for name, (center, share), (k, kind) in product(
        names, ((0.0, "half"), (-3.0, "7 %")), ((1.0, "calibrated"), (2.0, "overconfident"))
    ):
        truth = _loss_truth(name, center, k)
        for n in (50, 200, 1000, 5000):
            yield Scenario(
                method=name,
                setting=f"n={n}, {share} positive, {kind}",
                truth=truth,
                draw=lambda rng, n=n, c=center, k=k, name=name: draw(rng, n, c, k, name),
                corner=_loss_corner(name, n, center, k),
            )


def _binned_gap(center: float, k: float) -> float:
    """Return the calibration error of 15 bins of equal mass, which is what is estimated."""
    from scipy.stats import norm

    z = norm.ppf((np.arange(150_000) + 0.5) / 150_000) + center
    gaps = (expit(k * z) - expit(z)).reshape(15, -1).mean(1)
    return float(np.sqrt((gaps**2).mean()))


def paired() -> Iterator[Scenario]:
    def rights(rng: np.random.Generator, n: int, shares: tuple[float, ...]) -> Estimate:
        counts = rng.multinomial(n, shares)
        first, second = np.repeat([1, 1, 0, 0], counts), np.repeat([1, 0, 1, 0], counts)
        y = np.ones(n, dtype=np.int64)
        rows = np.arange(n)
        return paired_difference(binary(y, first, row=rows), binary(y, second, row=rows), "accuracy")

    for n in (30, 100, 500, 2000):
        for shares in ((0.7, 0.1, 0.1, 0.1), (0.6, 0.25, 0.05, 0.1), (0.9, 0.03, 0.02, 0.05), (0.4, 0.2, 0.2, 0.2)):
            yield Scenario(
                method="paired difference of proportions",
                setting=f"n={n}, disagree on {shares[1] + shares[2]:.0%}, difference {shares[1] - shares[2]:.2f}",
                truth=shares[1] - shares[2],
                draw=lambda rng, n=n, c=shares: rights(rng, n, c),
                corner="fewer than 5 rows on which the two differ one way" if n * min(shares[1:3]) < 5 else "",
            )

    def auc(rng: np.random.Generator, n: int, shift: float) -> Estimate:
        y = (rng.random(n) < 0.4).astype(np.int64)
        shared = rng.normal(size=n)
        a, b = (np.sqrt(0.7) * shared + np.sqrt(0.3) * rng.normal(size=n) + shift * y for _ in range(2))
        rows = np.arange(n)
        return paired_difference(binary(y, y, y_score=a, row=rows), binary(y, y, y_score=b, row=rows), "roc_auc")

    for n in (50, 200, 1000):
        for shift in (0.5, 1.5, 2.5):
            yield Scenario(
                method="paired difference of roc_auc",
                setting=f"n={n}, shift {shift:g}",
                truth=0.0,
                draw=lambda rng, n=n, s=shift: auc(rng, n, s),
                corner=OVERLAP if n * 0.4 * NormalDist().cdf(-shift / np.sqrt(2)) < 12 else "",
            )
