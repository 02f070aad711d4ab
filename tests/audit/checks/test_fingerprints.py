"""Stated fingerprints beside found ones."""

from __future__ import annotations

import pytest

from audit.checks.fingerprints import fingerprints
from audit.errors import NotApplicable


def test_each_stated_file_is_told_apart() -> None:
    found = fingerprints({"model": ("AB", "ab"), "test": ("cd", "ef"), "train": ("", "12"), "gone": ("aa", "")})
    assert {one.where["file"]: one.value for one in found.estimates} == {"model": 0.0, "test": 1.0, "gone": 1.0}
    assert found.summary == "Other files than stated: gone, test."
    assert all(one.method == "count" for one in found.estimates)


def test_nothing_stated_is_not_applicable() -> None:
    with pytest.raises(NotApplicable, match="needs fingerprints to compare with"):
        fingerprints({"test": ("", "12")})
