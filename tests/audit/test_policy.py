"""What a policy file may say, and how it is told what is wrong with it."""

from __future__ import annotations

import datetime
import json
import subprocess
import tomllib
from pathlib import Path

import jsonschema
import pytest

from audit.errors import PolicyError
from audit.policy import policy_file
from audit.policy.read import (
    brought_in_by,
    default_policy,
    overridden,
    read_policy,
    read_policy_and_terms,
    require_current_waivers,
    rule,
    select_gates,
    with_margin,
)
from reports.record import Gate, Policy

EXAMPLES = policy_file.SCHEMA_FILE.parent
FLOOR = '[[gate]]\nid = "floor"\nmetric = "accuracy"\nop = ">="\nthreshold = 0.8\n'


def write(folder: Path, text: str, name: str = "gates.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def read(folder: Path, text: str) -> Policy:
    return read_policy(write(folder, text))


def only(folder: Path, text: str) -> Gate:
    (gate,) = read(folder, text).gates
    return gate


def test_a_gate_with_its_defaults(tmp_path: Path) -> None:
    gate = only(tmp_path, FLOOR)
    assert (gate.metric, gate.op, gate.threshold, gate.severity) == ("accuracy", ">=", 0.8, "warning")
    assert dict(gate.where) == {"split": "test"}
    assert (gate.min_n, gate.on_inconclusive, gate.family) == (30, "warn", "floor")


def test_the_files_words_stand_in_the_policy(tmp_path: Path) -> None:
    path = write(tmp_path, '[policy]\nname = "house"\nconfidence = 0.99\ncorrection = "none"\nmin_n = 50\n' + FLOOR)
    policy = read_policy(path)
    assert (policy.name, policy.file, policy.confidence, policy.correction) == ("house", "gates.toml", 0.99, "none")
    assert policy.gates[0].min_n == 50
    assert policy.lines == {"floor": 7}


def test_by_makes_a_gate_for_each_crossing(tmp_path: Path) -> None:
    text = FLOOR + 'by = ["sex", "sex * race", "*"]\n'
    wheres = [dict(gate.where) for gate in read(tmp_path, text).gates]
    assert wheres == [
        {"split": "test", "sex": "*"},
        {"split": "test", "sex": "*", "race": "*"},
        {"split": "test", "*": "*"},
    ]


def test_an_address_is_whole(tmp_path: Path) -> None:
    assert dict(only(tmp_path, FLOOR).where) == {"split": "test"}
    assert dict(only(tmp_path, FLOOR + 'where = { channel = "web" }\n').where) == {"channel": "web"}
    assert dict(only(tmp_path, FLOOR + "where = {}\n").where) == {}


def test_a_pair_is_a_band(tmp_path: Path) -> None:
    text = '[[gate]]\nid = "slope"\nmetric = "calibration_slope"\nthreshold = [0.85, 1.15]\n'
    gate = only(tmp_path, text)
    assert (gate.op, gate.threshold) == ("between", (0.85, 1.15))


def test_no_regression_takes_its_own_margin_or_the_policys(tmp_path: Path) -> None:
    text = '[policy]\nmargin = 0.02\n[[gate]]\nid = "a"\nkind = "no_regression"\nmetric = "accuracy"\n'
    own = text + '[[gate]]\nid = "b"\nkind = "no_regression"\nmetric = "recall"\nmargin = 0.005\n'
    policy = read(tmp_path, own)
    assert [gate.threshold for gate in policy.gates] == [-0.02, -0.005]
    assert [gate.threshold for gate in with_margin(policy, 0.03).gates] == [-0.03, -0.005]


def test_groups_have_a_reference_by_their_kind(tmp_path: Path) -> None:
    ratio = only(tmp_path, FLOOR + 'kind = "ratio"\nby = ["sex"]\n')
    assert ratio.reference == "most_favored"
    gap = only(tmp_path, FLOOR.replace(">=", "abs<=") + 'kind = "difference"\nby = ["sex"]\n')
    assert gap.reference == "largest"
    british = FLOOR + 'kind = "ratio"\nby = ["sex"]\nreference = "most_favoured"\n'
    assert only(tmp_path, british).reference == "most_favored"


# --- what is refused --------------------------------------------------------------------------------

WAIVER = '[[waiver]]\ngate = "floor"\nowner = "a.person"\nreason = "late"\ncreated = 2026-10-01\nexpires = 2026-12-31\n'

BAD = {
    "an unknown key": (FLOOR + "treshold = 0.9\n", "Did you mean 'threshold'"),
    "an unknown table": (FLOOR + '[[gates]]\nid = "x"\n', "Did you mean 'gate'"),
    "an unknown policy key": ("[policy]\nmargn = 0.1\n" + FLOOR, "Did you mean 'margin'"),
    "no metric": ('[[gate]]\nid = "x"\nop = ">="\nthreshold = 0.1\n', "names no metric"),
    "no threshold": ('[[gate]]\nid = "x"\nmetric = "recall"\nop = ">="\n', "names no threshold"),
    "no id": ('[[gate]]\nmetric = "recall"\nthreshold = 0.1\n', "'id' is missing"),
    "a threshold of text": (FLOOR.replace("0.8", '"0.8"'), "threshold"),
    "a threshold of truth": (FLOOR.replace("0.8", "true"), "threshold"),
    "a threshold of nan": (FLOOR.replace("0.8", "nan"), "finite number"),
    "an endless threshold": (FLOOR.replace("0.8", "inf"), "finite number"),
    "a falling band": (FLOOR.replace("0.8", "[0.9, 0.1]").replace(">=", "between"), "two increasing numbers"),
    "a band of three": (FLOOR.replace("0.8", "[0.1, 0.2, 0.3]").replace(">=", "between"), "two increasing numbers"),
    "a band with one number": (FLOOR.replace(">=", "between"), "does not fit"),
    "an unknown operator": (FLOOR.replace(">=", ">"), "op"),
    "an unknown severity": (FLOOR + 'severity = "fatal"\n', "severity"),
    "an unknown reference": (FLOOR + 'kind = "ratio"\nby = ["sex"]\nreference = "largst"\n', "Did you mean 'largest'"),
    "a reference of a value": (FLOOR + 'reference = "largest"\n', "belongs to kind"),
    "a difference without groups": (FLOOR + 'kind = "difference"\n', "names no groups"),
    "a ratio within bounds": (FLOOR.replace(">=", "abs<=") + 'kind = "ratio"\nby = ["sex"]\n', "holds a ratio"),
    "no number can meet": (FLOOR.replace(">=", "abs<=").replace("0.8", "-0.8"), "no number can meet"),
    "a margin of a value": (FLOOR + "margin = 0.1\n", "belongs to kind"),
    "a negative margin": ('[[gate]]\nid = "x"\nkind = "no_regression"\nmetric = "m"\nmargin = -0.1\n', "0 or more"),
    "an endless margin": ('[[gate]]\nid = "x"\nkind = "no_regression"\nmetric = "m"\nmargin = inf\n', "0 or more"),
    "a threshold of no_regression": (FLOOR + 'kind = "no_regression"\n', "takes 'margin'"),
    "a negative min_n": (FLOOR + "min_n = -1\n", "min_n"),
    "a share of one": (FLOOR + "min_share = 1.0\n", "min_share"),
    "by and where": (FLOOR + 'where = { sex = "f" }\nby = ["sex"]\n', "both 'where' and 'by'"),
    "a crossing with itself": (FLOOR + 'by = ["sex*sex"]\n', "expected a feature"),
    "a gate that stands twice": (FLOOR + FLOOR, "occurs twice"),
    "gates that contradict": (
        FLOOR + FLOOR.replace("floor", "roof").replace(">=", "<=").replace("0.8", "0.7"),
        "contradict each other",
    ),
    "a gate of the catalogue": (
        '[policy]\nextends = "default"\n' + FLOOR.replace("floor", "FAIR001"),
        "is a gate of the policy that this one extends",
    ),
    "an override of nothing": ('[[override]]\nid = "FAIR001"\nthreshold = 0.9\n', "names unknown gate"),
    "a near override": (
        '[policy]\nextends = "default"\n[[override]]\nid = "FAIR01"\nthreshold = 0.9\n',
        "Did you mean 'FAIR0",
    ),
    "an ignored nothing": ('[policy]\nignore = ["FAIR"]\n' + FLOOR, "no gate is called"),
    "a confidence of 95": ("[policy]\nconfidence = 95\n" + FLOOR, "confidence"),
    "a correction": ('[policy]\ncorrection = "bh"\n' + FLOOR, "correction"),
    "another schema version": ("schema_version = 2\n" + FLOOR, "schema_version"),
    "a waiver of nothing": (FLOOR + WAIVER.replace('"floor"', '"flor"'), "Did you mean 'floor'"),
    "a waiver without owner": (FLOOR + WAIVER.replace('owner = "a.person"\n', ""), "'owner' is missing"),
    "a waiver of nobody": (FLOOR + WAIVER.replace("a.person", " "), "has no owner"),
    "a waiver without end": (FLOOR + WAIVER.replace("expires = 2026-12-31\n", ""), "'expires' is missing"),
    "a waiver that ends first": (FLOOR + WAIVER.replace("2026-12-31", "2026-09-01"), "within 180 days"),
    "a waiver for years": (FLOOR + WAIVER.replace("2026-12-31", "2029-09-01"), "within 180 days"),
    "a waiver until text": (FLOOR + WAIVER.replace("2026-12-31", '"someday"'), "expires"),
    "a ratchet of nan": (FLOOR + WAIVER + "limit = nan\n", "limit"),
    "no toml": ("[policy\n", "not readable as TOML"),
    "an endless policy margin": ("[policy]\nmargin = inf\n" + FLOOR, "margin"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_told(name: str, tmp_path: Path) -> None:
    text, told = BAD[name]
    with pytest.raises(PolicyError, match=told):
        read(tmp_path, text)


def test_a_mistake_is_told_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"gates\.toml:6"):
        read(tmp_path, FLOOR + "treshold = 0.9\n")


def test_a_missing_file_names_its_neighbor(tmp_path: Path) -> None:
    write(tmp_path, FLOOR)
    with pytest.raises(PolicyError, match=r"Did you mean 'gates\.toml'"):
        read_policy(tmp_path / "gate.toml")


# --- extending --------------------------------------------------------------------------------------


def test_the_catalogue_is_extended_selected_and_overridden(tmp_path: Path) -> None:
    policy = read(
        tmp_path,
        '[policy]\nextends = "default"\nselect = ["FAIR", "floor"]\nignore = ["FAIR002"]\n'
        + FLOOR
        + '[[override]]\nid = "FAIR001"\nthreshold = 0.9\nseverity = "error"\n',
    )
    ids = [gate.id for gate in policy.gates]
    assert "floor" in ids
    assert "FAIR002" not in ids
    assert not any(one.startswith("CAL") for one in ids)
    assert {gate.from_catalogue for gate in policy.gates if gate.id == "floor"} == {False}
    assert {gate.from_catalogue for gate in policy.gates if gate.id != "floor"} == {True}
    fair, both = [gate for gate in policy.gates if gate.id == "FAIR001"]
    assert (fair.threshold, fair.severity, fair.title) == (0.9, "error", "selection-rate-ratio")
    assert (both.threshold, both.severity, both.where["class"]) == (0.9, "error", "*")
    assert policy.lines["FAIR001"] == 11


def test_an_override_with_a_metric_changes_that_part_of_a_rule(tmp_path: Path) -> None:
    text = '[policy]\nextends = "default"\n[[override]]\nid = "FAIR008"\nmetric = "{}"\nthreshold = 1.5\n'
    policy = read(tmp_path, text.format("mean_absolute_error_ratio"))
    assert sorted(gate.threshold for gate in policy.gates if gate.id == "FAIR008") == [0.1, 1.5]
    with pytest.raises(PolicyError, match="Did you mean 'mean_absolute_error_ratio'"):
        read(tmp_path, text.format("mean_absolut_error_ratio"))


def test_a_chain_of_files(tmp_path: Path) -> None:
    write(tmp_path, "[policy]\nconfidence = 0.9\nmargin = 0.03\n" + FLOOR + WAIVER, "house.toml")
    write(tmp_path, '[policy]\nextends = "house.toml"\n' + FLOOR.replace("floor", "team"), "team.toml")
    policy = read(tmp_path, '[policy]\nextends = "team.toml"\n[[override]]\nid = "floor"\nthreshold = 0.9\n')
    assert [(gate.id, gate.threshold) for gate in policy.gates] == [("floor", 0.9), ("team", 0.8)]
    assert (policy.confidence, policy.margin, len(policy.waivers)) == (0.9, 0.03, 1)


def test_a_circle_is_refused(tmp_path: Path) -> None:
    write(tmp_path, '[policy]\nextends = "gates.toml"\n' + FLOOR, "other.toml")
    with pytest.raises(PolicyError, match=r"gates.toml → other.toml → gates.toml"):
        read(tmp_path, '[policy]\nextends = "other.toml"\n')
    with pytest.raises(PolicyError, match="forms a circle"):
        read(tmp_path, '[policy]\nextends = "gates.toml"\n')


def test_a_margin_reaches_the_rules_beneath(tmp_path: Path) -> None:
    write(tmp_path, '[[gate]]\nid = "a"\nkind = "no_regression"\nmetric = "accuracy"\n', "house.toml")
    assert read(tmp_path, '[policy]\nextends = "house.toml"\nmargin = 0.05\n').gates[0].threshold == -0.05


# --- the default and its changes --------------------------------------------------------------------


def test_the_default_explains_every_gate() -> None:
    for gate in default_policy().gates:
        assert gate.because, gate.id
        assert gate.remedy, gate.id
        assert gate.check, gate.id


def test_narrowing_and_overriding_from_a_configuration() -> None:
    policy = select_gates(default_policy(), select=["CAL"], ignore=["CAL003"])
    assert {gate.id for gate in policy.gates} == {"CAL001", "CAL002"}
    changed = overridden(policy, [{"id": "CAL001", "threshold": 0.1}], "audit.toml")
    assert changed.gates[0].threshold == 0.1
    with pytest.raises(PolicyError, match=r"audit\.toml.*Did you mean 'threshold'"):
        overridden(policy, [{"id": "CAL001", "treshold": 0.1}], "audit.toml")


def test_a_rule_is_found_by_its_code() -> None:
    assert rule(default_policy(), "fair001")[0].id == "FAIR001"
    with pytest.raises(PolicyError, match="Did you mean"):
        rule(default_policy(), "FAIR01")


# --- terms ------------------------------------------------------------------------------------------


def test_terms_come_from_the_whole_chain(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    write(tmp_path / "sub", '[baseline]\nsource = "main.json"\n[test_set]\nmax_uses = 5\n' + FLOOR, "house.toml")
    path = write(tmp_path, '[policy]\nextends = "sub/house.toml"\nsuppress_n = 20\n')
    terms = read_policy_and_terms(path)[1]
    assert terms.baseline == tmp_path / "sub" / "main.json"
    assert terms.ledger == tmp_path / "sub" / "test-set-uses.json"
    assert (terms.max_uses, terms.on_exhausted, terms.suppress_n) == (5, "warn", 20)
    assert read_policy_and_terms(write(tmp_path, FLOOR, "plain.toml"))[1].baseline is None


def test_a_budget_of_nothing(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="max_uses"):
        read_policy_and_terms(write(tmp_path, "[test_set]\nmax_uses = 0\n" + FLOOR))[1]


def test_waivers_past_their_end_are_refused(tmp_path: Path) -> None:
    policy = read(tmp_path, FLOOR + WAIVER)
    require_current_waivers(policy, datetime.date(2026, 12, 31))
    with pytest.raises(PolicyError, match=r"'a\.person' ended on 2026-12-31"):
        require_current_waivers(policy, datetime.date(2027, 1, 1))


# --- committed --------------------------------------------------------------------------------------


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


def test_gates_must_stand_before_the_results(tmp_path: Path) -> None:
    path = write(tmp_path, "[policy]\nrequire_committed = true\n" + FLOOR)
    with pytest.raises(PolicyError, match="Commit it"):
        read_policy(path)
    git(tmp_path, "init", "-q")
    with pytest.raises(PolicyError, match="Commit it"):
        read_policy(path)
    git(tmp_path, "add", "gates.toml")
    git(tmp_path, "commit", "-q", "-m", "gates")
    assert read_policy(path).committed.startswith("20")
    path.write_text(path.read_text().replace("0.8", "0.7"))
    with pytest.raises(PolicyError, match="differs from what is committed"):
        read_policy(path)


def test_what_is_extended_must_be_committed_too(tmp_path: Path) -> None:
    write(tmp_path, FLOOR, "house.toml")
    path = write(tmp_path, '[policy]\nextends = "house.toml"\nrequire_committed = true\n')
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "gates.toml")
    git(tmp_path, "commit", "-q", "-m", "gates")
    with pytest.raises(PolicyError, match=r"house\.toml differs"):
        read_policy(path)


# --- schema and examples ----------------------------------------------------------------------------


def test_the_schema_for_editors_is_up_to_date() -> None:
    assert policy_file.SCHEMA_FILE.read_text(encoding="utf-8") == policy_file.schema(), (
        "run python -m audit.policy.policy_file"
    )


def test_the_schema_knows_good_from_bad() -> None:
    schema = json.loads(policy_file.schema())
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    for path in [EXAMPLES / "default.toml", *sorted((EXAMPLES / "examples").glob("*.toml"))]:
        assert validator.is_valid(tomllib.loads(path.read_text(encoding="utf-8"))), path.name
    assert not validator.is_valid(tomllib.loads(FLOOR + "treshold = 0.9\n"))
    assert not validator.is_valid(tomllib.loads(FLOOR.replace(">=", ">")))


@pytest.mark.parametrize("path", sorted((EXAMPLES / "examples").glob("*.toml")), ids=lambda path: path.name)
def test_published_conventions_name_their_source_and_their_misuse(path: Path, tmp_path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    policy = read(tmp_path, text.replace("require_committed = true", "require_committed = false"))
    own = [gate for gate in policy.gates if not gate.id.isupper()]
    assert own
    assert all(gate.references and gate.because and gate.remedy for gate in own)
    assert "# Misuse:" in text
    assert "# Source:" in text


# --- [tool.modelassay] of a pyproject.toml --------------------------------------------------------

PROJECT = """\
[project]
name = "house"

[tool.ruff]
line-length = 100

[tool.modelassay.policy]
extends = "default"
ignore = ["ROB"]

[[tool.modelassay.gate]]
id = "floor"
metric = "accuracy"
op = ">="
threshold = 0.8

[tool.other]
id = "not ours"
"""


def test_gates_may_stand_in_a_pyproject(tmp_path: Path) -> None:
    policy = read_policy(write(tmp_path, PROJECT, "pyproject.toml"))
    assert policy.gates[-1].id == "floor"
    assert not any(gate.id.startswith("ROB") for gate in policy.gates)
    assert (policy.file, policy.lines) == ("pyproject.toml", {"": 8, "floor": 12})
    alone = read_policy(write(tmp_path, '[policy]\nextends = "pyproject.toml"\n'))
    assert alone.gates == policy.gates


def test_other_tools_of_a_pyproject_do_not_change_the_policy(tmp_path: Path) -> None:
    one = read_policy(write(tmp_path, PROJECT, "pyproject.toml"))
    other = read_policy(write(tmp_path, "[tool.black]\nskip = true\n\n" + PROJECT, "pyproject.toml"))
    assert one.sha256 == other.sha256
    changed = read_policy(write(tmp_path, PROJECT.replace("0.8", "0.9"), "pyproject.toml"))
    assert changed.sha256 != one.sha256


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (PROJECT.replace("metric =", "metrik ="), "pyproject.toml:13: [gate[0]] 'metrik' is not a known key"),
        (PROJECT.replace("[tool.modelassay.policy]", "[tool.modelassay.polcy]"), "Did you mean 'policy'"),
        ("[tool.modelasay]\nx = 1\n", "Did you mean 'modelasay'"),
        ("[project]\nname = 'x'\n", "has no table [tool.modelassay]"),
        ("[tool]\nmodelassay = 3\n", "has no table [tool.modelassay]"),
    ],
)
def test_a_pyproject_is_read_as_strictly(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(PolicyError) as caught:
        read_policy(write(tmp_path, text, "pyproject.toml"))
    assert said in str(caught.value)


# --- by the number alone --------------------------------------------------------------------------


def test_a_gate_may_be_decided_on_the_point(tmp_path: Path) -> None:
    assert only(tmp_path, FLOOR).decide == "interval"
    assert only(tmp_path, FLOOR + 'decide = "point"\n').decide == "point"
    assert only(tmp_path, '[policy]\ndecide = "point"\n' + FLOOR).decide == "point"
    own = only(tmp_path, '[policy]\ndecide = "point"\n' + FLOOR + 'decide = "interval"\n')
    assert own.decide == "interval"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('decide = "points"\n', "decide"),
        ('decide = "point"\non_inconclusive = "block"\n', "never inconclusive"),
    ],
)
def test_what_does_not_fit_a_point_is_refused(tmp_path: Path, more: str, said: str) -> None:
    with pytest.raises(PolicyError, match=said):
        read(tmp_path, FLOOR + more)


def test_no_worse_than_before_is_never_decided_on_the_point(tmp_path: Path) -> None:
    gate = '[[gate]]\nid = "g"\nkind = "no_regression"\nmetric = "accuracy"\n'
    assert only(tmp_path, '[policy]\ndecide = "point"\n' + gate).decide == "interval"
    with pytest.raises(PolicyError, match="half of all models"):
        read(tmp_path, gate + 'decide = "point"\n')


# --- words that name nothing ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[policy]\nextends = "defaut"\n', "neither 'default' nor a file here. Did you mean 'default'?"),
        ('[policy]\nextends = "default"\nignore = ["FIAR"]\n', "Did you mean 'FAIR'?"),
        (FLOOR + 'severity = "eror"\n', "Did you mean 'error'?"),
        ("a = " + "[" * 3000 + "]" * 3000 + "\n", "nested too deeply"),
    ],
)
def test_the_nearest_name_is_told(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(PolicyError) as caught:
        read(tmp_path, text)
    assert said in str(caught.value)


TWO_OF_ONE_ID = """\
[policy]
extends = "default"

[[override]]
id = "FAIR008"
metric = "mean_absolute_error_ratio"
threshold = 1.5

[[gate]]  # people of either sex
check = "group_performance"
id = "found"
metric = "true_positive_rate"
where = { sex = "*" }
op = ">="
threshold = 0.7

[[gate]]
id = "found"
check = "group_performance"
metric = "true_positive_rate"
where = { race = "*" }
op = ">="
threshold = 0.6

[[gate]]
check = "group_performance"
metric = "precision"
where = { race = "*" }
id = "found"
op = ">="
threshold = 0.6
"""


def test_gates_of_one_id_have_lines_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "gates.toml").write_text(TWO_OF_ONE_ID, encoding="utf-8")
    policy = read_policy(tmp_path / "gates.toml")
    lines = {(gate.id, gate.metric, *gate.where): policy.line_of(gate) for gate in policy.gates}
    assert [line for (name, *_), line in lines.items() if name == "found"] == [11, 18, 29]
    assert lines["FAIR008", "mean_absolute_error_ratio", "split", "*"] == 5
    assert lines["FAIR001", "selection_rate_ratio", "split", "*"] == 2, "the line that extends the catalogue"
    narrow = select_gates(policy, select=["found"])
    assert [narrow.line_of(gate) for gate in narrow.gates] == [11, 18, 29]


@pytest.mark.parametrize(("table", "line"), [("", 1), ('[policy]\nselect = ["FAIR"]\n', 4)])
def test_the_catalogue_points_at_the_configuration_that_brought_it_in(tmp_path: Path, table: str, line: int) -> None:
    """A report of a CI server names files of the repository, from its root."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "audits").mkdir()
    config = write(tmp_path / "audits", f'[data]\ntest = "t.csv"\ntarget = "y"\n{table}', "audit.toml")
    policy = brought_in_by(default_policy(), config)
    assert (policy.file, policy.line_of(policy.gates[5])) == ("audits/audit.toml", line)
    own = read_policy(write(tmp_path / "audits", FLOOR, "gates.toml"))
    assert own.file == "audits/gates.toml"
    assert brought_in_by(own, config) is own
