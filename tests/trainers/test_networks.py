"""Every architecture learns, is saved, ignores padding, and says which input it cannot read."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from trainers import NetworkClassifier, NetworkRegressor, TrainerError, load, save
from trainers.augmentation import augment
from trainers.history import layers, series
from trainers.text import encode, vocabulary

if TYPE_CHECKING:
    import torch
else:
    torch = pytest.importorskip("torch")

from trainers.layers import Dropout
from trainers.loop import trim_padding
from trainers.networks import NetworkSpec, build, layer_names

SEQUENCES = ("cnn", "rnn", "lstm", "gru", "transformer")
VARIANTS: list[dict[str, Any]] = [
    {"network": "mlp", "hidden": (16, 16), "batch_norm": True, "dropout": 0.1},
    {"network": "cnn", "channels": (8,), "hidden": (), "batch_norm": True},
    {"network": "rnn", "units": 12},
    {"network": "rnn", "units": 12, "bidirectional": True, "dropout": 0.1},
    {"network": "lstm", "units": 12, "layers": 2},
    {"network": "lstm", "units": 12, "bidirectional": True, "layers": 2},
    {"network": "gru", "units": 12, "hidden": (8,)},
    {"network": "gru", "units": 12, "bidirectional": True},
    {"network": "transformer", "units": 16, "heads": 2, "pooling": "mean", "activation": "gelu"},
    {"network": "transformer", "units": 16, "heads": 2, "pooling": "class", "layers": 2, "dropout": 0.1},
]


def waves(rows: int, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Sequences of 12 steps and 2 channels; the class says whether the wave runs fast or slow."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, rows)
    time = np.arange(12)
    speed = np.where(labels == 1, 1.2, 0.5)[:, None]
    phase = rng.uniform(0, 6, rows)[:, None]
    values = np.stack([np.sin(speed * time + phase), np.cos(speed * time + phase)], axis=2)
    return values + rng.normal(0, 0.1, values.shape), labels


@pytest.mark.parametrize("parameters", VARIANTS)
def test_every_network_learns_and_comes_back_from_its_file(parameters: dict[str, Any], tmp_path: Path) -> None:
    X, y = waves(240)
    model = NetworkClassifier(**parameters, learning_rate=0.01, epochs=40, batch_size=32, random_state=0).fit(X, y)
    test, labels = waves(200, seed=1)
    assert model.score(test, labels) > 0.9
    again = load(save(model, tmp_path / "m.safetensors"))
    np.testing.assert_array_equal(again.predict_proba(test), model.predict_proba(test))
    assert layers(model.history_, "gradient_norm") == layer_names(model.network_)
    np.testing.assert_array_equal(copy.deepcopy(model).predict_proba(test), model.predict_proba(test))


@pytest.mark.parametrize("network", SEQUENCES)
def test_every_network_regresses(network: str) -> None:
    X, _ = waves(240)
    y = 100 * X[:, -3, 0] + 50 * X[:, -1, 1]
    model = NetworkRegressor(network=network, units=16, learning_rate=0.01, epochs=80, patience=80, random_state=0)
    assert model.fit(X, y).score(X, y) > 0.5


def test_images_by_dimensions_or_by_shape() -> None:
    digits = load_digits()
    X, y = digits.data, digits.target
    flat = NetworkClassifier(network="cnn", input_shape=(1, 8, 8), epochs=12, learning_rate=0.005, random_state=0)
    flat.fit(X[:1200], y[:1200])
    images = NetworkClassifier(network="cnn", epochs=12, learning_rate=0.005, random_state=0)
    images.fit(X[:1200].reshape(-1, 1, 8, 8), y[:1200])
    np.testing.assert_array_equal(flat.predict_proba(X), images.predict_proba(X.reshape(-1, 1, 8, 8)))
    assert flat.score(X[1200:], y[1200:]) > 0.93
    with pytest.raises(TrainerError, match=r"rows of shape \(1, 4, 4\); the network was fitted on rows of"):
        images.predict(np.zeros((2, 1, 4, 4)))


@pytest.mark.parametrize("parameters", [one for one in VARIANTS if one["network"] != "mlp"])
def test_padding_changes_nothing(parameters: dict[str, Any]) -> None:
    layout = {"units": 16, "hidden": (4,), "kind": parameters["network"]} | parameters
    del layout["network"]
    spec = NetworkSpec(**layout, input_shape=(9,), outputs=2, vocabulary=20)
    network = build(spec, torch.Generator().manual_seed(0)).double().eval()
    ids = torch.tensor([[5, 6, 7, 0, 0, 0, 0, 0, 0], [3, 0, 0, 0, 0, 0, 0, 0, 0]])
    torch.testing.assert_close(network(ids), network(trim_padding(ids)))
    torch.testing.assert_close(network(ids)[1:], network(ids[1:, :1]))
    longer = torch.tensor([[5, 6, 7, 8, 0, 0, 0, 0, 0]])
    assert not torch.allclose(network(longer), network(ids[:1]))
    assert torch.isfinite(network(torch.zeros(1, 9, dtype=torch.int64))).all()


@pytest.mark.parametrize("kind", ["rnn", "gru", "lstm"])
def test_recurrent_layers_are_those_of_torch(kind: str) -> None:
    spec = NetworkSpec(kind=kind, input_shape=(5, 3), outputs=1, units=4, bidirectional=True)
    network = build(spec, torch.Generator().manual_seed(0)).eval()
    theirs = getattr(torch.nn, kind.upper())(3, 4, batch_first=True, bidirectional=True)
    ours = network.get_submodule("recurrent")
    for name, values in theirs.named_parameters():
        side = "backward_layers" if name.endswith("_reverse") else "forward_layers"
        values.data = ours.get_parameter(f"{side}.0.{name.removesuffix('_reverse')}").detach()
    X = torch.randn(6, 5, 3, generator=torch.Generator().manual_seed(1))
    outputs = theirs(X)[0]
    expected = torch.cat([outputs[:, -1, :4], outputs[:, 0, 4:]], dim=1)
    torch.testing.assert_close(ours(X), expected)


def test_attention_is_that_of_torch() -> None:
    spec = NetworkSpec(kind="transformer", input_shape=(5, 3), outputs=1, units=8, heads=2)
    network = build(spec, torch.Generator().manual_seed(0)).eval()
    layer = network.get_submodule("encoder.layers.0")
    theirs = torch.nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, norm_first=True, batch_first=True).eval()
    names = {
        "self_attn.in_proj_weight": "attention.weight",
        "self_attn.in_proj_bias": "attention.bias",
        "self_attn.out_proj.weight": "attention_output.weight",
        "self_attn.out_proj.bias": "attention_output.bias",
        "linear1.weight": "dense_input.weight",
        "linear1.bias": "dense_input.bias",
        "linear2.weight": "dense_output.weight",
        "linear2.bias": "dense_output.bias",
        "norm1.weight": "attention_norm.weight",
        "norm1.bias": "attention_norm.bias",
        "norm2.weight": "dense_norm.weight",
        "norm2.bias": "dense_norm.bias",
    }
    theirs.load_state_dict({name: layer.state_dict()[ours] for name, ours in names.items()})
    X = torch.randn(4, 5, 8, generator=torch.Generator().manual_seed(1))
    mask = torch.tensor([[True] * 5, [True, True, False, False, False]] * 2)
    ours_out = layer(X, mask[:, None, None, :])
    torch.testing.assert_close(ours_out[mask], theirs(X, src_key_padding_mask=~mask)[mask], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("init", "activation", "layers", "spread"),
    [
        ("auto", "relu", 1, (1 / 1200) ** 0.5),
        ("auto", "relu", 4, (2 / 400) ** 0.5),
        ("he", "relu", 1, (2 / 400) ** 0.5),
        ("auto", "tanh", 1, (2 / 1000) ** 0.5),
        ("xavier", "relu", 1, (2 / 1000) ** 0.5),
    ],
)
def test_initialization_follows_activation_and_depth(init: str, activation: str, layers: int, spread: float) -> None:
    hidden = (600,) * layers
    spec = NetworkSpec(kind="mlp", input_shape=(400,), outputs=1, hidden=hidden, init=init, activation=activation)
    weights = build(spec, torch.Generator().manual_seed(0)).get_parameter("hidden1.weight").detach()
    assert float(weights.std()) == pytest.approx(spread, rel=0.02)
    if init == "auto" and layers == 1 and activation == "relu":
        drawn = torch.nn.Linear(400, 600).weight.detach()
        assert float(weights.abs().max()) == pytest.approx(float(drawn.abs().max()), rel=0.01)


def test_building_leaves_the_global_generator_alone() -> None:
    before = torch.random.get_rng_state()
    for kind in ("mlp", "cnn", "rnn", "lstm", "gru", "transformer"):
        shape = (6,) if kind == "mlp" else (6, 2)
        build(NetworkSpec(kind=kind, input_shape=shape, outputs=1), torch.Generator().manual_seed(0))
    assert torch.equal(before, torch.random.get_rng_state())


def test_dropout_keeps_the_mean_and_sleeps_in_evaluation() -> None:
    dropout = Dropout(0.3)
    dropout.generator = torch.Generator().manual_seed(0)
    values = dropout(torch.ones(200, 200))
    assert float(values.mean()) == pytest.approx(1.0, abs=0.01)
    assert float((values == 0).float().mean()) == pytest.approx(0.3, abs=0.01)
    assert torch.equal(dropout.eval()(torch.ones(3)), torch.ones(3))


TEXTS = ["free prize call now", "win cash prize", "see you at home", "lunch at noon?"] * 30
LABELS = ["spam", "spam", "ham", "ham"] * 30


@pytest.mark.parametrize("network", SEQUENCES)
@pytest.mark.parametrize("level", ["word", "character"])
def test_texts_are_learned_and_the_vocabulary_is_saved(network: str, level: str, tmp_path: Path) -> None:
    model = NetworkClassifier(
        network=network, tokens=level, units=16, max_length=24, epochs=15, learning_rate=0.01, random_state=0
    )
    model.fit(pd.DataFrame({"text": TEXTS}), LABELS)
    assert model.score(pd.DataFrame({"text": TEXTS}), LABELS) == 1.0
    again = load(save(model, tmp_path / "m.safetensors"))
    strange = pd.DataFrame({"text": ["", "zyzzyva qwerty", "prize " * 100, "free\nprize\t\x00"]})
    np.testing.assert_array_equal(again.predict_proba(strange), model.predict_proba(strange))
    assert list(again.feature_names_in_) == ["text"]
    np.testing.assert_allclose(model.predict_proba(strange)[[1]], model.predict_proba(["zyzzyva qwerty"]), atol=1e-6)


def test_bad_texts_are_named() -> None:
    model = NetworkClassifier(network="gru", tokens="word", epochs=1)
    with pytest.raises(TrainerError, match="the vocabulary is empty"):
        model.fit(["", " "], ["a", "b"])
    with pytest.raises(TrainerError, match="X holds float values; expected text"):
        model.fit(np.array(["a", float("nan")], dtype=object), ["a", "b"])
    with pytest.raises(TrainerError, match="expected texts in one column"):
        model.fit(pd.DataFrame({"a": ["x"], "b": ["y"]}), ["a"])
    with pytest.raises(TrainerError, match="no rows"):
        model.fit(np.array([], dtype=str), np.array([]))
    model.fit(pd.DataFrame({"text": TEXTS}), LABELS)
    with pytest.raises(TrainerError, match="the column 'body'; the network was fitted on 'text'"):
        model.predict(pd.DataFrame({"body": TEXTS}))


def test_token_ids_are_read_and_new_ones_are_unknown(tmp_path: Path) -> None:
    words = vocabulary(TEXTS, "word", 100)
    ids = encode(TEXTS, words, "word", 6)
    model = NetworkClassifier(
        network="transformer", tokens="ids", units=16, epochs=15, learning_rate=0.01, random_state=0
    )
    model.fit(ids, LABELS)
    assert model.score(ids, LABELS) == 1.0
    again = load(save(model, tmp_path / "m.safetensors"))
    beyond = np.where(ids == ids.max(), 10**6, ids)
    np.testing.assert_array_equal(again.predict_proba(beyond), model.predict_proba(np.where(ids == ids.max(), 1, ids)))
    with pytest.raises(TrainerError, match="negative or broken token ids"):
        model.fit(ids - 3, LABELS)
    with pytest.raises(TrainerError, match="negative or broken token ids"):
        model.fit(ids + 0.5, LABELS)


def test_images_are_shifted_flipped_and_made_noisy() -> None:
    images = torch.arange(2 * 1 * 4 * 4, dtype=torch.float32).view(2, 1, 4, 4)
    generator = torch.Generator().manual_seed(0)
    torch.testing.assert_close(augment(images, [("flip", 1.0)], generator), images.flip(3))
    many = torch.zeros(500, 1, 7, 7)
    many[:, 0, 3, 3] = 1.0
    shifted = augment(many, [("shift", 2.0)], generator)
    assert torch.equal(shifted.sum(dim=(1, 2, 3)), torch.ones(500))
    places = {(int(row), int(column)) for row, column in shifted[:, 0].nonzero()[:, 1:]}
    assert places == {(row, column) for row in range(1, 6) for column in range(1, 6)}
    noise = augment(torch.zeros(100, 1, 8, 8), [("noise", 0.5)], generator)
    assert float(noise.std()) == pytest.approx(0.5, abs=0.02)
    assert torch.equal(augment(images, [], generator), images)


def test_augmentation_is_repeatable_and_only_for_training() -> None:
    digits = load_digits()
    X, y = digits.data[:300], digits.target[:300]
    changes = {"shift": 1, "flip": 0.1, "noise": 0.1}
    model = NetworkClassifier(network="cnn", input_shape=(1, 8, 8), augment=changes, epochs=3, random_state=0)
    first = model.fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(first, model.predict_proba(X))
    np.testing.assert_array_equal(first, model.fit(X, y).predict_proba(X))
    assert len(series(model.history_, "loss")) == 3
