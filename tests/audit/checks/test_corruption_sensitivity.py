"""ROB006: images, texts and sequences under mild corruption."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

import audit
from reports.record import AuditRecord

GATE = """
[[gate]]
id = "rob006"
check = "corruption_sensitivity"
metric = "accuracy_drop"
where = { split = "test", variant = "*" }
op = "<="
threshold = 0.1
"""
Judged = Callable[..., AuditRecord]
Worst = Callable[[AuditRecord], str]
IMAGE = {"corrupted": {"modality": "image", "shape": [1, 8, 8]}}


def squares(rows: int, seed: int) -> pd.DataFrame:
    """Images of 8 × 8 pixels, bright above or below."""
    generator = np.random.default_rng(seed)
    y = generator.integers(0, 2, rows)
    pixels = 0.1 * generator.uniform(size=(rows, 8, 8))
    pixels[y == 0, :4] += 0.8
    pixels[y == 1, 4:] += 0.8
    return pd.DataFrame(pixels.reshape(rows, 64), columns=[f"p{k:02}" for k in range(64)]).assign(y=y)


class Halves:
    """Tells which half is brighter."""

    classes_ = np.array([0, 1])

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        pixels = X.to_numpy().reshape(len(X), 8, 8)
        return np.asarray(pixels[:, 4:].mean((1, 2)) > pixels[:, :4].mean((1, 2))).astype(int)


class Brittle(Halves):
    """Trusts that dark pixels are very dark."""

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        pixels = X.to_numpy().reshape(len(X), 8, 8)
        return np.where(pixels[:, 3:5].min((1, 2)) > 0.06, 0, super().predict(X))


def test_a_model_that_gives_way_fails_and_is_named(judged: Judged) -> None:
    record = judged("corruption_sensitivity", GATE, Brittle(), squares(400, 0), positive=1, gather=IMAGE)
    failed = {one.where["variant"] for one in record.verdicts if one.outcome == "fail"}
    assert "brightness" in failed


def test_a_model_that_stands_it_passes(judged: Judged, worst: Worst) -> None:
    assert worst(judged("corruption_sensitivity", GATE, Halves(), squares(400, 0), positive=1, gather=IMAGE)) == "pass"


class ByWord:
    """Takes a message with the word ``win`` for spam: as it stands, or in any case and with a letter missing."""

    classes_ = np.array([0, 1])

    def __init__(self, *, exact: bool) -> None:
        self.exact = exact

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        text = X["text"].astype(str)
        if self.exact:
            found = text.str.startswith("you can win a big prize if you send money now to this number for free")
        else:
            found = text.str.lower().str.contains("prize|money|free")
        return found.to_numpy().astype(int)


def messages(rows: int) -> pd.DataFrame:
    y = np.arange(rows) % 2
    spam = "you can win a big prize if you send money now to this number for free, number {}"
    ham = "see you at home then, I will be there by about number {}"
    return pd.DataFrame({"text": [(spam if one else ham).format(k) for k, one in enumerate(y)], "y": y})


@pytest.mark.parametrize(("exact", "said"), [(True, "fail"), (False, "pass")])
def test_texts(judged: Judged, worst: Worst, exact: bool, said: str) -> None:
    model = ByWord(exact=exact)
    assert worst(judged("corruption_sensitivity", GATE, model, messages(400), positive=1)) == said


def waves(rows: int, seed: int) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    y = generator.integers(0, 2, rows)
    steps = np.arange(24)
    values = np.sin(steps[None, :] * (0.3 + 0.3 * y[:, None])) + 0.1 * generator.normal(size=(rows, 24))
    return pd.DataFrame(values, columns=[f"t{k:02}" for k in range(24)]).assign(y=y)


class Exact:
    """Compares single steps with the wave of each class, as sharply as `width` says."""

    classes_ = np.array([0, 1])

    def __init__(self, *, smooth: bool) -> None:
        self.smooth = smooth

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        values = X.to_numpy()
        if self.smooth:
            crossings = (np.diff(np.sign(values + 0.0), axis=1) != 0).sum(axis=1)
            return np.asarray(crossings >= 4).astype(int)
        nearer = np.abs(values[:, 5] - np.sin(5 * 0.6)) < np.abs(values[:, 5] - np.sin(5 * 0.3))
        return np.asarray(nearer).astype(int)


def test_sequences(judged: Judged) -> None:
    gather = {"corrupted": {"modality": "sequence", "shape": [24, 1]}}
    record = judged("corruption_sensitivity", GATE, Exact(smooth=False), waves(500, 0), positive=1, gather=gather)
    outcomes = {one.where["variant"]: one.outcome for one in record.verdicts}
    assert set(outcomes) == {"noise", "gaps", "lag"}
    assert outcomes["noise"] == "pass"


def test_networks_know_their_shape(judged: Judged) -> None:
    pytest.importorskip("torch")
    from trainers import NetworkClassifier

    frame = squares(300, 0)
    model = NetworkClassifier(
        network="cnn", input_shape=(1, 8, 8), channels=(4,), hidden=(8,), epochs=8, random_state=0
    )
    model.fit(frame.drop(columns="y"), frame["y"])
    record = judged("corruption_sensitivity", GATE, model, squares(200, 1), positive=1)
    assert {one.where["variant"] for one in record.verdicts} == {
        "noise", "blur", "brightness", "contrast", "shift", "rotation", "occlusion"
    }  # fmt: skip
    assert "rows read as image of shape (1, 8, 8)" in record.findings[0].measurement.notes  # type: ignore[union-attr]


def test_tables_are_not_asked_and_shapes_that_do_not_fit_are_told(judged: Judged) -> None:
    assert judged("corruption_sensitivity", GATE, Halves(), squares(50, 0), positive=1).findings[0].outcome == (
        "not_applicable"
    )
    gather = {"corrupted": {"modality": "image", "shape": [1, 7, 7]}}
    record = judged("corruption_sensitivity", GATE, Halves(), squares(50, 0), positive=1, gather=gather)
    assert record.findings[0].outcome == "error"
    assert "expected channels, height and width" in record.findings[0].reason


def test_pixels_are_not_left_out_one_by_one() -> None:
    train, test = squares(100, 0), squares(60, 1)
    parts = {"train": (train.drop(columns="y"), train["y"]), "test": (test.drop(columns="y"), test["y"])}
    given: dict[str, object] = {**parts, "checks": ["missing_sensitivity"], "task": "binary"}
    options = {"missing": {"modality": "image", "shape": [1, 8, 8]}}
    (finding,) = audit.run(Halves(), **given, gather=options).findings  # type: ignore[arg-type]
    assert finding.outcome == "not_applicable"
    assert "images" in finding.reason
    (finding,) = audit.run(Halves(), **given).findings  # type: ignore[arg-type]
    assert finding.outcome == "measured"
