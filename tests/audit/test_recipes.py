"""What CONTRIBUTING says of adding a metric, followed to the letter."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from audit.data.factor import Factor
from audit.estimate import metrics
from audit.estimate.measure import by_group, estimate
from audit.estimate.metrics import COMPOSITES, METRICS, Margins, Metric
from audit.estimate.paired import paired_difference
from audit.evidence import Predictions

PAGE = Path(__file__).resolve().parent.parent.parent / "CONTRIBUTING.md"


@pytest.fixture
def _youden(monkeypatch: pytest.MonkeyPatch) -> None:
    section = PAGE.read_text().partition("## Adding a metric")[2].partition("\n## ")[0]
    code = re.findall(r"```python\n(.*?)```", section, re.DOTALL)[0]
    function, line = code.partition("COMPOSITES = ")[0], code.strip().splitlines()[-1]
    names = {"Margins": Margins, "_Inexact": metrics._Inexact, "Metric": Metric, "binary": ("binary",)}
    exec(function, names)  # noqa: S102 -- the page's own code
    monkeypatch.setitem(COMPOSITES, "youden_index", names["_youden"])
    monkeypatch.setitem(METRICS, "youden_index", eval(line, names))  # noqa: S307


@pytest.mark.usefixtures("_youden")
def test_a_metric_added_by_the_recipe_has_interval_groups_and_comparisons() -> None:
    rng = np.random.default_rng(0)
    y, n = rng.integers(0, 2, 400), 400
    given = [
        Predictions(
            task="binary", classes=("no", "yes"), y_true=y, y_pred=np.where(rng.random(n) < right, y, 1 - y),
            row=np.arange(n), keys={"sex": Factor.of(["f", "m"] * 200)},
        )
        for right in (0.8, 0.7)
    ]  # fmt: skip
    one, other = (estimate(part, "youden_index") for part in given)
    recall, specificity = (estimate(given[0], name) for name in ("recall", "specificity"))
    assert one.value == pytest.approx((recall.value or 0) + (specificity.value or 0) - 1)
    assert one.low is not None
    assert one.high is not None
    assert one.low < (one.value or 0) < one.high
    assert [group.low is not None for group in by_group(given[0], ["youden_index"], ["sex"])] == [True, True]
    gap = paired_difference(given[0], given[1], "youden_index")
    assert gap.value == pytest.approx((one.value or 0) - (other.value or 0))
    assert gap.low is not None
