"""Methods that train, on networks and boosters as files: done through the command line, or refused with what works."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from audit.cli import main
from audit.mitigation.reductions import Answering
from audit.models.load import load as load_model
from reports.store import load
from tests.audit.mitigation.worlds import project

TRAINED = ("reweigh", "resample", "reduction")


def _mitigate(config: Path, method: str) -> int:
    out = str(config.parent / method)
    asked = ["--method", method, "--constraint", "demographic-parity", "--out", out, "--anyway", "--limit", "0.5"]
    return main(["mitigate", str(config), *asked])


def _named(config: Path, model: str, more: str = "") -> None:
    text = config.read_text().replace('"model.skops"', f'"{model}"{more}')
    config.write_text(text.replace("[data]", '[data]\ndrop = ["kind"]'))


@pytest.mark.parametrize(
    ("file", "method"), [*(("network.safetensors", method) for method in TRAINED), ("network.skops", "reweigh")]
)
def test_networks_in_files_are_trained_anew(file: str, method: str, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    if method == "reduction":
        pytest.importorskip("fairlearn")
    from trainers import NetworkClassifier, save

    config = project(tmp_path / "p", gap=1.5, rows=500)
    train, test = (pd.read_csv(tmp_path / "p" / f"{name}.csv") for name in ("train", "test"))
    network = NetworkClassifier(hidden=(), epochs=12, learning_rate=0.05, random_state=0)
    network.fit(train[["x", "z"]], train["y"])
    if file.endswith(".skops"):
        import skops.io

        skops.io.dump(network, tmp_path / "p" / file)
    else:
        save(network, tmp_path / "p" / file)
    _named(config, file)
    assert _mitigate(config, method) in {0, 1}
    record = load(tmp_path / "p" / method / "audit.json")
    before, after = (record.metric(f"gap_{arm}", feature="sex").value for arm in ("before", "after"))
    assert before is not None
    assert after is not None
    assert after < before
    sealed = load_model(tmp_path / "p" / method / "model.skops").predictor
    rates = pd.Series(np.asarray(sealed.predict(test[["x", "z"]])) == "yes").groupby(test["sex"]).mean()
    assert rates.max() - rates.min() == pytest.approx(after)


@pytest.mark.parametrize("library", ["xgboost", "catboost"])
def test_native_boosters_are_told_which_methods_need_no_training(
    library: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    module = pytest.importorskip(library)
    config = project(tmp_path / "p", gap=1.5, rows=400)
    train = pd.read_csv(tmp_path / "p" / "train.csv")
    if library == "xgboost":
        model, file = module.XGBClassifier(n_estimators=5, max_depth=2, n_jobs=1), "model.json"
    else:
        quiet = {"verbose": False, "allow_writing_files": False, "thread_count": 1}
        model, file = module.CatBoostClassifier(iterations=5, depth=2, **quiet), "model.cbm"
    model.fit(train[["x", "z"]], (train["y"] == "yes").astype(int)).save_model(str(tmp_path / "p" / file))
    _named(config, file, '\nclasses = ["no", "yes"]')
    for method in ("reweigh", "reduction") if library == "xgboost" else ("penalty",):
        assert _mitigate(config, method) == 2
        said = " ".join(capsys.readouterr().err.split())
        assert "this method needs to refit the model" in said
        assert "--method thresholds, relaxed-thresholds or group-calibration" in said
        assert not (tmp_path / "p" / method).exists()
    assert library != "xgboost" or _mitigate(config, "thresholds") == 0


def test_a_bench_is_shared_by_the_copies_that_fairlearn_makes() -> None:
    class Held:
        def __deepcopy__(self, memo: object) -> Held:
            raise AssertionError("all rows would be copied at each step")

    held = Held()
    assert clone(Answering(held), safe=False).bench is held  # type: ignore[arg-type]
