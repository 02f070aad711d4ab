"""Evidence on the data: what is not there says why, options are kept, sampling is told."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from audit.data.dataset import Dataset
from audit.evidence import Absence, LabelDoubts, Leaks, Proxies, Separation, Settings
from audit.gather import Context
from reports.record import AuditRecord, DataInfo, Environment, Json, ModelInfo
from reports.store import save
from tests.audit.checks.tables import clean, dataset


def gathered(data: Dataset, name: str, options: Mapping[str, Json] | None = None, seed: int = 0) -> object:
    context = Context(model=None, dataset=data, settings=Settings(), seed=seed, options={name: options or {}})
    return context(name)


def test_settings_are_handed_on() -> None:
    assert gathered(dataset(clean(60)), "settings") == Settings()


@pytest.mark.parametrize("name", ["proxies", "leaks", "separation", "label_doubts"])
def test_the_same_seed_gives_the_same_numbers(name: str) -> None:
    data = dataset(clean(400))
    assert gathered(data, name) == gathered(data, name)


def test_each_feature_is_asked_once() -> None:
    data = dataset(clean(300))
    leaks, proxies = gathered(data, "leaks"), gathered(data, "proxies")
    assert isinstance(leaks, Leaks)
    assert isinstance(proxies, Proxies)
    assert [one.feature for one in leaks.found] == list(data.features)
    assert len(proxies.found) == 2 * (len(data.features) - 1)


def test_what_was_drawn_is_told() -> None:
    data = dataset(clean(1000))
    apart, doubts = gathered(data, "separation", {"rows": 100}), gathered(data, "label_doubts", {"rows": 200})
    assert isinstance(apart, Separation)
    assert isinstance(doubts, LabelDoubts)
    assert apart.auc.n == 200
    assert doubts.notes == ("200 of 600 training rows were drawn at random",)


def test_without_training_rows() -> None:
    data = dataset(clean(100)[1])
    for name in ("separation", "label_doubts"):
        absence = gathered(data, name)
        assert isinstance(absence, Absence)
        assert (absence.outcome, "needs training rows" in absence.reason) == ("not_applicable", True)


def test_a_class_of_two_rows_cannot_be_cross_validated() -> None:
    train, test = clean(300, task="multiclass")
    train.loc[:1, "y"] = "rare"
    absence = gathered(dataset((train, test), task="multiclass"), "label_doubts")
    assert isinstance(absence, Absence)
    assert "at least 5 training rows" in absence.reason


def test_reference_records(tmp_path: Path) -> None:
    data = dataset(clean(60))
    missing = gathered(data, "reference_scores", {"path": str(tmp_path / "none.json")})
    assert isinstance(missing, Absence)
    assert (missing.outcome, "no file" in missing.reason) == ("error", True)
    record = AuditRecord(
        tool="test",
        created="2026-01-01T00:00:00+00:00",
        seed=0,
        task="binary",
        model=ModelInfo(name="m", kind="k", format="none"),
        data=DataInfo(target="y"),
        environment=Environment(),
    )
    save(record, tmp_path / "audit.json")
    empty = gathered(data, "reference_scores", {"path": str(tmp_path / "audit.json")})
    assert isinstance(empty, Absence)
    assert "no distribution" in empty.reason


def test_a_wide_table_is_read_in_part() -> None:
    import pandas as pd

    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(120, 500))).add_prefix("w").assign(y=rng.integers(0, 2, 120))
    apart = gathered(dataset((frame.head(70), frame.tail(50)), sensitive=()), "separation")
    assert isinstance(apart, Separation)
    assert any("of 500 features" in note for note in apart.notes)
