"""How often a mitigation goes on with a gap and without one: ``python -m benchmarks.mitigation_guard``."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from audit.data.factor import Factor
from audit.evidence import Predictions
from audit.integrations.mitigation import mitigate
from audit.mitigation.constraints import CONSTRAINTS
from audit.mitigation.gap_shown import SURE, is_shown, shows

BASES = (0.2, 0.5, 0.7)
"""Shares of the favorable outcome."""
GAPS = (0.05, 0.10, 0.15)
PLACEBOS, DRAWS = 2000, 200
"""Draws of each setting without a gap, and with one."""
MOST_FALSE = 0.002
"""Share of features without a gap that may be taken for one with a gap."""


class Setting(NamedTuple):
    """How many groups and rows there are."""

    groups: int
    validation: int
    train: int


SETTINGS = tuple(Setting(groups, *rows) for groups in (2, 4) for rows in ((300, 400), (1500, 2000), (6000, 8000)))


def answers(generator: np.random.Generator, rows: int, groups: int, base: float, gap: float) -> Predictions:
    """Draw answers that are right more often than not; of the first two groups the second has more of them by `gap`."""
    group = generator.integers(0, groups, rows)
    y = (generator.random(rows) < base).astype(np.int64)
    chance = np.where(y == 1, min(base + 0.3, 0.9), max(base - 0.15, 0.1)) + gap * (group == 1) - gap / 2
    return Predictions(
        task="binary", classes=("no", "yes"), y_true=y, y_pred=(generator.random(rows) < chance).astype(np.int64),
        keys={"group": Factor(codes=group.astype(np.int32), levels=tuple("abcdefgh"[:groups]))},
    )  # fmt: skip


def shares(setting: Setting, rates: tuple[str, ...], gap: float, draws: int) -> tuple[float, float, float]:
    """Return how often validation rows alone show a gap at 95 % and at 99.9 %, and how often mitigation goes on."""
    generator = np.random.default_rng([draws, *setting])
    counts = np.zeros(3)
    for draw in range(draws):
        base = BASES[draw % len(BASES)]
        validation, train = (
            answers(generator, rows, setting.groups, base, gap) for rows in (setting.validation, setting.train)
        )
        counts[0] += shows(validation, 0.95, rates, ["group"])
        counts[1] += shows(validation, SURE, rates, ["group"])
        counts[2] += is_shown(validation, lambda train=train: train, rates, ["group"])  # type: ignore[misc]
    return tuple((counts / draws).tolist())


def rows_of_table() -> Iterator[tuple[str, str, float, tuple[float, float, float]]]:
    for setting in SETTINGS:
        said = f"{setting.groups} groups, {setting.validation:,} + {setting.train:,} rows"
        for constraint in CONSTRAINTS:
            if "binary" not in constraint.tasks:
                continue
            yield said, constraint.name, 0.0, shares(setting, constraint.rates, 0.0, PLACEBOS)
            if constraint.name == "demographic-parity":
                for gap in GAPS:
                    yield said, constraint.name, gap, shares(setting, constraint.rates, gap, DRAWS)


def placebos() -> tuple[int, int]:
    """Mitigate a made-up feature, from Python to the end; return how many go on, of how many."""
    models = (LogisticRegression(), DecisionTreeClassifier(random_state=0), HistGradientBoostingClassifier(max_iter=20))
    goals = [constraint.name for constraint in CONSTRAINTS if "binary" in constraint.tasks]
    written = count = 0
    for base, groups, model, goal, seed in product(BASES, (2, 4), models, goals, range(3)):
        generator = np.random.default_rng([seed, groups, round(10 * base)])
        frame = pd.DataFrame({"x": generator.normal(size=1500), "group": generator.choice(list("abcd")[:groups], 1500)})
        score = frame["x"] + generator.normal(size=1500)
        frame["y"] = np.where(score > score.quantile(1 - base), "yes", "no")
        train, validation, test = (frame.iloc[part] for part in np.split(np.arange(1500), [600, 1050]))
        done = mitigate(
            model.fit(train[["x"]], train["y"]), train=train, validation=validation, test=test, target="y",
            positive="yes", favorable="yes", sensitive=["group"], features=["x"], method="reweigh", constraint=goal,
        )  # fmt: skip
        written += done.record is not None
        count += 1
    return written, count


def main() -> int:
    warnings.simplefilter("ignore")
    print("| rows | constraint | true gap | 95 % alone | 99.9 % alone | goes on |")
    print("| --- | --- | --- | --- | --- | --- |")
    false = []
    for rows, constraint, gap, (usual, strict, both) in rows_of_table():
        print(f"| {rows} | {constraint} | {gap:.2f} | {usual:.2%} | {strict:.2%} | {both:.2%} |", flush=True)
        if gap == 0:
            false.append((usual, strict, both))
    usual, strict, both = np.mean(false, axis=0)
    print(f"without a gap, {len(false) * PLACEBOS:,} draws: {usual:.2%}, {strict:.3%}, {both:.3%}")
    written, count = placebos()
    print(f"{written} of {count} mitigations of a made-up feature write a model")
    return 1 if both > MOST_FALSE or written > 1 else 0


if __name__ == "__main__":
    sys.exit(main())
