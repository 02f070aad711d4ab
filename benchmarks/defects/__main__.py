"""Plant defects in real tables and count which end as failures of their rule, and which clean tables fail.

    python -m benchmarks.defects                 five tables, three splits each
    python -m benchmarks.defects --small         two tables, one split (for CI)
    python -m benchmarks.defects --only DATA002  one rule

Recall is the share of plantings after which the rule fails; "not shown" counts those that end
inconclusive. A false alarm is a failure of a rule on a table as it is; rules that a table trips by nature
(see tables.py) are left out there.
"""

from __future__ import annotations

import argparse
import sys
import warnings
import zlib
from collections import Counter, defaultdict

import numpy as np
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from audit.model import wrap
from audit.pipeline import audit
from benchmarks.defects.data import DEFECTS as DATA_DEFECTS
from benchmarks.defects.plant import Defect, Strength
from benchmarks.defects.tables import Table, tables
from reports.record import AuditRecord

DEFECTS: tuple[Defect, ...] = DATA_DEFECTS
STRENGTHS: tuple[Strength, ...] = ("clear", "moderate")


def fitted(table: Table) -> Pipeline:
    """Fit the model that is audited: small boosting over ordinal codes."""
    words = [name for name in table.features if not np.issubdtype(np.asarray(table.train[name]).dtype, np.number)]
    encode = make_column_transformer(
        (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2), words),
        remainder="passthrough",
    )
    model = make_pipeline(encode, HistGradientBoostingClassifier(max_iter=40, random_state=0))
    return model.fit(table.train[table.features], table.train[table.target])


def audited(table: Table, checks: list[str]) -> AuditRecord:
    """Audit the table's model with some checks under the default policy."""
    return audit(wrap(fitted(table)), table.dataset(), checks=checks)


def outcome_of(record: AuditRecord, code: str) -> str:
    """Return the worst outcome of a rule: fail, inconclusive, error, or pass."""
    found = {verdict.outcome for verdict in record.verdicts if verdict.gate == code}
    return next((word for word in ("fail", "error", "inconclusive", "pass") if word in found), "not assessed")


def main() -> int:
    """Run the plantings and print two tables."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--small", action="store_true")
    arguments.add_argument("--only", default="")
    arguments.add_argument("--splits", type=int, default=3)
    asked = arguments.parse_args()
    chosen = [one for one in DEFECTS if one.code.startswith(asked.only)]
    planted: dict[tuple[str, str, Strength], Counter[str]] = defaultdict(Counter)
    clean: dict[str, Counter[str]] = defaultdict(Counter)
    for seed in range(1 if asked.small else asked.splits):
        for table in tables(seed, small=asked.small):
            _clean(table, chosen, clean)
            _planted(table, chosen, planted, seed)
    _print(planted, clean)
    missed = sum(
        n for key, counts in planted.items() if key[2] == "clear" for word, n in counts.items() if word != "fail"
    )
    return 1 if asked.small and missed else 0


def _clean(table: Table, chosen: list[Defect], clean: dict[str, Counter[str]]) -> None:
    record = audited(table, sorted({one.check for one in chosen}))
    for code in sorted({one.code for one in chosen} - table.natural):
        outcome = outcome_of(record, code)
        clean[code][outcome] += 1
        if outcome in ("fail", "error"):
            told = next(one for one in record.verdicts if one.gate == code and one.outcome == outcome)
            print(f"  {outcome} on clean {table.name}: {code} {told.message} {dict(told.where)}", file=sys.stderr)


def _planted(
    table: Table, chosen: list[Defect], planted: dict[tuple[str, str, Strength], Counter[str]], seed: int
) -> None:
    for one in chosen:
        for strength in STRENGTHS:
            own = zlib.crc32(f"{one.what} {strength} {table.name}".encode())
            made = one.plant(table, strength, np.random.default_rng([seed, own]))
            if made is None:
                continue
            outcome = outcome_of(audited(made, [one.check]), one.code)
            planted[one.code, one.what, strength][outcome] += 1
            if outcome != "fail":
                print(f"  {outcome}: {strength} {one.what} in {table.name} ({one.code})", file=sys.stderr)


def _print(planted: dict[tuple[str, str, Strength], Counter[str]], clean: dict[str, Counter[str]]) -> None:
    print(f"{'rule':9} {'planted':28} {'clear':>9} {'moderate':>9} {'not shown':>10}")
    total: dict[Strength, Counter[str]] = {"clear": Counter(), "moderate": Counter()}
    for code, what in dict.fromkeys((code, what) for code, what, _ in planted):
        counts = {strength: planted[code, what, strength] for strength in STRENGTHS}
        for strength in STRENGTHS:
            total[strength] += counts[strength]
        unsure = sum(one["inconclusive"] for one in counts.values())
        told = [f"{one['fail']}/{one.total()}" for one in counts.values()]
        print(f"{code:9} {what:28} {told[0]:>9} {told[1]:>9} {unsure:>10}")
    told = [f"{one['fail']}/{one.total()}" for one in total.values()]
    print(f"{'all':9} {'':28} {told[0]:>9} {told[1]:>9}")
    alarms, asked = sum(one["fail"] for one in clean.values()), sum(one.total() for one in clean.values())
    errors = sum(one["error"] for one in clean.values())
    print(f"\nclean tables: {alarms} false alarms and {errors} errors in {asked} rules asked")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sys.exit(main())
