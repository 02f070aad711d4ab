"""``rule``, ``--version`` and the bare command: what can be asked without a file."""

from __future__ import annotations

import re

import pytest

from audit.cli import main
from audit.cli.catalogue import KNOWN_AS
from audit.policy.read import default_policy


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ("fair001", "FAIR001"),
        ("thin-group", "DATA007"),
        ("thin_group", "DATA007"),
        ("Demographic parity", "FAIR001"),
        ("batch dependent", "ROB005"),
    ],
)
def test_a_rule_is_found_by_any_of_its_names(asked: str, code: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rule", asked]) == 0
    assert capsys.readouterr().out.startswith(code)


def test_a_name_of_several_rules_lists_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rule", "equalized odds"]) == 0
    assert re.findall(r"^[A-Z]+\d+", capsys.readouterr().out, flags=re.MULTILINE) == ["FAIR002", "FAIR003"]


def test_the_list_gives_the_reason_of_the_first_question(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rule"]) == 0
    gate = next(one for one in default_policy().gates if one.id == "DATA008")
    assert gate.because in capsys.readouterr().out


def test_names_of_the_field_speak_of_rules_that_exist() -> None:
    assert {code for codes in KNOWN_AS.values() for code in codes} <= {gate.id for gate in default_policy().gates}


def test_an_unknown_rule_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rule", "FAIR01"]) == 2
    assert "Did you mean 'FAIR" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_the_bare_command_prints_help(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 0
    told = capsys.readouterr().out
    assert "Usage" in told
    assert "compare" in told


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert re.fullmatch(r"modelassay \d+\.\d+\.\d+\S*\n", capsys.readouterr().out)


@pytest.mark.parametrize(("arguments", "see"), [(["init"], "modelassay init --help"), (["rulee"], "modelassay --help")])
def test_a_usage_error_names_the_help_to_read(
    arguments: list[str], see: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert f"See {see}." in capsys.readouterr().err
