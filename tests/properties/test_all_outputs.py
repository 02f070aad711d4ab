"""All that one audit writes, taken together: no count of few rows follows from it, by whatever subtraction.

Three sensitive features that the model reads too, with thin levels, thin crossings and few missing values.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import modelassay
from audit.cli import main
from audit.comparing.pairing import unpack
from audit.data.factor import Factor
from audit.evidence import Settings
from reports.formats import FORMATS, render
from reports.record import AuditRecord
from tests.properties.test_hidden_rows import data_of, differences, drawn_anew, hidden_groups, log, monitored
from tests.properties.test_suppression import LEAST, Shown, follows

SENSITIVE = ("race", "sex", "region")
COUNTING = [
    "missing_values", "identifier_feature", "unseen_category", "constant_feature", "feature_drift", "out_of_range",
    "duplicate_rows", "thin_group", "group_performance", "disparities", "label_rate", "gap_against_chance",
    "slice_gap", "weak_slices", "proxy_feature", "score_histogram", "roc_by_group", "group_calibration",
    "error_rates_by_group", "class_performance", "decision_costs", "confusion", "missing_sensitivity",
]  # fmt: skip
"""Checks that count rows of groups or columns."""


def table(rows: int, seed: int, thin: int = 6) -> pd.DataFrame:
    """Draw rows of three features, of which one misses a few values and one level of the first is rare."""
    generator = np.random.default_rng(seed)
    race = np.repeat(["r0", "r1", "r2"], [rows - 80 - thin, 80, thin])
    frame = pd.DataFrame({"race": race, "sex": generator.choice(["f", "m", "x"], rows, p=[0.54, 0.42, 0.04])})
    frame["region"] = generator.choice(["n", "s", "w"], rows, p=[0.5, 0.35, 0.15])
    frame.loc[generator.choice(rows, 5, replace=False), "region"] = None
    frame["age"] = generator.normal(size=rows)
    hard = (frame["race"] == "r0") & (frame["sex"] == "m")
    frame["y"] = (np.where(hard, -1, 1) * frame["age"] + 0.3 * generator.normal(size=rows) > 0).astype(int)
    frame["p"] = 1 / (1 + np.exp(-2 * frame["age"]))
    return frame


@cache
def audited(depth: int, seed: int = 0) -> tuple[AuditRecord, pd.DataFrame]:
    train, test = table(800, seed), table(400, seed + 1)
    record = modelassay.run(
        test=test, train=train, target="y", positive=1, score="p", sensitive=list(SENSITIVE), depth=depth,
        features=[*SENSITIVE, "age"], checks=COUNTING, costs={"false_positive": 1, "false_negative": 2},
    )  # fmt: skip
    return record, test


def estimates(data: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 -- parsed JSON
    """Yield every number with an address, wherever it stands."""
    if isinstance(data, dict):
        if isinstance(data.get("where"), dict) and (data.get("n") is not None or data.get("value") is not None):
            yield data
        for part in data.values():
            yield from estimates(part)
    elif isinstance(data, list):
        for part in data:
            yield from estimates(part)


def show_everything(shown: Shown, record: AuditRecord, test: pd.DataFrame) -> None:
    """Add an equation for each count that a number, its rows or its interval lets anybody work out."""
    data = data_of(record)
    for estimate in estimates(data):
        if estimate["where"].get("split") == "test":
            shown.show(group_behind(estimate, shown, test))
    for row in data["data"]["groups"]:
        if row["rows"] is not None:
            shown.show({row["feature"]: row["level"]})
    for feature, count in data["data"]["missing_sensitive"].items():
        if count is not None:
            shown.show({feature: ""})


def group_behind(estimate: dict[str, Any], shown: Shown, test: pd.DataFrame) -> dict[str, str]:
    """Return the group whose rows can be worked out from a number; all rows where it is about none."""
    where = estimate["where"]
    group = {name: level for name, level in where.items() if name in SENSITIVE}
    feature, phrase = where.get("feature"), where.get("slice")
    if phrase is not None:  # counted on half of the rows, or by a condition on another column, it is about none
        group = of_slice(phrase)
        return group if int(shown.part(group) @ shown.sizes) == estimate["n"] else {}
    if feature in SENSITIVE and estimate["metric"].startswith("missing_share"):
        return group | {feature: ""}
    counted = feature in SENSITIVE and estimate["n"] == int(test[feature].notna().sum())
    return {feature: ""} if counted else group


def of_slice(words: str) -> dict[str, str]:
    """Return the group that a slice's phrase names, where it names sensitive features alone."""
    parts = [part.split(" (sensitive) = ") for part in words.split(" and ")]
    return dict(part for part in parts) if all(len(part) == 2 for part in parts) else {}


def solved(shown: Shown, depth: int) -> list[dict[str, str]]:
    """Return what follows from all that is shown: small groups, and few rows without a value."""
    known = np.unique(np.stack(shown.equations), axis=0)
    wanted = [*shown.addresses(depth), *({name: ""} for name in SENSITIVE)]
    parts = ((where, shown.part(where)) for where in wanted)
    return [where for where, part in parts if 0 < part @ shown.sizes < LEAST and follows(known, part)]


@pytest.mark.parametrize(("depth", "seed"), [(1, 0), (2, 0), (2, 20), (3, 0), (3, 40)])
def test_no_small_count_follows_from_a_record_of_three_features(depth: int, seed: int) -> None:
    record, test = audited(depth, seed)
    shown = Shown({name: Factor.of(test[name]) for name in SENSITIVE})
    show_everything(shown, record, test)
    assert len(shown.equations) > 50, "something is shown"
    assert record.pairing is not None
    kept = unpack(record.pairing, "binary", record.data.classes)
    codes = np.stack([kept.keys[name].codes for name in kept.sensitive])
    for cell in np.unique(codes, axis=1).T.tolist():
        if min(cell) >= 0:
            shown.show({name: kept.keys[name].levels[code] for name, code in zip(kept.sensitive, cell, strict=True)})
    assert solved(shown, depth) == []


def test_the_solver_finds_what_is_shown_without_suppression() -> None:
    record = modelassay.run(
        test=table(400, 1), target="y", positive=1, score="p", sensitive=list(SENSITIVE),
        features=[*SENSITIVE, "age"], checks=["group_performance", "missing_values"], suppress_n=1,
    )  # fmt: skip
    test = table(400, 1)
    shown = Shown({name: Factor.of(test[name]) for name in SENSITIVE})
    show_everything(shown, record, test)
    assert {"race": "r2"} in solved(shown, 2)
    assert {"region": ""} in solved(shown, 2)


@pytest.mark.parametrize("name", FORMATS)
def test_no_format_names_a_number_that_the_record_hides(name: str) -> None:
    """What is drawn of two records that differ in hidden rows alone is the same, times and hashes aside."""
    drawn = []
    for record in (of_columns(None), of_columns(0)):
        data = replace(record.data, splits=())
        findings = tuple(replace(finding, seconds=0.0) for finding in record.findings)
        plain = replace(record, data=data, findings=findings, pairing=None, created="2026-01-01T00:00:00+00:00")
        drawn.append(render(plain, name=name).splitlines())
    assert drawn[0] == drawn[1]


class Age:
    """A model that is given the sensitive columns and reads the age alone."""

    classes_ = np.array([0, 1])
    feature_names_in_ = np.array(["race", "age"], dtype=object)

    def predict_proba(self, X: pd.DataFrame) -> Any:  # noqa: ANN401
        chance = 1 / (1 + np.exp(-X["age"].to_numpy(dtype=float)))
        return np.column_stack([1 - chance, chance])

    def predict(self, X: pd.DataFrame) -> Any:  # noqa: ANN401
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


OF_COLUMNS = [
    "missing_values", "identifier_feature", "unseen_category", "constant_feature", "feature_drift", "out_of_range",
    "duplicate_rows", "missing_sensitivity", "decision_flips", "permutation_importance", "weak_slices", "thin_group",
    "group_performance", "dependence", "group_attribution",
]  # fmt: skip
"""Checks that look at columns, sensitive ones among them, and learn nothing from them."""


@cache
def of_columns(seed: int | None) -> AuditRecord:
    """Audit a table of which three rows without a race, and the races r1 and r2, may be dealt out again."""
    rows: dict[str, Any] = {}
    for split, frame in (("train", table(800, 0, 26)), ("test", table(400, 1, 6))):
        rows[split] = frame.drop(columns=["p", "region"])
        rows[split].loc[rows[split].index[rows[split]["race"] == "r1"][:4], "race"] = None
        if seed is not None:
            rows[split] = dealt_again(rows[split], seed)
    return modelassay.run(
        Age(), **rows, target="y", positive=1, sensitive=["race", "sex"], features=["race", "age"], checks=OF_COLUMNS
    )


def dealt_again(frame: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Give races of hidden groups to others of them, and take one more race away."""
    frame = drawn_anew(frame, seed, move=1)
    generator = np.random.default_rng(seed)
    without, with_ = frame.index[frame["race"].isna()], frame.index[frame["race"] == "r1"]
    frame.loc[without[0], "race"] = "r1"
    frame.loc[generator.choice(with_, 3, replace=False), "race"] = None
    return frame


def test_columns_that_a_model_reads_tell_nothing_of_hidden_groups() -> None:
    before, after = data_of(of_columns(None)), data_of(of_columns(0))
    assert hidden_groups(before) == {"r1", "r2"}
    assert before["data"]["missing_sensitive"] == {"race": None, "sex": 0}
    assert differences(before, after) == []


def test_words_that_stand_for_a_missing_value_are_not_counted_where_that_would_tell(tmp_path: Path) -> None:
    rows = table(400, 1).fillna("?").drop(columns=["sex", "race"])
    rows["note"] = np.where(np.arange(400) < 30, "?", "a")
    rows.to_csv(tmp_path / "test.csv", index=False)
    (tmp_path / "audit.toml").write_text(
        '[data]\ntest = "test.csv"\ntarget = "y"\npositive = 1\nscore = "p"\nsensitive = ["region"]\nmissing = ["?"]\n'
        '[checks]\nselect = ["group_performance"]\n[report]\nformats = ["json", "html"]\n'
    )
    assert main(["run", str(tmp_path / "audit.toml")]) in (0, 1, 5)
    (path,) = tmp_path.rglob("audit.json")
    assert json.loads(path.read_text())["data"]["read_as_missing"] == {"region": {"?": None}, "note": {"?": 30}}
    assert "region: read as missing: “?”<" in path.with_name("card.html").read_text().replace("</", "<")


def test_a_column_whose_name_is_a_word_of_the_house_is_hidden_alike() -> None:
    settings = Settings(
        suppressed=frozenset({frozenset({("class (column)", "b")}), frozenset({("class (column)", "\x00")})})
    )
    assert settings.hides_levels("class")
    assert settings.hides_missing("class")


def test_windows_tell_nothing_of_few_rows_without_a_group(tmp_path: Path) -> None:
    rows = log([(300, 120, 6), (200, 90, 6), (200, 90, 6)])
    for month in rows["t"].unique():
        rows.loc[rows.index[(rows["t"] == month) & (rows["race"] == "r1")][:4], "race"] = None
    other = drawn_anew(rows, 0, within=("sex", "t"), move=0)
    for month in rows["t"].unique():
        here = other[other["t"] == month]
        of_r1, without = here.index[here["race"] == "r1"], here.index[here["race"].isna()]
        other.loc[of_r1[:3], "race"] = None
        other.loc[without[:1], "race"] = "r2"
    records = [monitored(tmp_path / str(place), one) for place, one in enumerate((rows, other))]
    assert hidden_groups(records[0][0]) == {"r1", "r2"}
    assert records[0][0]["data"]["missing_sensitive"]["race"] is None
    assert [differences(one, two) for one, two in zip(*records, strict=True)] == [[]] * len(records[0])
