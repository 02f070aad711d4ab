"""What single features gain, and crossings pay, when a family's error rate goes to single features first.

Draws true positive rates of two crossed features and judges FAIR002 (a gap over 10 points) with Holm's
correction over all groups alike, and with the weighted one that is in force.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from audit.estimate.disparity import differences
from audit.judging.decision import p_failing
from audit.judging.gate import SINGLES
from audit.policy.read import default_policy
from audit.statistics.intervals import holm, weighted_holm, wilson
from reports.record import Estimate

GATE = next(gate for gate in default_policy().gates if gate.id == "FAIR002")
RACES, SEXES = ("a", "b", "c", "d"), ("f", "m")
SHARES = {"a": 0.55, "b": 0.25, "c": 0.12, "d": 0.08}
BASE, LEVEL = 0.75, 0.025


def rates(rng: np.random.Generator, positives: int, truth: Mapping[tuple[str, str], float]) -> list[Estimate]:
    """Draw the true positive rates of every group and crossing of one audit."""
    cells = {(race, sex): rng.binomial(positives, SHARES[race] / 2) for race in RACES for sex in SEXES}
    hits = {cell: rng.binomial(n, truth[cell]) for cell, n in cells.items()}
    found = []
    for race in (*RACES, ""):
        for sex in (*SEXES, ""):
            inside = [cell for cell in cells if race in ("", cell[0]) and sex in ("", cell[1])]
            n, k = sum(cells[cell] for cell in inside), sum(hits[cell] for cell in inside)
            where = {name: level for name, level in (("race", race), ("sex", sex)) if level}
            if where and n >= 30:
                low, high, _ = wilson(k, n)
                found.append(
                    Estimate(metric="true_positive_rate", value=k / n, low=low, high=high, n=n, where=where,
                             unit="proportion")
                )  # fmt: skip
    return found


def judged(found: list[Estimate]) -> list[tuple[Estimate, float]]:
    """Return each gap to its reference, the largest group, with the p-value of holding."""
    pairs = []
    for reference in ({"race": "a"}, {"sex": "m"}, {"race": "a", "sex": "m"}):
        alike = [one for one in found if set(one.where) == set(reference)]
        for gap in differences(alike, reference):
            p = p_failing(GATE, gap)
            if p is not None:
                pairs.append((gap, p))
    return pairs


def failures(pairs: list[tuple[Estimate, float]], weighted: bool) -> list[Estimate]:
    """Return the gaps that fail."""
    single = [len(gap.where) == 1 for gap, _ in pairs]
    counts = {kind: max(single.count(kind), 1) for kind in (True, False)}
    weights = [(SINGLES if one else 1 - SINGLES) / counts[one] for one in single]
    p = [p for _, p in pairs]
    adjusted = weighted_holm(p, weights) if weighted else holm(p)
    return [gap for (gap, _), p in zip(pairs, adjusted, strict=True) if p < LEVEL]


def world(kind: str, gap: float) -> dict[tuple[str, str], float]:
    """Return true rates: a gap of all of race b, of its women alone, or of everybody at the limit."""
    truth = {(race, sex): BASE for race in RACES for sex in SEXES}
    for race, sex in truth:
        if kind == "race b" and race == "b":
            truth[race, sex] = BASE - gap
        if kind == "women of race b" and (race, sex) == ("b", "f"):
            truth[race, sex] = BASE - gap
        if kind == "all at the limit" and race != "a":
            truth[race, sex] = BASE - gap
    return truth


def features_first(audits: int) -> list[str]:
    """Return a table of how often the planted gap, and how often anything, is failed by either correction."""
    lines = [
        "| truth | positive rows | gap failed, Holm | features first | anything failed, Holm | features first |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for kind, gap in (("all at the limit", 0.1), ("race b", 0.15), ("race b", 0.2), ("women of race b", 0.3)):
        for positives in (1000, 4000):
            rng = np.random.default_rng([positives, round(100 * gap), len(kind)])
            planted = {"race": "b"} if kind == "race b" else {"race": "b", "sex": "f"}
            counts = np.zeros(4)
            for _ in range(audits):
                pairs = judged(rates(rng, positives, world(kind, gap)))
                for place, weighted in enumerate((False, True)):
                    failed = failures(pairs, weighted)
                    counts[place] += any(dict(one.where) == planted for one in failed)
                    counts[2 + place] += bool(failed)
            written = [f"{share:.1%}" for share in counts / audits]
            first = written[:2] if kind != "all at the limit" else ["–", "–"]
            cells = (f"{kind}, {100 * gap:.0f} points", f"{positives:,}", *first, *written[2:])
            lines.append(f"| {' | '.join(cells)} |")
    return lines
