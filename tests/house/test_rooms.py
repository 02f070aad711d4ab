"""The house stays easy to find one's way in: few rooms, few loose files, no way back up."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
AUDIT = ROOT / "audit"


def _room(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def _imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.startswith("audit.")}


def _rooms() -> dict[str, set[str]]:
    """Map each room or loose file of ``audit`` to those it imports."""
    ways: dict[str, set[str]] = {}
    for path in AUDIT.rglob("*.py"):
        own = path.relative_to(AUDIT).parts[0].removesuffix(".py")
        if own in {"__init__", "__main__"}:
            continue
        ways.setdefault(own, set()).update({_room(name) for name in _imports(path)} - {own})
    return ways


def test_rooms_and_loose_files_are_few() -> None:
    assert len([path for path in AUDIT.iterdir() if (path / "__init__.py").exists()]) <= 20
    assert len(list(AUDIT.glob("*.py"))) <= 12


def test_no_circle_between_rooms() -> None:
    ways = _rooms()
    done: set[str] = set()
    while ready := {room for room, others in ways.items() if room not in done and not (others & set(ways)) - done}:
        done |= ready
    assert set(ways) - done == set()


def test_layers_are_whole_rooms_and_few() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    floors = next(one for one in contracts if one["type"] == "layers" and one.get("containers") == ["audit"])
    assert floors["exhaustive"]
    assert len(floors["layers"]) <= 12
    assert all("." not in room.strip() for layer in floors["layers"] for room in layer.split("|"))


def _makes_an_estimate(node: ast.AST) -> bool:
    """Tell whether a call writes an estimate's numbers by hand, anew or over those of another one."""
    if not isinstance(node, ast.Call):
        return False
    name = getattr(node.func, "id", getattr(node.func, "attr", ""))
    over = isinstance(node.func, ast.Name) and name == "replace"
    return name == "Estimate" or (over and any(one.arg in {"value", "low", "high"} for one in node.keywords))


@pytest.mark.parametrize(
    ("code", "makes"),
    [
        ("Estimate(metric='m', value=1.0)", True),
        ("record.Estimate(metric='m', value=1.0)", True),
        ("replace(estimate, low=0.0)", True),
        ("replace(estimate, metric='m')", False),
        ("text.replace('a', 'b')", False),
    ],
)
def test_an_estimate_made_by_hand_is_seen(code: str, makes: bool) -> None:
    assert any(_makes_an_estimate(node) for node in ast.walk(ast.parse(code))) is makes


def test_only_one_room_makes_estimates() -> None:
    """A number written by hand forgets weights, clusters, level or suppression sooner or later."""
    makers = {
        path.relative_to(ROOT).as_posix()
        for folder in (AUDIT, ROOT / "reports")
        for path in folder.rglob("*.py")
        if any(_makes_an_estimate(node) for node in ast.walk(ast.parse(path.read_text())))
    }
    assert {name for name in makers if not name.startswith("audit/estimate/")} == {"reports/record.py"}
