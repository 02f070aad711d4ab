"""Do 95 % intervals hold the truth in 95 of 100 new samples? Simulation over a grid, as a table.

    python benchmarks/coverage.py                    the full grid (some minutes); writes docs/coverage.md
    python benchmarks/coverage.py --only auc         scenarios whose name holds a word, to the terminal

Each scenario draws data of known truth, measures it by the public functions and counts how often
the interval holds the truth, and how often it lies wholly below or above it. The seed is fixed.
"""

from __future__ import annotations

import argparse
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from audit.disparity import differences, extreme_difference, ratios_to, ratios_to_highest
from audit.evidence import Predictions
from audit.factor import Factor
from audit.intervals import Span, corrected_resampled
from audit.measure import by_group, estimate
from reports.record import Estimate

Draw = Callable[[np.random.Generator], "Estimate | Span | None"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One cell of the grid: what is measured, its truth, and how to draw one sample of it."""

    method: str
    setting: str
    truth: float
    draw: Draw
    corner: str = ""
    """Why 93–97 % is not promised here; empty where it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What came out of one scenario."""

    scenario: Scenario
    covered: float
    below: float
    above: float
    width: float
    undefined: float


def run(scenario: Scenario, repetitions: int) -> Coverage:
    """Draw samples and count how often the interval holds the truth."""
    rng = np.random.default_rng(zlib.crc32(f"{scenario.method}|{scenario.setting}".encode()))
    inside = below = above = undefined = 0
    width = 0.0
    for _ in range(repetitions):
        found = scenario.draw(rng)
        if found is None or found.low is None or found.high is None:
            undefined += 1
            continue
        inside += found.low - 1e-12 <= scenario.truth <= found.high + 1e-12
        below += found.high + 1e-12 < scenario.truth
        above += found.low - 1e-12 > scenario.truth
        width += found.high - found.low
    defined = max(repetitions - undefined, 1)
    return Coverage(
        scenario=scenario,
        covered=inside / defined,
        below=below / defined,
        above=above / defined,
        width=width / defined,
        undefined=undefined / repetitions,
    )


# --- data of known truth ---------------------------------------------------------------------------


def _binary(y_true: np.ndarray, y_pred: np.ndarray, **rest: object) -> Predictions:
    return Predictions(task="binary", classes=("no", "yes"), y_true=y_true, y_pred=y_pred, **rest)  # type: ignore[arg-type]


def _hits(hit: np.ndarray, **rest: object) -> Predictions:
    """Return predictions whose selection rate is the share of hits."""
    codes = hit.astype(np.int64)
    return _binary(np.zeros_like(codes), codes, **rest)


def _clusters(sizes: np.ndarray) -> Factor:
    codes = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)
    return Factor(codes=codes, levels=tuple(str(number) for number in range(len(sizes))))


def _cells(rng: np.random.Generator, p: np.ndarray, n: int) -> Predictions:
    """Draw rows of a joint distribution of true and predicted class."""
    size = len(p)
    counts = rng.multinomial(n, p.reshape(-1))
    cell = np.repeat(np.arange(size * size), counts)
    if size == 2:
        return _binary(cell // 2, cell % 2)
    names = tuple(str(number) for number in range(size))
    return Predictions(task="multiclass", classes=names, y_true=cell // size, y_pred=cell % size)


def _expit(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


# --- scenarios -------------------------------------------------------------------------------------


def proportions() -> Iterator[Scenario]:
    for n in (20, 50, 100, 300, 2000):
        for p in (0.01, 0.05, 0.1, 0.3, 0.5, 0.9, 0.99):
            rare = n * min(p, 1 - p) < 5
            yield Scenario(
                method="proportion (Wilson)",
                setting=f"n={n}, p={p}",
                truth=p,
                draw=lambda rng, n=n, p=p: estimate(_hits(rng.random(n) < p), "selection_rate"),
                corner="fewer than 5 rows of one kind expected: counts are too coarse" if rare else "",
            )


def weighted_proportions() -> Iterator[Scenario]:
    def draw(rng: np.random.Generator, n: int, p: float, sigma: float, slope: float) -> Estimate:
        log_weight = rng.normal(size=n) * sigma
        hit = rng.random(n) < p
        weight = np.exp(log_weight + slope * hit)
        return estimate(_hits(hit, weight=weight), "selection_rate")

    for n in (50, 200, 1000):
        for p in (0.1, 0.3, 0.7):
            for sigma, slope in ((0.5, 0.0), (1.0, 0.0), (0.5, 1.0)):
                odds = p * np.exp(slope)
                kish = n / np.exp(sigma**2)
                yield Scenario(
                    method="proportion, weighted",
                    setting=f"n={n}, p={p}, log-weight sd {sigma}, weight tied to outcome: {'yes' if slope else 'no'}",
                    truth=float(odds / (odds + 1 - p)),
                    draw=lambda rng, n=n, p=p, s=sigma, k=slope: draw(rng, n, p, s, k),
                    corner="fewer than 5 effective rows of one kind expected" if kish * min(p, 1 - p) < 8 else "",
                )


def clustered_proportions() -> Iterator[Scenario]:
    def draw(rng: np.random.Generator, m: int, p: float, icc: float, unequal: bool) -> Estimate:
        sizes = rng.geometric(0.1, m) if unequal else np.full(m, 10)
        precision = (1 - icc) / icc
        rates = rng.beta(p * precision, (1 - p) * precision, m)
        hit = rng.random(int(sizes.sum())) < np.repeat(rates, sizes)
        return estimate(_hits(hit, cluster=_clusters(sizes)), "selection_rate")

    for m in (10, 30, 100, 300):
        for p in (0.1, 0.5):
            for icc in (0.02, 0.2):
                for unequal in (False, True):
                    few = m < 30
                    yield Scenario(
                        method="proportion, clustered",
                        setting=f"{m} clusters of 10{' on average' if unequal else ''}, p={p}, ICC {icc}",
                        truth=p,
                        draw=lambda rng, m=m, p=p, i=icc, u=unequal: draw(rng, m, p, i, u),
                        corner="fewer than 30 clusters" if few else "",
                    )


def comparisons() -> Iterator[Scenario]:
    def draw(rng: np.random.Generator, n: tuple[int, int], p: tuple[float, float], kind: str) -> Estimate:
        hit = rng.random(sum(n)) < np.repeat(p, n)
        keys = {"group": Factor(codes=np.repeat(np.arange(2, dtype=np.int32), n), levels=("a", "b"))}
        groups = by_group(_hits(hit, keys=keys), ["selection_rate"], ["group"])
        compare = differences if kind == "difference" else ratios_to
        return compare(groups, {"group": "b"})[0]

    for n in ((20, 20), (50, 500), (100, 100), (300, 3000), (1000, 1000)):
        for p in ((0.05, 0.05), (0.1, 0.3), (0.3, 0.3), (0.5, 0.6), (0.9, 0.9), (0.99, 0.95)):
            thin = min(min(k * q, k * (1 - q)) for k, q in zip(n, p, strict=True)) < 5
            for kind in ("difference", "ratio"):
                truth = p[0] - p[1] if kind == "difference" else p[0] / p[1]
                yield Scenario(
                    method=f"{kind} of two groups (MOVER)",
                    setting=f"n={n[0]} and {n[1]}, p={p[0]} and {p[1]}",
                    truth=truth,
                    draw=lambda rng, n=n, p=p, kind=kind: draw(rng, n, p, kind),
                    corner="fewer than 5 rows of one kind expected in a group" if thin else "",
                )


TABLES = {
    "balanced, 80 % right": np.array([[0.4, 0.1], [0.1, 0.4]]),
    "balanced, 95 % right": np.array([[0.475, 0.025], [0.025, 0.475]]),
    "10 % positive, half found": np.array([[0.85, 0.05], [0.05, 0.05]]),
    "10 % positive, 90 % found": np.array([[0.88, 0.02], [0.01, 0.09]]),
    "no skill, 30 % positive": np.outer([0.7, 0.3], [0.7, 0.3]),
    "4 classes, 70 % right": np.full((4, 4), 0.3 / 12) + np.eye(4) * (0.7 / 4 - 0.3 / 12),
    "4 unequal classes": np.array(
        [[0.40, 0.05, 0.03, 0.02], [0.05, 0.18, 0.01, 0.01], [0.03, 0.02, 0.08, 0.02], [0.02, 0.01, 0.01, 0.06]]
    ),
}


def composites() -> Iterator[Scenario]:
    from audit.metrics import from_counts

    names = ("f1", "balanced_accuracy", "matthews_corrcoef", "cohen_kappa", "f1_macro", "precision_macro", "f1_weighted")
    for label, table in TABLES.items():
        p = table / table.sum()
        for name in names:
            if name == "f1" and len(p) > 2:
                continue
            for n in (50, 200, 1000):
                wrong = float(n * min(p[i].sum() for i in range(len(p))))
                yield Scenario(
                    method=name,
                    setting=f"{label}, n={n}",
                    truth=float(from_counts(name, p)),
                    draw=lambda rng, p=p, n=n, name=name: estimate(_cells(rng, p, n), name),
                    corner="fewer than 10 rows of a class expected" if wrong < 10 else "",
                )


def rankings() -> Iterator[Scenario]:
    from statistics import NormalDist

    def scores(rng: np.random.Generator, y: np.ndarray, shift: float, digits: int | None) -> np.ndarray:
        s = rng.normal(size=len(y)) + shift * y
        return s if digits is None else np.round(s, digits)

    def draw(rng: np.random.Generator, positives: int, negatives: int, shift: float, name: str, style: str) -> Estimate:
        y = np.repeat([1, 0], [positives, negatives])
        s = scores(rng, y, shift, None)
        weight = np.exp(rng.normal(size=len(y)) * 0.7) if style == "weighted" else None
        return estimate(_binary(y, y, y_score=s, weight=weight), name)

    for area in (0.5, 0.7, 0.9, 0.97, 0.99):
        shift = NormalDist().inv_cdf(area) * np.sqrt(2)
        for positives, negatives in ((10, 10), (10, 90), (30, 30), (25, 225), (100, 100), (50, 950), (500, 500)):
            for style in ("plain", "weighted"):
                if style == "weighted" and positives < 25:
                    continue
                few = positives * (1 - area) < 2
                yield Scenario(
                    method=f"roc_auc{', weighted' if style == 'weighted' else ''}",
                    setting=f"{positives} positive, {negatives} negative, AUC {area}",
                    truth=area,
                    draw=lambda rng, a=positives, b=negatives, s=shift, t=style: draw(rng, a, b, s, "roc_auc", t),
                    corner="few overlapping rows" if few else "fewer than 25 rows of a class" if positives < 25 else "",
                )


def tied_rankings() -> Iterator[Scenario]:
    negative, positive = np.array([0.4, 0.3, 0.2, 0.1]), np.array([0.1, 0.2, 0.3, 0.4])
    truth = float(sum(positive[i] * (negative[:i].sum() + negative[i] / 2) for i in range(4)))

    def draw(rng: np.random.Generator, m: int, n: int) -> Estimate:
        y = np.repeat([1, 0], [m, n])
        s = np.concatenate([rng.choice(4, m, p=positive), rng.choice(4, n, p=negative)]).astype(float)
        return estimate(_binary(y, y, y_score=s), "roc_auc")

    for m, n in ((25, 25), (30, 300), (200, 200)):
        yield Scenario(
            method="roc_auc, four tied scores",
            setting=f"{m} positive, {n} negative, AUC {truth:.2f}",
            truth=truth,
            draw=lambda rng, m=m, n=n: draw(rng, m, n),
        )


def clustered_rankings() -> Iterator[Scenario]:
    from statistics import NormalDist

    def draw(rng: np.random.Generator, m: int, shift: float) -> Estimate:
        sizes = rng.geometric(0.2, m)
        n = int(sizes.sum())
        y = (rng.random(n) < np.repeat(rng.beta(2, 3, m), sizes)).astype(np.int64)
        effect = np.repeat(rng.normal(size=m) * np.sqrt(0.4), sizes)
        s = effect + rng.normal(size=n) * np.sqrt(0.6) + shift * y
        return estimate(_binary(y, y, y_score=s, cluster=_clusters(sizes)), "roc_auc")

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
    from statistics import NormalDist

    def draw(rng: np.random.Generator, n: tuple[int, int], area: tuple[float, float]) -> Estimate:
        codes = np.repeat(np.arange(2, dtype=np.int32), n)
        y = (rng.random(sum(n)) < 0.4).astype(np.int64)
        shift = np.array([NormalDist().inv_cdf(a) * np.sqrt(2) for a in area])
        s = rng.normal(size=sum(n)) + shift[codes] * y
        keys = {"group": Factor(codes=codes, levels=("a", "b"))}
        groups = by_group(_binary(y, y, y_score=s, keys=keys), ["roc_auc"], ["group"])
        return differences(groups, {"group": "b"})[0]

    for n in ((60, 60), (100, 1000), (500, 500)):
        for area in ((0.8, 0.8), (0.7, 0.9), (0.95, 0.95)):
            yield Scenario(
                method="difference of two groups' roc_auc",
                setting=f"n={n[0]} and {n[1]}, AUC {area[0]} and {area[1]}",
                truth=area[0] - area[1],
                draw=lambda rng, n=n, a=area: draw(rng, n, a),
                corner="few overlapping rows" if min(n) * 0.4 * (1 - max(area)) < 2 else "",
            )


def precision_recall() -> Iterator[Scenario]:
    def draw(rng: np.random.Generator, n: int, rate: float, shift: float) -> Estimate:
        y = (rng.random(n) < rate).astype(np.int64)
        return estimate(_binary(y, y, y_score=rng.normal(size=n) + shift * y), "average_precision")

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


def losses() -> Iterator[Scenario]:
    from scipy.integrate import quad
    from scipy.stats import norm

    def expected(f: Callable[[np.ndarray], np.ndarray], center: float) -> float:
        return float(quad(lambda z: float(f(np.array(z + center)) * norm.pdf(z)), -9, 9)[0])

    def draw(rng: np.random.Generator, n: int, center: float, stretch: float, name: str) -> Estimate:
        z = rng.normal(size=n) + center
        y = (rng.random(n) < _expit(z)).astype(np.int64)
        return estimate(_binary(y, y, y_score=_expit(stretch * z), probabilities=True), name)

    def truth_of(name: str, center: float, k: float) -> float:
        p, q = _expit, lambda z: _expit(k * z)
        table: dict[str, Callable[[], float]] = {
            "brier_score": lambda: expected(lambda z: p(z) * (1 - q(z)) ** 2 + (1 - p(z)) * q(z) ** 2, center),
            "log_loss": lambda: expected(lambda z: -p(z) * np.log(q(z)) - (1 - p(z)) * np.log(1 - q(z)), center),
            "calibration_error": lambda: _binned_gap(center, k),
            "calibration_slope": lambda: 1 / k,
            "mean_calibration_gap": lambda: expected(lambda z: q(z) - p(z), center),
        }
        return table[name]()

    for name in ("brier_score", "log_loss", "mean_calibration_gap", "calibration_slope", "calibration_error"):
        for center in (0.0, -3.0):
            for k in (1.0, 2.0):
                for n in (50, 200, 1000, 5000):
                    rare = n * (0.5 if center == 0 else 0.07)
                    corner = "fewer than 20 rows of a class expected" if rare < 20 else ""
                    if name == "calibration_error" and k == 1.0:
                        corner = corner or "truth 0: the interval starts at 0, so only its upper limit can miss"
                    yield Scenario(
                        method=name,
                        setting=f"n={n}, {'half' if center == 0 else '7 %'} positive, {'calibrated' if k == 1 else 'overconfident'}",
                        truth=truth_of(name, center, k),
                        draw=lambda rng, n=n, c=center, k=k, name=name: draw(rng, n, c, k, name),
                        corner=corner,
                    )


def _binned_gap(center: float, k: float) -> float:
    """Return the calibration error of 15 bins of equal mass, which is what is estimated."""
    from scipy.stats import norm

    z = norm.ppf((np.arange(150_000) + 0.5) / 150_000) + center
    gaps = (_expit(k * z) - _expit(z)).reshape(15, -1).mean(1)
    return float(np.sqrt((gaps**2).mean()))


def residuals() -> Iterator[Scenario]:
    from scipy.stats import norm, t

    def draw(rng: np.random.Generator, n: int, heavy: bool, name: str) -> Estimate:
        signal = rng.normal(size=n)
        noise = rng.standard_t(5, n) * np.sqrt(0.6) if heavy else rng.normal(size=n)
        return estimate(Predictions(task="regression", y_true=signal + 0.7 * noise, y_pred=signal), name)

    for heavy in (False, True):
        scale = 0.7 * (np.sqrt(0.6) if heavy else 1.0)
        average = 2 * scale * (float(t(5).expect(lambda x: x, lb=0)) if heavy else float(norm.pdf(0)))
        middle = scale * float((t(5) if heavy else norm).ppf(0.75))
        truths = {
            "mean_error": 0.0,
            "mean_absolute_error": average,
            "root_mean_squared_error": 0.7,
            "r2_score": 1 - 0.49 / 1.49,
            "median_absolute_error": middle,
        }
        for name, truth in truths.items():
            for n in (20, 50, 200, 1000):
                hard = heavy and name in ("root_mean_squared_error", "r2_score")
                yield Scenario(
                    method=name,
                    setting=f"n={n}, {'heavy-tailed (t5)' if heavy else 'normal'} errors",
                    truth=truth,
                    draw=lambda rng, n=n, h=heavy, name=name: draw(rng, n, h, name),
                    corner="squares of heavy tails" if hard else "fewer than 50 rows" if n < 50 else "",
                )


def extremes() -> Iterator[Scenario]:
    def draw(rng: np.random.Generator, n: int, rates: tuple[float, ...], kind: str) -> Estimate | None:
        codes = np.repeat(np.arange(len(rates), dtype=np.int32), n)
        hit = rng.random(len(codes)) < np.asarray(rates)[codes]
        keys = {"group": Factor(codes=codes, levels=tuple(f"g{i:02}" for i in range(len(rates))))}
        groups = by_group(_hits(hit, keys=keys), ["selection_rate"], ["group"])
        if kind == "difference":
            return extreme_difference(groups, 30)
        return ratios_to_highest(groups, 30)[0]

    for rates in ((0.3, 0.3), (0.3,) * 5, (0.3,) * 14, (0.2, 0.3, 0.3, 0.3, 0.3), (0.2, *(0.3,) * 13)):
        for n in (100, 1000):
            for kind in ("ratio", "difference"):
                truth = rates[0] / max(rates) if kind == "ratio" else max(rates) - min(rates)
                yield Scenario(
                    method=f"extreme {kind} over groups",
                    setting=f"{len(rates)} groups of {n}, {'parity' if len(set(rates)) == 1 else 'one group lower'}",
                    truth=truth,
                    draw=lambda rng, n=n, r=rates, k=kind: draw(rng, n, r, k),
                    corner="extremes: at least 95 % is promised, not 93–97 %",
                )


def folds() -> Iterator[Scenario]:
    def draw(rng: np.random.Generator, k: int, share: float) -> Span | None:
        common = rng.normal() * np.sqrt(share)
        return corrected_resampled((common + rng.normal(size=k) * np.sqrt(1 - share)).tolist(), share)

    for k, share in ((5, 0.2), (10, 0.1), (50, 0.1)):
        yield Scenario(
            method="mean over folds (Nadeau and Bengio)",
            setting=f"{k} scores, test share {share}, correlated as assumed",
            truth=0.0,
            draw=lambda rng, k=k, s=share: draw(rng, k, s),
        )


def paired() -> Iterator[Scenario]:
    from audit.paired import paired_difference

    def binary(rng: np.random.Generator, n: int, cells: tuple[float, ...]) -> Estimate:
        counts = rng.multinomial(n, cells)
        first, second = np.repeat([1, 1, 0, 0], counts), np.repeat([1, 0, 1, 0], counts)
        y = np.ones(n, dtype=np.int64)
        rows = np.arange(n)
        return paired_difference(_binary(y, first, row=rows), _binary(y, second, row=rows), "accuracy")

    for n in (30, 100, 500, 2000):
        for cells in ((0.7, 0.1, 0.1, 0.1), (0.6, 0.25, 0.05, 0.1), (0.9, 0.03, 0.02, 0.05), (0.4, 0.2, 0.2, 0.2)):
            yield Scenario(
                method="paired difference of proportions",
                setting=f"n={n}, disagree on {cells[1] + cells[2]:.0%}, difference {cells[1] - cells[2]:.2f}",
                truth=cells[1] - cells[2],
                draw=lambda rng, n=n, c=cells: binary(rng, n, c),
                corner="fewer than 5 rows on which the two differ one way" if n * min(cells[1:3]) < 5 else "",
            )

    def auc(rng: np.random.Generator, n: int, shift: float) -> Estimate:
        y = (rng.random(n) < 0.4).astype(np.int64)
        shared = rng.normal(size=n)
        a, b = (np.sqrt(0.7) * shared + np.sqrt(0.3) * rng.normal(size=n) + shift * y for _ in range(2))
        rows = np.arange(n)
        return paired_difference(_binary(y, y, y_score=a, row=rows), _binary(y, y, y_score=b, row=rows), "roc_auc")

    for n in (50, 200, 1000):
        for shift in (0.5, 1.5, 2.5):
            yield Scenario(
                method="paired difference of roc_auc",
                setting=f"n={n}, shift {shift:g}",
                truth=0.0,
                draw=lambda rng, n=n, s=shift: auc(rng, n, s),
                corner="few overlapping rows" if n == 50 and shift == 2.5 else "",
            )


FAMILIES = (
    proportions, weighted_proportions, clustered_proportions, comparisons, composites, rankings, tied_rankings,
    clustered_rankings, grouped_rankings, precision_recall, losses, residuals, extremes, folds, paired,
)  # fmt: skip


def scenarios(only: str = "") -> Iterator[Scenario]:
    """Yield the whole grid, or the families whose name holds `only`."""
    for family in FAMILIES:
        if only in family.__name__:
            yield from family()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="families whose name holds this word")
    parser.add_argument("--repetitions", type=int, default=4000)
    parser.add_argument("--out", type=Path, default=None)
    options = parser.parse_args()
    started = time.perf_counter()
    found = []
    for scenario in scenarios(options.only):
        one = run(scenario, options.repetitions)
        found.append(one)
        mark = " " if 0.93 <= one.covered <= 0.97 else "-" if one.covered < 0.93 else "+"
        print(
            f"{mark}{'c' if scenario.corner else ' '} {one.covered:.3f} below {one.below:.3f} above {one.above:.3f} "
            f"width {one.width:.3f} undefined {one.undefined:.3f}  {scenario.method}: {scenario.setting}",
            flush=True,
        )
    print(f"{len(found)} scenarios, {time.perf_counter() - started:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
