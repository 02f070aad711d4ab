"""No count of a small group in any window of a log can be solved for from all records of the log together."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

import modelassay
from audit.data.factor import Factor
from audit.evidence import Settings
from reports.record import AuditRecord
from reports.store import dumps
from tests.properties.test_suppression import LEAST, Array, Shown, follows

WINDOWS = 6
REFERENCE = 2


@st.composite
def logs(draw: st.DrawFn) -> pd.DataFrame:
    """Draw a log whose groups are thin in some windows, and some of whose rows have no label."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    parts = []
    for month in range(WINDOWS):
        rows = draw(st.integers(60, 160))
        share = generator.dirichlet(np.full(draw(st.integers(2, 4)), draw(st.sampled_from([0.5, 1.5]))))
        parts.append(
            pd.DataFrame(
                {
                    "day": pd.Timestamp("2025-01-15") + pd.DateOffset(months=month),
                    "race": [f"r{code}" for code in generator.choice(len(share), rows, p=share)],
                    "y": generator.integers(0, 2, rows).astype(float),
                    "p": generator.integers(0, 2, rows),
                    "w": generator.choice([1.0, 2.0], rows),
                }
            )
        )
        if draw(st.booleans()):
            parts[-1].loc[generator.random(rows) < draw(st.sampled_from([0.05, 0.4])), "y"] = np.nan
    return pd.concat(parts, ignore_index=True)


def told(data: object) -> Iterator[dict[str, str]]:
    """Yield the address of each number of a group or a window."""
    if isinstance(data, dict):
        where = data.get("where")
        if isinstance(where, dict) and (data.get("n") is not None or data.get("value") is not None):
            yield where
        for one in data.values():
            yield from told(one)
    elif isinstance(data, list):
        for one in data:
            yield from told(one)


def equations(shown: Shown, records: tuple[AuditRecord, ...], months: list[str]) -> None:
    """Add what the records show: of labeled rows in one window or three, and of the reference behind each change."""
    for place, record in enumerate(records, start=REFERENCE):
        data: dict[str, Any] = json.loads(dumps(record))
        for group in data["data"]["groups"]:
            if group["rows"] is not None:
                shown.equations.append(labeled(shown, [months[place]], {"race": group["level"]}))
        for where in told(data["findings"]):
            if "race" not in where:
                continue
            back = 3 if where.get("over") == "3 windows" else 1
            for some in (months[place + 1 - back : place + 1], months[:REFERENCE]):
                shown.equations.append(labeled(shown, some, {"race": where["race"]}))
    for some in (months[:REFERENCE], *([month] for month in months[REFERENCE:])):
        shown.equations.append(labeled(shown, some, {}))


def labeled(shown: Shown, months: Sequence[str], group: Mapping[str, str]) -> Array:
    """Tell which crossings the labeled rows of some months consist of."""
    parts = [shown.part({**group, "month": month, "label": "yes"}) for month in months]
    result: Array = np.sum(parts, axis=0)
    return result


@given(logs(), st.booleans())
@settings(max_examples=12)
def test_no_small_group_of_a_window_follows_from_all_records(log: pd.DataFrame, weighted: bool) -> None:
    records = modelassay.monitor(
        log, time="day", target="y", prediction="p", positive=1, reference=REFERENCE, sensitive=["race"],
        weight="w" if weighted else None, settings=Settings(min_n=10),
    )  # fmt: skip
    month = log["day"].dt.strftime("%Y-%m")
    months = sorted(set(month))
    label = np.where(log["y"].isna(), "no", "yes")
    shown = Shown({"race": Factor.of(log["race"]), "month": Factor.of(month), "label": Factor.of(label)})
    equations(shown, records, months)
    known = np.unique(np.stack(shown.equations), axis=0)
    for some in (months[:REFERENCE], *([month] for month in months[REFERENCE:])):
        for race in shown.factors["race"].levels:
            wanted = labeled(shown, some, {"race": race})
            count = int(wanted @ shown.sizes)
            assert not (0 < count < LEAST and follows(known, wanted)), (race, some, count)
