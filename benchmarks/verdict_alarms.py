"""False alarms: how often the default policy fails models that treat all groups alike."""

from __future__ import annotations

import sys
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from audit.evidence import Predictions
from benchmarks import verdict_worlds as worlds
from benchmarks.verdict_judging import failed, verdicts

Draw = Callable[[np.random.Generator], Predictions]
NOTE = "FAIR010"


def generator(*names: object) -> np.random.Generator:
    """Return a generator that depends on the names of a cell alone."""
    return np.random.default_rng([2026, zlib.crc32("|".join(map(str, names)).encode())])


@dataclass(slots=True)
class Alarms:
    """How many audits had a failure, by kind of rule."""

    audits: int = 0
    sized: int = 0
    chance: int = 0
    any: int = 0
    calibration: int = 0
    rules: Counter[str] = field(default_factory=Counter)

    def add(self, rules: set[str]) -> None:
        """Count an audit by the rules that failed."""
        fair = {one for one in rules if one.startswith("FAIR")}
        self.audits += 1
        self.sized += bool(fair - {NOTE})
        self.chance += NOTE in fair
        self.any += bool(fair)
        self.calibration += bool(rules - fair)
        self.rules.update(rules)

    def merge(self, other: Alarms) -> None:
        """Take in the audits of another cell."""
        self.audits += other.audits
        self.sized += other.sized
        self.chance += other.chance
        self.any += other.any
        self.calibration += other.calibration
        self.rules.update(other.rules)

    def cells(self, *, calibrated: bool = True) -> str:
        """Write the shares as cells of a table."""
        counts = [self.sized, self.chance, self.any, *([self.calibration] if calibrated else [])]
        return " | ".join(f"{100 * count / self.audits:.1f} %" for count in counts)


def simulate(name: str, draw: Draw, codes: Sequence[str], audits: int) -> Alarms:
    """Draw and judge a cell of the grid."""
    rng = generator(name)
    found = Alarms()
    for _ in range(audits):
        found.add(failed(verdicts(draw(rng), codes, rng)))
    print(f"{name}: {found.cells()} {dict(found.rules)}", file=sys.stderr, flush=True)
    return found


def _told(total: Alarms, worst: Iterable[Alarms]) -> list[str]:
    error = 100 * (0.05 * 0.95 / total.audits) ** 0.5
    single = max(worst, key=lambda one: one.any)
    which = ", ".join(f"{rule} {count}" for rule, count in sorted(total.rules.items()))
    told = (
        f"All {total.audits:,} audits together (one standard error at 5 %: {error:.2f} points): some rule of size "
        f"failed in {100 * total.sized / total.audits:.2f} %, FAIR010 in {100 * total.chance / total.audits:.2f} %, "
        f"any of them in {100 * total.any / total.audits:.2f} %; the worst single cell has "
        f"{100 * single.any / single.audits:.1f} % (standard error of a cell "
        f"{100 * (0.05 * 0.95 / single.audits) ** 0.5:.1f}). Failures by rule: {which or 'none'}."
    )
    return [told, ""]


def parity(audits: int) -> list[str]:
    """One sensitive feature."""
    codes = ("FAIR", "CAL001", "CAL002", "CAL003")
    rows, total, cells = [], Alarms(), []
    for groups in (2, 5, 14):
        for equal in (True, False):
            for n in (500, 2_000, 10_000, 50_000):
                for base in (0.1, 0.3, 0.5):
                    layout = [worlds.sizes(groups, n, equal)]
                    name = f"parity, {groups} groups, {equal}, {n}, {base}"
                    one = simulate(name, lambda rng, a=layout, b=base: worlds.parity(rng, a, b), codes, audits)
                    total.merge(one)
                    cells.append(one)
                    shape = "equal" if equal else "1 : 2 : 3 …"
                    rows.append(f"| {groups} | {shape} | {n:,} | {base} | {one.cells()} |")
    return [
        *_told(total, cells),
        "| groups | sizes | rows | base rate | FAIR001–006 | FAIR010 | any FAIR | CAL001–003 |",
        "| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        *rows,
    ]


def crossed(audits: int) -> list[str]:
    """Two sensitive features and their intersections."""
    codes = ("FAIR", "CAL001", "CAL002", "CAL003")
    rows, total, cells = [], Alarms(), []
    for first, second in ((2, 2), (2, 5), (5, 14)):
        for n in (500, 2_000, 10_000, 50_000):
            for base in (0.1, 0.3) if first == 2 else (0.3,):
                layout = [worlds.sizes(first, n, True), worlds.sizes(second, n, False)]
                name = f"crossed, {first} x {second}, {n}, {base}"
                one = simulate(name, lambda rng, a=layout, b=base: worlds.parity(rng, a, b), codes, audits)
                total.merge(one)
                cells.append(one)
                rows.append(f"| {first} × {second} | {n:,} | {base} | {one.cells()} |")
    return [
        *_told(total, cells),
        "| levels | rows | base rate | FAIR001–006 | FAIR010 | any FAIR | CAL001–003 |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        *rows,
    ]


def kinds(audits: int) -> list[str]:
    """Regression, three classes; weights, clusters; one feature and two."""
    draws: dict[str, Callable[..., Predictions]] = {
        "binary": lambda rng, layout, **rest: worlds.parity(rng, layout, 0.3, **rest),
        "three classes": worlds.classes,
        "regression": worlds.numbers,
    }
    rows, total, cells = [], Alarms(), []
    for task, make in draws.items():
        for kind in ({}, {"weighted": True}, {"clustered": True}):
            if task == "binary" and not kind:
                continue
            for levels in ((2,), (5,), (14,), *(((2, 5),) if not kind else ())):
                # Errors of a regression are shuffled row by row, which takes a second an audit at 10,000 rows.
                for n in (500, 2_000) if task == "regression" else (500, 2_000, 10_000):
                    layout = [worlds.sizes(count, n, place > 0) for place, count in enumerate(levels)]
                    said = next(iter(kind), "plain")
                    codes = ("FAIR", "CAL001", "CAL002", "CAL003") if task == "binary" else ("FAIR",)
                    one = simulate(
                        f"kinds, {task}, {said}, {levels}, {n}",
                        lambda rng, m=make, a=layout, k=kind: m(rng, a, **k),
                        codes,
                        audits,
                    )
                    total.merge(one)
                    cells.append(one)
                    shown = one.cells(calibrated=task == "binary") + ("" if task == "binary" else " | –")
                    rows.append(f"| {task} | {said} | {' × '.join(map(str, levels))} | {n:,} | {shown} |")
    return [
        *_told(total, cells),
        "| task | rows are | groups | rows | FAIR001–009 | FAIR010 | any FAIR | CAL001–003 |",
        "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: |",
        *rows,
    ]
