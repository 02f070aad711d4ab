"""The favorable outcome: who is accused does not depend on which class is called positive."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from audit.cli.initial import Asked, look
from audit.cli.initial_files import drafts
from audit.config.configuration import read_config
from audit.config.loading import load_dataset
from audit.errors import DataError
from audit.integrations.auditing import run
from reports.record import AuditRecord

CHECKS = ["disparities", "label_rate", "group_performance"]
BY_OUTCOME = {"FAIR001", "DATA013", "DATA008"}


def _loans(seed: int, *, n: int = 900, groups: int = 2, clustered: bool = False) -> pd.DataFrame:
    """Draw people of whom some groups are refused more often than others."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, groups, n)
    truth = rng.random(n) < 0.15 + 0.1 * group
    refused = rng.random(n) < np.where(truth, 0.6, 0.08 + 0.12 * group)
    names = np.array(["granted", "refused"])
    table = pd.DataFrame(
        {
            "race": np.array([f"group {k}" for k in range(groups)])[group],
            "sex": rng.choice(["f", "m"], n),
            "truth": names[truth.astype(int)],
            "answer": names[refused.astype(int)],
            "weight": rng.integers(1, 4, n).astype(float),
        }
    )
    return table.assign(home=rng.integers(0, n // 3, n)) if clustered else table


def _audited(table: pd.DataFrame, positive: str, favorable: str | None, **roles: object) -> AuditRecord:
    return run(
        test=table, target="truth", prediction="answer", sensitive=["race", "sex"], positive=positive,
        favorable=favorable, checks=CHECKS, **roles,  # type: ignore[arg-type]
    )  # fmt: skip


def _accused(record: AuditRecord) -> set[tuple[object, ...]]:
    """Return rule, group, outcome and number of every rule on outcomes, without the class of the address."""
    return {
        (one.gate, tuple(sorted((k, v) for k, v in one.where.items() if k != "class")), one.outcome, str(one.estimate))
        for one in record.verdicts
        if one.gate in BY_OUTCOME and one.estimate is not None
    }


@pytest.mark.parametrize(
    ("table", "roles"),
    [
        (_loans(1), {}),
        (_loans(2, groups=4), {}),
        (_loans(3), {"weight": "weight"}),
        (_loans(4, clustered=True), {"cluster": "home"}),
        (_loans(5, n=120, groups=3), {}),
    ],
    ids=["plain", "four groups", "weights", "clusters", "few rows"],
)
@pytest.mark.parametrize("favorable", ["granted", None])
def test_the_positive_class_does_not_change_who_is_accused(
    table: pd.DataFrame, roles: dict[str, str], favorable: str | None
) -> None:
    one, other = (_audited(table, positive, favorable, **roles) for positive in ("granted", "refused"))
    assert _accused(one) == _accused(other)


@pytest.mark.parametrize(
    ("table", "roles"),
    [(_loans(1), {}), (_loans(3, groups=3), {"weight": "weight"}), (_loans(4, clustered=True), {"cluster": "home"})],
)
def test_the_positive_class_does_not_change_what_chance_explains(table: pd.DataFrame, roles: dict[str, str]) -> None:
    """FAIR010 looks at precision, which no renaming of the classes leaves alone; so it looks from one side."""
    told = []
    for positive in ("granted", "refused"):
        record = run(
            test=table, target="truth", prediction="answer", sensitive=["race", "sex"], positive=positive,
            favorable="granted", checks=["gap_against_chance"], **roles,  # type: ignore[arg-type]
        )  # fmt: skip
        (finding,) = (one for one in record.findings if one.check == "gap_against_chance")
        assert finding.measurement is not None
        told.append((finding.measurement, [one for one in record.verdicts if one.gate == "FAIR010"]))
    assert told[0] == told[1]
    assert "Rates count the favorable outcome, “granted”." in told[0][0].exhibits[0].caption  # type: ignore[union-attr]


def test_classes_are_compared_whatever_is_favorable() -> None:
    """FAIR009 looks at each class in turn, so that stating which one is good changes no number of it."""
    rng = np.random.default_rng(7)
    group = rng.choice(["a", "b"], 900, p=[0.7, 0.3])
    truth = rng.choice(["grant", "refer", "refuse"], 900)
    answer = np.where((group == "b") & (rng.random(900) < 0.4), "refuse", truth)
    table = pd.DataFrame({"group": group, "truth": truth, "answer": answer})
    told = [
        run(test=table, target="truth", prediction="answer", sensitive=["group"], favorable=favorable,
            checks=["class_disparities"])
        for favorable in ("grant", "refuse", None)
    ]  # fmt: skip
    judged = [[replace(one, message="") for one in record.verdicts if one.gate == "FAIR009"] for record in told]
    assert judged[0] == judged[1] == judged[2]
    accused = {(one.where["class"], one.where["group"]) for one in judged[0] if one.outcome == "fail"}
    assert {("grant", "b"), ("refer", "b"), ("refuse", "a")} <= accused


def test_rates_are_those_of_the_favorable_outcome() -> None:
    table = _loans(1)
    for positive in ("granted", "refused"):
        record = _audited(table, positive, "granted")
        for level, rows in table.groupby("race"):
            assert record.metric("selection_rate", race=str(level)).value == pytest.approx(
                (rows["answer"] == "granted").mean()
            )
        assert record.data.favorable == "granted"
        assert not [one for one in record.verdicts if one.gate == "FAIR001" and "class" in one.where]


def test_rates_of_errors_stay_with_the_positive_class() -> None:
    table = _loans(1)
    record = _audited(table, "refused", "granted")
    truly = table[(table["truth"] == "refused") & (table["sex"] == "f")]
    assert record.metric("true_positive_rate", sex="f").value == pytest.approx((truly["answer"] == "refused").mean())


def test_an_open_direction_is_a_concern_and_both_rates_are_shown() -> None:
    table = _loans(1)
    record = _audited(table, "refused", None)
    assert [one.outcome for one in record.verdicts if one.gate == "DATA013"] == ["fail"]
    black = table[table["race"] == "group 1"]["answer"]
    assert record.metric("selection_rate", race="group 1").value == pytest.approx((black == "refused").mean())
    other = record.metric("selection_rate", {"class": "granted"}, race="group 1")
    assert other.value == pytest.approx((black == "granted").mean())
    judged = [one for one in record.verdicts if one.gate == "FAIR001" and "sex" not in one.where]
    failed = {(one.where["race"], one.where.get("class")) for one in judged if one.outcome == "fail"}
    assert failed == {("group 0", None)}  # refused far less often; group 1 is granted 0.8 times as often, give or take


@pytest.mark.parametrize(("favorable", "hint"), [("grantd", "granted"), ("1", "granted")])
def test_a_favorable_class_that_does_not_occur_is_refused(favorable: str, hint: str) -> None:
    with pytest.raises(DataError, match=f"favorable class '{favorable}'.*{hint}"):
        _audited(_loans(1), "refused", favorable)


def test_regression_has_no_favorable_class() -> None:
    table = pd.DataFrame({"x": [1.5, 2.5, 3.0], "y": [1.0, 2.0, 3.5], "p": [1.0, 2.0, 3.0]})
    with pytest.raises(DataError, match="the task is regression"):
        run(test=table, target="y", prediction="p", task="regression", favorable="1")


CONFIG = """\
[data]
test = "loans.csv"
target = "truth"
prediction = "answer"
positive = "refused"
favorable = "granted"
sensitive = ["sex"]
[data.names]
sex = { f = "women", m = "men" }
"""


def test_configuration_states_outcome_and_value_labels(tmp_path: Path) -> None:
    _loans(1).to_csv(tmp_path / "loans.csv", index=False)
    (tmp_path / "audit.toml").write_text(CONFIG, encoding="utf-8")
    dataset = load_dataset(read_config(tmp_path / "audit.toml"), tmp_path)
    assert (dataset.classes, dataset.favorable) == (("granted", "refused"), "granted")
    assert dataset.roles.names == {"sex": {"f": "women", "m": "men"}}
    (tmp_path / "audit.toml").write_text(CONFIG.replace("\nsex = {", "\nsx = {"), encoding="utf-8")
    with pytest.raises(DataError, match=r"'sx', which is not a column\. Did you mean 'sex'"):
        load_dataset(read_config(tmp_path / "audit.toml"), tmp_path)


def test_value_labels_never_enter_addresses() -> None:
    record = _audited(_loans(1), "refused", "granted", names={"sex": {"f": "women"}})
    assert record.data.names == {"sex": {"f": "women"}}
    assert {one.where["sex"] for one in record.verdicts if "sex" in one.where and one.estimate} == {"f", "m"}


def test_init_asks_which_outcome_is_good(tmp_path: Path) -> None:
    _loans(1).to_csv(tmp_path / "loans.csv", index=False)
    asked = Asked(test=tmp_path / "loans.csv", target="truth", prediction="answer", positive="refused")
    text = drafts(look(asked), tmp_path)["audit.toml"]
    assert "# DECIDE: which outcome is good for the person?" in text
    assert '# favorable = "granted"' in text
    assert '# favorable = "refused"' in text
    stated = Asked(
        test=tmp_path / "loans.csv", target="truth", prediction="answer", positive="refused", favorable="granted"
    )
    assert '\nfavorable = "granted"' in drafts(look(stated), tmp_path)["audit.toml"]
