"""Coverage scenarios of residuals: normal, heavy-tailed and skewed, plain, weighted, clustered and by group."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np
from scipy.stats import gamma, lognorm, norm, t
from scipy.stats.distributions import rv_frozen

from audit.data.factor import Factor
from audit.estimate.disparity import differences
from audit.estimate.measure import by_group, estimate
from audit.evidence import Predictions
from benchmarks.coverage_scenario import Scenario, few_clusters, normal, some_clusters
from reports.record import Estimate

NUMBERS = ("mean_error", "mean_absolute_error", "root_mean_squared_error", "r2_score", "median_absolute_error")
SCALE = 0.7
"""Standard deviation of every residual; predictions have one of 1, so that R² is the same for all shapes."""
AWKWARD = "skewed or heavy-tailed residuals: the estimate says so where the interval is too short"


@dataclass(frozen=True, slots=True)
class Shape:
    """How residuals are spread about zero."""

    name: str
    distribution: rv_frozen

    def of(self, z: np.ndarray) -> np.ndarray:
        """Bend standard normal numbers into residuals, keeping their order and what they share."""
        raw = self.distribution.isf(norm.sf(z))
        return np.asarray((raw - self.distribution.mean()) * (SCALE / self.distribution.std()))

    def truth(self, metric: str) -> float:
        """Return what a metric of infinitely many residuals is."""
        if metric in ("mean_error", "root_mean_squared_error"):
            return 0.0 if metric == "mean_error" else SCALE
        if metric == "r2_score":
            return 1 - SCALE**2 / (1 + SCALE**2)
        return _middle(self, metric)


@lru_cache(maxsize=32)
def _middle(shape: Shape, metric: str) -> float:
    """Return the mean or median size of residuals, by quadrature over ranks and by bisection."""
    one, unit = shape.distribution, SCALE / shape.distribution.std()
    if metric == "mean_absolute_error":
        return float(2 * unit * one.expect(lambda x: x - one.mean(), lb=one.mean()))
    low, high = 0.0, 50.0
    for _ in range(80):
        half = (low + high) / 2
        below = one.cdf(one.mean() + half / unit) - one.cdf(one.mean() - half / unit)
        low, high = (half, high) if below < 0.5 else (low, half)
    return half


NORMAL = Shape("normal", norm())
T5 = Shape("heavy-tailed (t5)", t(5))
T3 = Shape("heavy-tailed (t3)", t(3))
GAMMA = Shape("skewed (Gamma 2)", gamma(2))
EXPONENTIAL = Shape("skewed (Gamma 1)", gamma(1))
LOGNORMAL = Shape("skewed (lognormal)", lognorm(1.0))
SKEWED = (GAMMA, EXPONENTIAL, LOGNORMAL, T3)


def _rows(rng: np.random.Generator, z: np.ndarray, shape: Shape, **rest: object) -> Predictions:
    signal = rng.normal(size=len(z))
    return Predictions(task="regression", y_true=signal + shape.of(z), y_pred=signal, **rest)  # type: ignore[arg-type]


def residuals() -> Iterator[Scenario]:
    for shape, name, n in product((NORMAL, T5), NUMBERS, (20, 50, 200, 1000)):
        hard = shape is T5 and name in ("root_mean_squared_error", "r2_score")
        yield Scenario(
            method=name,
            setting=f"n={n}, {shape.name} errors",
            truth=shape.truth(name),
            draw=lambda rng, n=n, s=shape, name=name: estimate(_rows(rng, rng.normal(size=n), s), name),
            corner="squares of heavy tails" if hard else _few_rows(name, n),
        )


def _few_rows(name: str, n: int) -> str:
    if name == "median_absolute_error" and n < 100:
        return "fewer than 100 rows: order statistics are coarse"
    return "fewer than 50 rows" if n < 50 else ""


def awkward_residuals() -> Iterator[Scenario]:
    for name, shape, n in product(NUMBERS, SKEWED, (60, 200, 1000, 5000)):
        yield Scenario(
            method=f"{name}, skewed or heavy-tailed",
            setting=f"n={n}, {shape.name} errors",
            truth=shape.truth(name),
            draw=lambda rng, n=n, s=shape, name=name: estimate(_rows(rng, rng.normal(size=n), s), name),
            corner=_few_rows(name, n) if name == "median_absolute_error" else AWKWARD,
        )


def grouped_residuals() -> Iterator[Scenario]:
    """Two groups whose residuals have one shape; those of the first are half as wide again."""

    def draw(rng: np.random.Generator, n: tuple[int, int], shape: Shape, name: str) -> Estimate:
        codes = np.repeat(np.arange(2, dtype=np.int32), n)
        signal = rng.normal(size=sum(n))
        truth = signal + shape.of(rng.normal(size=sum(n))) * np.array([1.5, 1.0])[codes]
        keys = {"group": Factor(codes=codes, levels=("a", "b"))}
        rows = Predictions(task="regression", y_true=truth, y_pred=signal, keys=keys)
        return differences(by_group(rows, [name], ["group"]), {"group": "b"})[0]

    for name, shape, n in product(NUMBERS[:3], (NORMAL, *SKEWED), ((60, 60), (100, 1000), (500, 500))):
        yield Scenario(
            method=f"difference of two groups' {name}",
            setting=f"n={n[0]} and {n[1]}, {shape.name} errors",
            truth=0.5 * shape.truth(name),
            draw=lambda rng, n=n, s=shape, name=name: draw(rng, n, s, name),
            corner="" if shape is NORMAL else AWKWARD,
        )


def weighted_residuals() -> Iterator[Scenario]:
    def draw(rng: np.random.Generator, n: int, shape: Shape, sigma: float, name: str) -> Estimate:
        z, weight = rng.normal(size=n), np.exp(sigma * rng.normal(size=n))
        return estimate(_rows(rng, z, shape, weight=weight), name)

    for name, shape, sigma, n in product(NUMBERS, (NORMAL, EXPONENTIAL), (0.5, 1.0), (50, 200, 1000, 2000)):
        least = 100 if name == "median_absolute_error" else 50
        yield Scenario(
            method=f"{name}, weighted",
            setting=f"n={n}, {shape.name} errors, log-weight sd {sigma}",
            truth=shape.truth(name),
            draw=lambda rng, n=n, h=shape, s=sigma, name=name: draw(rng, n, h, s, name),
            corner=f"fewer than {least} effective rows" if n / np.exp(sigma**2) < least
            else "" if shape is NORMAL or name == "median_absolute_error" else AWKWARD,
        )  # fmt: skip


def clustered_residuals() -> Iterator[Scenario]:
    def draw(rng: np.random.Generator, count: int, shape: Shape, name: str) -> Estimate:
        cluster = some_clusters(rng, count)
        signal = normal(rng, cluster)
        truth = signal + shape.of(normal(rng, cluster))
        return estimate(Predictions(task="regression", y_true=truth, y_pred=signal, cluster=cluster), name)

    for name, shape, count in product(NUMBERS, (NORMAL, EXPONENTIAL, LOGNORMAL), (20, 60, 200, 400)):
        yield Scenario(
            method=f"{name}, clustered",
            setting=f"{count} clusters of 5 on average, {shape.name} errors",
            truth=shape.truth(name),
            draw=lambda rng, m=count, s=shape, name=name: draw(rng, m, s, name),
            corner=few_clusters(count)
            or ("" if shape is NORMAL or name == "median_absolute_error" else AWKWARD),
        )  # fmt: skip
