"""Counting a log beside a query written by hand, and how often monitoring alarms.

python benchmarks/logs.py --rows 1e6 1e7     CPU seconds of counting, of the query, and their ratio
python benchmarks/logs.py --promises 200     years without change, and drops of three points of recall
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from audit.checks.window_drift import window_drift
from audit.checks.window_performance import window_performance
from audit.data.factor import Factor
from audit.evidence import Predictions, Repeats, Window, Windows
from audit.logs.columns import LogColumns
from audit.logs.counting import count
from audit.logs.sources import connect, open_files

MAKE = """
COPY (SELECT s AS score, s >= 0.5 AS predicted, (hash(i * 13) % 1000000) / 1e6 < s AS truth,
             ['f', 'm'][(1 + hash(i) % 2)::BIGINT] AS sex,
             ['a', 'b', 'c', 'd', 'e'][(1 + hash(i * 7) % 5)::BIGINT] AS race,
             ['old', 'young'][(1 + hash(i * 11) % 2)::BIGINT] AS age,
             TIMESTAMP '2025-01-01' + to_days((i % 365)::INTEGER) AS t
      FROM (SELECT i, 1 / (1 + exp(4.5 - 3 * ((hash(i * 3) % 1000000 + hash(i * 5) % 1000000 + hash(i * 17) % 1000000)
            / 1e6))) AS s FROM range({rows}) r(i))) TO '{file}' (FORMAT parquet)
"""
QUERY = """
SELECT year(t) * 12 + month(t) AS w, sex, race, age, truth, predicted,
       floor(ln(score / (1 - score)) * 64)::BIGINT AS bin,
       count(*), sum((score * 16777216)::BIGINT) FROM '{file}' GROUP BY ALL
"""


def counting(rows: int, folder: Path) -> str:
    file = folder / f"{rows}.parquet"
    with connect() as connection:
        connection.execute(MAKE.format(rows=rows, file=file))
    columns = LogColumns(
        target="truth", prediction="predicted", score="score", sensitive=("sex", "race", "age"), time="t"
    )
    start = time.process_time()
    with connect() as connection:
        cells = len(connection.execute(QUERY.format(file=file)).fetchall())
    by_hand, start = time.process_time() - start, time.process_time()
    counted = count(open_files([file], columns.stated(), fingerprint=False), columns, window="month")
    ours = time.process_time() - start
    assert counted.rows == rows  # noqa: S101 -- nothing lost, nothing counted twice
    return f"{rows:>11,} rows: {ours:6.2f} CPU s, by hand {by_hand:6.2f} ({cells:,} cells): {ours / by_hand:.2f} times"


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
    parser.add_argument("--promises", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for rows in asked.rows:
            print(counting(int(rows), Path(folder)))
    if asked.promises:
        still = sum(first_alarm(seed, 0.9, 52) > 0 for seed in range(asked.promises))
        fell = sum(0 < first_alarm(10_000 + seed, 0.87, 3) <= 3 for seed in range(asked.promises))
        print(f"years without change that alarm: {still} of {asked.promises}")
        print(f"falls of recall from 0.90 to 0.87 found within three windows: {fell} of {asked.promises}")


if __name__ == "__main__":
    main()
