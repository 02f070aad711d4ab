from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree as ET

import pytest

from reports import formats, github, gitlab, junit, markdown, sarif, text
from reports.record import AuditRecord, Estimate, Severity, VerdictOutcome
from reports.results import gate_results

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.mark.parametrize("name", formats.FORMATS)
def test_every_format_draws_and_draws_the_same_again(record: AuditRecord, name: str) -> None:
    drawn = formats.render(record, name)
    assert drawn.endswith("\n")
    assert formats.render(record, name) == drawn
    assert "\x1b" not in drawn
    assert "\u202e" not in drawn


def test_an_unknown_format_is_refused_with_a_hint(record: AuditRecord) -> None:
    with pytest.raises(ValueError, match=r"no format 'junti'.*Did you mean 'junit'"):
        formats.render(record, "junti")


def test_files_of_formats_do_not_collide() -> None:
    files = [one.file for one in formats.FORMATS.values()]
    assert len(set(files)) == len(files)
    assert all(callable(importlib.import_module(one.module).render) for one in formats.FORMATS.values())


def test_drawing_imports_nothing_heavy() -> None:
    code = (
        "import sys, reports.formats, reports.text, reports.markdown, reports.junit, reports.sarif, reports.github;"
        "import reports.gitlab, reports.html;"
        "heavy = ('matplotlib', 'numpy', 'pandas', 'sklearn', 'torch', 'audit', 'trainers');"
        "print([m for m in heavy if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=GOLDEN.parents[1]
    )
    assert done.stdout.strip() == "[]"


# --- text -----------------------------------------------------------------------------------------


def test_text_fits_a_screen_and_ends_with_the_verdict(record: AuditRecord) -> None:
    lines = [line.text for line in text.lines(record, end="→ card.html (exit 0)")]
    assert max(map(len, lines)) <= text.WIDTH
    assert len(lines) <= text.MOST_LINES
    assert lines[0].startswith("Adult income · 16,281 test rows · HistGradientBoostingClassifier")
    assert " ".join(lines[-2:]).endswith("→ card.html (exit 0)")
    assert record.verdict.split(":")[0] in " ".join(lines[-2:])


def test_everything_is_told_on_request(record: AuditRecord) -> None:
    told = text.render(record)
    assert "FAIR001" in told
    assert "also: " in told
    assert "LIME: skipped" in told
    assert all(line.text in told for line in text.lines(record)[:-2])


def test_text_cannot_command_a_ci_server(record: AuditRecord, samples: ModuleType) -> None:
    for line in text.render(record).splitlines():
        assert not line.lstrip().startswith("::")
        assert "##[" not in line


@pytest.mark.parametrize("width", [40, 60, 80, 110])
def test_text_lines_keep_a_given_width_and_number(record: AuditRecord, width: int) -> None:
    lines = text.lines(record, width=width, end=f"→ {'folder/' * 30}card.html (exit 1)")
    assert max(len(line.text) for line in lines) <= width
    assert len(lines) <= text.MOST_LINES or width == 40
    assert lines[-1].text.endswith("1)")


def test_what_fits_is_told_whole(record: AuditRecord) -> None:
    """A sentence that has room stands in full; one that has none ends with its last whole clause."""
    told = [line.text for line in text.lines(record)]
    assert not [line for line in told[1:5] if line.endswith("…")]
    assert all(len(line) > text._INDENT + 12 for line in told[1:] if line.startswith(" " * text._INDENT))


# --- markdown -------------------------------------------------------------------------------------


def test_markdown_holds_no_markup_of_a_name(record: AuditRecord) -> None:
    drawn = markdown.render(record)
    assert drawn.count("\n") <= 60
    tags = set(re.findall(r"<[^>]*>", drawn))
    assert tags <= {"<details>", "</details>", "</summary>", "<summary>", "<sub>", "</sub>"}
    assert "@admin" not in drawn
    assert not re.search(r"(?<!\\)\]\(", drawn)
    assert "http://" not in drawn


def test_every_row_of_a_markdown_table_has_its_columns(record: AuditRecord) -> None:
    widths: list[int] = []
    for line in markdown.render(record).splitlines():
        if line.startswith("|"):
            widths.append(len(re.findall(r"(?<!\\)\|", line)))
        elif widths:
            assert len(set(widths)) == 1
            widths = []
    assert widths == []


# --- junit ----------------------------------------------------------------------------------------


def test_junit_maps_outcomes(record: AuditRecord) -> None:
    root = ET.fromstring(junit.render(record))
    cases = {(case.get("classname"), case.get("name")): [child.tag for child in case] for case in root.iter("testcase")}
    assert cases["modelassay.FAIR001", "women"] == ["system-out"], "a concern fails no build"
    assert cases["modelassay.FAIR001", "race: Asian-Pac-Islander"] == ["system-out"]
    assert cases["modelassay.FAIR001", "race: Black"] == ["skipped"]
    assert cases["modelassay.FAIR001", "race: Other"] == ["skipped"]
    assert cases["modelassay.FAIR002", "women"] == ["skipped"]
    assert cases["modelassay.CAL002", "all test rows"] == ["system-out"]
    assert cases["modelassay.GEN004", "all test rows"] == ["system-out"]
    assert len(cases) == len(record.verdicts)


@pytest.mark.parametrize(("outcome", "tag"), [("fail", "failure"), ("error", "error"), ("pass", "system-out")])
def test_junit_fails_what_is_of_error_severity(record: AuditRecord, outcome: VerdictOutcome, tag: str) -> None:
    verdict = replace(record.verdicts[0], severity="error", outcome=outcome)
    root = ET.fromstring(junit.render(replace(record, verdicts=(verdict,))))
    assert [child.tag for child in next(root.iter("testcase"))] == [tag]


def test_junit_counts_add_up(record: AuditRecord) -> None:
    root = ET.fromstring(junit.render(record))
    assert root.get("skipped") is None, "the schema of CI servers knows it of a suite alone"
    for name in ("tests", "failures", "errors"):
        assert int(root.get(name, "-1")) == sum(int(suite.get(name, "-1")) for suite in root)
    assert root.get("tests") == str(len(record.verdicts))


def test_junit_leaves_out_what_is_not_known(record: AuditRecord) -> None:
    blank = Estimate(metric="extent", value=None, reason="does not translate")
    verdict = replace(record.verdicts[0], outcome="fail", extent=blank)
    lines = junit.render(replace(record, verdicts=(verdict,))).splitlines()
    assert [line for line in lines if line.rstrip().endswith(":")] == []


# --- sarif, github, gitlab ------------------------------------------------------------------------


def test_sarif_points_at_the_gates_line(record: AuditRecord) -> None:
    run = json.loads(sarif.render(record))["runs"][0]
    rules = [one["id"] for one in run["tool"]["driver"]["rules"]]
    by_rule = {one["ruleId"]: one for one in run["results"]}
    assert len(rules) == len(record.policy.gates)
    fair = by_rule["FAIR001"]
    assert rules[fair["ruleIndex"]] == "FAIR001"
    place = by_rule["CAL002"]["locations"][0]["physicalLocation"]
    assert place == {"artifactLocation": {"uri": "gates.toml"}, "region": {"startLine": 40}}
    assert by_rule["FAIR002"]["suppressions"][0]["kind"] == "external"
    assert "PERF001" not in by_rule
    assert "BASE001" not in by_rule


def test_fingerprints_tell_slices_apart(record: AuditRecord) -> None:
    found = [sarif.fingerprint(one) for one in record.verdicts]
    assert len(set(found)) == len(found)


def test_annotations_are_one_line_each_and_at_most_ten(record: AuditRecord) -> None:
    lines = github.render(record).splitlines()
    assert len(lines) == 4
    assert all(re.match(r"::(error|warning|notice) file=[^,:]*,line=\d+,title=[^,:]*::", line) for line in lines)
    assert "gates%2C %3A.toml" in lines[3]


def test_the_rest_of_the_annotations_is_counted(record: AuditRecord) -> None:
    many = tuple(replace(record.verdicts[3], gate=f"G{k}") for k in range(25))
    lines = github.render(replace(record, verdicts=many)).splitlines()
    assert len(lines) == github.MOST
    assert "16 more gates did not pass" in lines[-1]


def test_gitlab_issues_have_what_gitlab_reads(record: AuditRecord) -> None:
    issues = json.loads(gitlab.render(record))
    troubled = [v for r in gate_results(record) for v in r.verdicts if v.outcome in ("fail", "error", "inconclusive")]
    assert len(issues) == len(troubled)
    for issue in issues:
        assert issue.keys() == {"description", "check_name", "fingerprint", "severity", "location"}
        assert issue["severity"] in ("info", "minor", "major", "critical", "blocker")
        assert issue["location"]["lines"]["begin"] >= 1


def test_junit_stays_small_and_has_a_case_for_every_gate(record: AuditRecord) -> None:
    """Slices that passed are counted where there are many; of those that failed the first are told."""
    first = record.verdicts[0]
    asked: tuple[tuple[str, VerdictOutcome, Severity], ...] = (
        ("A", "pass", "warning"), ("B", "fail", "error"), ("C", "fail", "warning"),
    )  # fmt: skip
    made = [
        replace(first, gate=gate, outcome=outcome, severity=severity, where={"feature": f"pixel {k}"})
        for gate, outcome, severity in asked
        for k in range(800)
    ]
    text = junit.render(replace(record, verdicts=tuple(made)))
    suites = {suite.get("name"): list(suite) for suite in ET.fromstring(text)}
    assert {name: len(cases) for name, cases in suites.items()} == {"A": 1, "B": 21, "C": 21}
    assert [child.tag for child in suites["B"][-1]] == ["failure"]
    assert [child.tag for child in suites["C"][-1]] == ["system-out"]
    assert "780 slices failed" in (suites["C"][-1][0].text or "")
    assert len(text) < 40_000
