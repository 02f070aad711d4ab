"""ROB008: features that were declared to move the score one way only."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from audit.errors import DataError
from audit.integrations.auditing import run
from reports.record import AuditRecord, Verdict


class Scored:
    """Scores by a function of x; `bump` makes the score fall between 1 and 2."""

    classes_ = np.array([0, 1])

    def __init__(self, bump: float) -> None:
        self.bump = bump

    def predict_proba(self, X: pd.DataFrame) -> np.ndarray:
        x = X["x"].to_numpy(dtype=float)
        p = 1 / (1 + np.exp(-x / 3)) - self.bump * np.clip(x - 1, 0, 1)
        return np.stack([1 - p, p], axis=1)

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        return (self.predict_proba(X)[:, 1] > 0.5).astype(int)


def _audited(model: object, monotone: dict[str, str], *, whole: bool = False, **roles: object) -> AuditRecord:
    rng = np.random.default_rng(0)
    x = rng.integers(-4, 5, 800) if whole else rng.normal(0, 1.5, 800)
    frame = pd.DataFrame({"x": x, "z": rng.normal(size=800), "y": (x + rng.normal(size=800) > 0).astype(int)})
    return run(model, test=frame, target="y", positive=1, monotone=monotone, checks=["monotonicity"], **roles)  # type: ignore[arg-type]


def _verdict(record: AuditRecord) -> Verdict:
    return next(one for one in record.verdicts if one.gate == "ROB008")


@pytest.mark.parametrize(
    ("bump", "way", "said"),
    [
        (0.0, "increasing", "pass"),
        (0.3, "increasing", "fail"),
        (0.0, "decreasing", "fail"),
        (0.02, "increasing", "pass"),
    ],
)
@pytest.mark.parametrize("whole", [False, True])
def test_moves_against_the_declaration(bump: float, way: str, said: str, whole: bool) -> None:
    assert _verdict(_audited(Scored(bump), {"x": way}, whole=whole)).outcome == said


def test_a_feature_that_the_model_does_not_use_moves_nothing() -> None:
    verdict = _verdict(_audited(Scored(0.3), {"z": "decreasing"}))
    assert verdict.estimate is not None
    assert (verdict.outcome, verdict.estimate.value) == ("pass", 0.0)


def test_without_a_declaration_nothing_is_asked() -> None:
    assert "needs features declared monotone" in _verdict(_audited(Scored(0.0), {})).message


@pytest.mark.parametrize(
    ("monotone", "told"), [({"w": "increasing"}, "not a column"), ({"x": "up"}, "expected 'increasing'")]
)
def test_declarations_that_cannot_be_tried_are_refused(monotone: dict[str, str], told: str) -> None:
    with pytest.raises(DataError, match=told):
        _audited(Scored(0.0), monotone)


def test_words_cannot_be_raised() -> None:
    frame = pd.DataFrame({"x": list("abcd"), "y": [0, 1, 0, 1]})
    with pytest.raises(DataError, match="holds no numbers"):
        run(Scored(0.0), test=frame, target="y", positive=1, monotone={"x": "increasing"})
