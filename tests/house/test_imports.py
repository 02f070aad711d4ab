"""Heavy packages are imported when they are used, and a saved record needs none of them."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = ("torch", "shap", "lime", "captum", "fairlearn", "optuna", "matplotlib", "duckdb", "skops", "onnxruntime")


def _modules_after(code: str) -> set[str]:
    script = f"{code}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}


def test_importing_the_packages_costs_next_to_nothing() -> None:
    loaded = _modules_after("import audit, reports, trainers")
    assert not loaded & {*HEAVY, "numpy", "pandas", "sklearn", "scipy"}


def test_every_module_can_be_imported_without_the_heavy_packages() -> None:
    code = (
        "import pkgutil, importlib, audit, reports\n"
        "for package in (audit, reports):\n"
        "    for one in pkgutil.walk_packages(package.__path__, package.__name__ + '.'):\n"
        "        if not one.name.endswith('__main__'): importlib.import_module(one.name)\n"
    )
    assert not _modules_after(code) & set(HEAVY)


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import contextlib, io\nfrom audit.cli import main\n"
        "with contextlib.redirect_stdout(io.StringIO()): main(['--help'])"
    )
    assert not _modules_after(code) & {*HEAVY, "numpy", "pandas", "sklearn", "scipy", "pydantic"}


@pytest.mark.parametrize(
    "module", ["reports.html", "reports.markdown", "reports.text", "reports.junit", "reports.store"]
)
def test_renderers_need_no_numbers_to_be_imported(module: str) -> None:
    assert not _modules_after(f"import {module}") & {*HEAVY, "pandas", "sklearn", "scipy"}


def test_judging_a_saved_record_needs_no_model_and_no_rows() -> None:
    loaded = _modules_after("import audit.judging.gate, audit.policy.read, reports.store")
    assert not loaded & {*HEAVY, "pandas", "sklearn"}


def test_the_tree_of_checks_is_found_without_heavy_packages() -> None:
    assert not _modules_after("from audit.checks import discover\ndiscover()") & set(HEAVY)
