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


def test_every_step_of_the_page_shows_its_code_in_the_order_of_learning() -> None:
    parts = re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    titles = [part.partition("\n")[0].split()[-1].lower() for part in parts]
    assert titles == [
        "neuron", "activations", "loss", "backpropagation", "optimizers", "architectures", "preparation", "stopping",
        "search", "interpretation", "evaluation", "deployment", "ethics", "troubleshooting", "own",
    ]  # fmt: skip
    for title, part in zip(titles[:-1], parts, strict=False):
        assert "```python\n" in part, title
