"""Two promises of an open verdict: how many rows would settle it, and which shortfall would have been found."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from statistics import median

import numpy as np

from benchmarks.verdict_alarms import generator
from benchmarks.verdict_power import Case, group_cases, model_cases
from reports.record import Verdict

MOST_ROWS = 300_000


def _cases() -> Iterator[tuple[Case, str]]:
    for case in model_cases():
        yield case, ""
    for count in (2, 5):
        for case in group_cases(count):
            yield case, f"{count} groups"


def moved(case: Case, found: tuple[Verdict, ...]) -> Verdict | None:
    return next((one for one in found if case.speaks(one) and one.estimate and one.estimate.value is not None), None)


def draw(case: Case, rng: np.random.Generator, n: int, truth: float) -> Verdict | None:
    """Audit `n` new rows with a truth and return the verdict on the number that was moved."""
    return moved(case, case.judge(rng, n, truth))


def needed(audits: int) -> list[str]:
    """Draw as many rows as an open verdict asked for, the truth half as far beyond the threshold as `beyond`."""
    rows = []
    for case, setting in _cases():
        n, truth = 1_000, (case.limit + case.beyond) / 2
        rng = generator("needed", case.code, case.title, setting, case.limit)
        told: list[tuple[float, int]] = []
        for _ in range(100):
            one = draw(case, rng, n, truth)
            if one is not None and one.n_needed and one.estimate and one.estimate.n and one.estimate.value is not None:
                told.append((one.estimate.value, math.ceil(n * one.n_needed / one.estimate.n)))
        if len(told) < 10:
            continue
        aim = truth_of(case, truth)
        typical = min(told, key=lambda pair: abs(pair[0] - aim))[1]
        if typical > MOST_ROWS:
            continue
        outcomes = [draw(case, rng, typical, truth) for _ in range(audits)]
        right = sum(one is not None and one.outcome == "fail" for one in outcomes) / audits
        wrong = sum(one is not None and one.outcome == "pass" for one in outcomes) / audits
        rows.append(f"| {_name(case)} | {setting or '–'} | {typical:,} | {100 * right:.0f} % | {100 * wrong:.1f} % |")
        print(rows[-1], file=sys.stderr, flush=True)
    return [
        "| rule and number | groups | rows asked for | settled rightly | wrongly |",
        "| --- | --- | ---: | ---: | ---: |",
        *rows,
    ]


def truth_of(case: Case, step: float) -> float:
    """Return the true number for a step between `limit` and `beyond`, where the gate's number moves with the step."""
    return case.threshold + (step - case.limit) * (-1 if _falls(case) else 1)


def _falls(case: Case) -> bool:
    """Tell whether the number falls while the step grows."""
    return (case.metric != "selection_rate_ratio" and case.threshold < 0) or case.code == "FAIR001"


def detectable(audits: int) -> list[str]:
    """Plant the shortfall that verdicts right at the threshold call detectable."""
    rows = []
    for case, setting in _cases():
        for n in (1_000, 5_000):
            rng = generator("detectable", case.code, case.title, setting, case.limit, n)
            found = [draw(case, rng, n, case.limit) for _ in range(60)]
            named = [one.detectable for one in found if one is not None and one.detectable is not None]
            if not named:
                continue
            size = median(named)
            planted = case.limit + math.copysign(size, case.beyond - case.limit)
            if not _possible(case, planted):
                continue
            outcomes = [draw(case, rng, n, planted) for _ in range(audits)]
            power = sum(one is not None and one.outcome == "fail" for one in outcomes) / audits
            rows.append(f"| {_name(case)} | {setting or '–'} | {n:,} | {size:.3f} | {100 * power:.0f} % |")
            print(rows[-1], file=sys.stderr, flush=True)
    return [
        "| rule and number | groups | rows | detectable | found |",
        "| --- | --- | ---: | ---: | ---: |",
        *rows,
    ]


def _possible(case: Case, planted: float) -> bool:
    """Tell whether data can be drawn with such a truth; a rate cannot fall below 0."""
    far = {"FAIR001": 0.9, "FAIR002": 0.65, "FAIR003": 0.75, "FAIR004": 0.7, "FAIR005": 0.8, "FAIR006": 0.45,
           "CAL001": 0.25, "CAL003": 0.14, "PERF005": 0.25, "BASE001": 0.09, "BASE002": 0.09}  # fmt: skip
    if case.code == "FAIR009":
        return planted < 0.7 if case.metric == "true_positive_rate_difference" else planted > 0.05
    if case.code in ("PERF001", "CAL002", "PERF003"):
        return planted > (-0.45 if case.code == "PERF001" else 0.02)
    return abs(planted) < far.get(case.code, 10.0)


def _name(case: Case) -> str:
    return f"{case.code} {case.title}" + (f", {case.limit:g}" if case.code == "CAL002" else "")
