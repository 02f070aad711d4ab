"""Counting a log beside a query written by hand, and how often monitoring alarms.

python -m benchmarks.logs --rows 1e7 1e8     CPU seconds and memory of counting, of the query, and their ratio;
                                             three groups and twelve of them, by twelve months and bins of scores
python -m benchmarks.logs --areas 5          ROC AUC from bins beside that of the rows, in standard errors
python -m benchmarks.logs --promises 600     years without change, and drops of three points of recall, by base rate
python -m benchmarks.logs --versions 200     years without change in which 0, 1 and 4 versions come, and worse versions
python -m benchmarks.logs --amounts 200      years of a regression without change, and errors that grow by a tenth
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from audit.checks.window_drift import window_drift
from audit.checks.window_performance import window_performance
from audit.checks.window_versions import window_versions
from audit.config.configuration import MonitorTable
from audit.data.factor import Factor
from audit.data.roles import Roles
from audit.estimate.measure import estimate
from audit.estimate.monitoring import together
from audit.evidence import Predictions, Repeats, Window, Windows
from audit.logs.cells import answers
from audit.logs.columns import LogColumns
from audit.logs.connection import connect
from audit.logs.counting import count
from audit.logs.frames import open_frame
from audit.monitoring.reference import ALARMS, Reference, reference_of
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


def counting(rows: int, folder: Path, times: int = 5) -> str:
    """Count a log by turns in processes of their own, so that each has its own peak of memory; medians."""
    file = folder / f"{rows}.parquet"
    with connect(folder=folder) as connection:
        connection.execute(MAKE.format(rows=rows, file=file))
    told = []
    for groups in ("race", "sex,race,age"):
        spent = np.array(
            [
                [
                    json.loads(subprocess.check_output([sys.executable, WORK, how, file, groups]))
                    for how in ("hand", "ours")
                ]
                for _ in range(times)
            ]
        )
        (hand, hand_memory, _), (ours, our_memory, cells) = np.median(spent, axis=0)
        ratio = np.median(spent[:, 1, 0] / spent[:, 0, 0])
        told.append(
            f"{rows:>11,} rows by {groups} ({cells:,.0f} cells): {ours:6.2f} CPU s and {our_memory:3.0f} MiB; by hand "
            f"{hand:6.2f} and {hand_memory:3.0f}: {ratio:.2f} times"
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


def drawn(generator: np.random.Generator, base_rate: float, recall: float, rows: int, fell: bool) -> Predictions:
    recall -= 0.03 * fell
    cells = np.array([[0.9 * (1 - base_rate), 0.1 * (1 - base_rate)], [base_rate * (1 - recall), base_rate * recall]])
    shares = cells * np.array([0.4, 0.6])[:, None, None]
    n = generator.multinomial(rows, shares.reshape(-1))
    group, true, predicted = np.indices((2, 2, 2)).reshape(3, -1)
    return Predictions(
        task="binary", classes=("no", "yes"), y_true=true, y_pred=predicted, weight=n.astype(np.float64),
        repeats=Repeats(n, n.astype(np.float64)), sensitive=("sex",),
        keys={"sex": Factor(codes=group.astype(np.int32), levels=("f", "m"))},
    ).take(n > 0)  # fmt: skip


TAILS: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "normal": lambda generator, rows: generator.normal(size=rows),
    "Student's, 5 degrees,": lambda generator, rows: generator.standard_t(5, rows) / math.sqrt(5 / 3),
    "exponential": lambda generator, rows: generator.exponential(size=rows) - 1,
    "lognormal": lambda generator, rows: (
        (generator.lognormal(0, 0.8, rows) - math.exp(0.32)) / math.sqrt((math.exp(0.64) - 1) * math.exp(0.64))
    ),
    "1 in 20 four times as wide": lambda generator, rows: (
        generator.normal(size=rows) * np.where(generator.random(rows) < 0.05, 4, 1)
    ),
}


def amounts(generator: np.random.Generator, tail: str, rows: int, fell: bool) -> Predictions:
    """Draw a regression whose errors are normal, skewed, or have long tails."""
    true = generator.lognormal(0, 0.5, rows)
    group = generator.integers(0, 2, rows).astype(np.int32)
    return Predictions(
        task="regression", y_true=true, y_pred=true + 0.2 * (1 + 0.1 * fell) * TAILS[tail](generator, rows),
        sensitive=("sex",), keys={"sex": Factor(codes=group, levels=("f", "m"))},
    )  # fmt: skip


def first_alarm(
    draw: Callable[[int, bool], Predictions], windows: int, *, rows: int, before: int = 0, reference: int = 4
) -> int:
    """Return the window of the first alarm, 0 for none; `before` windows are like the reference, the others fell."""

    def window(part: Predictions) -> Window:
        return Window(name="w", labeled=part, unlabeled=part.take(np.zeros(0, dtype=np.int64)))

    every = [window(draw(rows, place >= reference + before)) for place in range(reference + windows)]
    start = reference_of(every[:reference])
    now = Reference(start=start, now=start, windows=every, size=reference, most=MonitorTable().grow_to)
    for place in range(reference, len(every)):
        recent = tuple(every[max(reference, place - 2) : place + 1])
        seen = Windows(reference=now.now, start=start, recent=recent)
        found = (*window_performance(seen).estimates, *window_drift(seen).estimates)
        if any(one.value for one in found if one.metric in ALARMS):
            return place + 1 - reference
        now = now.after(place + 1, alarm=False)
    return 0


def rolled_out(
    generator: np.random.Generator, base_rate: float, rows: int, changes: Sequence[int], lost: float, place: int
) -> Predictions:
    """Draw a window: a new version has a fifth of the rows of its first window, then all; the last one lost recall."""
    number = sum(place > change for change in changes)
    shares = {number: 1.0} if place not in changes else {number: 0.8, number + 1: 0.2}
    parts = []
    for version, share in shares.items():
        recall = 0.9 - lost * (version == len(changes) and bool(changes))
        part = drawn(generator, base_rate, recall, int(rows * share), False)
        keys = {**part.keys, "version": Factor.constant(f"1.{version}", len(part))}
        parts.append(replace(part, keys=keys, deciders=("version",)))
    return together(parts)


def alarms_of_year(
    draw: Callable[[int], Predictions], windows: int, *, reference: int = 4, until: str = ""
) -> dict[str, int]:
    """Return the first window of each kind of alarm in a year whose log names versions."""
    every = []
    for place in range(reference + windows):
        part = draw(place - reference)
        every.append(Window(name=f"{place:02d}", labeled=part, unlabeled=part.take(np.zeros(0, dtype=np.int64))))
    start = reference_of(every[:reference])
    now = Reference(start=start, now=start, windows=every, size=reference, most=MonitorTable().grow_to)
    alarms: dict[str, int] = {}
    for place in range(reference, len(every)):
        seen = Windows(reference=now.now, start=start, recent=tuple(every[reference : place + 1]))
        found = [one for check in (window_performance, window_drift, window_versions) for one in check(seen).estimates]
        for name in {one.metric for one in found if one.metric in ALARMS and one.value}:
            alarms.setdefault(name, place + 1 - reference)
        if until in alarms or (not until and alarms):
            return alarms
        now = now.after(place + 1, alarm=bool(alarms))
    return alarms


def versions(seeds: int, first: int) -> Iterator[str]:
    """Yield how many years alarm in which versions come that are as good, and how soon a worse one is found."""
    for base_rate, rows in ((0.5, 2000), (0.2, 5000)):
        what = f"base rate {base_rate}, {rows:,} rows a window"
        for changes in ((), (26,), (8, 19, 30, 41)):
            years = []
            for seed in range(first, first + seeds):
                draw = partial(rolled_out, np.random.default_rng(seed), base_rate, rows, changes, 0.0)
                years.append(alarms_of_year(draw, 52))
            by_version = sum("version_alarm" in year for year in years)
            yield (
                f"{what}, {len(changes)} new versions: {sum(map(bool, years))} of {seeds} years without change alarm, "
                f"{by_version} of them by version"
            )
        for start, reference in ((0, 4), (29, 4), (0, 25)):
            after = []
            for seed in range(first, first + seeds):
                draw = partial(rolled_out, np.random.default_rng(seed), base_rate, rows, (start,), 0.03)
                year = alarms_of_year(draw, start + 13, reference=reference, until="version_alarm")
                after.append(year.get("version_alarm", 99) - start - 1)
            soon = [sum(0 <= windows <= most for windows in after) for most in (3, 6, 12)]
            yield (
                f"{what}, a version with recall 3 points lower, {start} windows after a reference of {reference}: "
                f"found within 3, 6, 12 windows of its take-over in {soon} of {seeds}"
            )


def promises(seeds: int, first: int) -> Iterator[str]:
    """Yield how many years without change alarm, and how many falls of recall are found, by base rate.

    With the reference of 4 windows that is the default, and growing: falls in the first window after it, and in the
    thirtieth; and with one of 25 windows from the start.
    """
    for base_rate, recall, rows in (
        (0.5, 0.9, 2000),
        (0.3, 0.9, 2000),
        (0.1, 0.9, 2000),
        (0.2, 0.9, 5000),
        (0.05, 0.9, 20_000),
        (0.1, 0.5, 500),
    ):
        still, found = 0, [0, 0, 0]
        for seed in range(first, first + seeds):
            draw = partial(drawn, np.random.default_rng(seed), base_rate, recall)
            still += first_alarm(draw, 52, rows=rows, before=52) > 0
            found[0] += first_alarm(draw, 3, rows=rows) > 0
            found[1] += first_alarm(draw, 32, rows=rows, before=29) >= 30
            found[2] += first_alarm(draw, 3, rows=rows, reference=25) > 0
        yield (
            f"base rate {base_rate}, {rows:,} rows a window, recall {recall}: {still} of {seeds} years without change "
            f"alarm; falls of 3 points found within three windows: {found[0]} of {seeds} in the first window after a "
            f"reference of 4, {found[1]} in the thirtieth, {found[2]} after a reference of 25"
        )


def regressions(seeds: int, first: int) -> Iterator[str]:
    """Yield the same of amounts, whose errors grow by a tenth."""
    for tail in TAILS:
        still = found = 0
        for seed in range(first, first + seeds):
            draw = partial(amounts, np.random.default_rng(seed), tail)
            still += first_alarm(draw, 52, rows=500, before=52) > 0
            found += first_alarm(draw, 3, rows=500, reference=25) > 0
        yield f"{tail} errors, 500 rows a window: {still} of {seeds} years alarm; {found} of {seeds} found"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", nargs="*", type=float, default=[])
    parser.add_argument("--areas", type=int, default=0)
    parser.add_argument("--promises", type=int, default=0)
    parser.add_argument("--versions", type=int, default=0)
    parser.add_argument("--amounts", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="first seed")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for rows in asked.rows:
            print(counting(int(rows), Path(folder)), flush=True)
    for line in areas(asked.areas) if asked.areas else ():
        print(line)
    for line in promises(asked.promises, asked.first) if asked.promises else ():
        print(line, flush=True)
    for line in versions(asked.versions, asked.first) if asked.versions else ():
        print(line, flush=True)
    for line in regressions(asked.amounts, asked.first) if asked.amounts else ():
        print(line, flush=True)


if __name__ == "__main__":
    main()
