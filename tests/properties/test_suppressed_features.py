"""Sensitive features that the model reads too: what is said of columns tells no small group's count."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

import modelassay
from audit.evidence import Settings
from reports.record import AuditRecord
from reports.store import dumps

SECRET = Settings(suppress_n=10).why_hidden({}, 5)


def table(rows: int, thin: int, seed: int) -> pd.DataFrame:
    """Draw rows with a level of `thin` rows."""
    generator = np.random.default_rng(seed)
    frame = pd.DataFrame({"race": np.repeat(["r0", "r1", "r2"], [rows - 80 - thin, 80, thin])})
    frame["sex"] = generator.choice(["f", "m"], len(frame))
    frame["age"] = generator.normal(size=len(frame))
    frame["y"] = (frame["age"] + generator.normal(size=len(frame)) > 0).astype(int)
    frame["p"] = 1 / (1 + np.exp(-2 * frame["age"]))
    return frame


@cache
def audited() -> AuditRecord:
    """Audit a table in which four rows have a race that training never saw, and three have no sex."""
    train, test = table(600, 10, 0), table(300, 5, 1)
    test.loc[test.index[:4], "race"] = "r9"
    test.loc[test.index[10:13], "sex"] = None
    chosen = [
        "constant_feature",
        "unseen_category",
        "missing_values",
        "feature_drift",
        "thin_group",
        "group_performance",
    ]
    return modelassay.run(
        test=test,
        train=train,
        target="y",
        sensitive=["race", "sex"],
        task="binary",
        score="p",
        positive=1,
        checks=chosen,
    )


def estimates(record: AuditRecord) -> Iterator[dict[str, Any]]:
    for finding in json.loads(dumps(record))["findings"]:
        yield from (finding["measurement"] or {}).get("estimates", ())


@pytest.mark.parametrize(
    ("metric", "feature", "split"),
    [
        ("unseen_share", "race", "test"),
        ("unseen_share", "sex", "test"),
        ("missing_share", "sex", "test"),
        ("top_value_share", "race", "train"),
    ],
)
def test_shares_of_columns_tell_no_small_count(metric: str, feature: str, split: str) -> None:
    made = [
        one
        for one in estimates(audited())
        if one["metric"] == metric and one["where"] == {"feature": feature, "split": split}
    ]
    assert [(one["value"], one["n"], one["reason"]) for one in made] == [(None, None, SECRET)]


def test_columns_without_hidden_levels_are_told() -> None:
    told = {one["where"]["feature"] for one in estimates(audited()) if one["metric"] == "missing_share" and one["n"]}
    assert told >= {"race", "age"}


def test_a_shift_names_no_share_of_a_level_that_is_hidden() -> None:
    record = json.loads(dumps(audited()))
    drift = json.dumps([one for one in record["findings"] if one["check"] == "feature_drift"])
    assert '"age"' in drift
    assert not any(f"{level}: " in drift for level in ("r1", "r2", "r9"))


def test_small_groups_and_their_covers_give_one_reason() -> None:
    reasons = {
        (one["where"]["race"], one["reason"])
        for one in estimates(audited())
        if one["where"].get("race") in {"r1", "r2", "r9"} and one["metric"] in {"accuracy", "missing_rows"}
    }
    assert reasons == {(level, SECRET) for level in ("r1", "r2", "r9")}
