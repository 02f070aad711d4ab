"""Do 95 % intervals hold the truth in 95 of 100 new samples? Simulation over a grid, as a table.

    python -m benchmarks.interval_coverage                    the full grid (some minutes); writes docs/coverage.md
    python -m benchmarks.interval_coverage --only auc         scenarios whose name holds a word, to the terminal

Each scenario draws data of known truth, measures it by the public functions and counts how often
the interval holds the truth, and how often it lies wholly below or above it. The seed is fixed.
"""

from __future__ import annotations

import argparse
import sys
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import coverage_designs as designs
from benchmarks import coverage_rates as rates
from benchmarks import coverage_residuals as residuals
from benchmarks import coverage_scores as scores
from benchmarks.coverage_scenario import Scenario


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What came out of one scenario."""

    scenario: Scenario
    covered: float
    below: float
    above: float
    width: float
    undefined: float
    warned: float
    """Share of the intervals whose estimate says that they are too short."""


def run(scenario: Scenario, repetitions: int, seed: int = 0) -> Coverage:
    """Draw samples and count how often the interval holds the truth."""
    rng = np.random.default_rng([seed, zlib.crc32(f"{scenario.method}|{scenario.setting}".encode())])
    inside = below = above = undefined = warned = 0
    width = 0.0
    for _ in range(repetitions):
        found = scenario.draw(rng)
        if found is None or found.low is None or found.high is None:
            undefined += 1
            continue
        inside += found.low - 1e-12 <= scenario.truth <= found.high + 1e-12
        below += found.high + 1e-12 < scenario.truth
        above += found.low - 1e-12 > scenario.truth
        warned += "too short" in getattr(found, "reason", "")
        width += found.high - found.low
    defined = max(repetitions - undefined, 1)
    return Coverage(
        scenario=scenario,
        covered=inside / defined,
        below=below / defined,
        above=above / defined,
        width=width / defined,
        undefined=undefined / repetitions,
        warned=warned / defined,
    )


FAMILIES = (
    rates.proportions, rates.weighted_proportions, rates.clustered_proportions, rates.comparisons, rates.composites,
    scores.rankings, scores.tied_rankings, scores.clustered_rankings, scores.grouped_rankings, scores.precision_recall,
    scores.losses, residuals.residuals, residuals.awkward_residuals, residuals.grouped_residuals,
    rates.extremes, rates.folds, scores.paired,
    designs.weighted_composites, designs.weighted_losses, designs.weighted_precision_recall,
    residuals.weighted_residuals, designs.clustered_composites, designs.clustered_losses,
    designs.clustered_precision_recall, residuals.clustered_residuals, designs.several_classes,
    designs.cross_validations,
)  # fmt: skip


def scenarios(only: str = "") -> Iterator[Scenario]:
    """Yield the whole grid, or the families whose name holds `only`."""
    for family in FAMILIES:
        if only in family.__name__:
            yield from family()


def report(found: list[Coverage], repetitions: int) -> str:
    """Write the table as Markdown."""
    plain = [one for one in found if not one.scenario.corner]
    held = sum(0.93 <= one.covered <= 0.97 for one in plain)
    lowest, highest = (100 * edge(one.covered for one in plain) for edge in (min, max))
    error = 100 * (0.95 * 0.05 / repetitions) ** 0.5
    lines = [
        "# Coverage of 95 % intervals",
        "",
        f"Written by `python -m benchmarks.interval_coverage`: {len(found)} scenarios, {repetitions:,} samples each,",
        f"fixed seeds; one standard error of the simulation is {error:.2f} points. *Below* and *above* are the shares",
        "of intervals that lie wholly on one side of the truth; a balanced interval has 2.5 % on each.",
        "",
        f"Outside the corners {held} of {len(plain)} scenarios cover 93–97 %, all {lowest:.1f}–{highest:.1f} %.",
        f"The other {len(found) - len(plain)} are corners. Their bounds, and three constants of the methods (how fast",
        "DeLong's variance and variances from heavy weights are believed), were chosen while looking at runs of this",
        "same grid, so the grid does not prove them independently; the samples of this table were drawn afresh, under",
        "a seed that no earlier run used.",
        "",
        "## Corners",
        "",
        "Where fewer data, or data of an awkward kind, do not allow the promise, by method:",
        "",
        "| method | corner | scenarios | lowest | highest | says too short |",
        "| --- | --- | ---: | ---: | ---: | --- |",
    ]
    corners: dict[tuple[str, str], list[Coverage]] = {}
    for one in found:
        if one.scenario.corner:
            corners.setdefault((one.scenario.method, one.scenario.corner), []).append(one)
    for (method, corner), ones in corners.items():
        edges = [f"{100 * edge(one.covered for one in ones):.1f} %" for edge in (min, max)]
        lines.append(f"| {method} | {corner} | {len(ones)} | {edges[0]} | {edges[1]} | {_says_so(ones)} |")
    return "\n".join([*lines, *_by_method(found)]) + "\n"


def _says_so(ones: list[Coverage]) -> str:
    """Write how often estimates say themselves that their interval is too short, and how often none says so."""
    if not any(one.warned for one in ones):
        return ""
    silent = min((one.covered for one in ones if one.warned < 0.5), default=None)
    shares = " to ".join(dict.fromkeys(f"{100 * edge(one.warned for one in ones):.0f} %" for edge in (min, max)))
    return shares if silent is None else f"{shares}; lowest where fewer than half do: {100 * silent:.1f} %"


def _by_method(found: list[Coverage]) -> Iterator[str]:
    """Write every scenario, a table a method."""
    for method in dict.fromkeys(one.scenario.method for one in found):
        yield from (
            "",
            f"## {method}",
            "",
            "| setting | covered | below | above | mean width | no number | too short, it says | |",
        )
        yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |"
        for one in found:
            if one.scenario.method == method:
                note = "corner" if one.scenario.corner else ""
                yield (
                    f"| {one.scenario.setting} | {100 * one.covered:.1f} % | {100 * one.below:.1f} % | "
                    f"{100 * one.above:.1f} % | {one.width:.3f} | {100 * one.undefined:.1f} % | "
                    f"{100 * one.warned:.0f} % | {note} |"
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="families whose name holds this word")
    parser.add_argument("--repetitions", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=4)
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parent.parent / "docs" / "coverage.md")
    options = parser.parse_args()
    started = time.perf_counter()
    found = []
    for scenario in scenarios(options.only):
        one = run(scenario, options.repetitions, options.seed)
        found.append(one)
        mark = " " if 0.93 <= one.covered <= 0.97 else "-" if one.covered < 0.93 else "+"
        print(
            f"{mark}{'c' if scenario.corner else ' '} {one.covered:.3f} below {one.below:.3f} above {one.above:.3f} "
            f"width {one.width:.3f} undefined {one.undefined:.3f} warned {one.warned:.2f}  "
            f"{scenario.method}: {scenario.setting}",
            flush=True,
        )
    print(f"{len(found)} scenarios, {time.perf_counter() - started:.0f} s", file=sys.stderr)
    if not options.only:
        options.out.write_text(report(found, options.repetitions), encoding="utf-8")


if __name__ == "__main__":
    main()
