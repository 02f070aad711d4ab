"""How quick the slice search is, and that it misses nothing another implementation finds.

Run ``python -m benchmarks.slices [rows]``. Compared with the package ``sliceline`` where that is installed.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import time

import numpy as np

from audit.slices.slicing import Slice, search

ALPHA = 0.95


def table(rows: int, features: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Levels of ten a feature, and errors that are commoner in two planted slices."""
    generator = np.random.default_rng(seed)
    codes = generator.integers(0, 10, (rows, features))
    broad = (codes[:, 3] < 3) & (codes[:, 7] < 5)
    narrow = (codes[:, 1] == 1) & (codes[:, 2] == 1)
    wrong = 0.1 + 0.3 * broad + 0.4 * narrow
    return codes, (generator.uniform(size=rows) < wrong).astype(float)


def ours(codes: np.ndarray, errors: np.ndarray, support: int, times: float | None) -> tuple[list[Slice], float]:
    started = time.perf_counter()
    found = search(codes, errors, k=10, alpha=ALPHA, support=support, times=times)
    return found, time.perf_counter() - started


def theirs(codes: np.ndarray, errors: np.ndarray, support: int) -> tuple[list[float], float]:
    package = importlib.import_module("sliceline.slicefinder")
    finder = package.Slicefinder(alpha=ALPHA, k=10, max_l=3, min_sup=support, verbose=False)
    started = time.perf_counter()
    finder.fit(codes + 1, errors)
    seconds = time.perf_counter() - started
    return [float(one["slice_score"]) for one in finder.top_slices_statistics_], seconds


def main(rows: int) -> None:
    print(f"{'rows':>9} {'features':>8} {'support':>8} {'ranked by':>10} {'seconds':>8} {'found':>6}  best")
    for features in (10, 20):
        codes, errors = table(rows, features)
        for support in (max(32, rows // 1000), max(32, rows // 100)):
            for times in (None, 1.5):
                found, seconds = ours(codes, errors, support, times)
                best = " ".join(f"{f}={level}" for f, level in found[0].conditions) if found else "none"
                ranked = "sliceline" if times is None else "evidence"
                print(f"{rows:>9} {features:>8} {support:>8} {ranked:>10} {seconds:>8.2f} {len(found):>6}  {best}")
            if importlib.util.find_spec("sliceline") is None:
                print("the package sliceline is not installed: nothing to compare with")
                continue
            found, _ = ours(codes, errors, support, None)
            try:
                scores, seconds = theirs(codes, errors, support)
            except MemoryError as error:
                print(f"{'':>9} {features:>8} {support:>8} {'package':>10} out of memory: {error}")
                continue
            mine = [one.score for one in found]
            missed = sum(score > min(mine, default=0.0) + 1e-9 for score in scores[len(mine) :])
            apart = max(
                (abs(a - b) for a, b in zip(sorted(mine)[::-1], sorted(scores)[::-1], strict=False)), default=0.0
            )
            told = f"missed here: {missed}, scores apart by {apart:.1e}"
            print(f"{'':>9} {features:>8} {support:>8} {'package':>10} {seconds:>8.2f} {len(scores):>6}  {told}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
