"""Planted defects end as failures of their rule, sound models do not: benchmarks/defects in small."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
SLOW = {"SLICE001", "GEN002", "GEN003", "GEN004", "PERF002"}
QUICK = {"ROB006"} | SLOW


def benchmark(name: str) -> Any:  # noqa: ANN401 -- scripts are not typed
    return importlib.import_module(f"benchmarks.defects.{name}")


def subjects() -> list[Any]:
    """A sound classifier with groups by lot, one of several classes, and a sound regressor."""
    return [benchmark("clean").subject(seed)[0] for seed in (15, 16, 17)]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("place", range(3), ids=["binary", "multiclass", "regression"])
def test_clear_defects_of_models_fail(place: int) -> None:
    main, subject = benchmark("__main__"), subjects()[place]
    table = benchmark("tables").with_cohort(subject.table)
    subject = type(subject)(table=table, model=benchmark("models").linear(table))
    ended = {}
    for one in main.OF_MODELS:
        if one.code in QUICK or "tabular" not in one.modalities:
            continue
        made = one.spoil(subject, "clear", np.random.default_rng(0))
        if made is not None:
            ended[one.code, one.what] = main.outcome_of(main.audited(made, [one.check]), one.code)
    assert {key: outcome for key, outcome in ended.items() if outcome != "fail"} == {}
    assert len(ended) > 6


@pytest.mark.slow
def test_real_tables_and_models() -> None:
    if benchmark("tables").data_folder() is None:
        pytest.skip("no folder of real tables")
    made = subprocess.run(
        [sys.executable, "-m", "benchmarks.defects", "--small"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stdout + made.stderr
    assert " 0 errors" in made.stdout


@pytest.mark.slow
def test_sound_models_are_rarely_failed(capsys: pytest.CaptureFixture[str]) -> None:
    benchmark("clean").main(30)
    total = capsys.readouterr().out.splitlines()[-1].strip("| ").split("|")
    assert float(total[-1].strip().rstrip("%")) < 3.0
