from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reports import store
from reports.record import AuditRecord, Bar, Bars, Finding, Json, Measurement, Table


def finding(measurement: Measurement) -> Finding:
    return Finding(check="c", title="t", family="data", revision=1, outcome="measured", measurement=measurement)


def test_a_record_comes_back_equal(record: AuditRecord, tmp_path: Path) -> None:
    store.save(record, tmp_path / "audit.json")
    assert store.load(tmp_path / "audit.json") == record


def test_text_is_the_same_after_a_round_trip(record: AuditRecord) -> None:
    text = store.dumps(record)
    assert store.dumps(store.loads(text)) == text
    assert text.endswith("}\n")
    assert json.loads(store.compact(record)) == json.loads(text)


def test_the_text_is_laid_out_with_one_plain_container_a_line(record: AuditRecord) -> None:
    config: dict[str, Json] = {
        "b": [],
        "a": [1.0, True, None, 'é\u202e\x7f"'],
        "c": {"é": {}, "d": [{"e": 10**20}, -0.0]},
    }
    text = store.dumps(replace(record, config=config))
    lines = [
        ' "config": {',
        r'  "a": [1.0, true, null, "é\u202e\u007f\""],',
        '  "b": [],',
        '  "c": {',
        '   "d": [',
        '    {"e": 100000000000000000000},',
        "    -0.0",
        "   ],",
        '   "é": {}',
        "  }",
        " },",
    ]
    assert "\n".join(lines) in text


def test_an_encoder_is_not_set_up_for_every_scalar(record: AuditRecord, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []
    plain = json.JSONEncoder.iterencode

    def counted(self: json.JSONEncoder, value: object, *, _one_shot: bool = False) -> Iterator[str]:
        made.append(value)
        return plain(self, value, _one_shot)

    monkeypatch.setattr(json.JSONEncoder, "iterencode", counted)
    text = store.dumps(replace(record, config={"rows": [[f"{k}", [k]] for k in range(300)]}))
    assert len(made) < text.count("\n")


def test_keys_are_sorted(record: AuditRecord) -> None:
    def sorted_everywhere(value: object) -> bool:
        if isinstance(value, dict):
            return list(value) == sorted(value) and all(sorted_everywhere(one) for one in value.values())
        return all(sorted_everywhere(one) for one in value) if isinstance(value, list) else True

    assert sorted_everywhere(json.loads(store.dumps(record)))


def test_the_promised_names_stand_in_the_file(record: AuditRecord) -> None:
    data = json.loads(store.dumps(record))
    assert {"gate", "outcome", "where"} <= data["verdicts"][0].keys()
    assert {"check", "outcome"} <= data["findings"][0].keys()
    assert data["findings"][1]["measurement"]["estimates"][0]["metric"] == "accuracy"


def test_whole_numbers_in_real_fields_are_written_as_real(record: AuditRecord) -> None:
    made = replace(
        record,
        findings=(
            finding(
                Measurement(summary="s", exhibits=(Bars(title="b", x_label="x", bars=(Bar(label="l", value=1),)),))
            ),
        ),
    )
    assert '"value": 1.0' in store.dumps(made)


def test_lone_surrogates_become_a_visible_sign(record: AuditRecord) -> None:
    made = replace(record, tool="a\ud800b")
    assert store.loads(store.dumps(made)).tool == "a\ufffdb"


def test_the_schema_file_is_the_generated_one() -> None:
    assert store.SCHEMA_FILE.read_text(encoding="utf-8") == store.schema(), "run: python -m reports.store"


def test_the_sample_is_valid_under_the_schema(record: AuditRecord) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(json.loads(store.schema()))
    assert list(validator.iter_errors(json.loads(store.dumps(record)))) == []


Edit = Callable[[dict[str, Any]], object]
BROKEN: tuple[tuple[str, Edit, str], ...] = (
    ("a number as text", lambda d: d.update(seed="1"), "seed: Input should be a valid integer (found '1')"),
    ("a real number as a whole one", lambda d: d.update(seed=1.5), "seed"),
    ("NaN as text", lambda d: d["verdicts"][0]["estimate"].update(value="NaN"), "verdicts[0].estimate.value"),
    ("an unknown key", lambda d: d.update(verdict=[]), "verdict: unknown key; did you mean 'verdicts'?"),
    ("a missing key", lambda d: d.pop("model"), "model: Field required"),
    ("an unknown outcome", lambda d: d["verdicts"][0].update(outcome="passed"), "verdicts[0].outcome"),
    ("a stray interval", lambda d: d["verdicts"][0]["estimate"].update(low=0.99), "does not hold the value"),
    ("an unknown exhibit", lambda d: exhibit(d).update(kind="pie"), "exhibits[0]: kind of exhibit is not known"),
    ("a bad cell of a table", lambda d: exhibit(d).update(rows=[[1, 2, [3]]]), "exhibits[0].rows[0][2]"),
    ("another schema", lambda d: d.update(schema_version=99), "schema_version is 99; this program reads up to 2"),
    ("no schema", lambda d: d.pop("schema_version"), "schema_version is None"),
    ("a schema that is true", lambda d: d.update(schema_version=True), "schema_version is True"),
)  # fmt: skip


def exhibit(data: dict[str, Any]) -> dict[str, Any]:
    found = data["findings"][0]["measurement"]["exhibits"][0]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(("edit", "said"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
def test_a_record_edited_into_invalidity_is_refused(record: AuditRecord, tmp_path: Path, edit: Edit, said: str) -> None:
    data = json.loads(store.dumps(record))
    edit(data)
    path = tmp_path / "edited.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(store.RecordError) as caught:
        store.load(path)
    assert said in str(caught.value)
    assert "edited.json" in str(caught.value)
    assert len(str(caught.value)) < 1500


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not JSON"),
        ("{", "not JSON: Expecting property name"),
        ("[]", "found a list"),
        ("null", "found a NoneType"),
        ('{"seed": NaN}', "holds NaN"),
        ('{"seed": -Infinity}', "holds -Infinity"),
        ('{"seed": 1, "seed": 2}', "'seed' occurs twice"),
        ("[" * 100_000, "not"),
    ],
)
def test_what_is_not_a_record_is_refused(text: str, said: str) -> None:
    with pytest.raises(store.RecordError, match=said):
        store.loads(text)


def test_a_file_of_other_bytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(b"\x80\x04\x95\xff")
    with pytest.raises(store.RecordError, match="not text in UTF-8"):
        store.load(path)


@pytest.mark.parametrize("name", ["missing.json", "."])
def test_an_unreadable_file_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(store.RecordError, match="cannot read"):
        store.load(tmp_path / name)


def test_nan_in_a_configuration_is_refused(record: AuditRecord) -> None:
    with pytest.raises(store.RecordError, match="NaN or infinity"):
        store.dumps(replace(record, config={"rate": float("nan")}))


def test_a_foreign_type_is_named_when_writing(record: AuditRecord) -> None:
    table = Table(title="t", columns=("a",), rows=((object(),),))  # type: ignore[arg-type]
    with pytest.raises(store.RecordError, match="cannot hold a object"):
        store.dumps(replace(record, findings=(finding(Measurement(summary="s", exhibits=(table,))),)))


def test_scalars_of_numpy_are_written_as_plain_numbers(record: AuditRecord) -> None:
    numpy = pytest.importorskip("numpy")
    table = Table(title="t", columns=("a", "b"), rows=((numpy.int64(3), numpy.float64(0.5)),))
    made = replace(record, findings=(finding(Measurement(summary="s", exhibits=(table,))),))
    back = store.loads(store.dumps(made)).findings[0].measurement
    assert back is not None
    assert isinstance(back.exhibits[0], Table)
    assert back.exhibits[0].rows == ((3, 0.5),)


def test_old_files_are_brought_up_to_date(record: AuditRecord, monkeypatch: pytest.MonkeyPatch) -> None:
    old = json.loads(store.dumps(record))
    old["instrument"] = old.pop("tool")

    def upgrade(data: dict[str, Any]) -> dict[str, Any]:
        named = data.pop("instrument")
        return {**data, "tool": named, "schema_version": 2}

    old["schema_version"] = 1
    monkeypatch.setattr(store, "UPGRADES", [upgrade])
    assert store.loads(json.dumps(old)).tool == record.tool


def test_writing_replaces_the_file_and_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "card.md"
    store.write_text_atomically(path, "old")
    store.write_text_atomically(path, "new ☃")
    assert path.read_text(encoding="utf-8") == "new ☃"
    assert [one.name for one in tmp_path.iterdir()] == ["card.md"]


def test_written_files_follow_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        store.write_text_atomically(tmp_path / "a.json", "{}")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.json").stat().st_mode) == 0o640


@pytest.mark.parametrize("name", ["no/such/folder/audit.json", "file/audit.json", "."])
def test_an_unwritable_place_is_named(record: AuditRecord, tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(store.OutputError, match="cannot write"):
        store.save(record, tmp_path / name)
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_a_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "audit.json"
    path.write_text("old", encoding="utf-8")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(store.OutputError, match="No space left"):
        store.write_text_atomically(path, "new")
    assert path.read_text(encoding="utf-8") == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["audit.json"]
