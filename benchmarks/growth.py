"""Growth of an audit's cost: ``modelassay run`` in fresh processes, over tables that grow along one axis.

python -m benchmarks.growth                        every axis, small sizes
python -m benchmarks.growth levels classes         these axes alone
python -m benchmarks.growth --large levels         sizes up to those that ``docs/costs.md`` tells of
python -m benchmarks.growth columns --sizes 50 200

Printed are CPU seconds (user and system, children included), the peak of resident memory, the number of verdicts,
the size of the card, and the exponent: by which power of the size the seconds grew from the line before, and over
all sizes (slope of least squares of the logarithms). The tables are made up, from a seed.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

LOG = """
COPY (SELECT s AS score, CASE WHEN s >= 0.5 THEN 'yes' ELSE 'no' END AS answer,
             CASE WHEN (hash(i * 13) % 1000000) / 1e6 < s THEN 'yes' ELSE 'no' END AS y,
             ['f', 'm'][(1 + hash(i) % 2)::BIGINT] AS sex,
             ['a', 'b', 'c', 'd', 'e'][(1 + hash(i * 7) % 5)::BIGINT] AS race
      FROM (SELECT i, 1 / (1 + exp(4.5 - 3 * ((hash(i * 3) % 1000000 + hash(i * 5) % 1000000 + hash(i * 17) % 1000000)
            / 1e6))) AS s FROM range({rows}) r(i))) TO '{file}' (FORMAT parquet)
"""


class Axis(NamedTuple):
    """What grows."""

    make: Callable[[Path, int], None]
    """Writes the tables, the model and the configuration."""
    small: tuple[int, ...]
    large: tuple[int, ...]
    told: str
    """What does not grow, for the heading."""


class Cost(NamedTuple):
    """What one audit took."""

    size: int
    cpu: float
    peak: float
    verdicts: int
    card: int


def _configure(folder: Path, data: str, model: str = "") -> None:
    text = f'{model}\n[data]\ntarget = "y"\n{data}\n\n[report]\nout = "."\nformats = ["json", "html"]\n'
    (folder / "audit.toml").write_text(text, encoding="utf-8")


def _boosted(folder: Path, rows: int, columns: int) -> None:
    """Write a gradient boosting model, its training and its test rows, with one sensitive feature beside them."""
    import skops.io
    from sklearn.ensemble import HistGradientBoostingClassifier

    tables = {}
    for seed, name in enumerate(("train", "test")):
        generator = np.random.default_rng(seed)
        numbers = {f"x{k}": generator.normal(size=rows).round(4) for k in range(columns)}
        signal = numbers["x0"] + numbers["x1"] * numbers["x2"] + generator.normal(size=rows)
        sex = generator.choice(["f", "m"], rows)
        tables[name] = pd.DataFrame({**numbers, "sex": sex, "y": np.where(signal > 0.5, "yes", "no")})
        tables[name].to_csv(folder / f"{name}.csv", index=False)
    features = [f"x{k}" for k in range(columns)]
    fitted = HistGradientBoostingClassifier(random_state=0).fit(tables["train"][features], tables["train"]["y"])
    skops.io.dump(fitted, folder / "model.skops")
    data = 'train = "train.csv"\ntest = "test.csv"\npositive = "yes"\nfavorable = "yes"\nsensitive = ["sex"]'
    _configure(folder, f"{data}\nfeatures = {json.dumps(features)}", '[model]\npath = "model.skops"\n')


def rows(folder: Path, size: int) -> None:
    _boosted(folder, size, 12)


def columns(folder: Path, size: int) -> None:
    _boosted(folder, 3_000, size)


def classes(folder: Path, size: int, count: int = 60_000) -> None:
    """Write predictions with a score for each of `size` classes, of `count` rows in two groups."""
    generator = np.random.default_rng(0)
    y = generator.integers(size, size=count)
    margin = generator.gumbel(size=(count, size)).astype(np.float32)
    margin[np.arange(count), y] += 3.0
    score = np.exp(margin - margin.max(axis=1, keepdims=True))
    score /= score.sum(axis=1, keepdims=True)
    names = np.array([f"c{k:04d}" for k in range(size)])
    frame = pd.DataFrame(score.astype(np.float64), columns=[f"s{k}" for k in range(size)])
    frame["sex"] = generator.choice(["f", "m"], count)
    frame["y"], frame["answer"] = names[y], names[score.argmax(axis=1)]
    frame.to_csv(folder / "test.csv", index=False, float_format="%.9f")
    scores = "\n".join(f'{name} = "s{k}"' for k, name in enumerate(names))
    data = 'test = "test.csv"\ntask = "multiclass"\nprediction = "answer"\nsensitive = ["sex"]'
    _configure(folder, f"{data}\n\n[data.score]\n{scores}")


def _scored(folder: Path, groups: dict[str, np.ndarray], shift: np.ndarray, generator: np.random.Generator) -> None:
    """Write scores, decisions and outcomes of rows whose rate is moved by `shift` on the scale of log-odds."""
    truth = generator.normal(size=len(shift)) + shift
    score = 1 / (1 + np.exp(-(truth + generator.normal(scale=0.5, size=len(shift)))))
    y = generator.random(len(shift)) < 1 / (1 + np.exp(-truth))
    frame = pd.DataFrame({**groups, "score": score.round(5), "y": np.where(y, "yes", "no")})
    frame.to_csv(folder / "test.csv", index=False)
    data = 'test = "test.csv"\npositive = "yes"\nfavorable = "yes"\nscore = "score"'
    _configure(folder, f"{data}\nsensitive = {json.dumps(list(groups))}")


def features(folder: Path, size: int, count: int = 20_000) -> None:
    """Write `size` sensitive features of three levels each."""
    generator = np.random.default_rng(0)
    groups = {f"g{k}": generator.choice(["a", "b", "c"], count, p=[0.5, 0.3, 0.2]) for k in range(size)}
    _scored(folder, groups, np.where(groups["g0"] == "a", 0.2, 0.0), generator)


def levels(folder: Path, size: int, count: int = 200_000) -> None:
    """Write one sensitive feature of `size` levels, of sizes that fall as those of towns do, and one of two."""
    generator = np.random.default_rng(0)
    share = 1 / np.arange(10, size + 10)
    place = generator.choice(size, count, p=share / share.sum())
    groups = {"place": np.array([f"place {k}" for k in range(size)])[place], "sex": generator.choice(["f", "m"], count)}
    _scored(folder, groups, generator.normal(scale=0.3, size=size)[place], generator)


def crossings(folder: Path, size: int, count: int = 200_000) -> None:
    """Write two sensitive features of `size` levels each, so that the pairs of levels are its square."""
    generator = np.random.default_rng(0)
    codes = {name: generator.integers(size, size=count) for name in ("place", "job")}
    groups = {name: np.array([f"{name} {k}" for k in range(size)])[code] for name, code in codes.items()}
    effects = generator.normal(scale=0.3, size=(2, size))
    _scored(folder, groups, effects[0][codes["place"]] + effects[1][codes["job"]], generator)


def answers(folder: Path, size: int) -> None:
    """Write a log of `size` answers with scores, in a Parquet file."""
    import duckdb

    with duckdb.connect() as connection:
        connection.execute(LOG.format(rows=size, file=folder / "log.parquet"))
    data = 'log = "log.parquet"\nprediction = "answer"\nscore = "score"\npositive = "yes"\nfavorable = "yes"'
    _configure(folder, f'{data}\nsensitive = ["sex", "race"]')


AXES = {
    "answers": Axis(answers, (100_000,), (1_000_000, 10_000_000), "a log in a Parquet file, scores and two features"),
    "rows": Axis(rows, (2_000, 8_000), (5_000, 20_000, 80_000, 320_000), "12 columns, gradient boosting, all checks"),
    "columns": Axis(columns, (20, 80), (50, 200, 800, 2_000, 5_000), "3,000 rows, gradient boosting, all checks"),
    "classes": Axis(classes, (5, 20), (10, 30, 100, 300), "60,000 rows, predictions with scores"),
    "features": Axis(features, (2, 4), (2, 4, 8, 12), "20,000 rows, predictions with scores, crossed by two"),
    "levels": Axis(levels, (10, 40), (10, 100, 1_000, 10_000), "200,000 rows, predictions with scores"),
    "crossings": Axis(crossings, (5, 10), (10, 25, 50), "200,000 rows, levels of each of two features"),
}


def measure(axis: Axis, size: int) -> Cost:
    """Audit once, in a process of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        axis.make(folder, size)
        with (folder / "log").open("wb") as log:
            command = [sys.executable, "-m", "audit", "run", str(folder / "audit.toml"), "--out", name]
            process = subprocess.Popen(command, stdout=log, stderr=log)
            _, status, used = os.wait4(process.pid, 0)
        if not (folder / "card.html").exists():
            said = (folder / "log").read_text()[-2000:]
            raise SystemExit(f"size {size}: no card was written (status {status}):\n{said}")
        record = json.loads((folder / "audit.json").read_bytes())
        card = (folder / "card.html").stat().st_size
    return Cost(size, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, len(record["verdicts"]), card)


def exponent(costs: Sequence[Cost]) -> float:
    """Return the slope of log seconds over log size."""
    return float(np.polyfit(np.log([one.size for one in costs]), np.log([one.cpu for one in costs]), 1)[0])


def table(name: str, axis: Axis, sizes: Sequence[int]) -> None:
    """Print one axis as a table of Markdown, line by line."""
    print(f"\n{name}: {axis.told}\n\n| {name} | CPU s | peak MiB | verdicts | card kB | exponent |", flush=True)
    print("| --- " * 6 + "|", flush=True)
    costs: list[Cost] = []
    for size in sizes:
        costs.append(measure(axis, size))
        one = costs[-1]
        step = f"{exponent(costs[-2:]):.2f}" if len(costs) > 1 else ""
        card = math.ceil(one.card / 1000)
        print(f"| {size:,} | {one.cpu:.1f} | {one.peak:.0f} | {one.verdicts:,} | {card} | {step} |", flush=True)
    if len(costs) > 1:
        print(f"\nexponent over all sizes: {exponent(costs):.2f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("axes", nargs="*", metavar="axis", help=f"of {', '.join(AXES)}; all without one")
    parser.add_argument("--large", action="store_true", help="take the large sizes")
    parser.add_argument("--sizes", type=int, nargs="+", help="take these sizes")
    asked = parser.parse_args()
    if unknown := set(asked.axes) - set(AXES):
        parser.error(f"no axis {', '.join(sorted(unknown))}; there are {', '.join(AXES)}")
    for name in asked.axes or AXES:
        axis = AXES[name]
        table(name, axis, asked.sizes or (axis.large if asked.large else axis.small))


if __name__ == "__main__":
    main()
