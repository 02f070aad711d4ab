"""How often a compressed model that harms a group is found, and how often a harmless one alarms (COMP001, COMP002).

python -m benchmarks.verdict_compression 500

A source is right on 85 of 100 rows of every group. Compression turns one decision in 200 of everybody; harm makes wrong
what was right in one group alone. COMP002 fails where a group loses over 2 points more than the others, which is shown
at 2.5 %, shared among all groups of the rule. How many rows turn from right to wrong in the group tells all that paired
answers tell of its loss, so that the most powerful test counts them; the last columns say how often it would find the
harm, alone at 2.5 % and at the part of it that a group of this rule has.
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import replace

import numpy as np

from audit.check import run as run_check
from audit.checks.compression import compression
from audit.evidence import NONE, Perturbed, Predictions, join
from audit.judging.gate import SINGLES, judge
from benchmarks import verdict_worlds as worlds
from benchmarks.verdict_judging import failed, policy, record

ROWS, RIGHT, TURNED = 10_000, 0.85, 0.005
LIMIT, GROUPS = 0.02, 5
"""Of COMP002, and how many groups of single features it judges here."""
SHARES = (0.05, 0.08, 0.1, 0.2, 0.5)
HARMS = (0.0, LIMIT / (1 - 2 * TURNED), 0.05, 0.08)
"""None, a loss just at the limit, five and eight points."""
CODES = ("COMP001", "COMP002")


def outcomes(generator: np.random.Generator, share: float, harm: float) -> tuple[set[str], str]:
    """Draw a source and its compressed model; return the rules that fail, and what becomes of the harmed group."""
    group = (generator.random(ROWS) < share).astype(np.int64)
    other = generator.integers(0, 3, ROWS)
    y = generator.random(ROWS) < 0.4
    before = np.where(generator.random(ROWS) < RIGHT, y, ~y)
    lost = (group == 1) & (before == y) & (generator.random(ROWS) < harm / RIGHT)
    after = before ^ (generator.random(ROWS) < TURNED) ^ lost
    source = worlds.binary(y, before, **worlds.grouped((group, 2), (other, 3)))
    finding = run_check(compression, lambda _: evidence(source, after), task="binary")
    verdicts = judge(record(source, (finding,)), policy(CODES)).verdicts
    where = {"split": "test", "feature1": "g01"}
    (own,) = (verdict.outcome for verdict in verdicts if verdict.gate == "COMP002" and verdict.where == where)
    return failed(verdicts), own


def most_powerful(rows: int, harm: float, level: float) -> float:
    """Return how often the most powerful test of "no more than two points" finds a group's loss."""
    from scipy.stats import binom

    def turned_wrong(loss: float) -> float:
        return RIGHT * TURNED + loss * (1 - 2 * TURNED)

    limit = int(binom.isf(level, rows, turned_wrong(LIMIT / (1 - 2 * TURNED))))
    beyond = binom.sf(limit, rows, turned_wrong(LIMIT / (1 - 2 * TURNED)))
    tie = (level - beyond) / binom.pmf(limit, rows, turned_wrong(LIMIT / (1 - 2 * TURNED)))
    return float(binom.sf(limit, rows, turned_wrong(harm)) + tie * binom.pmf(limit, rows, turned_wrong(harm)))


def evidence(source: Predictions, after: np.ndarray) -> Perturbed:
    changed = replace(source, y_pred=after.astype(np.int64))
    return Perturbed(predictions=join([source, changed], "variant", [NONE, "compressed"]))


def main(pairs: int) -> None:
    columns = ("rows of the group", "its loss, points", "COMP002 fails", "group open", "group passes", "COMP001 fails")
    print(f"| {' | '.join((*columns, 'most powerful test'))} |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for share in SHARES:
        for harm in HARMS:
            generator = np.random.default_rng([2026, int(1000 * share), int(1000 * harm)])
            drawn = [outcomes(generator, share, harm) for _ in range(pairs)]
            rules = Counter(rule for failing, _ in drawn for rule in failing)
            own = Counter(outcome for _, outcome in drawn)
            rows = round(ROWS * share)
            bounds = (
                [most_powerful(rows, harm, level) for level in (0.025, 0.025 * SINGLES / GROUPS)]
                if harm > LIMIT
                else []
            )
            cells = [rules["COMP002"], own["inconclusive"], own["pass"], rules["COMP001"]]
            shown = " | ".join(f"{100 * count / pairs:.1f} %" for count in cells)
            most = " / ".join(f"{100 * bound:.1f} %" for bound in bounds) or "–"
            print(f"| {rows:,} | {100 * harm:.1f} | {shown} | {most} |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
