"""Do verdicts keep their promised error rates? False alarms, power and promises of the default policy, simulated.

    python -m benchmarks.verdict_errors                   all tables (about an hour); writes docs/verdict_errors.md
    python -m benchmarks.verdict_errors --only parity     one table, into its place in the page

Every audit runs through the product's own checks, default policy and judge; seeds are fixed.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import verdict_alarms as alarms
from benchmarks import verdict_gatekeeping as gatekeeping
from benchmarks import verdict_power as power
from benchmarks import verdict_promises as promises

TABLES: dict[str, tuple[Callable[[int], list[str]], int]] = {
    "parity": (alarms.parity, 240),
    "crossed": (alarms.crossed, 100),
    "kinds": (alarms.kinds, 80),
    "groups": (power.groups, 120),
    "models": (power.models, 150),
    "features_first": (gatekeeping.features_first, 300),
    "needed": (promises.needed, 150),
    "detectable": (promises.detectable, 120),
}
"""Each table with the audits that are simulated for one of its cells."""
PAGE = Path(__file__).resolve().parent.parent / "docs" / "verdict_errors.md"


def placed(page: str, name: str, lines: list[str]) -> str:
    """Put a table between its marks in the page."""
    start, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    pattern = re.compile(f"{re.escape(start)}.*?{re.escape(end)}", re.DOTALL)
    if not pattern.search(page):
        raise SystemExit(f"{PAGE.name} has no place for {name!r}; expected {start} and {end}.")
    return pattern.sub(lambda _: "\n".join([start, *lines, end]), page)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=tuple(TABLES), help="one table")
    parser.add_argument("--audits", type=int, help="simulated audits a cell, in place of the table's own number")
    parser.add_argument("--dry", action="store_true", help="print, and leave the page as it is")
    options = parser.parse_args()
    for name in (options.only,) if options.only else TABLES:
        started = time.perf_counter()
        table, usual = TABLES[name]
        audits = options.audits or usual
        lines = [f"{audits} simulated audits a cell.", "", *table(audits)]
        print("\n".join(lines), flush=True)
        print(f"{name}: {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
        if not options.dry:
            PAGE.write_text(placed(PAGE.read_text(encoding="utf-8"), name, lines), encoding="utf-8")


if __name__ == "__main__":
    main()
