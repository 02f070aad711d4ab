"""Plant defects in real tables and models and count which end as failures of their rule, and what fails unplanted.

    python -m benchmarks.defects                 all tables, three splits each
    python -m benchmarks.defects --small         two tables, one of them with a model, one split (for CI)
    python -m benchmarks.defects --only DATA002  one rule, or all whose code starts so
    python -m benchmarks.defects --clean 200     sound models on made-up rows: which rules fail them?

Recall is the share of plantings after which the rule fails; "not shown" counts those that end
inconclusive. A false alarm is a failure of a rule on a table as it is; rules that a table trips by nature
(see tables.py and NATURAL below) are left out there.
"""

from __future__ import annotations

import argparse
import sys
import warnings
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator

import numpy as np

from audit.config.plan import RunPlan
from audit.models.load import wrap
from audit.pipeline import execute
from benchmarks.defects.behavior import DEFECTS as BEHAVIOR
from benchmarks.defects.clean import main as clean_audits
from benchmarks.defects.data import DEFECTS as DATA
from benchmarks.defects.groups import DEFECTS as GROUPS
from benchmarks.defects.models import Subject, boosting, linear
from benchmarks.defects.plant import Defect, Strength
from benchmarks.defects.tables import Table, subjects, tables
from benchmarks.defects.training import DEFECTS as TRAINING
from reports.record import AuditRecord

OF_TABLES = DATA
OF_MODELS = (*BEHAVIOR, *GROUPS, *TRAINING)
STRENGTHS: tuple[Strength, ...] = ("clear", "moderate")
LEAST_FOUND = 0.95
"""Share of the clear plantings that a small run must find."""
Ended = dict[tuple[str, str, Strength], Counter[str]]
NATURAL = {
    "SLICE001": "errors gather where decisions are close: real tables have slices of half as many errors again",
    "PERF003 acs": "one in eleven is positive, and the threshold stands at one half",
    "PERF005 acs": "one in eleven is positive, and the threshold stands at one half",
    "PERF005 adult": "one in four is positive, and the threshold stands at one half",
    "PERF003 schooling": "the middle band differs from its neighbors in few rows",
    "ROB001 schooling": "codes of occupations are numbers in this table, and noise makes others of them",
    "ROB006 digits": "a model on raw pixels does not stand shifts",
    "ROB006 power": "a linear model of hours does not stand lags",
}
"""What a sound model trips by nature, of a rule or of a rule on one table, and why."""


def audited(subject: Subject, checks: list[str]) -> AuditRecord:
    """Audit a subject with some checks under the default policy."""
    table = subject.table
    shape = {"corrupted": {"modality": table.modality, "shape": list(table.shape)}} if table.shape else {}
    return execute(
        RunPlan(model=wrap(subject.model), dataset=table.dataset(), checks=tuple(checks or ()), gather=shape or {})
    )


def outcome_of(record: AuditRecord, code: str) -> str:
    """Return the worst outcome of a rule: fail, inconclusive, error, or pass."""
    found = {verdict.outcome for verdict in record.verdicts if verdict.gate == code}
    return next((word for word in ("fail", "error", "inconclusive", "pass") if word in found), "not assessed")


def main() -> int:
    """Run the plantings and print two tables."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--small", action="store_true")
    arguments.add_argument("--only", default="")
    arguments.add_argument("--table", default="")
    arguments.add_argument("--splits", type=int, default=3)
    arguments.add_argument("--clean", type=int, default=0)
    asked = arguments.parse_args()
    if asked.clean:
        return clean_audits(asked.clean)
    planted: Ended = defaultdict(Counter)
    clean: dict[str, Counter[str]] = defaultdict(Counter)
    try:
        for seed in range(1 if asked.small else asked.splits):
            for subject, defects in _all(seed, small=asked.small):
                chosen = [one for one in defects if one.code.startswith(asked.only)]
                if chosen and subject.table.name.startswith(asked.table):
                    _planted(subject, chosen, planted, seed)
                    _clean(subject, chosen, clean)
    except KeyboardInterrupt:
        print("stopped early; so far:")
    _print(planted, clean)
    clear = [counts for key, counts in planted.items() if key[2] == "clear"]
    found = sum(counts["fail"] for counts in clear) / max(1, sum(counts.total() for counts in clear))
    return 1 if asked.small and found < LEAST_FOUND else 0


def _all(seed: int, *, small: bool) -> Iterator[tuple[Subject, tuple[Defect, ...]]]:
    """Yield what is planted in: tables as they are, and tables whose groups are formed by lot with a model."""
    for table in tables(seed, small=small):
        yield Subject(table=table, model=boosting(table)), OF_TABLES
    for table in subjects(seed, small=small):
        fit = linear if seed % 2 or table.modality != "tabular" else boosting
        fitting = tuple(one for one in OF_MODELS if table.modality in one.modalities)
        yield Subject(table=table, model=fit(table)), fitting


def _clean(subject: Subject, chosen: list[Defect], clean: dict[str, Counter[str]]) -> None:
    table = subject.table
    if chosen[0].spoil is not None:
        subject = Subject(table=table, model=linear(table))
    record = audited(subject, sorted({one.check for one in chosen}))
    natural = table.natural | {one.split()[0] for one in NATURAL if one.split()[1:] in ([], [table.name])}
    for code in sorted({one.code for one in chosen} - natural):
        outcome = outcome_of(record, code)
        clean[code][outcome] += 1
        if outcome in ("fail", "error"):
            told = next(one for one in record.verdicts if one.gate == code and one.outcome == outcome)
            print(f"  {outcome} on clean {table.name}: {code} {told.message} {dict(told.where)}", file=sys.stderr)


def _planted(subject: Subject, chosen: list[Defect], planted: Ended, seed: int) -> None:
    for one in chosen:
        for strength in STRENGTHS:
            own = zlib.crc32(f"{one.what} {strength} {subject.table.name}".encode())
            made = _with_defect(one, subject, strength, np.random.default_rng([seed, own]))
            if made is None:
                continue
            record = audited(made, [one.check])
            outcome = outcome_of(record, one.code)
            planted[one.code, one.what, strength][outcome] += 1
            if outcome != "fail":
                told = next((v.message for v in record.verdicts if v.gate == one.code and v.outcome == outcome), "")
                print(
                    f"  {outcome}: {strength} {one.what} in {subject.table.name} ({one.code}): {told[:150]}",
                    file=sys.stderr,
                )


def _with_defect(one: Defect, subject: Subject, strength: Strength, rng: np.random.Generator) -> Subject | None:
    if one.spoil is not None:
        return one.spoil(subject, strength, rng)
    assert one.plant is not None  # noqa: S101 -- a defect has one or the other
    table: Table | None = one.plant(subject.table, strength, rng)
    return None if table is None else Subject(table=table, model=boosting(table))


def _print(planted: Ended, clean: dict[str, Counter[str]]) -> None:
    """Print what docs/defects.md holds."""
    print("| rule | planted | clear | moderate | not shown |\n| --- | --- | ---: | ---: | ---: |")
    total: dict[Strength, Counter[str]] = {"clear": Counter(), "moderate": Counter()}
    for code, what in dict.fromkeys((code, what) for code, what, _ in sorted(planted)):
        counts = {strength: planted[code, what, strength] for strength in STRENGTHS}
        for strength in STRENGTHS:
            total[strength] += counts[strength]
        unsure = sum(one["inconclusive"] for one in counts.values())
        told = " | ".join(f"{one['fail']}/{one.total()}" for one in counts.values())
        print(f"| {code} | {what} | {told} | {unsure} |")
    told = " | ".join(f"{one['fail']}/{one.total()}" for one in total.values())
    print(f"| all | | {told} | |")
    alarms, asked = sum(one["fail"] for one in clean.values()), sum(one.total() for one in clean.values())
    errors = sum(one["error"] for one in clean.values())
    print(f"\nclean tables and models: {alarms} false alarms and {errors} errors in {asked} rules asked")
    by_rule = [f"{code} {counts['fail']}/{counts.total()}" for code, counts in sorted(clean.items()) if counts["fail"]]
    if by_rule:
        print("of these", ", ".join(by_rule))
    print("\nleft out there, as natural:")
    for name, reason in NATURAL.items():
        print(f"- {name}: {reason}")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sys.exit(main())
