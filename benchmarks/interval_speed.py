"""What intervals cost, beside fairlearn, scikit-learn and the package `confidenceinterval`.

    python benchmarks/interval_speed.py              a million rows (about two minutes, most of it the others)
    python benchmarks/interval_speed.py --rows 100000

Rivals that take minutes are run with few resamples and scaled up; such figures carry a ≈.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from audit.evidence import Predictions
from audit.factor import Factor
from audit.measure import by_group, differences, estimate, estimates, ratios_to_highest, reference_group
from audit.metrics import from_counts
from audit.statistics.chance import gap_against_chance
from audit.statistics.paired import paired_difference
from audit.tally import Tally

COUNTS = ["accuracy", "selection_rate", "true_positive_rate", "false_positive_rate"]
ALL = ["selection_rate", "true_positive_rate", "false_positive_rate", "precision", "error_rate", "f1",
       "balanced_accuracy", "matthews_corrcoef", "roc_auc", "average_precision", "brier_score", "log_loss",
       "calibration_error", "calibration_slope", "mean_calibration_gap"]  # fmt: skip


def clock(task: Callable[[], object], repeat: int = 3) -> float:
    """Return the best of a few wall-clock times, in seconds."""
    times = []
    for _ in range(repeat):
        started = time.perf_counter()
        task()
        times.append(time.perf_counter() - started)
    return min(times)


def show(name: str, seconds: float, rival: tuple[str, float] | None = None, guessed: bool = False) -> None:
    beside = ""
    if rival is not None:
        beside = f"   {rival[0]} {'≈' if guessed else ''}{rival[1]:,.2f} s   {rival[1] / seconds:,.0f} × as long"
    print(f"{name:<66}{seconds:>9.3f} s{beside}", flush=True)


def data(rows: int) -> tuple[Predictions, Predictions, np.ndarray]:
    rng = np.random.default_rng(0)
    score = np.round(rng.random(rows), 6)
    y = (rng.random(rows) < 0.6 * score).astype(np.int64)
    codes = rng.choice(20, rows, p=np.arange(1, 21) / 210).astype(np.int32)
    labels = tuple(f"group {place:02}" for place in range(20))
    one = Predictions(
        task="binary", classes=("no", "yes"), y_true=y, y_pred=(score > 0.5).astype(np.int64), y_score=score,
        probabilities=True, keys={"group": Factor(codes=codes, levels=labels)}, sensitive=("group",),
        row=np.arange(rows),
    )  # fmt: skip
    shifted = np.clip(score + rng.normal(size=rows) * 0.05, 0, 1)
    other = replace(one, y_score=shifted, y_pred=(shifted > 0.5).astype(np.int64))
    return one, other, np.array(labels)[codes]


def against_fairlearn(one: Predictions, names: np.ndarray, resamples: int | None) -> float:
    from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate
    from sklearn.metrics import accuracy_score

    functions = {"a": accuracy_score, "s": selection_rate, "t": true_positive_rate, "f": false_positive_rate}
    bootstrap = {} if resamples is None else {"n_boot": resamples, "ci_quantiles": [0.025, 0.975], "random_state": 0}

    def run() -> None:
        MetricFrame(metrics=functions, y_true=one.y_true, y_pred=one.y_pred, sensitive_features=names, **bootstrap)

    return clock(run, 1)


def against_bootstrap(one: Predictions, resamples: int) -> float:
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(0)

    def run() -> None:
        for _ in range(resamples):
            rows = rng.integers(0, len(one), len(one))
            roc_auc_score(one.y_true[rows], np.asarray(one.y_score)[rows])

    return clock(run, 1)


def against_confidenceinterval(one: Predictions) -> float | None:
    try:
        from confidenceinterval import roc_auc_score
    except ImportError:
        return None
    return clock(lambda: roc_auc_score(one.y_true, one.y_score, confidence_level=0.95), 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    one, other, names = data(rows)
    rng = np.random.default_rng(1)
    print(f"{rows:,} rows, 20 unequal groups; best of three, one thread\n")

    point, few = against_fairlearn(one, names, None), 3
    each = (against_fairlearn(one, names, few) - point) / few
    scaled = point + 100 * each
    show("four rates with intervals, 20 groups", clock(lambda: by_group(one, COUNTS, ["group"])),
         ("fairlearn, 100 resamples", scaled), True)  # fmt: skip

    def bootstrap() -> None:
        draws = Tally.of(one, "group").draw(2000, rng)
        for name in [*COUNTS, "precision"]:
            from_counts(name, draws)

    show("five metrics, 2,000 resamples on the tally, 20 groups", clock(bootstrap),
         ("fairlearn, 2,000 resamples", point + 2000 * each), True)  # fmt: skip
    auc = clock(lambda: estimate(one, "roc_auc"))
    show("ROC AUC with interval", auc, ("scikit-learn, 100 resamples", 50 * against_bootstrap(one, 2)), True)
    packaged = against_confidenceinterval(one)
    if packaged is not None:
        show("ROC AUC with interval", auc, ("confidenceinterval", packaged))
    show(f"{len(ALL)} metrics with intervals, all rows", clock(lambda: estimates(one, ALL)))

    def everything() -> None:
        found = by_group(one, ALL, ["group"])
        differences(found, reference_group(one, ["group"]))
        ratios_to_highest(found, 30)

    show(f"{len(ALL)} metrics by 20 groups, differences, ratios (target 2 s)", clock(everything))
    for name in ("accuracy", "roc_auc", "f1", "log_loss"):
        show(
            f"paired comparison of two models, {name} (target 1 s)",
            clock(lambda name=name: paired_difference(one, other, name)),
        )
    show(
        "gap against chance, 5 metrics, 2,000 shuffles", clock(lambda: gap_against_chance(one, "group", generator=rng))
    )
    code = "import audit.intervals as i; i.holm([i.p_below(i.Span(0.5, 0.4, 0.6), 0.7)])"
    show(
        "p-values and Holm from a fresh process",
        clock(lambda: subprocess.run([sys.executable, "-c", code], check=True)),
    )


if __name__ == "__main__":
    main()
