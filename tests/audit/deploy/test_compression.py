"""A compressed model is compared with its source row by row: harm to a group is found, noise is not."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from audit.checks.compression import compression
from audit.cli import main
from audit.data.factor import Factor
from audit.deploy.quantize import stratified_rows
from audit.errors import ConfigError
from audit.evidence import Perturbed, Predictions, join
from reports.store import load

ROWS = 10_000
SHARES = {"a": 0.55, "b": 0.25, "c": 0.15, "d": 0.05}


def _compared(seed: int, flips: dict[str, float], *, wrong_way: bool) -> Perturbed:
    """Make answers of a source of 85 % accuracy, some of which compression turns."""
    generator = np.random.default_rng(seed)
    group = generator.choice(list(SHARES), ROWS, p=list(SHARES.values()))
    y = generator.integers(0, 2, ROWS)
    before = np.where(generator.random(ROWS) < 0.85, y, 1 - y)
    turned = generator.random(ROWS) < np.array([flips.get(one, flips["all"]) for one in group])
    turned &= (before == y) | (not wrong_way)
    answers = [_answers(y, said, group) for said in (before, np.where(turned, 1 - before, before))]
    return Perturbed(predictions=join(answers, "variant", ["none", "compressed"]))


def _answers(y: npt.NDArray[np.int64], said: npt.NDArray[np.int64], group: npt.NDArray[np.str_]) -> Predictions:
    keys = {"split": Factor.of(["test"] * len(y)), "group": Factor.of(group)}
    return Predictions(
        task="binary", classes=("no", "yes"), y_true=y, y_pred=said, keys=keys,
        sensitive=("group",), row=np.arange(len(y)),
    )  # fmt: skip


def _alarms(seed: int, flips: dict[str, float], *, wrong_way: bool) -> set[str]:
    made = compression(_compared(seed, flips, wrong_way=wrong_way)).estimates
    return {
        one.where["group"]
        for one in made
        if one.metric == "excess_loss" and one.low is not None and one.low > 0.02 and "group" in one.where
    }


def test_harm_to_a_small_group_is_found() -> None:
    found = [_alarms(seed, {"all": 0.004, "d": 0.11}, wrong_way=True) for seed in range(20)]
    assert sum("d" in one for one in found) >= 19


def test_harmless_compression_raises_no_alarm() -> None:
    assert sum(bool(_alarms(seed, {"all": 0.01}, wrong_way=False)) for seed in range(20)) == 0


def test_loss_and_churn_are_the_plain_numbers() -> None:
    seen = _compared(0, {"all": 0.02}, wrong_way=True)
    pair = seen.pair("compressed")
    made = {(one.metric, one.where.get("group")): one for one in compression(seen).estimates}
    accuracy = [float((part.y_pred == part.y_true).mean()) for part in (pair.before, pair.after)]
    changed = float((pair.before.y_pred != pair.after.y_pred).mean())
    assert made["churn", None].value == pytest.approx(changed)
    inside = pair.before.keys["group"].mask("d")
    gaps = [
        float(
            (pair.before.y_pred == pair.before.y_true)[part].mean()
            - (pair.after.y_pred == pair.after.y_true)[part].mean()
        )
        for part in (inside, ~inside)
    ]
    assert made["excess_loss", "d"].value == pytest.approx(gaps[0] - gaps[1])
    assert accuracy[0] > accuracy[1]


def test_a_shift_of_scores_is_told_for_whom_it_is() -> None:
    generator = np.random.default_rng(0)
    y, group = generator.integers(0, 2, 2_000), np.where(np.arange(2_000) % 4 == 0, "a", "b")
    score = np.clip(0.2 + 0.6 * y + generator.normal(0, 0.1, 2_000), 0.05, 0.8)
    moved = score + 0.1 * (group == "a") + generator.normal(0, 0.01, 2_000)
    answers = [replace(_answers(y, (one > 0.5).astype(np.int64), group), y_score=one, probabilities=True)
               for one in (score, moved)]  # fmt: skip
    made = compression(Perturbed(predictions=join(answers, "variant", ["none", "compressed"]))).estimates
    shift = {one.where.get("group"): one for one in made if one.metric == "calibration_shift"}
    inside = group == "a"
    assert shift["a"].value == pytest.approx(float((moved - score)[inside].mean()))
    assert shift[None].value == pytest.approx(float((moved - score).mean()))
    assert (shift["a"].low or 0) > 0.09
    assert (shift["b"].low or -1) <= 0 <= (shift["b"].high or 0)
    assert not [one for one in compression(_compared(0, {"all": 0.01}, wrong_way=False)).estimates
                if one.metric == "calibration_shift"]  # fmt: skip


def test_a_regression_is_compared_by_group_too() -> None:
    generator = np.random.default_rng(0)
    y, group = generator.normal(size=400), np.repeat(["a", "b"], 200)
    answers = [
        Predictions(
            task="regression", y_true=y, y_pred=y + spread * generator.normal(size=400), sensitive=("group",),
            keys={"split": Factor.of(["test"] * 400), "group": Factor.of(group)}, row=np.arange(400),
        )
        for spread in (0.3, 0.5)
    ]  # fmt: skip
    made = compression(Perturbed(predictions=join(answers, "variant", ["none", "compressed"]))).estimates
    excess = {one.where["group"]: one for one in made if one.metric == "excess_loss"}
    assert excess["a"].value == pytest.approx(-(excess["b"].value or 0))


def test_rows_are_drawn_equally_by_group() -> None:
    table = pd.DataFrame({"g": ["a"] * 950 + ["b"] * 50, "h": ["x", "y"] * 500})
    drawn = table.iloc[stratified_rows(table, ("g", "h"), 80)]
    assert drawn.groupby(["g", "h"]).size().tolist() == [20] * 4
    assert len(stratified_rows(table, (), 80)) == 80
    with pytest.raises(ConfigError, match="'q'"):
        stratified_rows(table, ("q",), 80)


def _network(folder: Path) -> pd.DataFrame:
    trainers = pytest.importorskip("trainers")
    pytest.importorskip("torch")
    pytest.importorskip("onnxscript")
    from trainers.files import save

    generator = np.random.default_rng(0)
    table = pd.DataFrame(generator.normal(size=(600, 6)), columns=list("abcdef"))
    table["sex"] = generator.choice(["f", "m"], 600, p=[0.3, 0.7])
    table["y"] = np.where(table["a"] + table["b"] * table["c"] > 0, "yes", "no")
    network = trainers.NetworkClassifier(hidden=(32,), epochs=8, random_state=0)
    save(network.fit(table[list("abcdef")], table["y"]), folder / "net.safetensors")
    table.to_csv(folder / "train.csv", index=False)
    return table


def test_a_network_is_compressed_and_audited_against_its_source(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _network(tmp_path)
    common = [
        "compress",
        str(tmp_path / "net.safetensors"),
        "--calibrate",
        str(tmp_path / "train.csv"),
        "--groups",
        "sex",
    ]
    for kind in ("weights", "static"):
        assert main([*common, "--int8", kind, "--out", str(tmp_path / f"{kind}.onnx")]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "drawn equally by 'sex'" in said
    assert "sex = f:" in said
    assert said.count(" 0 of 50 rows depend on their batch") == 2
    (tmp_path / "audit.toml").write_text(
        '[model]\npath = "static.onnx"\nsource = "net.safetensors"\n[checks]\nselect = ["compression"]\n'
        '[data]\ntest = "train.csv"\ntarget = "y"\npositive = "yes"\nsensitive = ["sex"]\n'
        'features = ["a", "b", "c", "d", "e", "f"]\n'
        '[report]\nformats = ["json"]\n'
    )
    main(["run", str(tmp_path / "audit.toml")])
    record = load(tmp_path / "audit-report" / "audit.json")
    outcomes = {one.gate: one.outcome for one in record.verdicts if one.gate.startswith("COMP")}
    assert set(outcomes) == {"COMP001", "COMP002", "COMP003"}
    assert set(outcomes.values()) <= {"pass", "inconclusive"}


def test_pruning_trains_on_and_distillation_teaches_a_smaller_network() -> None:
    trainers = pytest.importorskip("trainers")
    pytest.importorskip("torch")
    from trainers.compression import distill, prune, zero_share

    generator = np.random.default_rng(0)
    X = generator.normal(size=(500, 5))
    y = np.where(X[:, 0] + X[:, 1] > 0, "yes", "no")
    big = trainers.NetworkClassifier(hidden=(32, 32), epochs=15, random_state=0).fit(X, y)
    before = big.predict_proba(X)
    for units in (False, True):
        small = prune(big, X, y, 0.5, epochs=2, units=units)
        assert zero_share(small) >= 0.4
        assert small.score(X, y) > 0.85
    assert np.array_equal(big.predict_proba(X), before)
    student = distill(big, X, (4,), epochs=40)
    assert (student.predict(X) == big.predict(X)).mean() > 0.8


@pytest.mark.parametrize(
    "options",
    [
        {"hidden": (32, 16)},
        {"hidden": (16, 16), "activation": "tanh"},
        {"hidden": (16,), "activation": "sigmoid"},
        {"network": "cnn", "input_shape": (2, 8, 8), "channels": (6, 8), "hidden": (12,)},
    ],
    ids=["relu", "tanh", "sigmoid", "convolutions"],
)
def test_pruned_units_leave_the_file_and_nothing_changes(options: dict[str, Any], tmp_path: Path) -> None:
    trainers = pytest.importorskip("trainers")
    pytest.importorskip("onnxscript")
    from audit.deploy.network_graph import network_graph
    from audit.deploy.shrinking import shrink
    from audit.models.load import load as load_model
    from trainers.compression import prune

    rows = np.random.default_rng(0).normal(size=(80, 128)).astype(np.float32)
    y = (rows[:, :64].sum(axis=1) > 0).astype(int)
    small = prune(
        trainers.NetworkClassifier(epochs=2, random_state=0, **options).fit(rows, y), rows, y, 0.5, units=True
    )
    graph = network_graph(small)
    before = graph.ByteSize()
    assert shrink(graph) >= 7
    assert graph.ByteSize() < before
    (tmp_path / "small.onnx").write_bytes(graph.SerializeToString())
    found = load_model(tmp_path / "small.onnx").predictor.predict_proba(rows)  # type: ignore[attr-defined]
    np.testing.assert_allclose(found, small.predict_proba(rows), atol=1e-6)
    assert shrink(graph) == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [([], "nothing to do"), (["--int8", "statik"], "'static'"), (["--int8", "weights", "--out", "x.bin"], ".onnx")],
)
def test_what_cannot_be_done(
    tmp_path: Path, options: list[str], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    import skops.io
    from sklearn.dummy import DummyClassifier

    skops.io.dump(DummyClassifier().fit([[0], [1]], [0, 1]), tmp_path / "m.skops")
    pd.DataFrame({"a": [0, 1]}).to_csv(tmp_path / "t.csv", index=False)
    assert main(["compress", str(tmp_path / "m.skops"), "--calibrate", str(tmp_path / "t.csv"), *options]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "small.onnx").exists()


def _layer(path: Path, kind: str = "float32") -> Path:
    """Write a graph of one layer over a matrix of three columns without names."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    value_info, number = onnx.helper.make_tensor_value_info, onnx.helper.np_dtype_to_tensor_dtype(np.dtype(kind))
    weights = np.random.default_rng(0).normal(size=(3, 1)).astype(kind)
    node = onnx.helper.make_node("MatMul", ["X", "weights"], ["y"])
    ends = [value_info("X", number, ["rows", 3])], [value_info("y", number, ["rows", 1])]
    graph = onnx.helper.make_graph([node], "layer", *ends, [onnx.numpy_helper.from_array(weights, "weights")])
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=9), path)
    return path


def test_pruning_a_file_of_another_kind_says_that_it_is_not_trained_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = _layer(tmp_path / "m.onnx")
    table = pd.DataFrame(np.random.default_rng(1).normal(size=(100, 3)), columns=list("abc"))
    table.to_csv(tmp_path / "t.csv", index=False)
    asked = ["compress", str(model), "--calibrate", str(tmp_path / "t.csv")]
    assert main([*asked, "--prune", "0.5", "--out", str(tmp_path / "small.onnx")]) == 0
    assert "Pruned without further training" in " ".join(capsys.readouterr().err.split())
    assert main([*asked, "--distill", "4", "--out", str(tmp_path / "other.onnx")]) == 2
    assert "cannot be trained from its file" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("options", [["--int8", "static"], ["--int8", "weights"], ["--prune", "0.4"]], ids=" ".join)
def test_a_matrix_without_names_is_told_which_columns_it_reads(
    options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, out = _layer(tmp_path / "m.onnx"), tmp_path / "small.onnx"
    table = pd.DataFrame(np.random.default_rng(1).normal(size=(100, 3)), columns=list("abc"))
    sex = pd.Series(np.where(table["a"] > 0, "f", "m")).mask(table["a"] < -1)
    table.assign(sex=sex, y=table["b"]).to_csv(tmp_path / "t.csv", index=False)
    asked = ["compress", str(model), "--calibrate", str(tmp_path / "t.csv"), "--groups", "sex", "--out", str(out)]
    assert main([*asked, *options]) == 2
    assert "the model reads 3 columns without names, and the table has 5" in " ".join(capsys.readouterr().err.split())
    assert main([*asked, *options, "--features", "a,b,d"]) == 2
    assert "'d'" in capsys.readouterr().err
    assert not out.exists()
    assert main([*asked, *options, "--features", "c,a,b"]) == 0
    found = " ".join(capsys.readouterr().err.split())
    assert re.search(r"sex = f: \d+ answers move by \d+\.\d+% of a standard deviation", found)
    assert "0 of 50 rows depend on their batch" in found


def test_weights_of_double_precision_are_refused_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = _layer(tmp_path / "m.onnx", "float64")
    pd.DataFrame(np.zeros((20, 3)), columns=list("abc")).to_csv(tmp_path / "t.csv", index=False)
    for options in (["--int8", "static"], ["--int8", "weights"], ["--prune", "0.5"]):
        asked = ["compress", str(model), "--calibrate", str(tmp_path / "t.csv"), "--out", str(tmp_path / "s.onnx")]
        assert main([*asked, *options]) == 2
        assert "weights are of double precision" in " ".join(capsys.readouterr().err.split())
