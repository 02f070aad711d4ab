"""What intervals cost, beside fairlearn, scikit-learn and the package `confidenceinterval`.

    python -m benchmarks.interval_speed              a million rows (about five minutes, most of it the others)
    python -m benchmarks.interval_speed --rows 100000

Rivals that take minutes are run with few resamples and scaled up; such figures carry a ≈.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from audit.data.factor import Factor
from audit.estimate.chance import gap_against_chance
from audit.estimate.counting import from_counts
from audit.estimate.measure import by_group, differences, estimate, estimates, ratios_to_highest, reference_group
from audit.estimate.paired import paired_difference
from audit.estimate.tally import Tally
from audit.evidence import Predictions

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


def show(name: str, seconds: float, *rivals: tuple[str, float]) -> None:
    """Print a row of the table; a rival's time was scaled up where its name ends on ≈."""
    beside = "; ".join(f"{rival} {other:,.2f} s" for rival, other in rivals)
    ratio = "; ".join(f"{other / seconds:,.0f} ×" for _, other in rivals)
    print(f"| {name} | {seconds:.4f} s | {beside} | {ratio} |", flush=True)


class Sample(NamedTuple):
    """Answers of two models to the same rows, and the name of each row's group."""

    one: Predictions
    other: Predictions
    names: np.ndarray


def data(rows: int) -> Sample:
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
    return Sample(one, other, np.array(labels)[codes])


def against_fairlearn(one: Predictions, names: np.ndarray, resamples: int | None) -> float:
    from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate
    from sklearn.metrics import accuracy_score

    functions = {"a": accuracy_score, "s": selection_rate, "t": true_positive_rate, "f": false_positive_rate}
    bootstrap = {} if resamples is None else {"n_boot": resamples, "ci_quantiles": [0.025, 0.975], "random_state": 0}

    def run() -> None:
        MetricFrame(metrics=functions, y_true=one.y_true, y_pred=one.y_pred, sensitive_features=names, **bootstrap)

    return clock(run, 1)


def against_bootstrap(one: Predictions, names: tuple[str, ...], resamples: int) -> float:
    """Return the time of so many resamples of rows, each measured by scikit-learn."""
    from sklearn import metrics

    rng = np.random.default_rng(0)
    functions = [getattr(metrics, name) for name in names]

    def run() -> None:
        for _ in range(resamples):
            rows = rng.integers(0, len(one), len(one))
            answers = {"roc_auc_score": np.asarray(one.y_score), "log_loss": np.asarray(one.y_score)}
            for name, function in zip(names, functions, strict=True):
                function(one.y_true[rows], answers.get(name, one.y_pred)[rows])

    return clock(run, 1)


def against_confidenceinterval(one: Predictions, name: str) -> float | None:
    """Return the time of the package's own closed form, where it is installed."""
    try:
        import confidenceinterval as package
    except ImportError:
        return None
    function = getattr(package, name)
    answers = one.y_score if name == "roc_auc_score" else one.y_pred
    return clock(lambda: function(one.y_true, answers, confidence_level=0.95), 1)


def rates(sample: Sample) -> None:
    """Time rates of groups beside fairlearn's."""
    one, names = sample.one, sample.names
    rng, few = np.random.default_rng(1), 3
    point = against_fairlearn(one, names, None)
    each = (against_fairlearn(one, names, few) - point) / few
    show("four rates with intervals, 20 groups", clock(lambda: by_group(one, COUNTS, ["group"])),
         ("fairlearn, values alone", point), ("fairlearn, 100 resamples ≈", point + 100 * each))  # fmt: skip

    def bootstrap() -> None:
        draws = Tally.of(one, "group").draw(2000, rng)
        for name in [*COUNTS, "precision"]:
            from_counts(name, draws)

    show("five metrics, 2,000 resamples on the tally, 20 groups", clock(bootstrap),
         ("fairlearn, 2,000 resamples ≈", point + 2000 * each))  # fmt: skip
    show("gap against chance, 5 metrics, 2,000 shuffles", clock(
        lambda: gap_against_chance(one, "group", generator=rng)))  # fmt: skip


def single(sample: Sample) -> None:
    """Time single metrics beside scikit-learn on resamples, and beside `confidenceinterval`."""
    one = sample.one
    for mine, theirs in (("accuracy", "accuracy_score"), ("f1", "f1_score"), ("matthews_corrcoef", "matthews_corrcoef"),
                         ("roc_auc", "roc_auc_score"), ("log_loss", "log_loss")):  # fmt: skip
        rivals = [("scikit-learn, 100 resamples ≈", 50 * against_bootstrap(one, (theirs,), 2))]
        if theirs in ("accuracy_score", "f1_score", "roc_auc_score"):
            packaged = against_confidenceinterval(one, theirs)
            rivals += [("confidenceinterval", packaged)] if packaged is not None else []
        show(f"{mine} with interval", clock(lambda mine=mine: estimate(one, mine)), *rivals)


def many(sample: Sample) -> None:
    """Time whole sets of metrics."""
    one = sample.one
    show(f"{len(ALL)} metrics with intervals, all rows", clock(lambda: estimates(one, ALL)))

    def everything() -> None:
        found = by_group(one, ALL, ["group"])
        differences(found, reference_group(one, ["group"]))
        ratios_to_highest(found, 30)

    show(f"{len(ALL)} metrics by 20 groups, differences, ratios (target 2 s)", clock(everything))


def paired(sample: Sample) -> None:
    """Time comparisons of two models beside resampling both."""
    one, other = sample.one, sample.other
    for mine, theirs in (("accuracy", "accuracy_score"), ("roc_auc", "roc_auc_score"), ("f1", "f1_score"),
                         ("log_loss", "log_loss")):  # fmt: skip
        twice = 50 * (against_bootstrap(one, (theirs,), 2) + against_bootstrap(other, (theirs,), 2))
        show(f"two models on the same rows, {mine} (target 1 s)",
             clock(lambda mine=mine: paired_difference(one, other, mine)),
             ("scikit-learn, 100 shared resamples ≈", twice))  # fmt: skip


def judging(_: Sample) -> None:
    """Time what judging a saved record needs."""
    code = "import audit.statistics.intervals as i; i.holm([i.p_below(i.Span(0.5, 0.4, 0.6), 0.7)])"
    task = lambda: subprocess.run([sys.executable, "-c", code], check=True)  # noqa: E731
    show("p-values and Holm, fresh process", clock(task))


PARTS = {"rates": rates, "single": single, "many": many, "paired": paired, "judging": judging}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--only", choices=tuple(PARTS), help="one part of the table")
    options = parser.parse_args()
    sample = data(options.rows)
    print(f"{options.rows:,} rows, 20 unequal groups; best of three, one thread; ≈ is scaled up from two or three\n")
    print("| task | here | beside it | ratio |\n| --- | ---: | --- | ---: |", flush=True)
    for name in (options.only,) if options.only else PARTS:
        PARTS[name](sample)


if __name__ == "__main__":
    main()
