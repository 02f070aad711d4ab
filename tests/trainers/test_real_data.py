"""The stated scores on real data, as the examples reach them; minutes long."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

from trainers import load
from trainers.config import fit_from_config
from trainers.schema import read

pytest.importorskip("torch")

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("MODELASSAY_DATA", ROOT.parent / "shared" / "data"))
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="real data not found; set MODELASSAY_DATA to its folder")


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"examples_{name}", ROOT / "examples" / "networks" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


STATED = [
    ("adult", 0.85),
    ("german", 0.66),
    ("digits", 0.975),
    ("mnist", 0.965),
    ("italy-rnn", 0.95),
    ("italy-lstm", 0.95),
    ("italy-gru", 0.95),
    ("italy-transformer", 0.95),
    ("italy-cnn", 0.95),
    ("sms-transformer", 0.97),
    ("sms-gru", 0.95),
    ("sms-cnn", 0.96),
]


@needs_data
@pytest.mark.slow
@pytest.mark.parametrize(("name", "least"), STATED)
def test_the_stated_score_is_reached_and_the_reference_is_not_better(name: str, least: float) -> None:
    score = example("scores").SCORES[name](DATA)
    assert score.value >= least
    assert score.difference[2] >= 0, f"worse than the reference: {score}"


@needs_data
@pytest.mark.slow
def test_transfer_beats_starting_from_nothing() -> None:
    found = example("transfer_digits").gain(DATA, labels=10, draws=6)
    assert found.low > 0, str(found)


@needs_data
@pytest.mark.slow
def test_the_example_configuration_of_texts_fits(tmp_path: Path) -> None:
    for source in (ROOT / "examples" / "networks" / "sms.toml", DATA / "sms_spam" / "sms_spam.csv"):
        shutil.copy(source, tmp_path)
    model = load(fit_from_config(tmp_path / "sms.toml"))
    table = pd.read_csv(DATA / "sms_spam" / "sms_spam.csv")
    assert model.score(table[["text"]], table["label"]) > 0.97


def test_example_configurations_can_be_read() -> None:
    for path in sorted((ROOT / "examples" / "networks").glob("*.toml")):
        recipe = read(path)
        assert recipe.data.train
        assert recipe.network
