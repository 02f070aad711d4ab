"""Two hundred clean tables: no rule on data, leakage or drift may fail on more than three in a hundred."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.audit.checks.tables import clean, dataset, outcome

RULES = {
    "DATA001": "missing_values",
    "DATA002": "duplicate_rows",
    "DATA003": "conflicting_labels",
    "DATA004": "constant_feature",
    "DATA005": "identifier_feature",
    "DATA006": "class_imbalance",
    "DATA008": "label_rate",
    "DATA009": "proxy_feature",
    "DATA010": "unseen_category",
    "DATA011": "label_errors",
    "DATA012": "out_of_range",
    "LEAK001": "train_test_overlap",
    "LEAK002": "target_leakage",
    "LEAK005": "near_duplicates",
    "DRIFT001": "feature_drift",
    "DRIFT002": "label_shift",
    "DRIFT003": "multivariate_drift",
}
SIZES = (150, 400, 1000, 3000)
TASKS = ("binary", "binary", "multiclass", "regression")


def alarms(tables: int) -> Counter[str]:
    found: Counter[str] = Counter()
    for seed in range(tables):
        task = TASKS[seed // len(SIZES) % len(TASKS)]
        data = dataset(clean(SIZES[seed % len(SIZES)], seed, task=task), task=task)
        for code, check in RULES.items():
            said = outcome(data, check, code)
            assert said != "error", (seed, code)
            found[code] += said == "fail"
    return found


def test_a_few_clean_tables() -> None:
    assert alarms(4).total() == 0


@pytest.mark.slow
def test_two_hundred_clean_tables() -> None:
    found = alarms(200)
    assert max(found.values()) <= 6, found
