"""What a verb does not need is not imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest


def test_skops_is_imported_without_torch_and_dask() -> None:
    code = (
        "import sys; from audit.models.load import import_skops; import_skops();"
        "assert not {'torch', 'dask'} & set(sys.modules);"
        "from skops.io._trusted_types import SKLEARN_ESTIMATOR_TYPE_NAMES as names;"
        "assert 'sklearn.linear_model._logistic.LogisticRegression' in names"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("role", ["log", "test"])
def test_predictions_are_audited_without_scikit_learn(tmp_path: Path, role: str) -> None:
    frame = pd.DataFrame({"y": [0, 1] * 100, "answer": [0, 1, 1, 1] * 50, "sex": ["f", "f", "m", "m"] * 50})
    frame.to_parquet(tmp_path / "log.parquet")
    (tmp_path / "audit.toml").write_text(
        f'[data]\n{role} = "log.parquet"\ntarget = "y"\nprediction = "answer"\npositive = 1\nsensitive = ["sex"]\n'
    )
    code = (
        "import sys; from pathlib import Path; from audit.cli.run import run;"
        "from audit.config.configuration import read_config; from audit.config.plan import plan_from_config;"
        "from audit.pipeline import execute; from reports.html import render;"
        f"folder = Path({str(tmp_path)!r}); asked = read_config(folder / 'audit.toml');"
        "assert render(execute(plan_from_config(asked, folder)));"
        "assert not {'sklearn', 'scipy.stats', 'torch'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
