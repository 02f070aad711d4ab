"""Version and model are keys of a log: counted on every engine alike, measured beside the whole."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import modelassay
from audit.cli import main
from audit.config.configuration import read_config
from audit.data.factor import Factor
from audit.data.reading import Reading
from audit.data.roles import Roles
from audit.errors import AuditError, ConfigError, DataError
from audit.evidence import Settings
from audit.logs.cells import Cells, answers
from audit.logs.columns import LogColumns
from audit.logs.connection import connect
from audit.logs.counting import count
from audit.logs.frames import open_frame
from audit.logs.versions import SHADOW, decider_factor
from reports.record import AuditRecord, Estimate
from reports.store import load

COLUMNS = LogColumns(
    target="y",
    prediction="p",
    sensitive=("sex",),
    time="t",
    id="id",
    version="v",
    model="m",
    reading=Reading(text=("m", "v")),
)
HOUSE = connect()
Address = tuple[tuple[str, str], ...]
HOSTILE = "</script><b onclick='x'>|v1|\n## ignore all rules"
pytestmark = pytest.mark.filterwarnings("ignore")  # of what engines call in each other


def log(n: int = 1200, seed: int = 0) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    y = generator.integers(0, 2, n)
    frame = pd.DataFrame({"id": np.arange(n), "y": y, "p": np.where(generator.random(n) < 0.85, y, 1 - y)})
    frame["sex"] = generator.choice(["f", "m"], n)
    frame["t"] = pd.Timestamp(2025, 1, 1) + pd.to_timedelta(np.arange(n) * 200 // n, unit="D")
    return frame.assign(v=np.where(np.arange(n) < n // 2, "1.9", "1.10"))


def both(frame: pd.DataFrame) -> pd.DataFrame:
    """Two models that answered the same requests, the second one worse."""
    wrong = np.random.default_rng(1).random(len(frame)) < 0.2
    return pd.concat([frame.assign(m="old"), frame.assign(m="new", p=frame["p"].mask(wrong, 1 - frame["p"]))])


def record_of(frame: object, model: str | None = None, **stated: Any) -> AuditRecord:  # noqa: ANN401 -- settings
    return modelassay.run(model, log=frame, **{"target": "y", "prediction": "p", "positive": 1, **stated})


def at(split: str = "test", **where: str) -> Address:
    return tuple(sorted({"split": split, **where}.items()))


def apart(record: AuditRecord, check: str = "classification") -> dict[Address, dict[str, Estimate]]:
    """Return the numbers of a check by address."""
    numbers: dict[Address, dict[str, Estimate]] = {}
    for finding in record.findings:
        for estimate in finding.measurement.estimates if finding.check == check and finding.measurement else ():
            numbers.setdefault(at(**estimate.where), {})[estimate.metric] = estimate
    return numbers


# --- every engine ---------------------------------------------------------------------------------


def in_dask(frame: pd.DataFrame) -> object:
    dask = pytest.importorskip("dask.dataframe")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return dask.from_pandas(frame, npartitions=2)


def in_arrow(frame: pd.DataFrame) -> object:
    return pytest.importorskip("pyarrow").Table.from_pandas(frame, preserve_index=False)


NAMES = st.sampled_from(["1.1", "1.10", "2", None, "", " ", HOSTILE, "ü" * 130, "=SUM(A1)"])


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1), NAMES, NAMES), min_size=3, max_size=30))
def test_versions_are_counted_alike_on_every_engine_and_add_up(rows: list[tuple[Any, ...]]) -> None:
    frame = pd.DataFrame([*rows, (0, 0, "2", "a"), (1, 1, "2", "b")], columns=["y", "p", "v", "m"])
    frame = frame.assign(id=np.arange(len(frame)), sex="f", t=pd.Timestamp(2025, 1, 1))
    frame["t"] += pd.to_timedelta(frame["id"] * 9, unit="D")
    frames = [frame, HOUSE.from_df(frame), in_dask(frame), in_arrow(frame)]
    every = [count(open_frame(native, COLUMNS.parts(), name="log"), COLUMNS, window="month") for native in frames]
    assert len({cells.sha256() for cells in every}) == 1
    counted = answers(every[0], COLUMNS, Roles(target="y"), window="month").predictions
    for key in ("version", "model"):
        parts = [counted.select(**{key: level}) for level in counted.keys[key].levels]
        assert sum(part.total for part in parts) == counted.total == len(frame)
        hits = [part.count(part.y_true == part.y_pred) for part in parts]
        assert sum(hits) == counted.count(counted.y_true == counted.y_pred)


def test_doubled_requests_are_seen_on_every_engine() -> None:
    frame = both(log(40))
    for native in (frame, HOUSE.from_df(frame), in_dask(frame), in_arrow(frame)):
        assert count(open_frame(native, COLUMNS.parts()), COLUMNS).shadowed
        with pytest.raises(DataError, match=r"40 values belong to 80 rows.*\[data\] model"):
            open_frame(native, {"id": "id"})
    once_more = pd.concat(
        [frame[frame["m"] == "old"], frame[frame["m"] == "new"].assign(id=lambda one: one["id"] + 35)]
    )
    for native in (once_more, HOUSE.from_df(once_more), in_dask(once_more), in_arrow(once_more)):
        assert not count(open_frame(native, COLUMNS.parts()), COLUMNS).shadowed
    thrice = pd.concat([frame, frame[frame["m"] == "new"].head(2)]).assign(
        m=lambda one: one["m"].mask(one["m"] == "new")
    )
    for native in (thrice, HOUSE.from_df(thrice), in_dask(thrice), in_arrow(thrice)):
        with pytest.raises(DataError, match="does not distinguish rows of one 'm': 2 values belong to 4 rows"):
            open_frame(native, COLUMNS.parts())


# --- what a record says ---------------------------------------------------------------------------


def test_each_version_has_the_numbers_of_its_rows() -> None:
    frame = log()
    record = record_of(frame, sensitive=["sex"], version="v")
    numbers = apart(record)
    assert list(numbers) == [at(), at(version="1.9"), at(version="1.10")]
    for name in ("1.9", "1.10"):
        rows = frame[frame["v"] == name]
        own = apart(record_of(rows))[at()]
        for metric, estimate in numbers[at(version=name)].items():
            assert (estimate.value, estimate.low, estimate.high) == (
                own[metric].value,
                own[metric].low,
                own[metric].high,
            )
    without = record_of(frame, sensitive=["sex"])
    assert numbers[at()] == apart(without)[at()]
    assert apart(record, "group_performance") == apart(without, "group_performance")


def test_several_classes_and_amounts_have_versions_too() -> None:
    frame = log().assign(kind=lambda one: np.where(one["id"] % 3 == 0, 2, one["y"]))
    record = record_of(frame.assign(p=frame["kind"]), target="kind", version="v", task="multiclass", positive=None)
    assert apart(record)[at(version="1.9")]["accuracy"].value == 1.0
    amounts = frame.assign(y=frame["id"] / 7, p=frame["id"] / 7 + np.where(frame["v"] == "1.9", 1.0, 2.0))
    record = record_of(amounts, version="v", task="regression", positive=None)
    errors = apart(record, "regression")
    for name, error in (("1.9", 1.0), ("1.10", 2.0)):
        assert errors[at(version=name)]["mean_error"].value == pytest.approx(error, abs=1e-6)


def test_numbers_of_all_rows_are_those_of_the_model_that_decides() -> None:
    frame = log()
    stated: dict[str, Any] = {"sensitive": ["sex"], "id": "id"}
    alone = record_of(frame, **stated)
    record = record_of(both(frame), "m", reference={"model": "old"}, **stated)
    numbers = apart(record)
    assert numbers[at()] == apart(alone)[at()]
    assert apart(record, "group_performance") == apart(alone, "group_performance")
    assert record.data.splits[0].rows == 1200
    assert record.data.groups == alone.data.groups
    assert numbers[at(SHADOW, model="new")]["accuracy"].n == 1200
    assert any("numbers of all rows are those of 'old'" in text for text in record.warnings)
    few = both(frame)[lambda one: (one["m"] == "old") | (one["id"] < 900)]
    assert apart(record_of(few, "m", **stated))[at()] == numbers[at()]
    routed = both(frame).assign(id=lambda one: np.arange(len(one)))
    shared = record_of(routed, "m", **stated)
    assert shared.data.splits[0].rows == 2400
    assert not any("shadow" in text for text in shared.warnings)
    with pytest.raises(DataError, match=r"model = 'odl': 'odl' is not in the model column .* Did you mean 'old'"):
        record_of(both(frame), "m", reference={"model": "odl"}, **stated)


def test_the_shadow_may_come_to_decide() -> None:
    frame = log(2400).assign(t=lambda one: pd.Timestamp(2025, 1, 1) + pd.to_timedelta(one["id"] // 10, unit="D"))
    new = both(frame)[lambda one: one["m"] == "new"]
    every = pd.concat([frame[frame["t"] < "2025-06-01"].assign(m="old"), new])
    stated: dict[str, Any] = {"target": "y", "prediction": "p", "time": "t", "model": "m", "id": "id", "positive": 1}
    with pytest.raises(
        DataError, match=r"models 'new' and 'old' .* does not say which decided. Name it: \[data.reference\]"
    ):
        modelassay.monitor(every, reference=3, **stated)
    records = modelassay.monitor(every, reference=3, settings=Settings(reference={"model": "old"}), **stated)
    whole = [apart(record)[at()]["accuracy"].value for record in records]
    shadow = [
        one["accuracy"].value
        for record in records
        for where, one in apart(record).items()
        if ("split", SHADOW) in where
    ]
    assert min(value or 0.0 for value in whole[:2]) > 0.8 > max(value or 0.0 for value in whole[2:])
    assert len(shadow) == 2
    changes = [apart(record, "window_versions") for record in records]
    assert [{dict(where)["split"] for where in one} for one in changes[:3]] == [{SHADOW}, {SHADOW}, {"test"}]
    assert "version_alarm" not in {metric for one in changes[:2] for numbers in one.values() for metric in numbers}
    alarms = [numbers["version_alarm"] for numbers in changes[2].values()]
    assert {alarm.where["against"] for alarm in alarms} == {"old"}


def test_more_than_fifty_versions_are_joined() -> None:
    frame = log(3000).assign(v=lambda one: [f"r{min(place % 60, place % 61)}" for place in one["id"]])
    numbers = apart(record_of(frame, version="v"))
    names = [dict(where)["version"] for where in numbers if len(where) == 2]
    assert len(names) == 50
    assert names[:2] == ["r0", "r1"]
    assert names[-1] == "all others"


# --- files ----------------------------------------------------------------------------------------

TOML = """
[data]
log = "log-*.csv"
target = "y"
prediction = "p"
positive = 1
{more}
[report]
formats = ["json", "html", "md"]
"""


def audited(folder: Path, more: str, code: int = 0) -> AuditRecord:
    (folder / "audit.toml").write_text(TOML.format(more=more))
    assert main(["run", str(folder / "audit.toml"), "--out", str(folder / "out")]) in {code, 1, 3}
    return load(folder / "out" / "audit.json")


def test_names_are_read_as_they_are_written_and_hostile_ones_do_no_harm(tmp_path: Path) -> None:
    frame = log().assign(v=lambda one: np.array(["1.1", "1.10", "01", "", HOSTILE])[one["id"] % 5])
    frame.to_csv(tmp_path / "log-1.csv", index=False)
    numbers = apart(audited(tmp_path, 'version = "v"'))
    names = {dict(where).get("version", ""): one["accuracy"].n for where, one in numbers.items()}
    assert names == {"": 1200, "01": 240, "1.1": 240, "1.10": 240, HOSTILE: 240, "(no version)": 240}
    page, text = ((tmp_path / "out" / name).read_text() for name in ("card.html", "card.md"))
    assert "<b onclick" not in page
    assert "\n## ignore" not in text


def test_the_versions_of_a_window_depend_on_its_own_rows_alone() -> None:
    values, rows = pd.Series([f"r{place % 60}" for place in range(120)]), np.ones(120, dtype=np.int64)
    months = Factor.of(["1"] * 60 + [str(2 + place // 30) for place in range(60)])
    factor = decider_factor(values, rows, "version", months)
    names = [[factor.levels[code] for code in factor.codes[months.mask(month)]] for month in ("1", "2", "3")]
    assert names[0] == [*(f"r{place}" for place in range(49)), *["all others"] * 11]
    assert [*names[1], *names[2]] == [f"r{place}" for place in range(60)]
    with pytest.raises(DataError, match="version column 'v' has 10,001 values"):
        decider_factor(pd.Series(map(str, range(10_001)), name="v"), np.ones(10_001, dtype=np.int64), "version")


def test_a_gate_of_ones_own_may_ask_of_each_version(tmp_path: Path) -> None:
    frame = log().assign(p=lambda one: one["p"].where(one["v"] == "1.9", 1 - one["p"]))
    frame.to_csv(tmp_path / "log-1.csv", index=False)
    (tmp_path / "gates.toml").write_text(
        '[[gate]]\nid = "MINE1"\ntitle = "by version"\ncheck = "classification"\nmetric = "accuracy"\n'
        'where = { split = "test", version = "*" }\nop = ">="\nthreshold = 0.5\nseverity = "error"\n'
        'because = "b"\nremedy = "r"\n'
    )
    record = audited(tmp_path, 'version = "v"\n[policy]\npath = "gates.toml"')
    outcomes = {one.where["version"]: one.outcome for one in record.verdicts if one.gate == "MINE1"}
    assert outcomes == {"1.9": "pass", "1.10": "fail"}


def test_labels_that_come_later_meet_the_answers_of_each_model(tmp_path: Path) -> None:
    frame = both(log())
    for name, part in frame.drop(columns="y").groupby("m"):
        part.to_csv(tmp_path / f"log-{name}.csv", index=False)
    frame[["id", "y"]].drop_duplicates().to_csv(tmp_path / "labels.csv", index=False)
    more = 'id = "id"\nlabels = "labels.csv"\nmodel = "m"\n[data.reference]\nmodel = "old"'
    numbers = apart(audited(tmp_path, more))
    for model, split in (("old", "test"), ("new", SHADOW)):
        part = frame[frame["m"] == model]
        accuracy = numbers[at(split, model=model)]["accuracy"]
        assert accuracy.n == 1200
        assert accuracy.value == pytest.approx((part["y"] == part["p"]).mean())


def test_what_was_counted_without_versions_is_not_used_with_them(tmp_path: Path) -> None:
    log().to_csv(tmp_path / "log-1.csv", index=False)
    monitored = 'time = "t"\nfavorable = 1\n{}\n[monitor]\nreference = 2\nwindow = "month"'
    tallies = []
    for more in ("", 'version = "v"', 'version = "v"'):
        (tmp_path / "audit.toml").write_text(TOML.format(more=monitored.format(more)))
        assert main(["monitor", str(tmp_path / "audit.toml")]) == 0
        tallies.append({path.name for path in (tmp_path / "monitor" / "tallies").glob("*.parquet")})
    assert len(tallies[0]) == 1
    assert len(tallies[1]) == 2
    assert tallies[2] == tallies[1]
    record = load(tmp_path / "monitor" / "2025-07.json")
    assert [dict(where).get("version") for where in apart(record)] == [None, "1.10"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('verion = "v"', "version"),
        ('version = "w"', "version column 'w' is not in 'log-1.csv'; columns are 'id', 'y', 'p', 'sex', 't', 'v'"),
        ('version = "p"', "[data] version names 'p', which has another part in [data]; leave one of them out."),
        ('version = "v"\nmodel = "v"', "[data] model names 'v', which has another part in [data]"),
        (
            'version = "v"\nsensitive = ["version"]',
            "[data] version = 'v' would stand under the same name as the column",
        ),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], more: str, said: str) -> None:
    log(60).to_csv(tmp_path / "log-1.csv", index=False)
    (tmp_path / "audit.toml").write_text(TOML.format(more=more))
    assert main(["run", str(tmp_path / "audit.toml")]) == 2
    assert said in capsys.readouterr().err


def test_versions_belong_to_a_log(tmp_path: Path) -> None:
    (tmp_path / "audit.toml").write_text('[data]\ntest = "a.csv"\ntarget = "y"\nprediction = "p"\nversion = "v"\n')
    with pytest.raises(ConfigError, match=r"\[data\] version belongs to a log"):
        read_config(tmp_path / "audit.toml")
    with pytest.raises(AuditError, match="version is given without a log"):
        modelassay.run(test=log(), target="y", prediction="p", version="v")


def test_names_that_differ_in_case_alone_are_refused() -> None:
    frame = log().assign(v=lambda one: np.where(one["id"] % 2, "v1", "V1"))
    with pytest.raises(DataError, match="version column 'v' holds both 'V1' and 'v1'"):
        record_of(frame, version="v")


def test_cells_of_several_parts_remember_the_shadow() -> None:
    cells = count(open_frame(both(log(40)), COLUMNS.parts()), COLUMNS)
    assert isinstance(cells, Cells)
    assert cells.take(np.ones(len(cells), dtype=bool)).merge().shadowed
