"""Counting a log beside a query written by hand, and how often monitoring alarms.

python benchmarks/logs.py --rows 1e7 1e8     CPU seconds and memory of counting, of the query, and their ratio;
                                             three groups and twelve of them, by twelve months and bins of scores
python benchmarks/logs.py --areas 5          ROC AUC from bins beside that of the rows, in standard errors
python benchmarks/logs.py --promises 200     years without change, and drops of three points of recall
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from audit.checks.window_drift import window_drift
from audit.checks.window_performance import window_performance
from audit.data.factor import Factor
from audit.data.roles import Roles
from audit.estimate.measure import estimate
from audit.evidence import Predictions, Repeats, Window, Windows
from audit.logs.cells import answers
from audit.logs.columns import LogColumns
from audit.logs.counting import count
from audit.logs.frames import open_frame
from audit.logs.sources import connect
from audit.statistics.ranking import roc_auc
from audit.statistics.variance import variance

MAKE = """
COPY (SELECT s AS score, s >= 0.5 AS predicted, (hash(i * 13) % 1000000) / 1e6 < s AS truth,
             ['f', 'm'][(1 + hash(i) % 2)::BIGINT] AS sex,
             ['a', 'b', 'c'][(1 + hash(i * 7) % 3)::BIGINT] AS race,
             ['old', 'young'][(1 + hash(i * 11) % 2)::BIGINT] AS age,
             TIMESTAMP '2025-01-01' + to_days((i % 365)::INTEGER) AS t
      FROM (SELECT i, 1 / (1 + exp(4.5 - 3 * ((hash(i * 3) % 1000000 + hash(i * 5) % 1000000 + hash(i * 17) % 1000000)
            / 1e6))) AS s FROM range({rows}) r(i))) TO '{file}' (FORMAT parquet)
"""
WORK = Path(__file__).with_name("logs_counting.py")


def counting(rows: int, folder: Path) -> str:
    """Count a log in processes of their own, so that each has its own peak of memory."""
    file = folder / f"{rows}.parquet"
    with connect() as connection:
        connection.execute(MAKE.format(rows=rows, file=file))
    told = []
    for groups in ("race", "sex,race,age"):
        (hand, hand_memory, _), (ours, our_memory, cells) = (
            json.loads(
                subprocess.run([sys.executable, WORK, how, file, groups], check=True, stdout=subprocess.PIPE).stdout
            )
            for how in ("hand", "ours")
        )
        told.append(
            f"{rows:>11,} rows by {groups} ({cells:,} cells): {ours:6.2f} CPU s and {our_memory:3.0f} MiB; by hand "
            f"{hand:6.2f} and {hand_memory:3.0f}: {ours / hand:.2f} times"
        )
    file.unlink()
    return "\n".join(told)


def areas(seeds: int, rows: int = 200_000) -> list[str]:
    """Return how far the ROC AUC from bins is from that of the rows, in standard errors."""
    told = []
    for base_rate in (0.001, 0.01, 0.1, 0.5):
        off = []
        for seed in range(seeds):
            generator = np.random.default_rng(seed)
            y = generator.random(rows) < base_rate
            score = 1 / (1 + np.exp(-np.log(base_rate / (1 - base_rate)) - 1.2 * y - generator.normal(size=rows)))
            frame = pd.DataFrame({"y": y.astype(int), "p": (score >= 0.5).astype(int), "s": score})
            columns = LogColumns(target="y", prediction="p", score="s")
            cells = count(open_frame(frame, columns.parts()), columns)
            binned = estimate(answers(cells, columns, Roles(target="y")).predictions, "roc_auc").value
            form = roc_auc(y, score)
            error = math.sqrt(variance(form.influence).value)
            off.append(abs((binned or 0.0) - form.value) / error)
        told.append(f"base rate {base_rate:6.1%}: at most {max(off):.4f} standard errors off in {seeds} samples")
    return told


def drawn(generator: np.random.Generator, rows: int, recall: float) -> Predictions:
    shares = np.array([[[0.45, 0.05], [0.5 * (1 - recall), 0.5 * recall]]]) * np.array([0.4, 0.6])[:, None, None]
    n = generator.multinomial(rows, shares.reshape(-1))
    group, true, predicted = np.indices((2, 2, 2)).reshape(3, -1)
    return Predictions(
        task="binary", classes=("no", "yes"), y_true=true, y_pred=predicted, weight=n.astype(np.float64),
        repeats=Repeats(n, n.astype(np.float64)), sensitive=("sex",),
        keys={"sex": Factor(codes=group.astype(np.int32), levels=("f", "m"))},
    ).take(n > 0)  # fmt: skip


def first_alarm(seed: int, recall: float, windows: int) -> int:
    """Return the window of the first alarm, 0 for none."""
    generator = np.random.default_rng(seed)

    def window(rows: int, level: float) -> Window:
        labeled = drawn(generator, rows, level)
        return Window(name="w", labeled=labeled, unlabeled=labeled.take(np.zeros(0, dtype=np.int64)))

    reference = window(50_000, 0.9)
    recent: list[Window] = []
    for place in range(windows):
        recent = [*recent[-2:], window(2000, recall)]
        seen = Windows(reference=reference, recent=tuple(recent))
        found = (*window_performance(seen).estimates, *window_drift(seen).estimates)
        if any(one.value for one in found if one.metric.endswith("_alarm")):
            return place + 1
    return 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", nargs="*", type=float, default=[])
    parser.add_argument("--areas", type=int, default=0)
    parser.add_argument("--promises", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for rows in asked.rows:
            print(counting(int(rows), Path(folder)), flush=True)
    for line in areas(asked.areas) if asked.areas else ():
        print(line)
    if asked.promises:
        still = sum(first_alarm(seed, 0.9, 52) > 0 for seed in range(asked.promises))
        fell = sum(0 < first_alarm(10_000 + seed, 0.87, 3) <= 3 for seed in range(asked.promises))
        print(f"years without change that alarm: {still} of {asked.promises}")
        print(f"falls of recall from 0.90 to 0.87 found within three windows: {fell} of {asked.promises}")


if __name__ == "__main__":
    main()
