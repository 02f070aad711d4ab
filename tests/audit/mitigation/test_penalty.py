"""A penalty in the loss of networks, by command line and from Python; refused where there is no network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("torch")

from audit.cli import main
from audit.integrations.mitigation import mitigate
from audit.mitigation import candidates
from audit.models.load import load as load_model
from reports.store import load
from tests.audit.mitigation.worlds import project, table
from trainers import NetworkClassifier, NetworkRegressor, save


@pytest.fixture(autouse=True)
def _few_strengths(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "STRENGTHS", (30.0, 100.0))


def _network() -> NetworkClassifier:
    return NetworkClassifier(hidden=(6,), epochs=10, learning_rate=0.01, random_state=0)


def test_a_network_is_held_to_its_gap_from_the_command_line(tmp_path: Path) -> None:
    config, out = project(tmp_path / "p", gap=1.2, rows=1000), tmp_path / "out"
    train, test = (pd.read_csv(tmp_path / "p" / f"{name}.csv") for name in ("train", "test"))
    save(_network().fit(train[["x", "z"]], train["y"]), tmp_path / "p" / "model.safetensors")
    text = config.read_text().replace("model.skops", "model.safetensors").replace("[data]", '[data]\ndrop = ["kind"]')
    config.write_text(text)
    asked = ["--method", "penalty", "--constraint", "demographic-parity", "--out", str(out), "--limit", "0.2"]
    assert main(["mitigate", str(config), *asked]) in {0, 1}
    record = load(out / "audit.json")
    before, after = (record.metric(f"gap_{arm}", feature="sex").value for arm in ("before", "after"))
    assert before is not None
    assert after is not None
    assert before > 0.3
    assert after < 0.65 * before
    answers = np.asarray(load_model(out / "model.skops").predictor.predict(test[["x", "z"]])) == "yes"
    rates = pd.Series(answers).groupby(test["sex"]).mean()
    assert rates.max() - rates.min() == pytest.approx(after)


def test_three_classes_and_numbers_have_a_penalty_too() -> None:
    parts = {name: table(800, place, gap=1.2) for place, name in enumerate(("train", "validation", "test"))}
    for part in parts.values():
        part["w"] = np.select([part["v"] > 1.5, part["v"] > 0.3], ["grant", "wait"], "refuse")
        part.loc[part["sex"] == "f", "v"] *= -1
    fit = parts["train"][["x", "z"]]
    asked: dict[str, Any] = {"method": "penalty", "sensitive": ["sex"], "features": ["x", "z"], "anyway": True}
    tried: tuple[tuple[str, Any, str, dict[str, Any]], ...] = (
        ("w", _network(), "demographic-parity", {"favorable": "grant"}),
        ("v", NetworkRegressor(hidden=(6,), epochs=10, learning_rate=0.01, random_state=0), "bounded-group-loss", {}),
    )
    for target, network, constraint, more in tried:
        given: dict[str, Any] = {name: part[["x", "z", "sex", target]] for name, part in parts.items()}
        model = network.fit(fit, parts["train"][target])
        done = mitigate(model, **given, target=target, constraint=constraint, **asked, **more)
        assert done.record is not None
        before, after = (done.record.metric(f"gap_{arm}", feature="sex").value for arm in ("before", "after"))
        assert before is not None
        assert after is not None
        assert after < 0.8 * before


def test_other_models_are_told_what_works_for_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = project(tmp_path / "p", rows=400)
    asked = ["--method", "penalty", "--constraint", "demographic-parity", "--out", str(tmp_path / "out"), "--anyway"]
    assert main(["mitigate", str(config), *asked]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "LogisticRegression takes no penalty in its loss" in said
    assert "reweigh" in said
    assert not (tmp_path / "out").exists()


def test_a_placebo_is_left_alone() -> None:
    parts = {name: table(800, place, gap=0.0) for place, name in enumerate(("train", "validation", "test"))}
    given: dict[str, Any] = {name: part[["x", "z", "sex", "y"]] for name, part in parts.items()}
    model = _network().fit(parts["train"][["x", "z"]], parts["train"]["y"])
    asked: dict[str, Any] = {
        "target": "y",
        "positive": "yes",
        "favorable": "yes",
        "sensitive": ["sex"],
        "features": ["x", "z"],
    }
    done = mitigate(model, **given, **asked, method="penalty", constraint="demographic-parity")
    assert done.record is None
    assert "no gap to mitigate" in done.reason
