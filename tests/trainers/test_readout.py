"""What convolutions find reaches the dense layers in bounded size, around zero, and old files still load."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from sklearn.datasets import load_digits

from trainers import NetworkClassifier, TrainerError, load, save
from trainers.history import layers, series

pytest.importorskip("torch")

X, Y = load_digits(return_X_y=True)
IMAGES = X.reshape(-1, 1, 8, 8)[:500]


@pytest.mark.parametrize("seed", [0, 1])
def test_units_above_convolutions_stay_alive(seed: int) -> None:
    model = NetworkClassifier(network="cnn", epochs=6, learning_rate=3e-3, random_state=seed).fit(IMAGES, Y[:500])
    names = layers(model.history_, "dead_units")
    assert "hidden1" in names
    assert max(series(model.history_, f"dead_units:{name}")[-1][1] for name in names) < 0.15


def test_texts_stay_alive_too() -> None:
    texts = ["good w1 w2", "bad w3 w4"] * 60
    model = NetworkClassifier(network="cnn", tokens="word", epochs=3, max_length=6, random_state=0)
    model.fit(texts, ["yes", "no"] * 60)
    assert model.network_.get_buffer("center.mean").abs().max() > 0


@pytest.mark.parametrize(("readout", "most"), [("auto", 400_000), ("global", 20_000)])
def test_large_images_do_not_make_large_networks(readout: str, most: int, tmp_path: Path) -> None:
    rows = np.random.default_rng(0).random((8, 3, 150, 90))
    model = NetworkClassifier(network="cnn", readout=readout, epochs=1, random_state=0).fit(rows, [0, 1] * 4)
    assert sum(values.numel() for values in model.network_.parameters()) < most
    again = load(save(model, tmp_path / "m.safetensors"))
    np.testing.assert_array_equal(again.predict_proba(rows), model.predict_proba(rows))


def test_long_sequences_are_averaged_over_a_grid() -> None:
    rows = np.random.default_rng(0).random((8, 3000, 2))
    model = NetworkClassifier(network="cnn", epochs=1, random_state=0).fit(rows, [0, 1] * 4)
    assert sum(values.numel() for values in model.network_.parameters()) < 400_000


def test_small_images_are_read_whole() -> None:
    model = NetworkClassifier(network="cnn", epochs=1, random_state=0).fit(IMAGES, Y[:500])
    assert model.spec_.readout == "flatten"


def test_a_huge_network_is_announced_before_memory_is_asked_for() -> None:
    from trainers.fitting import warn_of_size
    from trainers.networks import NetworkSpec, layout

    spec = NetworkSpec(kind="cnn", input_shape=(3, 600, 600), outputs=1, hidden=(100,))
    with pytest.warns(UserWarning, match="72,005,289 parameters"):
        warn_of_size(layout(spec))


def test_readout_is_checked() -> None:
    with pytest.raises(TrainerError, match=r"readout is 'globl'; expected one of .* Did you mean 'global'"):
        NetworkClassifier(readout="globl").fit(X[:20], Y[:20])


def test_a_file_without_center_and_readout_still_loads(tmp_path: Path) -> None:
    model = NetworkClassifier(network="cnn", epochs=1, random_state=0).fit(IMAGES, Y[:500])
    path = save(model, tmp_path / "m.safetensors")
    with safetensors.safe_open(path, framework="np") as file:
        header = json.loads(file.metadata()["modelassay"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    from trainers.files import fingerprint

    del tensors["network.center.mean"], header["parameters"]["readout"]
    header["fingerprints"]["weights"] = fingerprint(tensors)
    path.write_bytes(safetensors.numpy.save(tensors, metadata={"modelassay": json.dumps(header)}))
    assert load(path).predict(IMAGES).shape == (500,)


def test_the_mean_of_features_is_followed_while_training_and_left_alone_after() -> None:
    import torch

    from trainers.layers import FOLLOWED, Center

    part = Center(2, followed=True)
    rows = torch.tensor([[1.0, 3.0], [3.0, 5.0]])
    part.train()
    assert torch.allclose(part(rows), rows - FOLLOWED * torch.tensor([2.0, 4.0]))
    part.eval()
    before = part.mean.clone()
    part(rows + 100)
    assert torch.equal(part.mean, before)


def test_units_of_a_picture_network_stay_alive() -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 200, (240, 3, 24, 24)).astype(np.uint8)
    y = np.arange(240) % 2
    images[y == 1, :, 6:18, 6:18] += 50
    for seed in range(3):
        model = NetworkClassifier(
            network="cnn", channels=(8, 16), pool=4, hidden=(32,), standardize="pixels", learning_rate=2e-3, epochs=12,
            early_stopping=False, random_state=seed,
        ).fit(images, y)  # fmt: skip
        dead = [row.value for row in model.history_ if row.quantity == "dead_units:hidden1" and row.epoch == 12]
        assert model.score(images, y) > 0.9
        assert dead[-1] < 0.2
