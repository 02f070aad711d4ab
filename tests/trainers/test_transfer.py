"""A backbone is taken over by name and shape, frozen, unfrozen by stages, and refused where it does not fit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits

from trainers import FileError, NetworkClassifier, NetworkRegressor, TrainerError, load, save
from trainers.state import weights_of

if TYPE_CHECKING:
    import torch
else:
    torch = pytest.importorskip("torch")

from trainers.gradients import freeze, head_of
from trainers.networks import NetworkSpec, build, layout
from trainers.transfer import Backbone, Stage, backbone, transfer

DIGITS = load_digits()
LOW = DIGITS.target < 5


@pytest.fixture(scope="module")
def source() -> NetworkClassifier:
    model = NetworkClassifier(
        network="cnn", input_shape=(1, 8, 8), batch_norm=True, learning_rate=0.005, epochs=10, random_state=0
    )
    return model.fit(DIGITS.data[LOW], DIGITS.target[LOW])


def test_transfer_learns_new_classes_from_few_labels(source: NetworkClassifier, tmp_path: Path) -> None:
    X, y = DIGITS.data[~LOW], DIGITS.target[~LOW]
    rng = np.random.default_rng(0)
    few = np.concatenate([rng.permutation(np.flatnonzero(y == digit))[:10] for digit in range(5, 10)])
    rest = np.setdiff1d(np.arange(len(y)), few)
    path = save(source, tmp_path / "backbone.safetensors")
    template = NetworkClassifier(validation_fraction=0.0, batch_size=16, early_stopping=False, random_state=0)
    stages = (Stage(epochs=30, learning_rate=0.005), Stage(unfreeze="all", epochs=30, learning_rate=0.001))
    model = transfer(path, X[few], y[few], model=template, stages=stages)
    assert model.classes_.tolist() == [5, 6, 7, 8, 9]
    assert model.score(X[rest], y[rest]) > 0.8
    assert model.n_iter_ == 60
    assert {row.epoch for row in model.history_ if row.quantity == "loss"} == set(range(1, 61))
    again = load(save(model, tmp_path / "m.safetensors"))
    assert again.transfer_ == model.transfer_
    assert again.transfer_["backbone"] == "backbone.safetensors"
    assert not again.warm_start
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


def test_a_frozen_backbone_stays_as_it_was(source: NetworkClassifier) -> None:
    X, y = DIGITS.data[~LOW][:200], DIGITS.target[~LOW][:200]
    before = weights_of(source.network_)
    template = NetworkClassifier(random_state=0)
    head = weights_of(transfer(source, X, y, model=template, stages=[Stage(epochs=3)]).network_)
    for name, values in before.items():
        same = np.array_equal(head[name], values)
        assert same == (not name.startswith(("output", "hidden", "norm", "center")))
    last = weights_of(transfer(source, X, y, model=template, stages=[Stage(unfreeze=1, epochs=3)]).network_)
    changed = {name for name in before if not np.array_equal(before[name], last[name])}
    body = {name.partition(".")[0] for name in changed} - {"center", "hidden1", "norm1", "output"}
    assert body == {"convolution2", "convolution_norm2"}
    np.testing.assert_array_equal(weights_of(source.network_)["hidden1.weight"], before["hidden1.weight"])


def test_freezing_counts_layers_with_their_normalizations() -> None:
    spec = NetworkSpec(kind="resnet", input_shape=(1, 8, 8), outputs=2, channels=(4,), layers=1)
    network = layout(spec)
    freeze(network, 1, head_of("resnet"))
    learning = {name for name, values in network.named_parameters() if values.requires_grad}
    assert learning == {
        "layer1.0.conv2.weight",
        "layer1.0.bn2.weight",
        "layer1.0.bn2.bias",
        "output.weight",
        "output.bias",
    }
    freeze(network, "all", head_of("resnet"))
    assert all(values.requires_grad for values in network.parameters())


def test_texts_bring_their_vocabulary() -> None:
    texts = ["good film", "bad film", "good play", "bad play"] * 20
    first = NetworkClassifier(network="gru", tokens="word", units=8, epochs=10, learning_rate=0.01, random_state=0)
    first.fit(texts, ["good", "bad"] * 40)
    template = NetworkClassifier(learning_rate=0.01, random_state=0)
    few = pd.DataFrame({"t": ["a good day", "a bad day"] * 10})
    second = transfer(first, few, [1, 0] * 10, model=template)
    assert second.vocabulary_ == first.vocabulary_
    assert second.score(["good thing", "bad thing"], [1, 0]) == 1.0


def test_resnet18_has_the_names_and_the_size_of_torchvisions(tmp_path: Path) -> None:
    spec = NetworkSpec(kind="resnet", input_shape=(3, 224, 224), outputs=1000, channels=(64, 128, 256, 512), layers=2)
    network = layout(spec)
    assert sum(values.numel() for values in network.parameters()) == 11_689_512
    names = {name.replace("output.", "fc.") for name in network.state_dict()}
    assert {"conv1.weight", "bn1.running_mean", "layer1.0.conv1.weight", "layer2.0.downsample.0.weight"} <= names
    assert {"layer4.1.bn2.bias", "layer3.0.downsample.1.running_var", "fc.weight", "fc.bias"} <= names
    assert len(names) == 122


def test_a_state_dict_of_a_torchvision_style_network(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    spec = NetworkSpec(kind="resnet", input_shape=(1, 8, 8), outputs=7, channels=(8, 16), layers=1)
    state = build(spec, torch.Generator().manual_seed(3)).state_dict()
    path = tmp_path / "resnet.safetensors"
    save_file({name.replace("output.", "fc."): values for name, values in state.items()}, path)
    template = NetworkClassifier(
        network="resnet", input_shape=(1, 8, 8), channels=(8, 16), layers=1, hidden=(12,), epochs=3, random_state=0
    )
    model = transfer(path, DIGITS.data[:300], DIGITS.target[:300], model=template, stages=[Stage(epochs=2)])
    np.testing.assert_array_equal(weights_of(model.network_)["layer2.0.conv1.weight"], state["layer2.0.conv1.weight"])
    assert model.transfer_["backbone"] == "resnet.safetensors"
    with pytest.raises(TrainerError, match="names no architecture"):
        transfer(path, DIGITS.data[:300], DIGITS.target[:300])
    wide = template.set_params(channels=(8, 32))
    with pytest.raises(TrainerError, match=r"does not fit: .* is \(16, 8, 3, 3\) there, \(32, 8, 3, 3\) here"):
        transfer(path, DIGITS.data[:300], DIGITS.target[:300], model=wide)


def test_bad_backbones_are_named(source: NetworkClassifier, tmp_path: Path) -> None:
    X, y = DIGITS.data[:100], DIGITS.target[:100]
    with pytest.raises(FileError, match="there is no file"):
        transfer(tmp_path / "nowhere.safetensors", X, y)
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"12345678 no tensors here")
    with pytest.raises(FileError, match="not a complete safetensors file"):
        transfer(broken, X, y)
    with pytest.raises(TrainerError, match="not fitted"):
        backbone(NetworkClassifier())
    with pytest.raises(TrainerError, match="no stages"):
        transfer(source, X, y, stages=[])
    with pytest.raises(TrainerError, match=r"unfreeze is 'most'"):
        transfer(source, X, y, stages=[Stage(unfreeze="most")])  # type: ignore[arg-type]
    with pytest.raises(TrainerError, match="does not fit"):
        transfer(Backbone(name="x", weights={"a": np.ones(3)}), X, y, model=NetworkClassifier())
    with pytest.raises(TrainerError, match="input_shape is"):
        transfer(source, X[:, :20], y)


def test_a_regression_starts_from_a_classifier(source: NetworkClassifier) -> None:
    template = NetworkRegressor(random_state=0)
    model = transfer(source, DIGITS.data[:600], DIGITS.target[:600].astype(float), model=template)
    assert isinstance(model, NetworkRegressor)
    assert model.score(DIGITS.data[:600], DIGITS.target[:600]) > 0.5
