"""How often a compressed model that harms a group is found, and how often a harmless one alarms (COMP001, COMP002).

python -m benchmarks.verdict_compression 500

A source is right on 85 of 100 rows of every group. Compression turns one decision in 200 of everybody; harm makes wrong
what was right in one group alone.
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import replace

import numpy as np

from audit.check import run as run_check
from audit.checks.compression import compression
from audit.evidence import NONE, Perturbed, Predictions, join
from audit.judging.gate import judge
from benchmarks import verdict_worlds as worlds
from benchmarks.verdict_judging import failed, policy, record

ROWS, RIGHT, TURNED = 10_000, 0.85, 0.005
CODES = ("COMP001", "COMP002")


def rules_failed(generator: np.random.Generator, share: float, harm: float) -> set[str]:
    """Draw a source and its compressed model; return the rules that fail."""
    group = (generator.random(ROWS) < share).astype(np.int64)
    other = generator.integers(0, 3, ROWS)
    y = generator.random(ROWS) < 0.4
    before = np.where(generator.random(ROWS) < RIGHT, y, ~y)
    lost = (group == 1) & (before == y) & (generator.random(ROWS) < harm / RIGHT)
    after = before ^ (generator.random(ROWS) < TURNED) ^ lost
    source = worlds.binary(y, before, **worlds.grouped((group, 2), (other, 3)))
    finding = run_check(compression, lambda _: evidence(source, after), task="binary")
    return failed(judge(record(source, (finding,)), policy(CODES)).verdicts)


def evidence(source: Predictions, after: np.ndarray) -> Perturbed:
    changed = replace(source, y_pred=after.astype(np.int64))
    return Perturbed(predictions=join([source, changed], "variant", [NONE, "compressed"]))


def main(pairs: int) -> None:
    print("| share of the group | its loss, points | pairs | COMP002 fails | COMP001 fails |")
    print("| ---: | ---: | ---: | ---: | ---: |")
    for share in (0.05, 0.1, 0.2, 0.5):
        for harm in (0.0, 0.05, 0.08):
            generator = np.random.default_rng([2026, int(1000 * share), int(1000 * harm)])
            rules = Counter(rule for _ in range(pairs) for rule in rules_failed(generator, share, harm))
            loss, group = (f"{100 * rules[code] / pairs:.1f} %" for code in CODES)
            print(f"| {share} | {100 * harm:.0f} | {pairs} | {group} | {loss} |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
