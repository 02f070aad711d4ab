"""Coverage scenarios of count metrics, comparisons of groups, extremes and folds."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from audit.data.factor import Factor
from audit.estimate.counting import from_counts
from audit.estimate.disparity import differences, extreme_difference, ratios_to, ratios_to_highest
from audit.estimate.measure import by_group, estimate
from audit.statistics.intervals import Span, corrected_resampled
from benchmarks.coverage_scenario import Scenario, cells, clusters, hits
from reports.record import Estimate


def proportions() -> Iterator[Scenario]:
    for n in (20, 50, 100, 300, 2000):
        for p in (0.01, 0.05, 0.1, 0.3, 0.5, 0.9, 0.99):
            rare = n * min(p, 1 - p) < 5 or n < 30
            yield Scenario(
                method="proportion (Wilson)",
                setting=f"n={n}, p={p}",
                truth=p,
                draw=lambda rng, n=n, p=p: estimate(hits(rng.random(n) < p), "selection_rate"),
                corner="fewer than 30 rows, or fewer than 5 of one kind: counts are coarse" if rare else "",
            )


def weighted_proportions() -> Iterator[Scenario]:
    def draw(rng: np.random.Generator, n: int, p: float, sigma: float, slope: float) -> Estimate:
        log_weight = rng.normal(size=n) * sigma
        hit = rng.random(n) < p
        weight = np.exp(log_weight + slope * hit)
        return estimate(hits(hit, weight=weight), "selection_rate")

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
                    corner=_weight_corner(kish, p, slope),
                )


def _weight_corner(kish: float, p: float, slope: float) -> str:
    if slope and p > 0.5:
        return "weights lean on the commoner outcome: wider than needed"
    return "fewer than 8 effective rows of one kind expected" if kish * min(p, 1 - p) < 8 else ""


def clustered_proportions() -> Iterator[Scenario]:
    def draw(rng: np.random.Generator, m: int, p: float, icc: float, unequal: bool) -> Estimate:
        sizes = rng.geometric(0.1, m) if unequal else np.full(m, 10)
        precision = (1 - icc) / icc
        rates = rng.beta(p * precision, (1 - p) * precision, m)
        hit = rng.random(int(sizes.sum())) < np.repeat(rates, sizes)
        return estimate(hits(hit, cluster=clusters(sizes)), "selection_rate")

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
        groups = by_group(hits(hit, keys=keys), ["selection_rate"], ["group"])
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


COUNTS = (
    "f1", "balanced_accuracy", "matthews_corrcoef", "cohen_kappa", "cohen_kappa_linear", "cohen_kappa_quadratic",
    "f1_macro", "precision_macro", "f1_weighted",
)  # fmt: skip


def fits(name: str, table: np.ndarray) -> bool:
    """Whether a metric speaks of that many classes; weighted kappas take them in the order of the table."""
    if name == "f1":
        return len(table) == 2
    return len(table) > 2 or not name.startswith("cohen_kappa_")


def composites() -> Iterator[Scenario]:
    for label, table in TABLES.items():
        p = table / table.sum()
        for name in COUNTS:
            if not fits(name, p):
                continue
            for n in (50, 200, 1000):
                few = float(n * min(min(p[i, i], p[i].sum() - p[i, i]) for i in range(len(p))))
                yield Scenario(
                    method=name,
                    setting=f"{label}, n={n}",
                    truth=float(from_counts(name, p)),
                    draw=lambda rng, p=p, n=n, name=name: estimate(cells(rng, p, n), name),
                    corner="fewer than 10 right or wrong rows of a class expected" if few < 9.9 else "",
                )


def extremes() -> Iterator[Scenario]:
    def draw(rng: np.random.Generator, n: int, rates: tuple[float, ...], kind: str) -> Estimate | None:
        codes = np.repeat(np.arange(len(rates), dtype=np.int32), n)
        hit = rng.random(len(codes)) < np.asarray(rates)[codes]
        keys = {"group": Factor(codes=codes, levels=tuple(f"g{i:02}" for i in range(len(rates))))}
        groups = by_group(hits(hit, keys=keys), ["selection_rate"], ["group"])
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
