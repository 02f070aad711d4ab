"""How many broken trainings are found, with the right remedy first, and how many healthy ones are accused.

Run from the root: ``python -m benchmarks.diagnosis`` (one thread; about fifteen minutes; ``--seeds 1`` for a third).
Prints shares with Wilson intervals, and each training that was misjudged.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

from audit.statistics.intervals import wilson
from audit.statistics.training import diagnose, tripped_signs
from benchmarks.diagnosis_fits import Fit, broken, healthy


def judged(fit: Fit) -> tuple[bool, str]:
    """Train, and return whether anything tripped, with the first remedy."""
    signs = tripped_signs(diagnose(fit.run().history_))
    return bool(signs), signs[0].remedy if signs else ""


def share(hits: Sequence[bool]) -> str:
    low, high, _ = wilson(sum(hits), len(hits))
    return f"{sum(hits)} of {len(hits)} ({sum(hits) / len(hits):.1%}, 95 % interval {low:.1%} to {high:.1%})"


def main() -> None:
    reader = argparse.ArgumentParser()
    reader.add_argument("--seeds", type=int, default=3)
    reader.add_argument("--healthy-seeds", type=int, default=9)
    reader.add_argument("--first", type=int, default=0)
    asked = reader.parse_args()
    began = time.perf_counter()
    accused, found, right = [], [], []
    for fit in healthy(range(asked.first, asked.first + asked.healthy_seeds)):
        hit, remedy = judged(fit)
        accused.append(hit)
        if hit:
            print(f"accused: {fit.name}, seed {fit.seed}: {remedy}", flush=True)
    for fit in broken(range(asked.first, asked.first + asked.seeds)):
        hit, remedy = judged(fit)
        found.append(hit)
        right.append(remedy.startswith(fit.remedy))
        if not right[-1]:
            print(f"misjudged: {fit.name}, seed {fit.seed}: wanted {fit.remedy!r}, got {remedy!r}", flush=True)
    print(f"broken and found:     {share(found)}")
    print(f"right remedy first:   {share(right)}")
    print(f"healthy and accused:  {share(accused)}")
    print(f"{len(found) + len(accused)} trainings in {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
