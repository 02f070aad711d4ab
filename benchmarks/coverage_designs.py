"""Coverage scenarios of weighted rows, of clustered rows, of several classes, and of real cross-validation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import product

import numpy as np
from scipy.special import ndtr

from audit.data.factor import Factor
from audit.estimate.counting import from_counts
from audit.estimate.measure import estimate
from audit.evidence import Predictions
from audit.statistics.intervals import Span, corrected_resampled
from benchmarks.coverage_rates import COUNTS, TABLES, fits
from benchmarks.coverage_scenario import (
    Scenario,
    binary,
    classified,
    clusters,
    expit,
    few_clusters,
    normal,
    some_clusters,
    uniform,
)
from benchmarks.coverage_scores import _average_precision_of, _loss_corner, _loss_truth
from reports.record import Estimate

LOSSES = ("brier_score", "log_loss", "mean_calibration_gap", "calibration_slope", "calibration_error")
FEW_CELLS = "fewer than 10 effective right or wrong rows of a class expected"
LEANING = "weights lean on the commoner outcome: wider than needed"


def _rarest(p: np.ndarray) -> float:
    return float(min(min(p[i, i], p[i].sum() - p[i, i]) for i in range(len(p))))


# --- weights ------------------------------------------------------------------------------------------


def weighted_composites() -> Iterator[Scenario]:
    def draw(rng: np.random.Generator, n: int, p: np.ndarray, sigma: float, tilt: float, name: str) -> Estimate:
        cell = rng.choice(p.size, n, p=p.reshape(-1))
        positive = cell // len(p) == len(p) - 1
        weight = np.exp(sigma * rng.normal(size=n) + tilt * positive)
        return estimate(classified(cell, len(p), weight=weight), name)

    chosen = ("balanced, 80 % right", "10 % positive, 90 % found", "4 unequal classes")
    for label, name in product(chosen, COUNTS):
        p = TABLES[label] / TABLES[label].sum()
        if not fits(name, p):
            continue
        for n, (sigma, tilt) in product((100, 400, 2000), ((0.5, 0.0), (1.0, 0.0), (0.5, 1.0))):
            tilted = p.copy()
            tilted[-1] *= np.exp(tilt)
            few = _rarest(p) * n / np.exp(sigma**2) < 9.9
            said = "higher for the last class" if tilt else f"log-weight sd {sigma}"
            leans = tilt and name == "precision_macro"
            yield Scenario(
                method=f"{name}, weighted",
                setting=f"{label}, n={n}, {said}",
                truth=float(from_counts(name, tilted)),
                draw=lambda rng, n=n, p=p, s=sigma, t=tilt, name=name: draw(rng, n, p, s, t, name),
                corner=FEW_CELLS if few else LEANING if leans else "",
            )


def weighted_losses() -> Iterator[Scenario]:
    def draw(rng: np.random.Generator, n: int, stretch: float, tilt: float, name: str) -> Estimate:
        z = rng.normal(size=n)
        y = (rng.random(n) < expit(z)).astype(np.int64)
        weight = np.exp(tilt * z + 0.7 * rng.normal(size=n))
        return estimate(binary(y, y, y_score=expit(stretch * z), probabilities=True, weight=weight), name)

    # Weights that rise with the log-odds move their normal distribution to the right, so the truth stays exact.
    for name, tilt, k in product(LOSSES, (0.0, 0.5), (1.0, 2.0)):
        for n in (100, 400, 2000):
            kish = n / np.exp(0.7**2 + tilt**2)
            yield Scenario(
                method=f"{name}, weighted",
                setting=f"n={n}, {'calibrated' if k == 1 else 'overconfident'}, weights "
                f"{'rise with the score' if tilt else 'at random'}",
                truth=_loss_truth(name, tilt, k),
                draw=lambda rng, n=n, k=k, t=tilt, name=name: draw(rng, n, k, t, name),
                corner="fewer than 100 effective rows" if kish < 100 else _loss_corner(name, int(kish), 0.0, k),
            )


def weighted_precision_recall() -> Iterator[Scenario]:
    def draw(rng: np.random.Generator, n: int, rate: float, sigma: float) -> Estimate:
        y = (rng.random(n) < rate).astype(np.int64)
        weight = np.exp(sigma * rng.normal(size=n))
        return estimate(binary(y, y, y_score=rng.normal(size=n) + y, weight=weight), "average_precision")

    for rate, sigma, n in product((0.1, 0.4), (0.5, 1.0), (200, 1000, 2000)):
        few = n * rate / np.exp(sigma**2) < 45
        yield Scenario(
            method="average_precision, weighted",
            setting=f"n={n}, {rate:.0%} positive, log-weight sd {sigma}",
            truth=_average_precision_of(rate, 1.0),
            draw=lambda rng, n=n, r=rate, s=sigma: draw(rng, n, r, s),
            corner="fewer than 50 effective positive rows: the estimate itself is biased upward" if few else "",
        )


# --- clusters -----------------------------------------------------------------------------------------


def clustered_composites() -> Iterator[Scenario]:
    def draw(rng: np.random.Generator, count: int, p: np.ndarray, name: str) -> Estimate:
        cluster = some_clusters(rng, count)
        cell = np.searchsorted(p.reshape(-1).cumsum()[:-1], uniform(rng, cluster))
        return estimate(classified(cell, len(p), cluster=cluster), name)

    for label, name in product(("balanced, 80 % right", "10 % positive, 90 % found", "4 unequal classes"), COUNTS):
        p = TABLES[label] / TABLES[label].sum()
        if not fits(name, p):
            continue
        for count in (20, 60, 200, 400):
            few = _rarest(p) * 5 * count / 2 < 9.9
            yield Scenario(
                method=f"{name}, clustered",
                setting=f"{label}, {count} clusters of 5 on average",
                truth=float(from_counts(name, p)),
                draw=lambda rng, m=count, p=p, name=name: draw(rng, m, p, name),
                corner=few_clusters(count) or (FEW_CELLS if few else ""),
            )


def clustered_losses() -> Iterator[Scenario]:
    def draw(rng: np.random.Generator, count: int, stretch: float, name: str) -> Estimate:
        cluster = some_clusters(rng, count)
        z = normal(rng, cluster)
        y = (uniform(rng, cluster) < expit(z)).astype(np.int64)
        return estimate(binary(y, y, y_score=expit(stretch * z), probabilities=True, cluster=cluster), name)

    for name, k, count in product(LOSSES, (1.0, 2.0), (20, 60, 200, 400)):
        yield Scenario(
            method=f"{name}, clustered",
            setting=f"{count} clusters of 5 on average, {'calibrated' if k == 1 else 'overconfident'}",
            truth=_loss_truth(name, 0.0, k),
            draw=lambda rng, m=count, k=k, name=name: draw(rng, m, k, name),
            corner=few_clusters(count) or _loss_corner(name, 5 * count // 2, 0.0, k),
        )


def clustered_precision_recall() -> Iterator[Scenario]:
    def draw(rng: np.random.Generator, count: int, rate: float) -> Estimate:
        cluster = some_clusters(rng, count)
        y = (uniform(rng, cluster) < rate).astype(np.int64)
        return estimate(binary(y, y, y_score=normal(rng, cluster) + y, cluster=cluster), "average_precision")

    for rate, count in product((0.1, 0.4), (20, 60, 200, 400)):
        few = 5 * count * rate / 2 < 45
        yield Scenario(
            method="average_precision, clustered",
            setting=f"{count} clusters of 5 on average, {rate:.0%} positive",
            truth=_average_precision_of(rate, 1.0),
            draw=lambda rng, m=count, r=rate: draw(rng, m, r),
            corner=few_clusters(count)
            or ("fewer than 50 effective positive rows: the estimate itself is biased upward" if few else ""),
        )


# --- several classes ----------------------------------------------------------------------------------

SHARES = np.array([0.5, 0.3, 0.2])
AWAY = 1.2


def several_classes() -> Iterator[Scenario]:
    area = float(ndtr(AWAY / np.sqrt(2)))
    macro = float(np.mean([_average_precision_of(share, AWAY) for share in SHARES]))
    truths: dict[tuple[str, str | None], float] = {
        ("roc_auc", None): area,
        ("roc_auc", "c"): area,
        ("average_precision", None): macro,
        ("average_precision", "c"): _average_precision_of(0.2, AWAY),
    }
    for ((name, class_), truth), kind, n in product(
        truths.items(), ("plain", "weighted", "clustered"), (50, 200, 500, 2000)
    ):
        effective = n * 0.2 / {"plain": 1.0, "weighted": float(np.exp(0.25)), "clustered": 1.5}[kind]
        least = 45 if name == "average_precision" else 25
        yield Scenario(
            method=f"{name}, {'macro' if class_ is None else 'one class against the rest'}",
            setting=f"three classes, n={n}, {kind}",
            truth=truth,
            draw=lambda rng, n=n, k=kind, name=name, c=class_: estimate(_ranked(rng, n, k), name, class_=c),
            corner=f"fewer than {least} effective rows of the rarest class" if effective < least else "",
        )
    for name, kind, n in product(("log_loss", "brier_score", "calibration_slope"), ("plain", "weighted", "clustered"),
                                 (50, 200, 500, 2000)):  # fmt: skip
        effective = n / {"plain": 1.0, "weighted": float(np.exp(0.25)), "clustered": 1.5}[kind]
        yield Scenario(
            method=f"{name}, three classes",
            setting=f"n={n}, {kind}",
            truth=_dirichlet_truth(name),
            draw=lambda rng, n=n, k=kind, name=name: estimate(_believed(rng, n, k), name),
            corner="fewer than 100 effective rows" if effective < 100 else "",
        )


def _design(rng: np.random.Generator, n: int, kind: str) -> tuple[dict[str, object], Callable[[], np.ndarray]]:
    """Return weight or cluster of `n` rows, and a source of normal numbers that heeds the clusters."""
    if kind == "clustered":
        sizes = rng.geometric(0.2, n)
        cluster = clusters(sizes[: int(np.searchsorted(sizes.cumsum(), n)) + 1]).take(np.arange(n))
        cluster = Factor.of([cluster.levels[code] for code in cluster.codes])
        return {"cluster": cluster}, lambda: normal(rng, cluster)
    rest: dict[str, object] = {"weight": np.exp(0.5 * rng.normal(size=n))} if kind == "weighted" else {}
    return rest, lambda: rng.normal(size=n)


def _ranked(rng: np.random.Generator, n: int, kind: str) -> Predictions:
    """Draw scores of three classes, each normal and higher where the row is of the class."""
    rest, numbers = _design(rng, n, kind)
    y = np.searchsorted(SHARES.cumsum()[:-1], ndtr(numbers()))
    score = np.stack([numbers() for _ in SHARES], -1) + AWAY * np.eye(3)[y]
    return Predictions(task="multiclass", classes=("a", "b", "c"), y_true=y, y_pred=score.argmax(1), y_score=score,
                       **rest)  # type: ignore[arg-type]  # fmt: skip


def _believed(rng: np.random.Generator, n: int, kind: str) -> Predictions:
    """Draw calibrated probabilities of three classes."""
    rest, numbers = _design(rng, n, kind)
    odds = np.exp(np.stack([numbers() for _ in range(3)], -1))
    p = odds / odds.sum(1, keepdims=True)
    y = (p.cumsum(1)[:, :2] < ndtr(numbers())[:, None]).sum(1)
    return Predictions(task="multiclass", classes=("a", "b", "c"), y_true=y, y_pred=p.argmax(1), y_score=p,
                       probabilities=True, **rest)  # type: ignore[arg-type]  # fmt: skip


@lru_cache(maxsize=8)
def _dirichlet_truth(name: str) -> float:
    """Average a loss over a grid of two differences of log-odds, which is all that probabilities depend on."""
    if name == "calibration_slope":
        return 1.0
    t = np.linspace(-7, 7, 561)
    a, b = np.meshgrid(t, t, indexing="ij")
    # Log-odds against the third class: variance 2 each, covariance 1.
    density = np.exp(-(a**2 - a * b + b**2) / 3)
    odds = np.stack([np.exp(a), np.exp(b), np.ones_like(a)], -1)
    p = odds / odds.sum(-1, keepdims=True)
    loss = -(p * np.log(p)).sum(-1) if name == "log_loss" else 1 - (p**2).sum(-1)
    return float((density * loss).sum() / density.sum())


# --- cross-validation ---------------------------------------------------------------------------------


def cross_validations() -> Iterator[Scenario]:
    """Accuracy of a nearest-mean classifier, refitted in every fold; the truth is its mean over training sets."""

    def draw(rng: np.random.Generator, n: int, folds: int, repeats: int) -> Span | None:
        x, y = _two_normals(rng, n)
        scores: list[float] = []
        for _ in range(repeats):
            part = rng.permutation(n) % folds
            scores += [_accuracy(x, y, part == fold) for fold in range(folds)]
        return corrected_resampled(scores, 1 / folds)

    for n, (folds, repeats) in product((100, 400), ((5, 1), (10, 1), (5, 10))):
        yield Scenario(
            method="accuracy over folds of a refitted classifier",
            setting=f"n={n}, {folds} folds, {'once' if repeats == 1 else f'{repeats} times'}",
            truth=_expected_accuracy(n - n // folds),
            draw=lambda rng, n=n, f=folds, r=repeats: draw(rng, n, f, r),
            corner="refitted folds: at least 93 % is promised, not 93–97 %",
        )


def _two_normals(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    y = rng.random(n) < 0.5
    return rng.normal(size=(n, 5)) + 0.4 * y[:, None], y


def _rule(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, float]:
    high, low = x[y].mean(0), x[~y].mean(0)
    return high - low, float((high - low) @ (high + low) / 2)


def _accuracy(x: np.ndarray, y: np.ndarray, test: np.ndarray) -> float:
    slope, cut = _rule(x[~test], y[~test])
    return float(((x[test] @ slope > cut) == y[test]).mean())


@lru_cache(maxsize=8)
def _expected_accuracy(n: int) -> float:
    rng = np.random.default_rng(n)
    found = []
    for _ in range(4_000):
        slope, cut = _rule(*_two_normals(rng, n))
        size = float(np.sqrt(slope @ slope))
        right = ndtr((0.4 * slope.sum() - cut) / size) / 2 + ndtr(cut / size) / 2
        found.append(float(right))
    return float(np.mean(found))
