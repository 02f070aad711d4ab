"""The page on networks is read in order, and every block of it runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("optuna")

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "networks.md"


def test_every_block_of_the_page_on_networks_runs(capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len(blocks) >= 6
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, PAGE.name, "exec"), names)  # noqa: S102 -- our own page
    assert "Raise learning_rate" in capsys.readouterr().out
