"""What a verb does not need is not imported."""

from __future__ import annotations

import subprocess
import sys


def test_skops_is_imported_without_torch_and_dask() -> None:
    code = (
        "import sys; from audit.models.load import import_skops; import_skops();"
        "assert not {'torch', 'dask'} & set(sys.modules);"
        "from skops.io._trusted_types import SKLEARN_ESTIMATOR_TYPE_NAMES as names;"
        "assert 'sklearn.linear_model._logistic.LogisticRegression' in names"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
